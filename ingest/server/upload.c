/*
 * upload.c - multipart/form-data: the files of a body
 *
 * libmicrohttpd's post processor parses the form.  It hands a file out in pieces, which are put together here: what is
 * made of files needs them whole.
 */
#include "server/upload.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/memory.h"

#define PARSER_BYTES 4096 /* the longest header line and boundary it copes with */

typedef struct Upload
{
	FileVisitor visit;
	void *context;
	UploadedFile file;
	uint8_t *bytes;
	size_t room; /* the whole body's, and so any part's of it */
	size_t size;
	bool in_file;
	bool stopped;
} Upload;

static void
copy_name(char name[UPLOAD_NAME_SIZE], const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;

	if (len >= UPLOAD_NAME_SIZE)
		len = 0;
	memcpy(name, text != NULL ? text : "", len);
	name[len] = '\0';
}

/* Browsers and apps may send paths; only the last part of one can be the name of a file. */
static const char *
base_name(const char *path)
{
	const char *name = path;

	for (; *path != '\0'; path++)
	{
		if (*path == '/' || *path == '\\')
			name = path + 1;
	}
	return name;
}

static void
finish_file(Upload *upload)
{
	if (!upload->in_file || upload->stopped)
		return;
	upload->in_file = false;
	upload->file.bytes = upload->bytes;
	upload->file.size = upload->size;
	upload->stopped = !upload->visit(upload->context, &upload->file);
}

/* A piece of a part; off 0 begins one. */
static enum MHD_Result
take_piece(void *argument, enum MHD_ValueKind kind, const char *key, const char *filename, const char *content_type,
		   const char *transfer_encoding, const char *data, uint64_t off, size_t size)
{
	Upload *upload = argument;

	(void) kind;
	(void) content_type;
	(void) transfer_encoding;
	if (off == 0)
	{
		finish_file(upload);
		upload->in_file = filename != NULL;
		upload->size = 0;
		copy_name(upload->file.field, key);
		copy_name(upload->file.name, filename != NULL ? base_name(filename) : NULL);
	}
	if (size > upload->room - upload->size)
		return MHD_NO;
	if (upload->in_file && size > 0)
	{
		memcpy(upload->bytes + upload->size, data, size);
		upload->size += size;
	}
	return upload->stopped ? MHD_NO : MHD_YES;
}

/*
 * The post processor would also read url-encoded forms, and before libmicrohttpd 0.9.76 it reads past its buffer when
 * the boundary is empty (CVE-2023-27371).
 */
static bool
is_multipart(Request *request)
{
	static const char type[] = "multipart/form-data";
	static const char parameter[] = "boundary=";
	const char *header = request_header(request, "Content-Type");
	const char *boundary;

	if (header == NULL || strncasecmp(header, type, sizeof(type) - 1) != 0)
		return false;
	boundary = strcasestr(header, parameter);
	return boundary != NULL &&
		   boundary[strspn(boundary + sizeof(parameter) - 1, "\" ;") + sizeof(parameter) - 1] != '\0';
}

static UploadState
parse_upload(Request *request, const uint8_t *body, size_t len, Upload *upload)
{
	struct MHD_PostProcessor *parser;
	bool parsed;

	/* NULL: there is no boundary */
	parser = MHD_create_post_processor(request->connection, PARSER_BYTES, take_piece, upload);
	if (parser == NULL)
		return UPLOAD_NOT_MULTIPART;
	parsed = MHD_post_process(parser, (const char *) body, len) == MHD_YES;
	if (MHD_destroy_post_processor(parser) != MHD_YES)
		parsed = false;
	if (parsed)
		finish_file(upload);
	if (upload->stopped)
		return UPLOAD_STOPPED;
	return parsed ? UPLOAD_READ : UPLOAD_BROKEN;
}

UploadState
read_upload(Request *request, const uint8_t *body, size_t len, FileVisitor visit, void *context)
{
	Upload upload = {.visit = visit, .context = context, .room = len};
	UploadState state = UPLOAD_STOPPED;

	if (!is_multipart(request))
		return UPLOAD_NOT_MULTIPART;
	if (!take_memory(len))
		return UPLOAD_STOPPED;
	upload.bytes = malloc(len > 0 ? len : 1);
	if (upload.bytes != NULL)
		state = parse_upload(request, body, len, &upload);
	free(upload.bytes);
	give_memory(len);
	return state;
}
