/*
 * s3_request.h - one signed request to an S3-compatible storage, made again while that may help; private to
 * storage_s3.c
 */
#ifndef OPENREPLAY_S3_REQUEST_H
#define OPENREPLAY_S3_REQUEST_H

#include <curl/curl.h>
#include <pthread.h>

#include "common/buffer.h"
#include "uploader/settings.h"

#define ANSWER_MAX (4 << 20) /* a list of a thousand keys has less than a megabyte */

typedef struct S3
{
	const Settings *settings;
	char *url; /* of the bucket, without a slash at the end */
	char sigv4[160];
	pthread_key_t handle; /* of each thread, which keeps its connection */
} S3;

typedef struct Request
{
	const char *method;
	const char *key;   /* "": the bucket itself */
	const char *query; /* sorted and escaped, as it is signed; "": none */
	const char *content_type;
	const char *cache_control;
	const char *tags; /* of the object that this puts, as the header has them; NULL or "": none */
	const void *body;
	size_t len;
	size_t answer_max; /* of an object that this gets; 0: the answer is text, of ANSWER_MAX at most */
} Request;

typedef struct Answer
{
	long status; /* 0: there is none */
	Buffer body;
	char etag[128];
	char retry_after[32];
	char code[64]; /* of an error */
} Answer;

/* NULL with a message in error. */
extern S3 *open_s3(const Settings *settings, char *error, size_t error_size);
extern void close_s3(S3 *s3);

/* False with a message in error when it was refused or got no answer, also later.  The answer is to be closed in all
 * cases. */
extern bool make_request(S3 *s3, const Request *request, Answer *answer, char *error, size_t error_size);
extern void close_answer(Answer *answer);

/* A request of whose answer nothing is needed. */
extern bool tell_storage(S3 *s3, const Request *request, char *error, size_t error_size);

/* The text of the next element of that name from *pos on, which moves behind it, as it is; false when there is none. */
extern bool find_element(const char **pos, const char *name, char *text, size_t text_size);

#endif /* OPENREPLAY_S3_REQUEST_H */
