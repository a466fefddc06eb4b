/*
 * conditions.c - one comparison of a filter: its operator and its values
 *
 * Whatever a client may get wrong in a comparison is refused here, by a message that names it.  What says nothing yet,
 * a row of the filter editor that nobody has filled in, is left out instead.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "regex/regex.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "metrics/members.h"
#include "metrics/parse.h"

#define MAX_VALUES 200
#define MAX_VALUE_LENGTH 8000 /* characters: what is longer was cut when it was stored */
#define MAX_REGEX_LENGTH 256
#define MAX_NUMBER_LENGTH 40
#define SHOWN_LENGTH 60

/* ---- errors ------------------------------------------------------------------------------------------------------ */

/* What a client wrote, as a message can show it. */
const char *
shorten(const char *text)
{
	int length = pg_mbcliplen(text, (int) strlen(text), SHOWN_LENGTH);

	return text[length] == '\0' ? text : psprintf("%.*s...", length, text);
}

void
refuse_filter(const char *message, const char *hint)
{
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), hint ? errhint("%s", hint) : 0);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* A list of scalars, or one scalar; nulls are left out, and with distinct what comes again. */
Texts
get_value_texts(JsonbContainer *object, const char *name, const char *owner, bool distinct)
{
	JsonbValue value;
	Texts texts = {0};
	int n = 1;

	if (!get_member(object, name, NULL, &value))
		return texts;
	if (is_list(&value))
		n = JsonContainerSize(value.val.binary.data);
	if (n > MAX_VALUES)
		refuse_filter(psprintf("filter \"%s\" has %d values", shorten(owner), n),
					  psprintf("At most %d are allowed.", MAX_VALUES));
	texts.values = palloc(Max(n, 1) * sizeof(char *));
	for (int i = 0; i < n; i++)
	{
		JsonbValue *element = is_list(&value) ? getIthJsonbValueFromContainer(value.val.binary.data, i) : &value;
		char *text = scalar_text(element);
		bool known = false;

		if (element->type == jbvNull)
			continue;
		if (text == NULL)
			refuse_filter(psprintf("a %s of filter \"%s\" is a list or an object", name, shorten(owner)),
						  "It is a string or a number, or a list of those.");
		if (pg_mbstrlen(text) > MAX_VALUE_LENGTH)
			refuse_filter(psprintf("a %s of filter \"%s\" is too long", name, shorten(owner)),
						  psprintf("At most %d characters are allowed.", MAX_VALUE_LENGTH));
		for (int j = 0; distinct && j < texts.n && !known; j++)
			known = strcmp(texts.values[j], text) == 0;
		if (!known)
			texts.values[texts.n++] = text;
	}
	return texts;
}

bool
is_decimal_number(const char *text)
{
	const char *c = text + (*text == '-');
	size_t whole = strspn(c, "0123456789");

	if (strlen(text) > MAX_NUMBER_LENGTH || whole == 0)
		return false;
	c += whole;
	if (*c == '.')
	{
		size_t fraction = strspn(c + 1, "0123456789");

		if (fraction == 0)
			return false;
		c += 1 + fraction;
	}
	return *c == '\0';
}

/* ---- conditions -------------------------------------------------------------------------------------------------- */

static void
check_regex(const char *name, const char *pattern)
{
	int length = (int) strlen(pattern);
	pg_wchar *wide;
	regex_t compiled;
	int result;

	if (pg_mbstrlen(pattern) > MAX_REGEX_LENGTH)
		refuse_filter(psprintf("a pattern of filter \"%s\" is too long", shorten(name)),
					  psprintf("At most %d characters are allowed.", MAX_REGEX_LENGTH));
	wide = palloc((length + 1) * sizeof(pg_wchar));
	length = pg_mb2wchar_with_len(pattern, wide, length);
	result = pg_regcomp(&compiled, wide, length, REG_ADVANCED, DEFAULT_COLLATION_OID);
	pfree(wide);
	if (result != REG_OKAY)
	{
		char fault[100];

		pg_regerror(result, &compiled, fault, sizeof(fault));
		refuse_filter(psprintf("a pattern of filter \"%s\" is no regular expression", shorten(name)), fault);
	}
	pg_regfree(&compiled);
}

bool
is_issue_type(const char *label)
{
	Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("issue_type"),
							   ObjectIdGetDatum(LookupExplicitNamespace("public", true)));

	return strlen(label) < NAMEDATALEN &&
		   SearchSysCacheExists2(ENUMTYPOIDNAME, ObjectIdGetDatum(type), CStringGetDatum(label));
}

