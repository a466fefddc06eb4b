/*
 * url.c - taking URLs apart
 *
 * The one subtle rule is the path's: it is stored decoded ("/a b"), but only if encoding it again would give back what
 * was written; otherwise "/a%2Fb" and "/a/b" would become one page.  So a decoded byte must be one that an encoder
 * would escape.
 */
#include <string.h>

#include "assets/url.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
is_escape(const char *text, size_t len)
{
	return len >= 3 && text[0] == '%' && hex_digit(text[1]) >= 0 && hex_digit(text[2]) >= 0;
}

static bool
is_alphanumeric(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Bytes that stand for themselves in a path; all others are escaped when a path is written anew. */
static bool
stands_in_path(unsigned char c)
{
	return is_alphanumeric(c) || (c != 0 && strchr("-_.~$&+,/:;=@", c) != NULL);
}

/*
 * Decodes a path into out; false when an encoder, given the result, would not write what was read: an escape of a byte
 * that needs none, one in lower-case digits, or escapes beside a raw byte that would need one.
 */
static bool
decode_path(UrlText raw, char *out, size_t *out_len)
{
	size_t n = 0;
	bool escapes = false;
	bool raw_bytes = false;

	for (size_t i = 0; i < raw.len; i++)
	{
		unsigned char c = (unsigned char) raw.data[i];

		if (c == '%')
		{
			int high = hex_digit(raw.data[i + 1]);
			int low = hex_digit(raw.data[i + 2]);
			unsigned char decoded = (unsigned char) (high << 4 | low);

			if (stands_in_path(decoded))
				return false;
			if ((raw.data[i + 1] >= 'a' && raw.data[i + 1] <= 'f') ||
				(raw.data[i + 2] >= 'a' && raw.data[i + 2] <= 'f'))
				return false;
			out[n++] = (char) decoded;
			escapes = true;
			i += 2;
		}
		else
		{
			out[n++] = (char) c;
			raw_bytes |= !stands_in_path(c);
		}
	}
	*out_len = n;
	return !(escapes && raw_bytes);
}

static bool
port_is_number(UrlText host)
{
	const char *bracket = memrchr(host.data, ']', host.len);
	size_t from = bracket ? (size_t) (bracket - host.data) + 1 : 0;
	const char *colon = memrchr(host.data + from, ':', host.len - from);

	if (colon == NULL)
		return true;
	for (const char *c = colon + 1; c < host.data + host.len; c++)
		if (*c < '0' || *c > '9')
			return false;
	return true;
}

/* Length of the scheme without its colon, 0 if there is none; -1 for a leading colon. */
static int
scheme_length(const char *url, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) url[i];

		if (c == ':')
			return i == 0 ? -1 : (int) i;
		if (is_alphanumeric(c) && !(i == 0 && c <= '9'))
			continue;
		if (i > 0 && (c == '+' || c == '-' || c == '.'))
			continue;
		return 0;
	}
	return 0;
}

/* Copies the URL up to its fragment without tabs and with every "%" a valid escape; false on a control character. */
static bool
normalise(const char *url, size_t len, char *out, size_t *out_len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && url[i] != '#'; i++)
	{
		unsigned char c = (unsigned char) url[i];

		if (c == '\t')
			continue;
		if (c < 0x20 || c == 0x7f)
			return false;
		out[n++] = url[i];
		if (c == '%' && !is_escape(url + i, len - i))
		{
			out[n++] = '2';
			out[n++] = '5';
		}
	}
	*out_len = n;
	return true;
}

bool
split_url(const char *url, size_t len, char *buffer, UrlParts *parts)
{
	char *rest = buffer;
	size_t rest_len;
	char *question;
	int scheme;
	UrlText raw_path;
	char *decoded;
	size_t decoded_len;

	*parts = (UrlParts){{"", 0}, {"", 0}, {"", 0}};
	if (!normalise(url, len, buffer, &rest_len))
		return false;
	decoded = buffer + rest_len;

	scheme = scheme_length(rest, rest_len);
	if (scheme < 0)
		return false;
	if (scheme > 0)
	{
		rest += scheme + 1;
		rest_len -= (size_t) scheme + 1;
	}

	question = memchr(rest, '?', rest_len);
	if (question != NULL)
	{
		parts->query = (UrlText){question + 1, rest_len - (size_t) (question - rest) - 1};
		rest_len = (size_t) (question - rest);
	}

	/* "data:...", "mailto:...", "about:..." have neither host nor path */
	if (scheme > 0 && (rest_len == 0 || rest[0] != '/'))
		return true;

	if (rest_len >= 2 && rest[0] == '/' && rest[1] == '/')
	{
		char *slash = memchr(rest + 2, '/', rest_len - 2);
		size_t authority_len = slash ? (size_t) (slash - rest) - 2 : rest_len - 2;
		char *at = memrchr(rest + 2, '@', authority_len);

		parts->host = (UrlText){rest + 2, authority_len};
		if (at != NULL)
			parts->host = (UrlText){at + 1, authority_len - (size_t) (at + 1 - (rest + 2))};
		if (!port_is_number(parts->host))
			return false;
		rest += 2 + authority_len;
		rest_len -= 2 + authority_len;
	}

	raw_path = (UrlText){rest, rest_len};
	if (decode_path(raw_path, decoded, &decoded_len))
		parts->path = (UrlText){decoded, decoded_len};
	else
		parts->path = raw_path;
	return true;
}

UrlText
strip_query(const char *url, size_t len)
{
	const char *question = len > 0 ? memchr(url, '?', len) : NULL;

	return (UrlText){url, question ? (size_t) (question - url) : len};
}

/* Decodes one component of a query string; false when malformed. */
static bool
decode_component(UrlText text, char *out, size_t *out_len)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
	{
		char c = text.data[i];

		if (c == '%')
		{
			if (!is_escape(text.data + i, text.len - i))
				return false;
			c = (char) (hex_digit(text.data[i + 1]) << 4 | hex_digit(text.data[i + 2]));
			i += 2;
		}
		else if (c == '+')
			c = ' ';
		out[n++] = c;
	}
	*out_len = n;
	return true;
}

size_t
query_parameter(UrlText query, const char *name, char *out)
{
	size_t name_len = strlen(name);
	const char *pos = query.data;
	const char *end = query.data + query.len;

	while (pos < end)
	{
		const char *next = memchr(pos, '&', (size_t) (end - pos));
		const char *stop = next ? next : end;

		if ((size_t) (stop - pos) > name_len && memcmp(pos, name, name_len) == 0 && pos[name_len] == '=')
		{
			UrlText value = {pos + name_len + 1, (size_t) (stop - pos) - name_len - 1};
			size_t len;

			if (decode_component(value, out, &len))
				return len;
		}
		pos = next ? next + 1 : end;
	}
	return 0;
}
