/*
 * rewrite.c - the five messages that carry URLs relative to a page
 */
#include <string.h>

#include "assets/rewrite.h"

static UrlText
text_of(WireString string)
{
	return (UrlText){string.data, string.len};
}

static bool
is_below(UrlText host, UrlText entry)
{
	const char *tail;

	if (entry.len == 0 || host.len < entry.len)
		return false;
	tail = host.data + host.len - entry.len;
	if (strncasecmp(tail, entry.data, entry.len) != 0)
		return false;
	return entry.data[0] == '.' || tail == host.data || tail[-1] == '.';
}

/* Whether style sheets of the page at base are left as they are. */
static bool
is_left(const AssetRules *rules, const UrlBase *base)
{
	UrlText host = base->authority;
	const char *pos;
	const char *end;
	const char *mark;

	if (rules->left_hosts.len == 0 || !base->usable || host.data == NULL)
		return false;
	pos = rules->left_hosts.data;
	end = pos + rules->left_hosts.len;
	mark = memrchr(host.data, '@', host.len);
	if (mark != NULL)
		host = (UrlText){mark + 1, host.len - (size_t) (mark + 1 - host.data)};
	mark = memrchr(host.data, ':', host.len);
	if (mark != NULL)
		host.len = (size_t) (mark - host.data);
	while (pos < end)
	{
		const char *start;

		while (pos < end && (*pos == ',' || *pos == ' '))
			pos++;
		start = pos;
		while (pos < end && *pos != ',' && *pos != ' ')
			pos++;
		if (is_below(host, (UrlText){start, (size_t) (pos - start)}))
			return true;
	}
	return false;
}

static bool
is_named(WireString name, const char *text)
{
	return name.len == strlen(text) && memcmp(name.data, text, name.len) == 0;
}

/* Replaces a string by its rewritten form; false if it does not fit. */
static bool
rewrite_value(const AssetRules *rules, bool css, const UrlBase *base, WireValue *value)
{
	WireWriter out = {.data = rules->scratch, .size = rules->scratch_size};

	(css ? rewrite_css : rewrite_url)(rules, base, text_of(value->s), &out);
	if (out.overflow || out.len > WIRE_MAX_STRING_BYTES)
		return false;
	value->s = wire_string((const char *) out.data, out.len);
	return true;
}

unsigned
rewrite_message(void *context, unsigned type, WireValue *values)
{
	/* which string is rewritten, where the base is, and what the message becomes */
	static const struct
	{
		uint8_t text;
		uint8_t base;
		uint8_t becomes;
	} forms[WIRE_TYPE_COUNT] = {
		[MSG_SetNodeAttributeURLBased] = {SetNodeAttributeURLBased_Value, SetNodeAttributeURLBased_BaseURL,
										  MSG_SetNodeAttribute},
		[MSG_SetCSSDataURLBased] = {SetCSSDataURLBased_Data, SetCSSDataURLBased_BaseURL, MSG_SetCSSData},
		[MSG_CSSInsertRuleURLBased] = {CSSInsertRuleURLBased_Rule, CSSInsertRuleURLBased_BaseURL, MSG_CSSInsertRule},
		[MSG_AdoptedSSReplaceURLBased] = {AdoptedSSReplaceURLBased_Text, AdoptedSSReplaceURLBased_BaseURL,
										  MSG_AdoptedSSReplace},
		[MSG_AdoptedSSInsertRuleURLBased] = {AdoptedSSInsertRuleURLBased_Rule, AdoptedSSInsertRuleURLBased_BaseURL,
											 MSG_AdoptedSSInsertRule},
	};
	const AssetRules *rules = context;
	bool css = true;
	UrlBase base;

	if (type >= WIRE_TYPE_COUNT || forms[type].becomes == 0)
		return type;
	if (type == MSG_SetNodeAttributeURLBased)
	{
		WireString name = values[SetNodeAttributeURLBased_Name].s;

		if (is_named(name, "src") || is_named(name, "href"))
			css = false;
		else if (!is_named(name, "style"))
			return type;
	}
	open_base(text_of(values[forms[type].base].s), &base);
	if (css && is_left(rules, &base))
		return type;
	/* the base is each message's last field, so what it becomes has the same fields before it */
	return rewrite_value(rules, css, &base, &values[forms[type].text]) ? forms[type].becomes : type;
}
