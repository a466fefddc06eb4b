/*
 * resolve.c - relative references, and which of them are copied under which key
 *
 * A URL is taken as it was written, not as the dashboards know it (url.c): here it must lead to the same thing, there
 * to the same row.
 */
#include <string.h>
#include <time.h>

#include "assets/rewrite.h"
#include "visit/visit.h"

/* A reference in its five parts, each as written; a part that is not there has data NULL. */
typedef struct Reference
{
	UrlText scheme;
	UrlText authority;
	UrlText path; /* always there, maybe empty */
	UrlText query;
	UrlText fragment;
} Reference;

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static UrlText
part(const char *from, const char *to)
{
	return (UrlText){from, (size_t) (to - from)};
}

static const char *
find_in(UrlText text, const char *set)
{
	for (size_t i = 0; i < text.len; i++)
		if (memchr(set, text.data[i], strlen(set)) != NULL)
			return text.data + i;
	return NULL;
}

/* False for what is no reference: control characters, half an escape, a leading colon, a port that is no number. */
static bool
split_reference(UrlText text, Reference *reference)
{
	const char *pos = text.data;
	const char *end = text.data + text.len;
	const char *found;

	*reference = (Reference){.path = {"", 0}};
	found = memchr(pos, '#', text.len);
	if (found != NULL)
	{
		reference->fragment = part(found + 1, end);
		end = found;
	}
	found = memchr(pos, '?', (size_t) (end - pos));
	for (const char *c = pos; c < end; c++)
	{
		bool escape = *c == '%' && (found == NULL || c < found); /* a query may hold any */

		if ((unsigned char) *c < 0x20 || *c == 0x7f || (escape && !(end - c > 2 && is_hex(c[1]) && is_hex(c[2]))))
			return false;
	}

	found = find_in(part(pos, end), ":/?");
	if (found != NULL && *found == ':')
	{
		bool scheme = found > pos && is_letter(*pos);

		if (found == pos)
			return false;
		for (const char *c = pos; c < found; c++)
			scheme = scheme && (is_letter(*c) || is_digit(*c) || *c == '+' || *c == '-' || *c == '.');
		if (scheme)
		{
			reference->scheme = part(pos, found);
			pos = found + 1;
		}
		else
			return false; /* "a b:c" is neither a scheme nor a first segment */
	}

	found = memchr(pos, '?', (size_t) (end - pos));
	if (found != NULL)
	{
		reference->query = part(found + 1, end);
		end = found;
	}
	if (end - pos >= 2 && pos[0] == '/' && pos[1] == '/')
	{
		const char *host;
		const char *bracket;
		const char *colon;

		found = memchr(pos + 2, '/', (size_t) (end - pos - 2));
		reference->authority = part(pos + 2, found ? found : end);
		pos = found ? found : end;

		host = memrchr(reference->authority.data, '@', reference->authority.len);
		host = host ? host + 1 : reference->authority.data;
		bracket = memrchr(host, ']', (size_t) (pos - host));
		colon = memrchr(bracket ? bracket : host, ':', (size_t) (pos - (bracket ? bracket : host)));
		for (const char *c = colon ? colon + 1 : pos; c < pos; c++)
			if (!is_digit(*c))
				return false;
	}
	reference->path = part(pos, end);
	return true;
}

static void
put_text(WireWriter *out, const char *text)
{
	wire_put_bytes(out, text, strlen(text));
}

/* Writes a part with the bytes escaped that no URL may have. */
static void
put_part(WireWriter *out, UrlText text)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t from = 0;

	for (size_t i = 0; i < text.len; i++)
	{
		unsigned char c = (unsigned char) text.data[i];
		char escape[3] = {'%', digits[c >> 4], digits[c & 15]};

		if (c > ' ' && c < 0x7f && strchr("\"<>\\^`{|}", c) == NULL)
			continue;
		wire_put_bytes(out, text.data + from, i - from);
		wire_put_bytes(out, escape, 3);
		from = i + 1;
	}
	wire_put_bytes(out, text.data + from, text.len - from);
}

/* Takes back the last segment written since start, but not the slash that begins the path. */
static void
drop_segment(WireWriter *out, size_t start)
{
	while (out->len > start && out->data[out->len - 1] != '/')
		out->len--;
}

