/*
 * css.c - URLs and pseudo-classes in style sheets
 *
 * Style sheets are not parsed: what looks like url(...) or @import "..." is taken for it, as players and servers always
 * did, also inside comments and strings.  One pass, and no text makes it look at a byte more than a few times: a search
 * that failed once (for a bracket, for a quote) is not tried again.
 */
#include <string.h>

#include "assets/rewrite.h"

typedef struct Scan
{
	const char *pos;
	const char *end;
	bool no_bracket; /* there is no ')' from pos on */
	bool no_double;
	bool no_single;
} Scan;

static bool
begins_with(const Scan *scan, const char *pos, const char *word)
{
	size_t len = strlen(word);

	return (size_t) (scan->end - pos) >= len && memcmp(pos, word, len) == 0;
}

static const char *
find(const Scan *scan, const char *pos, char c, bool *none)
{
	const char *found = *none ? NULL : memchr(pos, c, (size_t) (scan->end - pos));

	if (found == NULL)
		*none = true;
	return found;
}

static const char *
closing_quote(Scan *scan, const char *quote)
{
	return find(scan, quote + 1, *quote, *quote == '"' ? &scan->no_double : &scan->no_single);
}

static bool
is_quote(const Scan *scan, const char *pos)
{
	return pos < scan->end && (*pos == '"' || *pos == '\'');
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* After "url(": the bounds of its argument, quotes included, and where ")" is. */
static bool
find_argument(Scan *scan, const char *pos, UrlText *argument, const char **bracket)
{
	const char *quote = is_quote(scan, pos) ? closing_quote(scan, pos) : NULL;

	if (quote != NULL && quote + 1 < scan->end && quote[1] == ')')
		*bracket = quote + 1;
	else
		*bracket = find(scan, pos, ')', &scan->no_bracket);
	if (*bracket == NULL)
		return false;
	*argument = (UrlText){pos, (size_t) (*bracket - pos)};
	return true;
}

/* Writes an argument with the URL in it rewritten, whatever blanks and quotes are around it. */
static void
put_argument(const AssetRules *rules, const UrlBase *base, UrlText argument, WireWriter *out)
{
	UrlText url = argument;
	char quote = 0;

	while (url.len > 0 && is_blank(url.data[0]))
		url = (UrlText){url.data + 1, url.len - 1};
	while (url.len > 0 && is_blank(url.data[url.len - 1]))
		url.len--;
	if (url.len >= 2 && (url.data[0] == '"' || url.data[0] == '\'') && url.data[url.len - 1] == url.data[0])
	{
		quote = url.data[0];
		url = (UrlText){url.data + 1, url.len - 2};
	}
	if (quote != 0)
		wire_put_bytes(out, &quote, 1);
	rewrite_url(rules, base, url, out);
	if (quote != 0)
		wire_put_bytes(out, &quote, 1);
}

/* Rewrites what begins at pos and returns what follows it, or NULL if nothing of interest begins there. */
static const char *
rewrite_at(Scan *scan, const AssetRules *rules, const UrlBase *base, const char *pos, WireWriter *out)
{
	if (*pos == 'u' && begins_with(scan, pos, "url("))
	{
		UrlText argument;
		const char *bracket;

		if (!find_argument(scan, pos + 4, &argument, &bracket))
			return NULL;
		wire_put_bytes(out, "url(", 4);
		put_argument(rules, base, argument, out);
		wire_put_bytes(out, ")", 1);
		return bracket + 1;
	}
	if (*pos == '@' && begins_with(scan, pos, "@import"))
	{
		const char *quote = pos + 7;
		const char *closing;

		while (quote < scan->end && is_blank(*quote))
			quote++;
		closing = is_quote(scan, quote) ? closing_quote(scan, quote) : NULL;
		wire_put_bytes(out, pos, (size_t) (quote - pos));
		if (closing == NULL)
			return quote;
		put_argument(rules, base, (UrlText){quote, (size_t) (closing + 1 - quote)}, out);
		return closing + 1;
	}
	if (*pos == ':' && begins_with(scan, pos, ":hover"))
	{
		wire_put_bytes(out, ".-openreplay-hover", 18);
		return pos + 6;
	}
	if (*pos == ':' && begins_with(scan, pos, ":focus"))
	{
		wire_put_bytes(out, ".-openreplay-focus", 18);
		return pos + 6;
	}
	return NULL;
}

void
rewrite_css(const AssetRules *rules, const UrlBase *base, UrlText css, WireWriter *out)
{
	Scan scan = {.pos = css.data, .end = css.data + css.len};
	const char *copied = css.data;

	while (scan.pos < scan.end && !out->overflow)
	{
		const char *next;

		if (*scan.pos != 'u' && *scan.pos != '@' && *scan.pos != ':')
		{
			scan.pos++;
			continue;
		}
		wire_put_bytes(out, copied, (size_t) (scan.pos - copied));
		copied = scan.pos;
		next = rewrite_at(&scan, rules, base, scan.pos, out);
		if (next != NULL)
			copied = scan.pos = next;
		else
			scan.pos++;
	}
	wire_put_bytes(out, copied, (size_t) (scan.end - copied));
}
