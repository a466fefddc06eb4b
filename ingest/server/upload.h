/*
 * upload.h - multipart/form-data: the files of a body
 */
#ifndef OPENREPLAY_UPLOAD_H
#define OPENREPLAY_UPLOAD_H

#include "common/buffer.h"
#include "server/request.h"

#define UPLOAD_NAME_SIZE 256

typedef struct UploadedFile
{
	char field[UPLOAD_NAME_SIZE]; /* of the form; "" when too long */
	char name[UPLOAD_NAME_SIZE];  /* after the last slash; "" when too long */
	const uint8_t *bytes;
	size_t size;
} UploadedFile;

typedef enum UploadState
{
	UPLOAD_READ,
	UPLOAD_NOT_MULTIPART, /* or without a boundary */
	UPLOAD_BROKEN,		  /* no end, or no form inside */
	UPLOAD_STOPPED		  /* the visitor said so */
} UploadState;

/* Sees one file; it may not keep the bytes.  False stops the reading. */
typedef bool (*FileVisitor)(void *context, const UploadedFile *file);

/*
 * Calls visit for each part that has a file name, in the order of the body.  Takes memory from the budget for the
 * largest of them; without it the upload is UPLOAD_STOPPED.
 */
extern UploadState read_upload(Request *request, const uint8_t *body, size_t len, FileVisitor visit, void *context);

#endif /* OPENREPLAY_UPLOAD_H */
