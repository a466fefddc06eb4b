/*
 * stored_object.h - the form of a recording's objects, in both directions
 *
 * A zstd frame with the size of its content, and nothing else: what players read.  What is needed to merge into it what
 * comes late, its origin (recording_file.h, images.c), is an object beside it, compressed as well, whose name has the
 * digest of the object.  It is put before, and stays when the object is replaced: whichever of several uploaders and
 * tries an object is found to be from, the origin that tells of it is there, and no other is taken for it.
 */
#ifndef OPENREPLAY_STORED_OBJECT_H
#define OPENREPLAY_STORED_OBJECT_H

#include "uploader/job.h"

typedef struct StoredObject
{
	uint8_t *content;
	size_t len;
	uint8_t *origin;
	size_t origin_len;
} StoredObject;

/*
 * Puts what compressors hold under "<session>/<name>", the origin first, counts it, and notes it in job->files.  False
 * with job->error set.
 */
extern bool put_object(Job *job, int64_t session_id, const char *name, Compressor *content, Compressor *origin,
					   uint64_t uncompressed);

/*
 * Reads an object of at most max bytes, content and origin together.  STORAGE_MISSING only when job->files does not say
 * that it has to be there.  Else job->error is set, and permanent where nobody but a human can help.  To be freed.
 */
extern StorageAnswer get_object(Job *job, int64_t session_id, const char *name, size_t max, StoredObject *object);
extern void free_object(StoredObject *object);

#endif /* OPENREPLAY_STORED_OBJECT_H */
