/*
 * rewrite_fuzz.c - any bytes as base, URL and style sheet: results stay within bounds
 *
 * The text before the first zero byte is the base.  A resolved URL resolves to itself, or recordings would differ by
 * how often they were rewritten.
 */
#include <stdlib.h>
#include <string.h>

#include "assets/rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char origin[] = "https://copies.test/a";
	static UrlBase base;
	const char *text = (const char *) data;
	const char *zero = size > 0 ? memchr(text, 0, size) : NULL;
	UrlText page = {text, zero ? (size_t) (zero - text) : 0};
	UrlText rest = zero ? (UrlText){zero + 1, size - page.len - 1} : (UrlText){text, size};
	size_t room = 8 * size + 64;
	uint8_t *bytes = malloc(room);
	WireWriter out = {.data = bytes, .size = room};
	AssetRules rules = {.origin = {origin, sizeof(origin) - 1}, .day = 31, .left_hosts = {"h,.x", 4}};
	WireValue values[WIRE_MAX_FIELDS] = {
		[SetCSSDataURLBased_Data] = {.s = {rest.data, (uint32_t) rest.len}},
		[SetCSSDataURLBased_BaseURL] = {.s = {page.data, (uint32_t) page.len}},
	};

	open_base(page, &base);
	resolve_url(&base, rest, &out);
	if (!out.overflow && base.usable)
	{
		uint8_t *again_bytes = malloc(3 * out.len + 64);
		WireWriter again = {.data = again_bytes, .size = 3 * out.len + 64};

		resolve_url(&base, (UrlText){(const char *) bytes, out.len}, &again);
		if (base.scheme.data != NULL && base.authority.len > 0 && !again.overflow &&
			(again.len != out.len || memcmp(again_bytes, bytes, out.len) != 0))
			abort();
		free(again_bytes);
	}
	out = (WireWriter){.data = bytes, .size = room};
	rewrite_css(&rules, &base, rest, &out);
	rules.scratch = bytes;
	rules.scratch_size = room;
	rewrite_message(&rules, MSG_SetCSSDataURLBased, values);
	free(bytes);
	return 0;
}