/* Appends segments to what is written since start (which ends with a slash or is nothing) without "." and "..". */
static void
put_segments(WireWriter *out, size_t start, UrlText path)
{
	const char *pos = path.data;
	const char *end = path.data + path.len;

	while (pos < end && !out->overflow)
	{
		const char *slash = memchr(pos, '/', (size_t) (end - pos));
		const char *stop = slash ? slash : end;
		UrlText segment = part(pos, stop);

		pos = slash ? slash + 1 : end;
		if (segment.len == 1 && segment.data[0] == '.')
			continue;
		if (segment.len == 2 && memcmp(segment.data, "..", 2) == 0)
		{
			if (out->len > start + 1)
			{
				out->len--; /* the slash before */
				drop_segment(out, start);
			}
			continue;
		}
		put_part(out, segment);
		if (slash != NULL)
			wire_put_bytes(out, "/", 1);
	}
}

/* An absolute path without "." and "..". */
static void
put_absolute(WireWriter *out, UrlText path)
{
	size_t start = out->len;

	wire_put_bytes(out, "/", 1);
	put_segments(out, start, part(path.data + 1, path.data + path.len));
}

static bool
has_scheme(UrlText scheme, const char *name)
{
	return scheme.data != NULL && scheme.len == strlen(name) && strncasecmp(scheme.data, name, scheme.len) == 0;
}

/* Schemes whose rest is no path. */
static bool
is_placeless(UrlText scheme)
{
	return has_scheme(scheme, "data") || has_scheme(scheme, "blob") || has_scheme(scheme, "about") ||
		   has_scheme(scheme, "javascript") || has_scheme(scheme, "mailto") || has_scheme(scheme, "tel");
}

static UrlText
trim(UrlText text)
{
	while (text.len > 0 && memchr(" \t\r\n\f", text.data[0], 5) != NULL)
		text = (UrlText){text.data + 1, text.len - 1};
	while (text.len > 0 && memchr(" \t\r\n\f", text.data[text.len - 1], 5) != NULL)
		text.len--;
	return text;
}

/* The scheme a text begins with, without looking at the rest: data URLs are long and need not be well-formed. */
static UrlText
leading_scheme(UrlText text)
{
	const char *colon = find_in((UrlText){text.data, text.len < 16 ? text.len : 16}, ":/?#");

	return colon != NULL && *colon == ':' ? part(text.data, colon) : (UrlText){NULL, 0};
}

static void
put_suffix(WireWriter *out, const char *mark, UrlText text)
{
	if (text.data == NULL)
		return;
	put_text(out, mark);
	put_part(out, text);
}

void
open_base(UrlText url, UrlBase *base)
{
	WireWriter out = {.data = (uint8_t *) base->bytes, .size = sizeof(base->bytes)};
	Reference reference;
	const char *slash;

	base->usable = false;
	if (!split_reference(url, &reference) || is_placeless(reference.scheme))
		return;
	if (reference.path.len > 0 && reference.path.data[0] == '/')
		put_absolute(&out, reference.path);
	else if (reference.authority.data != NULL)
		wire_put_bytes(&out, "/", 1);
	else
		return;
	if (out.overflow)
		return;
	base->usable = true;
	base->scheme = reference.scheme;
	base->authority = reference.authority;
	base->path = (UrlText){base->bytes, out.len};
	slash = memrchr(base->bytes, '/', out.len);
	base->directory = part(base->bytes, slash + 1);
}

static void
put_origin(WireWriter *out, UrlText scheme, UrlText authority)
{
	if (scheme.data != NULL)
	{
		wire_put_bytes(out, scheme.data, scheme.len);
		put_text(out, ":");
	}
	if (authority.data != NULL)
	{
		put_text(out, "//");
		put_part(out, authority);
	}
}

