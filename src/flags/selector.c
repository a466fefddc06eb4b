/*
 * selector.c - whether a browser would take a text for a CSS selector
 *
 * The selectors of tags are given to querySelectorAll() in every visitor's page, which throws at a wrong one.  A
 * recursive descent through the grammar of https://www.w3.org/TR/selectors-4/; names are CSS identifiers, and what
 * stands in the parentheses of a pseudo-class is checked as what that one takes.
 */
#include "flags/selector.h"

#include <string.h>
#include <strings.h>

#define MAX_NESTING 16 /* :not(:is(:not(...))) */

typedef struct Cursor
{
	const char *at;
	const char *end;
	int depth;
} Cursor;

typedef enum Argument
{
	ARGUMENT_NONE,
	ARGUMENT_SELECTORS, /* one or more */
	ARGUMENT_RELATIVE,	/* may begin with a combinator */
	ARGUMENT_NTH,		/* 2n + 1, odd, even */
	ARGUMENT_NAMES		/* separated by commas */
} Argument;

static const struct
{
	const char *name;
	Argument argument;
} pseudo_classes[] = {
	{"active", ARGUMENT_NONE},
	{"any-link", ARGUMENT_NONE},
	{"autofill", ARGUMENT_NONE},
	{"checked", ARGUMENT_NONE},
	{"default", ARGUMENT_NONE},
	{"defined", ARGUMENT_NONE},
	{"dir", ARGUMENT_NAMES},
	{"disabled", ARGUMENT_NONE},
	{"empty", ARGUMENT_NONE},
	{"enabled", ARGUMENT_NONE},
	{"first-child", ARGUMENT_NONE},
	{"first-of-type", ARGUMENT_NONE},
	{"focus", ARGUMENT_NONE},
	{"focus-visible", ARGUMENT_NONE},
	{"focus-within", ARGUMENT_NONE},
	{"fullscreen", ARGUMENT_NONE},
	{"has", ARGUMENT_RELATIVE},
	{"host", ARGUMENT_NONE},
	{"hover", ARGUMENT_NONE},
	{"in-range", ARGUMENT_NONE},
	{"indeterminate", ARGUMENT_NONE},
	{"invalid", ARGUMENT_NONE},
	{"is", ARGUMENT_SELECTORS},
	{"lang", ARGUMENT_NAMES},
	{"last-child", ARGUMENT_NONE},
	{"last-of-type", ARGUMENT_NONE},
	{"link", ARGUMENT_NONE},
	{"not", ARGUMENT_SELECTORS},
	{"nth-child", ARGUMENT_NTH},
	{"nth-last-child", ARGUMENT_NTH},
	{"nth-last-of-type", ARGUMENT_NTH},
	{"nth-of-type", ARGUMENT_NTH},
	{"only-child", ARGUMENT_NONE},
	{"only-of-type", ARGUMENT_NONE},
	{"optional", ARGUMENT_NONE},
	{"out-of-range", ARGUMENT_NONE},
	{"placeholder-shown", ARGUMENT_NONE},
	{"read-only", ARGUMENT_NONE},
	{"read-write", ARGUMENT_NONE},
	{"required", ARGUMENT_NONE},
	{"root", ARGUMENT_NONE},
	{"scope", ARGUMENT_NONE},
	{"target", ARGUMENT_NONE},
	{"valid", ARGUMENT_NONE},
	{"visited", ARGUMENT_NONE},
	{"where", ARGUMENT_SELECTORS},
};

static bool read_list(Cursor *cursor, bool relative);

static bool
next_is(const Cursor *cursor, char c)
{
	return cursor->at < cursor->end && *cursor->at == c;
}

static bool
take(Cursor *cursor, char c)
{
	if (!next_is(cursor, c))
		return false;
	cursor->at++;
	return true;
}

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool
skip_spaces(Cursor *cursor)
{
	const char *began = cursor->at;

	while (cursor->at < cursor->end && is_one_of(*cursor->at, " \t\r\n\f"))
		cursor->at++;
	return cursor->at > began;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char) c >= 0x80;
}

static bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* A backslash and what it stands before: up to six hexadecimal digits and one space, or any other character. */
static bool
take_escape(Cursor *cursor)
{
	int digits = 0;

	if (cursor->end - cursor->at < 2 || cursor->at[0] != '\\' || is_one_of(cursor->at[1], "\r\n\f"))
		return false;
	cursor->at++;
	while (digits < 6 && cursor->at < cursor->end && is_hex(*cursor->at))
	{
		cursor->at++;
		digits++;
	}
	if (digits == 0)
		cursor->at++;
	else if (cursor->at < cursor->end && is_one_of(*cursor->at, " \t\r\n\f"))
		cursor->at++;
	return true;
}

/* The characters of a name from its second on. */
static bool
take_name_rest(Cursor *cursor)
{
	const char *began = cursor->at;

	while (cursor->at < cursor->end)
	{
		if (is_name_start(*cursor->at) || is_digit(*cursor->at) || *cursor->at == '-')
			cursor->at++;
		else if (!take_escape(cursor))
			break;
	}
	return cursor->at > began;
}

/* A CSS identifier: no digit first, nor a hyphen and a digit, nor a single hyphen. */
static bool
read_name(Cursor *cursor)
{
	if (take(cursor, '-'))
	{
		if (cursor->at == cursor->end || (is_digit(*cursor->at)))
			return false;
		return take_name_rest(cursor);
	}
	if (cursor->at == cursor->end || is_digit(*cursor->at))
		return false;
	return take_name_rest(cursor);
}

static bool
read_string(Cursor *cursor)
{
	char quote = *cursor->at++;

	while (cursor->at < cursor->end && *cursor->at != quote)
	{
		if (*cursor->at == '\\')
		{
			if (!take_escape(cursor))
				return false;
		}
		else if (is_one_of(*cursor->at, "\r\n\f"))
			return false;
		else
			cursor->at++;
	}
	return take(cursor, quote);
}

static bool
read_name_or_string(Cursor *cursor)
{
	return next_is(cursor, '"') || next_is(cursor, '\'') ? read_string(cursor) : read_name(cursor);
}

/* [name], [name=value], [name^="value" i] */
static bool
read_attribute(Cursor *cursor)
{
	cursor->at++;
	skip_spaces(cursor);
	if (!read_name(cursor))
		return false;
	skip_spaces(cursor);
	if (take(cursor, ']'))
		return true;
	if (cursor->at < cursor->end && is_one_of(*cursor->at, "~|^$*"))
		cursor->at++;
	if (!take(cursor, '='))
		return false;
	skip_spaces(cursor);
	if (!read_name_or_string(cursor))
		return false;
	skip_spaces(cursor);
	if (cursor->at < cursor->end && is_one_of(*cursor->at, "iIsS"))
		cursor->at++;
	skip_spaces(cursor);
	return take(cursor, ']');
}

static bool
take_digits(Cursor *cursor)
{
	const char *began = cursor->at;

	while (cursor->at < cursor->end && is_digit(*cursor->at))
		cursor->at++;
	return cursor->at > began;
}

static bool
take_word(Cursor *cursor, const char *word)
{
	size_t len = strlen(word);

	if ((size_t) (cursor->end - cursor->at) < len || strncasecmp(cursor->at, word, len) != 0)
		return false;
	cursor->at += len;
	return true;
}

/* odd, even, 3, 2n, -n + 3 */
static bool
read_nth(Cursor *cursor)
{
	bool number;

	skip_spaces(cursor);
	if (take_word(cursor, "odd") || take_word(cursor, "even"))
		return true;
	if (next_is(cursor, '+') || next_is(cursor, '-'))
		cursor->at++;
	number = take_digits(cursor);
	if (!next_is(cursor, 'n') && !next_is(cursor, 'N'))
		return number;
	cursor->at++;
	skip_spaces(cursor);
	if (!next_is(cursor, '+') && !next_is(cursor, '-'))
		return true;
	cursor->at++;
	skip_spaces(cursor);
	return take_digits(cursor);
}

