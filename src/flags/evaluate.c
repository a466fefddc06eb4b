/*
 * evaluate.c - a project's feature flags evaluated in SQL
 *
 * openreplay.match_flags() reads the project's active flags with two statements, however many there are, and asks
 * flag.c about each.  What comes from the tracker is JSON of any shape: a member that is missing or null is the empty
 * text, and whatever is no text becomes one.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "flags/flag.h"

#define MAX_MEMBERS 1000 /* of a visitor's metadata and remembered flags; more are not looked at */
#define MAX_NESTING 10	 /* {"value": {"value": ...}} of a remembered answer */
#define MATCH_COLUMNS 6

PG_FUNCTION_INFO_V1(openreplay_match_flags);
PG_FUNCTION_INFO_V1(openreplay_flag_bucket);
PG_FUNCTION_INFO_V1(openreplay_flag_vocabulary);

/* ---- JSON as texts ---- */

static WireString
scalar_text(const JsonbValue *value)
{
	char *text = "";

	switch (value->type)
	{
		case jbvString:
			return wire_string(value->val.string.val, value->val.string.len);
		case jbvBool:
			text = value->val.boolean ? "true" : "false";
			break;
		case jbvNumeric:
			text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
			break;
		case jbvBinary:
			text = JsonbToCString(NULL, value->val.binary.data, value->val.binary.len);
			break;
		default:
			break;
	}
	return wire_string(text, strlen(text));
}

static JsonbValue *
member_of(JsonbContainer *object, const char *name, JsonbValue *buffer)
{
	return getKeyJsonValueFromContainer(object, name, (int) strlen(name), buffer);
}

static WireString
text_member(JsonbContainer *object, const char *name)
{
	JsonbValue buffer;
	JsonbValue *value = member_of(object, name, &buffer);

	return value != NULL ? scalar_text(value) : wire_string("", 0);
}

static bool
is_object(const JsonbValue *value)
{
	return value != NULL && value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
}

/* A remembered answer: {"key": ..., "value": ...}, which may be wrapped several times, or the value itself. */
static WireString
kept_value(JsonbValue *value)
{
	JsonbValue buffers[2];

	for (int depth = 0; depth < MAX_NESTING && is_object(value); depth++)
	{
		JsonbContainer *object = value->val.binary.data;

		value = member_of(object, "value", &buffers[depth % 2]);
	}
	return value != NULL ? scalar_text(value) : wire_string("", 0);
}

/* The members of the object that is the member called name, as texts. */
static FlagMember *
object_members(JsonbContainer *visitor, const char *name, WireString (*text_of)(JsonbValue *), int *count)
{
	JsonbValue buffer;
	JsonbValue *object = member_of(visitor, name, &buffer);
	FlagMember *members;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue item;

	*count = 0;
	if (!is_object(object))
		return NULL;
	members = palloc(Min(JsonContainerSize(object->val.binary.data), MAX_MEMBERS) * sizeof(FlagMember));
	iterator = JsonbIteratorInit(object->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE && *count < MAX_MEMBERS)
	{
		if (token == WJB_KEY)
			members[*count].name = wire_string(item.val.string.val, item.val.string.len);
		else if (token == WJB_VALUE)
			members[(*count)++].value = text_of(&item);
	}
	return members;
}

static WireString
metadata_value(JsonbValue *value)
{
	return scalar_text(value);
}

static void
read_visitor(Jsonb *json, int32 project_id, FlagVisitor *visitor)
{
	static const char *const identities[] = {"userID", "userUUID", "sessionID"};
	JsonbContainer *object = &json->root;

	*visitor = (FlagVisitor){.project_id = project_id};
	for (int field = 0; field < FLAG_FIELDS; field++)
		if (field != FLAG_FIELD_METADATA)
			visitor->fields[field] = text_member(object, flag_field_member(field));
	visitor->metadata =
		object_members(object, flag_field_member(FLAG_FIELD_METADATA), metadata_value, &visitor->nmetadata);
	visitor->kept = object_members(object, "persistFlags", kept_value, &visitor->nkept);
	visitor->bucket = wire_string("", 0);
	for (int i = 0; i < lengthof(identities) && visitor->bucket.len == 0; i++)
		visitor->bucket = text_member(object, identities[i]);
}

/* ---- definitions ---- */

typedef struct Definition
{
	int32 flag_id;
	Flag flag;
	FlagCondition *conditions;
	FlagVariant *variants;
} Definition;

static int32
int_column(uint64 row, int column)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

