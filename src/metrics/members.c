/*
 * members.c - members of JSON objects that clients wrote
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "metrics/members.h"

/* A member of an object by one of two names; false when it is not there or null. */
bool
get_member(JsonbContainer *object, const char *name, const char *other, JsonbValue *value)
{
	if (getKeyJsonValueFromContainer(object, name, strlen(name), value) == NULL &&
		(other == NULL || getKeyJsonValueFromContainer(object, other, strlen(other), value) == NULL))
		return false;
	return value->type != jbvNull;
}

bool
is_list(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data);
}

bool
is_object(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
}

/* The text of a scalar; NULL for a list, an object or null. */
char *
scalar_text(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return value->val.boolean ? "true" : "false";
		default:
			return NULL;
	}
}

char *
get_text(JsonbContainer *object, const char *name, const char *other)
{
	JsonbValue value;

	return get_member(object, name, other, &value) ? scalar_text(&value) : NULL;
}

bool
get_boolean(JsonbContainer *object, const char *name, const char *other, bool otherwise)
{
	JsonbValue value;

	if (!get_member(object, name, other, &value) || value.type != jbvBool)
		return otherwise;
	return value.val.boolean;
}
