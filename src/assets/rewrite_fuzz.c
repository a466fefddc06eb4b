/*
 * rewrite_fuzz.c - any bytes as base, URL and style sheet: results stay within bounds
 *
 * The text before the first zero byte is the base.  A resolved URL resolves to itself, or recordings would differ by
 * how often they were rewritten.  Whatever asset is told of can be copied, under a key that is its own, and stands in
 * the result as its copy or as itself, as was answered; the five messages that name assets agree.
 */
#include <stdlib.h>
#include <string.h>

#include "assets/rewrite.h"

#define ORIGIN "https://copies.test/a"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Told
{
	size_t count;
	uint64_t sum; /* of all keys */
	bool answer;
} Told;

static bool
tell(void *context, UrlText url, UrlText key)
{
	Told *told = context;
	uint8_t bytes[ASSET_KEY_LIMIT + 8];
	WireWriter made = {.data = bytes, .size = sizeof(bytes)};

	if (!is_cacheable(url) || key.len == 0 || key.len > ASSET_KEY_LIMIT || !asset_key(url, 31, &made) ||
		made.len != key.len || memcmp(bytes, key.data, key.len) != 0)
		abort();
	told->count++;
	for (size_t i = 0; i < key.len; i++)
		told->sum = told->sum * 31 + (unsigned char) key.data[i];
	return told->answer;
}

static size_t
count_copies(const WireWriter *out)
{
	const char *pos = (const char *) out->data;
	const char *end = pos + out->len;
	size_t count = 0;

	while (pos != NULL && pos < end &&
		   (pos = memmem(pos, (size_t) (end - pos), ORIGIN "/http", sizeof(ORIGIN "/http") - 1)) != NULL)
	{
		count++;
		pos++;
	}
	return count;
}

/* A sheet names as many copies as there are, and what is told of it is the same whatever is answered. */
static void
check_sheet(const AssetRules *rules, const UrlBase *base, UrlText sheet, WireWriter *out, Told *told)
{
	AssetRules telling = *rules;
	Told others = {.answer = false};
	bool plain; /* it names no such URLs itself */

	telling.wanted = tell;
	telling.context = &others;
	rewrite_css(&telling, base, sheet, out);
	plain = !out->overflow && count_copies(out) == 0;
	out->len = 0;
	out->overflow = false;
	*told = (Told){.answer = true};
	telling.context = told;
	rewrite_css(&telling, base, sheet, out);
	if (!out->overflow && plain &&
		(told->count != others.count || told->sum != others.sum || count_copies(out) != told->count))
		abort();
}

/* The messages whose text is a style sheet are told of what the sheet is. */
static void
check_messages(AssetRules *rules, UrlText page, UrlText sheet, const Told *expected)
{
	static const struct
	{
		unsigned type;
		unsigned text;
		unsigned base;
	} messages[] = {
		{MSG_SetNodeAttributeURLBased, SetNodeAttributeURLBased_Value, SetNodeAttributeURLBased_BaseURL},
		{MSG_SetCSSDataURLBased, SetCSSDataURLBased_Data, SetCSSDataURLBased_BaseURL},
		{MSG_CSSInsertRuleURLBased, CSSInsertRuleURLBased_Rule, CSSInsertRuleURLBased_BaseURL},
		{MSG_AdoptedSSReplaceURLBased, AdoptedSSReplaceURLBased_Text, AdoptedSSReplaceURLBased_BaseURL},
		{MSG_AdoptedSSInsertRuleURLBased, AdoptedSSInsertRuleURLBased_Rule, AdoptedSSInsertRuleURLBased_BaseURL},
	};

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
	{
		WireValue values[WIRE_MAX_FIELDS] = {0};
		Told told = {.answer = true};

		values[SetNodeAttributeURLBased_Name].s = wire_string("style", 5);
		values[messages[i].text].s = (WireString){sheet.data, (uint32_t) sheet.len};
		values[messages[i].base].s = (WireString){page.data, (uint32_t) page.len};
		rules->wanted = tell;
		rules->context = &told;
		rewrite_message(rules, messages[i].type, values);
		if (told.count != expected->count || told.sum != expected->sum)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static UrlBase base;
	const char *text = (const char *) data;
	const char *zero = size > 0 ? memchr(text, 0, size) : NULL;
	UrlText page = {text, zero ? (size_t) (zero - text) : 0};
	UrlText rest = zero ? (UrlText){zero + 1, size - page.len - 1} : (UrlText){text, size};
	size_t room = 8 * size + 64;
	uint8_t *bytes = malloc(room);
	WireWriter out = {.data = bytes, .size = room};
	AssetRules rules = {.origin = {ORIGIN, sizeof(ORIGIN) - 1}, .day = 31};
	WireValue values[WIRE_MAX_FIELDS] = {
		[SetCSSDataURLBased_Data] = {.s = {rest.data, (uint32_t) rest.len}},
		[SetCSSDataURLBased_BaseURL] = {.s = {page.data, (uint32_t) page.len}},
	};
	Told told = {0};

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
	check_sheet(&rules, &base, rest, &out, &told);
	rules.scratch = bytes;
	rules.scratch_size = room;
	if (!out.overflow)
		check_messages(&rules, page, rest, &told);
	rules.wanted = NULL;
	rules.left_hosts = (UrlText){"h,.x", 4};
	rewrite_message(&rules, MSG_SetCSSDataURLBased, values);
	free(bytes);
	return 0;
}
