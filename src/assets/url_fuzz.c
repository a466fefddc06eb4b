/*
 * url_fuzz.c - any bytes: splitting stays within its buffer
 */
#include <stdint.h>
#include <stdlib.h>

#include "assets/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *buffer = malloc(URL_BUFFER_SIZE(size));
	UrlParts parts;

	if (split_url((const char *) data, size, buffer, &parts))
	{
		char *out = malloc(parts.query.len + 1);

		query_parameter(parts.query, "utm_source", out);
		free(out);
	}
	strip_query((const char *) data, size);
	free(buffer);
	return 0;
}