static bool
bool_column(uint64 row, int column)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	return !isnull && DatumGetBool(value);
}

static WireString
text_column(uint64 row, int column)
{
	char *text = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);

	return text != NULL ? wire_string(text, strlen(text)) : wire_string("", 0);
}

static WireString *
filter_values(JsonbContainer *filter, int *count)
{
	JsonbValue buffer;
	JsonbValue *array = member_of(filter, "value", &buffer);
	WireString *values;
	uint32 size;

	*count = 0;
	if (array == NULL || array->type != jbvBinary || !JsonContainerIsArray(array->val.binary.data))
		return NULL;
	size = JsonContainerSize(array->val.binary.data);
	values = palloc(Max(size, 1) * sizeof(WireString));
	for (uint32 i = 0; i < size; i++)
		values[(*count)++] = scalar_text(getIthJsonbValueFromContainer(array->val.binary.data, i));
	return values;
}

/* A filter that is no object never holds, so that a damaged condition gives the flag to nobody. */
static void
read_filters(Jsonb *json, FlagCondition *condition)
{
	JsonbContainer *array = &json->root;
	bool is_array = JsonContainerIsArray(array) && !JsonContainerIsScalar(array);
	int count = is_array ? (int) JsonContainerSize(array) : 1;
	FlagFilter *filters = palloc0(Max(count, 1) * sizeof(FlagFilter));

	for (int i = 0; i < count; i++)
	{
		JsonbValue *filter = is_array ? getIthJsonbValueFromContainer(array, i) : NULL;

		filters[i].field = FLAG_FIELD_UNKNOWN;
		if (!is_object(filter))
			continue;
		filters[i].field = flag_field(text_member(filter->val.binary.data, "type"));
		filters[i].operator= flag_operator(text_member(filter->val.binary.data, "operator"));
		filters[i].source = text_member(filter->val.binary.data, "source");
		filters[i].values = filter_values(filter->val.binary.data, &filters[i].nvalues);
	}
	condition->filters = filters;
	condition->nfilters = count;
}

/* Both statements give their rows in the order of flags, so that each flag's rows stand together. */
static SPIPlanPtr
prepare_once(SPIPlanPtr *plan, const char *statement)
{
	Oid types[] = {INT4OID};

	if (*plan == NULL)
	{
		*plan = SPI_prepare(statement, 1, types);
		if (*plan == NULL || SPI_keepplan(*plan) != 0)
			elog(ERROR, "could not prepare the reading of feature flags");
	}
	return *plan;
}

static Definition *
read_conditions(int32 project_id, int *count)
{
	static SPIPlanPtr plan;
	Datum arguments[] = {Int32GetDatum(project_id)};
	Definition *definitions;

	SPI_execute_plan(
		prepare_once(&plan,
					 "SELECT f.feature_flag_id, f.flag_key, f.flag_type = 'multi', f.is_persist,"
					 " coalesce(f.payload #>> '{}', ''), c.condition_id, c.rollout_percentage, c.filters"
					 " FROM public.feature_flags f JOIN public.feature_flags_conditions c USING (feature_flag_id)"
					 " WHERE f.project_id = $1 AND f.is_active AND f.deleted_at IS NULL"
					 " ORDER BY f.feature_flag_id, c.condition_id"),
		arguments, NULL, true, 0);
	definitions = palloc0(Max(SPI_processed, 1) * sizeof(Definition));
	*count = 0;
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		int32 flag_id = int_column(row, 1);
		Definition *definition = &definitions[*count - (*count > 0)];
		FlagCondition *condition;
		bool isnull;

		if (*count == 0 || definition->flag_id != flag_id)
		{
			definition = &definitions[(*count)++];
			definition->flag_id = flag_id;
			definition->flag = (Flag){.key = text_column(row, 2),
									  .is_multi = bool_column(row, 3),
									  .is_persistent = bool_column(row, 4),
									  .payload = text_column(row, 5)};
			definition->conditions = palloc0((SPI_processed - row) * sizeof(FlagCondition));
			definition->flag.conditions = definition->conditions;
		}
		condition = &definition->conditions[definition->flag.nconditions++];
		condition->condition_id = int_column(row, 6);
		condition->rollout = int_column(row, 7);
		read_filters(DatumGetJsonbP(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 8, &isnull)),
					 condition);
	}
	return definitions;
}