void
resolve_url(const UrlBase *base, UrlText raw, WireWriter *out)
{
	UrlText text = trim(raw);
	Reference reference;
	size_t start;

	if (text.len == 0 || text.data[0] == '#' || !base->usable || is_placeless(leading_scheme(text)) ||
		!split_reference(text, &reference))
	{
		wire_put_bytes(out, raw.data, raw.len);
		return;
	}

	if (reference.scheme.data != NULL || reference.authority.data != NULL)
		put_origin(out, reference.scheme.data != NULL ? reference.scheme : base->scheme, reference.authority);
	else
		put_origin(out, base->scheme, base->authority);

	start = out->len;
	if (reference.path.len > 0 && reference.path.data[0] == '/')
		put_absolute(out, reference.path);
	else if (reference.scheme.data != NULL || reference.authority.data != NULL)
		put_segments(out, start, reference.path);
	else if (reference.path.len > 0)
	{
		wire_put_bytes(out, base->directory.data, base->directory.len);
		put_segments(out, start, reference.path);
	}
	else
		wire_put_bytes(out, base->path.data, base->path.len);
	put_suffix(out, "?", reference.query);
	put_suffix(out, "#", reference.fragment);
}

/* ---- copies ---- */

bool
is_cacheable(UrlText url)
{
	static const char *const endings[] = {".css", ".ashx", ".woff", ".woff2", ".ttf", ".otf", ".eot"};
	Reference reference;
	const char *slash;
	const char *dot;

	if (!split_reference(url, &reference) ||
		!(has_scheme(reference.scheme, "http") || has_scheme(reference.scheme, "https")) ||
		reference.authority.data == NULL || reference.authority.len == 0 ||
		memchr(reference.authority.data, '@', reference.authority.len) != NULL)
		return false;
	slash = memrchr(reference.path.data, '/', reference.path.len);
	if (slash == NULL)
		return false;
	dot = memrchr(slash, '.', reference.path.len - (size_t) (slash - reference.path.data));
	if (dot == NULL)
		return false;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
	{
		size_t len = strlen(endings[i]);

		if ((size_t) (reference.path.data + reference.path.len - dot) == len && memcmp(dot, endings[i], len) == 0)
			return true;
	}
	return false;
}

bool
asset_key(UrlText url, unsigned day, WireWriter *out)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t start = out->len;
	char number[2] = {(char) ('0' + day / 10), (char) ('0' + day % 10)};

	for (size_t i = 0; i < url.len && out->len - start <= ASSET_KEY_LIMIT && !out->overflow; i++)
	{
		char c = url.data[i];
		char escape[3] = {'!', digits[(unsigned char) c >> 4], digits[c & 15]};

		if (is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.' || c == '~')
			wire_put_bytes(out, &c, 1);
		else
			wire_put_bytes(out, escape, 3);
	}
	wire_put_bytes(out, ".", 1);
	wire_put_bytes(out, number + (day < 10), day < 10 ? 1 : 2);
	if (out->len - start <= ASSET_KEY_LIMIT)
		return !out->overflow;
	out->len = start;
	return false;
}

unsigned
asset_day(uint64_t session_id)
{
	time_t began = (time_t) (session_id_ms(session_id) / 1000);
	struct tm date;

	return gmtime_r(&began, &date) == NULL ? 1 : (unsigned) date.tm_mday;
}

void
rewrite_url(const AssetRules *rules, const UrlBase *base, UrlText raw, WireWriter *out)
{
	size_t start = out->len;
	char key_bytes[ASSET_KEY_LIMIT + 8];
	WireWriter key = {.data = (uint8_t *) key_bytes, .size = sizeof(key_bytes)};
	UrlText url;

	resolve_url(base, raw, out);
	if (rules->origin.len == 0 || out->overflow)
		return;
	url = (UrlText){(const char *) out->data + start, out->len - start};
	if (!is_cacheable(url) || !asset_key(url, rules->day, &key))
		return;
	if (rules->wanted != NULL && !rules->wanted(rules->context, url, (UrlText){key_bytes, key.len}))
		return;
	out->len = start;
	wire_put_bytes(out, rules->origin.data, rules->origin.len);
	if (rules->origin.data[rules->origin.len - 1] != '/')
		wire_put_bytes(out, "/", 1);
	for (size_t i = 0; i < key.len; i++)
	{
		if (key_bytes[i] == '!')
			put_text(out, "%21");
		else
			wire_put_bytes(out, &key_bytes[i], 1);
	}
}
