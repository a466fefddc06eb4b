/*
 * sign.h - URLs with which anybody may fetch or put one object of an S3-compatible storage for a time
 *
 * Signature version 4 in the query string, payload unsigned.  Plain C, no clock.
 */
#ifndef OPENREPLAY_SIGN_H
#define OPENREPLAY_SIGN_H

#include "wire/wire.h"

#define SIGNED_URL_MAX_S 604800 /* a week, S3's limit */

typedef struct StorageKey
{
	const char *bucket_url; /* "https://bucket.s3.eu-west-1.amazonaws.com" or "https://host:9000/bucket" */
	const char *region;
	const char *access_key_id;
	const char *secret_access_key;
} StorageKey;

/*
 * Writes the URL of an object.  method is GET, PUT, HEAD or DELETE, at_s when the time begins (unix seconds), valid_s
 * how long it is, 1 to SIGNED_URL_MAX_S.  False when bucket_url is no URL or the result does not fit into out.
 */
extern bool sign_url(const StorageKey *key, const char *method, WireString object, int64_t at_s, unsigned valid_s,
					 WireWriter *out);

#endif /* OPENREPLAY_SIGN_H */