static bool
read_names(Cursor *cursor)
{
	do
	{
		skip_spaces(cursor);
		if (!read_name(cursor))
			return false;
		skip_spaces(cursor);
	} while (take(cursor, ','));
	return true;
}

static bool
read_argument(Cursor *cursor, Argument argument)
{
	bool ok = false;

	if (!take(cursor, '(') || cursor->depth == MAX_NESTING)
		return false;
	cursor->depth++;
	switch (argument)
	{
		case ARGUMENT_NONE:
			break;
		case ARGUMENT_SELECTORS:
		case ARGUMENT_RELATIVE:
			ok = read_list(cursor, argument == ARGUMENT_RELATIVE);
			break;
		case ARGUMENT_NTH:
			ok = read_nth(cursor);
			break;
		case ARGUMENT_NAMES:
			ok = read_names(cursor);
			break;
	}
	cursor->depth--;
	skip_spaces(cursor);
	return ok && take(cursor, ')');
}

static bool
read_pseudo_class(Cursor *cursor)
{
	const char *name;
	size_t len;

	cursor->at++;
	name = cursor->at;
	if (!read_name(cursor))
		return false;
	len = (size_t) (cursor->at - name);
	for (size_t i = 0; i < sizeof(pseudo_classes) / sizeof(pseudo_classes[0]); i++)
	{
		if (strlen(pseudo_classes[i].name) != len || strncasecmp(pseudo_classes[i].name, name, len) != 0)
			continue;
		return pseudo_classes[i].argument == ARGUMENT_NONE || read_argument(cursor, pseudo_classes[i].argument);
	}
	cursor->at = name;
	return false;
}

/* An element's name, class, id, attributes and pseudo-classes; at least one of them. */
static bool
read_compound(Cursor *cursor)
{
	const char *began = cursor->at;

	if (!take(cursor, '*') && cursor->at < cursor->end && !is_one_of(*cursor->at, "#.[:") && !read_name(cursor))
		return false;
	while (cursor->at < cursor->end)
	{
		bool ok;

		if (*cursor->at == '#')
		{
			cursor->at++;
			ok = read_name(cursor);
		}
		else if (*cursor->at == '.')
		{
			cursor->at++;
			ok = read_name(cursor);
		}
		else if (*cursor->at == '[')
			ok = read_attribute(cursor);
		else if (*cursor->at == ':')
			ok = read_pseudo_class(cursor);
		else
			break;
		if (!ok)
			return false;
	}
	return cursor->at > began;
}

static bool
take_combinator(Cursor *cursor)
{
	return take(cursor, '>') || take(cursor, '+') || take(cursor, '~');
}

static bool
read_complex(Cursor *cursor, bool relative)
{
	skip_spaces(cursor);
	if (relative && take_combinator(cursor))
		skip_spaces(cursor);
	for (;;)
	{
		bool spaces;

		if (!read_compound(cursor))
			return false;
		spaces = skip_spaces(cursor);
		if (cursor->at == cursor->end || *cursor->at == ',' || *cursor->at == ')')
			return true;
		if (take_combinator(cursor))
			skip_spaces(cursor);
		else if (!spaces)
			return false;
	}
}

static bool
read_list(Cursor *cursor, bool relative)
{
	do
	{
		if (!read_complex(cursor, relative))
			return false;
	} while (take(cursor, ','));
	return true;
}

bool
is_css_selector(const char *text, size_t len, size_t *fault)
{
	Cursor cursor = {.at = text, .end = text + len};
	bool ok = read_list(&cursor, false) && cursor.at == cursor.end;

	*fault = (size_t) (cursor.at - text);
	return ok;
}
