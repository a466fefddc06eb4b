/*
 * url.h - taking URLs apart as the dashboards know them
 *
 * Not a general URL library: the rules are those by which hosts and paths have always been stored, so that filters keep
 * finding what they found.  Plain C, no allocation.
 */
#ifndef OPENREPLAY_URL_H
#define OPENREPLAY_URL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct UrlText
{
	const char *data; /* never NULL; not NUL-terminated */
	size_t len;
} UrlText;

typedef struct UrlParts
{
	UrlText host;  /* with its port, as written; "" for data:, mailto: and relative URLs */
	UrlText path;  /* percent-decoded, unless decoding would lose something: then as written */
	UrlText query; /* as written, without "?" */
} UrlParts;

/* Buffer a caller must give for a URL of len bytes: tabs removed, bad escapes repaired, the path decoded. */
#define URL_BUFFER_SIZE(len) (4 * (len) + 1)

/*
 * Splits a URL; the parts point into buffer.  A "%" that starts no escape is read as "%25".  Returns false for what is
 * no URL at all: control characters, a port that is no number, a leading colon.
 */
extern bool split_url(const char *url, size_t len, char *buffer, UrlParts *parts);

/* The URL before its first "?". */
extern UrlText strip_query(const char *url, size_t len);

/*
 * The first value of a parameter of a query string, decoded ("+" is a blank) into out, which needs query.len bytes.
 * Returns its length, 0 when absent, empty or malformed.
 */
extern size_t query_parameter(UrlText query, const char *name, char *out);

#endif /* OPENREPLAY_URL_H */
