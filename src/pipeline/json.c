/*
 * json.c - client JSON made safe for jsonb
 *
 * jsonb refuses more than JSON does (the escape of U+0000, lone surrogates, numbers beyond numeric), and an error there
 * would cost a whole pass.  So a value is parsed here first, by PostgreSQL's own parser, which tells faults instead of
 * raising them.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "compat.h"
#include "pipeline/json.h"
#include "pipeline/rows.h"
#include "visit/visit.h"

#define MAX_NESTING 200		  /* far beyond any payload, far below the stack's depth */
#define MAX_NUMBER_LENGTH 400 /* digits */
#define MAX_EXPONENT 1000

static bool
nests_too_deep(const char *json, size_t len)
{
	int depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++)
	{
		char c = json[i];

		if (in_string)
		{
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		}
		else if (c == '"')
			in_string = true;
		else if ((c == '{' || c == '[') && ++depth > MAX_NESTING)
			return true;
		else if (c == '}' || c == ']')
			depth--;
	}
	return false;
}

/* Clears *state when a number is one that numeric would refuse. */
static JSON_ACTION_RESULT
check_number(void *state, char *token, JsonTokenType type)
{
	if (type == JSON_TOKEN_NUMBER)
	{
		const char *exponent = strpbrk(token, "eE");

		if (strlen(token) > MAX_NUMBER_LENGTH ||
			(exponent != NULL &&
			 strtol(exponent + 1 + (exponent[1] == '-' || exponent[1] == '+'), NULL, 10) > MAX_EXPONENT))
			*(bool *) state = false;
	}
	JSON_ACTION_OK;
}

static bool
jsonb_accepts(char *json, size_t len)
{
	bool accepted = true;
	JsonSemAction actions = {.semstate = &accepted, .scalar = check_number};

	if (nests_too_deep(json, len))
		return false;
	return pg_parse_json(make_json_lexer(json, (int) len), &actions) == JSON_SUCCESS && accepted;
}

/* Replaces the escape of U+0000, in place: both escapes are six bytes. */
static void
replace_escaped_nul(char *json, size_t len)
{
	for (size_t i = 0; i + 5 < len; i++)
	{
		if (json[i] != '\\')
			continue;
		if (memcmp(json + i, "\\u0000", 6) == 0)
			memcpy(json + i, "\\ufffd", 6);
		i++; /* the escaped character cannot start an escape */
	}
}

text *
json_from_client(WireString value)
{
	text *cleaned = clean_client_text(value, 0);
	char *json = VARDATA(cleaned);
	size_t len = VARSIZE(cleaned) - VARHDRSZ;
	StringInfoData quoted;
	char *terminated;

	replace_escaped_nul(json, len);
	mend_surrogates(json, len);
	if (jsonb_accepts(json, len))
		return cleaned;

	terminated = text_to_cstring(cleaned);
	initStringInfo(&quoted);
	escape_json(&quoted, terminated);
	return cstring_to_text_with_len(quoted.data, quoted.len);
}

Jsonb *
jsonb_from_client(WireString value)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text_to_cstring(json_from_client(value)))));
}

/* ---- members of objects ---- */

JsonbValue *
json_member(JsonbContainer *object, const char *key, JsonbValue *buffer)
{
	return getKeyJsonValueFromContainer(object, key, (int) strlen(key), buffer);
}

WireString
text_member(JsonbContainer *object, const char *key)
{
	JsonbValue buffer;
	JsonbValue *value = json_member(object, key, &buffer);

	if (value == NULL || value->type != jbvString)
		return wire_string("", 0);
	return wire_string(value->val.string.val, value->val.string.len);
}

int64
number_member(JsonbContainer *object, const char *key)
{
	JsonbValue buffer;
	JsonbValue *value = json_member(object, key, &buffer);
	double number;

	if (value == NULL || value->type != jbvNumeric)
		return 0;
	number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
	if (number >= 9.2e18)
		return PG_INT64_MAX;
	if (number <= -9.2e18)
		return PG_INT64_MIN;
	return (int64) rint(number);
}

WireString
json_text(const JsonbValue *value)
{
	Jsonb *json;
	char *text;

	if (value == NULL)
		return wire_string("", 0);
	json = JsonbValueToJsonb((JsonbValue *) value);
	text = JsonbToCString(NULL, &json->root, VARSIZE(json));
	return wire_string(text, strlen(text));
}