/* Leaves what can be compared in the condition's values. */
static void
check_values(FilterCondition *condition)
{
	int n = 0;

	for (int i = 0; i < condition->nvalues; i++)
	{
		char *value = condition->values[i];

		switch (condition->type)
		{
			case FILTER_NUMBER:
				if (value[0] == '\0') /* a row that nobody has filled in yet */
					continue;
				if (!is_decimal_number(value))
					refuse_filter(psprintf("value \"%s\" of filter \"%s\" is not a number", shorten(value),
										   shorten(condition->name)),
								  "Values are numbers, such as 400 or \"2.5\".");
				break;
			case FILTER_BOOLEAN:
				if (value[0] == '\0')
					continue;
				if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
					refuse_filter(psprintf("value \"%s\" of filter \"%s\" is neither true nor false", shorten(value),
										   shorten(condition->name)),
								  "Values are \"true\" and \"false\".");
				break;
			case FILTER_ISSUES:
				if (value[0] == '\0')
					continue;
				if (!is_issue_type(value))
					refuse_filter(psprintf("value \"%s\" of filter \"%s\" is not a kind of issue", shorten(value),
										   shorten(condition->name)),
								  "SELECT type FROM openreplay.issue_types() lists them.");
				break;
			case FILTER_DURATION:
				if (value[0] != '\0' && !is_decimal_number(value))
					continue;
				break;
			default:
				if (condition->comparison == FILTER_REGEX)
					check_regex(condition->name, value);
		}
		condition->values[n++] = value;
	}
	condition->nvalues = n;
}

const FilterOperator *
get_filter_operator(JsonbContainer *item, const char *name)
{
	char *text = get_text(item, "operator", NULL);
	const FilterOperator *op = text == NULL ? NULL : find_filter_operator(text);

	if (text == NULL)
		refuse_filter(psprintf("filter \"%s\" has no operator", shorten(name)),
					  psprintf("Operators are %s.", list_filter_operators(FILTER_TEXT)));
	if (op == NULL)
		refuse_filter(psprintf("filter \"%s\" has an unknown operator \"%s\"", shorten(name), shorten(text)),
					  psprintf("Operators are %s, selectorIs and its like, <, >, <=, >=, true, false.",
							   list_filter_operators(FILTER_TEXT)));
	return op;
}

/*
 * Completes a condition whose name, type and expression are known from its item's operator and value.  False when the
 * item says nothing yet: it has no value though it needs one.
 */
bool
complete_condition(FilterCondition *condition, JsonbContainer *item, const FilterOperator *op)
{
	Texts texts = get_value_texts(item, "value", condition->name, condition->type != FILTER_DURATION);

	if (!filter_type_allows(condition->type, op->comparison))
		refuse_filter(psprintf("filter \"%s\" cannot use operator \"%s\"", shorten(condition->name), op->name),
					  psprintf("Its operators are %s.", list_filter_operators(condition->type)));
	condition->operator_name = op->name;
	condition->comparison = op->comparison;
	condition->nvalues = texts.n;
	condition->values = texts.values;
	check_values(condition);
	return condition->nvalues > 0 || !comparison_needs_value(condition->comparison);
}

FilterComparison
positive_comparison(FilterComparison comparison)
{
	return comparison == FILTER_NOT_EQUAL	   ? FILTER_EQUAL
		   : comparison == FILTER_NOT_CONTAINS ? FILTER_CONTAINS
											   : comparison;
}

/* The slot of a metadata key; 0 when the project has none of that name. */
int
metadata_slot(const Filter *filter, const char *key)
{
	for (int i = 0; i < lengthof(filter->metadata); i++)
		if (filter->metadata[i] != NULL && strcmp(filter->metadata[i], key) == 0)
			return i + 1;
	return 0;
}

/* metadata_3: the slot itself; 0 for other names. */
int
numbered_slot(const char *name)
{
	const char *digits = name + strlen("metadata");

	if (pg_strncasecmp(name, "metadata", strlen("metadata")) != 0)
		return 0;
	digits += *digits == '_';
	if (digits[0] == '1' && digits[1] == '0' && digits[2] == '\0')
		return 10;
	return digits[0] >= '1' && digits[0] <= '9' && digits[1] == '\0' ? digits[0] - '0' : 0;
}

void
set_metadata_slot(FilterCondition *condition, int slot)
{
	condition->type = FILTER_TEXT;
	condition->expression = psprintf("s.metadata_%d", slot);
}

void
set_condition_property(FilterCondition *condition, const FilterProperty *property)
{
	condition->type = property->type;
	condition->expression = property->expression;
	condition->second = property->second[0] != '\0' ? property->second : NULL;
}

JsonbContainer *
get_filter_item(JsonbContainer *list, uint32 i)
{
	JsonbValue *value = getIthJsonbValueFromContainer(list, i);

	if (!is_object(value))
		refuse_filter(psprintf("filter %u is no object", i + 1),
					  "A filter is {\"type\": \"userBrowser\", \"operator\": \"is\", \"value\": [\"Chrome\"]}.");
	return value->val.binary.data;
}