static void
read_variants(int32 project_id, Definition *definitions, int count)
{
	static SPIPlanPtr plan;
	Datum arguments[] = {Int32GetDatum(project_id)};
	int at = 0;

	SPI_execute_plan(
		prepare_once(&plan,
					 "SELECT v.feature_flag_id, v.value, coalesce(v.payload #>> '{}', ''), v.rollout_percentage"
					 " FROM public.feature_flags f JOIN public.feature_flags_variants v USING (feature_flag_id)"
					 " WHERE f.project_id = $1 AND f.is_active AND f.deleted_at IS NULL AND f.flag_type = 'multi'"
					 " ORDER BY v.feature_flag_id, v.variant_id"),
		arguments, NULL, true, 0);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		int32 flag_id = int_column(row, 1);
		Definition *definition;

		while (at < count && definitions[at].flag_id < flag_id)
			at++;
		if (at == count || definitions[at].flag_id != flag_id)
			continue; /* a flag without conditions is nobody's */
		definition = &definitions[at];
		if (definition->variants == NULL)
		{
			definition->variants = palloc0((SPI_processed - row) * sizeof(FlagVariant));
			definition->flag.variants = definition->variants;
		}
		definition->variants[definition->flag.nvariants++] =
			(FlagVariant){.value = text_column(row, 2), .payload = text_column(row, 3), .rollout = int_column(row, 4)};
	}
}

/* ---- SQL ---- */

static Datum
text_datum(WireString text)
{
	return PointerGetDatum(cstring_to_text_with_len(text.data, (int) text.len));
}

static void
put_match(ReturnSetInfo *result, const Definition *definition, const FlagAnswer *answer)
{
	Datum values[MATCH_COLUMNS] = {0};
	bool nulls[MATCH_COLUMNS] = {0};
	JsonbValue value = {.type = jbvBool, .val.boolean = true};

	if (answer->variant != NULL)
	{
		value.type = jbvString;
		value.val.string.val = unconstify(char *, answer->variant->value.data);
		value.val.string.len = (int) answer->variant->value.len;
	}
	values[0] = Int32GetDatum(definition->flag_id);
	values[1] = Int32GetDatum(answer->condition != NULL ? answer->condition->condition_id : 0);
	nulls[1] = answer->condition == NULL;
	values[2] = text_datum(definition->flag.key);
	values[3] = BoolGetDatum(definition->flag.is_persistent);
	values[4] = JsonbPGetDatum(JsonbValueToJsonb(&value));
	values[5] = text_datum(answer->payload);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
openreplay_match_flags(PG_FUNCTION_ARGS)
{
	int32 project_id = PG_GETARG_INT32(0);
	Jsonb *visitor_json = PG_GETARG_JSONB_P(1);
	FlagVisitor visitor;
	Definition *definitions;
	int count;

	if (!JB_ROOT_IS_OBJECT(visitor_json))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a visitor is a JSON object"),
				errhint("For example {\"userID\": \"u-7\", \"country\": \"NL\", \"metadata\": {\"plan\": \"pro\"}}."));
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	read_visitor(visitor_json, project_id, &visitor);
	definitions = read_conditions(project_id, &count);
	if (count > 0)
		read_variants(project_id, definitions, count);
	for (int i = 0; i < count; i++)
	{
		FlagAnswer answer;

		if (evaluate_flag(&definitions[i].flag, &visitor, &answer))
			put_match((ReturnSetInfo *) fcinfo->resultinfo, &definitions[i], &answer);
	}
	SPI_finish();
	return (Datum) 0;
}

Datum
openreplay_flag_bucket(PG_FUNCTION_ARGS)
{
	text *key = PG_GETARG_TEXT_PP(1);
	text *visitor_id = PG_GETARG_TEXT_PP(2);
	Flag flag = {.key = wire_string(VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key))};
	FlagVisitor visitor = {.project_id = PG_GETARG_INT32(0),
						   .bucket = wire_string(VARDATA_ANY(visitor_id), VARSIZE_ANY_EXHDR(visitor_id))};

	PG_RETURN_INT32(flag_bucket(&flag, &visitor, "rollout"));
}

Datum
openreplay_flag_vocabulary(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool nulls[3] = {0};

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < FLAG_FIELDS; i++)
	{
		Datum values[3] = {CStringGetTextDatum("type"), CStringGetTextDatum(flag_field_type(i)), BoolGetDatum(true)};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	for (int i = 0; i < FLAG_OPERATORS; i++)
	{
		Datum values[3] = {CStringGetTextDatum("operator"), CStringGetTextDatum(flag_operator_name(i)),
						   BoolGetDatum(flag_operator_needs_values(i))};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
