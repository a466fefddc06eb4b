/*
 * selector_fuzz.c - no text makes the reader of selectors leave it
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "flags/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *copy = malloc(len); /* of exactly this size, so that one byte too many is seen */
	size_t fault;
	bool ok;

	if (len > 0)
		memcpy(copy, data, len);
	ok = is_css_selector(copy, len, &fault);
	assert(fault <= len);
	assert(!ok || fault == len);
	free(copy);
	return 0;
}
