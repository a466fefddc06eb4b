/*
 * notify.c - row triggers that announce changed projects, integrations and alerts
 *
 * Listeners know the payloads by shape: projects and integrations as row_to_json writes them, alerts as jsonb with
 * times in epoch milliseconds.  The hard idea is what must not happen: an announcement never fails the statement that
 * caused it, so a row too large for NOTIFY is announced by its keys alone and the listener reads it; and it never
 * carries credentials, because LISTEN needs no privilege.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "notify/notify.h"

/* The longest payload that Async_Notify accepts. */
#define PAYLOAD_MAX_BYTES ((size_t) (BLCKSZ - NAMEDATALEN - 128 - 1))

#define EPOCH_SHIFT_USECS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

bool openreplay_notify_secrets = false;

PG_FUNCTION_INFO_V1(notify_project);
PG_FUNCTION_INFO_V1(notify_integration);
PG_FUNCTION_INFO_V1(notify_alert);

static TriggerData *
row_trigger(FunctionCallInfo fcinfo, const char *function_name)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		!TRIGGER_FIRED_AFTER(trigger->tg_event))
		ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("%s must be fired AFTER ... FOR EACH ROW", function_name));
	return trigger;
}

/* The row as the statement leaves it; the row that goes, after a DELETE. */
static HeapTuple
current_row(const TriggerData *trigger)
{
	return TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
}

static AttrNumber
column_number(Relation table, const char *column)
{
	AttrNumber number = get_attnum(RelationGetRelid(table), column);

	if (number == InvalidAttrNumber)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("table \"%s\" has no column \"%s\" to announce", RelationGetRelationName(table), column));
	return number;
}

static Datum
column_value(Relation table, HeapTuple row, const char *column, bool *isnull)
{
	return heap_getattr(row, column_number(table, column), RelationGetDescr(table), isnull);
}

/* One column as JSON: a number for an integer, a string for anything else. */
static char *
column_json(Relation table, HeapTuple row, const char *column)
{
	Oid type = TupleDescAttr(RelationGetDescr(table), column_number(table, column) - 1)->atttypid;
	bool isnull;
	Datum value = column_value(table, row, column, &isnull);
	Oid output;
	bool is_varlena;
	StringInfoData json;

	if (isnull)
		return pstrdup("null");
	if (type == INT4OID)
		return psprintf("%d", DatumGetInt32(value));
	getTypeOutputInfo(type, &output, &is_varlena);
	initStringInfo(&json);
	escape_json(&json, OidOutputFunctionCall(output, value));
	return json.data;
}

static char *
row_json(Relation table, HeapTuple row)
{
	Datum composite = heap_copy_tuple_as_datum(row, RelationGetDescr(table));

	return TextDatumGetCString(DirectFunctionCall1(row_to_json, composite));
}

/* keys: what identifies the row, for when the payload is too long to be sent. */
static void
announce(const char *channel, const char *payload, const char *keys)
{
	Async_Notify(channel, strlen(payload) <= PAYLOAD_MAX_BYTES ? payload : keys);
}

/* ---- projects -------------------------------------------------------------------------------------------------- */

/* Channel project, on INSERT and UPDATE: {"project_id":1,"project_key":"...", every other column in table order}. */
Datum
notify_project(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = row_trigger(fcinfo, "notify_project");
	Relation table = trigger->tg_relation;
	HeapTuple row = current_row(trigger);

	announce("project", row_json(table, row),
			 psprintf("{\"project_id\":%s,\"project_key\":%s}", column_json(table, row, "project_id"),
					  column_json(table, row, "project_key")));
	return PointerGetDatum(NULL);
}

/* ---- integrations ---------------------------------------------------------------------------------------------- */

/* The same keys with null for every value.  Never null itself: to listeners that would mean the row was deleted. */
static Datum
hide_values(Jsonb *options)
{
	JsonbParseState *state = NULL;
	JsonbIterator *iterator = JsonbIteratorInit(&options->root);
	JsonbIteratorToken token;
	JsonbValue item;
	JsonbValue hidden = {.type = jbvNull};

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (JB_ROOT_IS_OBJECT(options))
	{
		token = JsonbIteratorNext(&iterator, &item, true);
		while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE)
		{
			if (token != WJB_KEY)
				continue;
			pushJsonbValue(&state, WJB_KEY, &item);
			pushJsonbValue(&state, WJB_VALUE, &hidden);
		}
	}
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* The poller moves its cursor (request_data) all the time; only credentials are news. */
static bool
integration_changed(const TriggerData *trigger)
{
	Relation table = trigger->tg_relation;
	bool was_null;
	bool is_null;
	Datum was = column_value(table, trigger->tg_trigtuple, "options", &was_null);
	Datum is = column_value(table, trigger->tg_newtuple, "options", &is_null);

	if (was_null || is_null)
		return was_null != is_null;
	return DatumGetBool(DirectFunctionCall2(jsonb_ne, was, is));
}

static HeapTuple
hide_options(Relation table, HeapTuple row)
{
	int number = column_number(table, "options");
	bool isnull;
	Datum options = column_value(table, row, "options", &isnull);

	if (isnull)
		return row;
	options = hide_values(DatumGetJsonbP(options));
	return heap_modify_tuple_by_cols(row, RelationGetDescr(table), 1, &number, &options, &isnull);
}

/*
 * Channel integration, on INSERT, and on UPDATE of options: {"project_id":5,"provider":"sentry","options":{"token":
 * null},"request_data":{}}; on DELETE {"options": null, "provider": "sentry", "project_id": 5}.
 */
Datum
notify_integration(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = row_trigger(fcinfo, "notify_integration");
	Relation table = trigger->tg_relation;
	HeapTuple row = current_row(trigger);
	char *project_id = column_json(table, row, "project_id");
	char *provider = column_json(table, row, "provider");
	char *keys = psprintf("{\"project_id\":%s,\"provider\":%s}", project_id, provider);

	if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
	{
		announce("integration",
				 psprintf("{\"options\": null, \"provider\": %s, \"project_id\": %s}", provider, project_id), keys);
		return PointerGetDatum(NULL);
	}
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) && !integration_changed(trigger))
		return PointerGetDatum(NULL);
	if (!openreplay_notify_secrets)
		row = hide_options(table, row);
	announce("integration", row_json(table, row), keys);
	return PointerGetDatum(NULL);
}

/* ---- alerts ---------------------------------------------------------------------------------------------------- */

/* Puts a timestamp column into an object as epoch milliseconds, rounded to the nearest; null and infinity stay out. */
static void
push_epoch_ms(JsonbParseState **state, Relation table, HeapTuple row, const char *column)
{
	bool isnull;
	Timestamp moment = DatumGetTimestamp(column_value(table, row, column, &isnull));
	JsonbValue item;

	if (isnull || TIMESTAMP_NOT_FINITE(moment))
		return;
	item.type = jbvString;
	item.val.string.val = unconstify(char *, column);
	item.val.string.len = strlen(column);
	pushJsonbValue(state, WJB_KEY, &item);
	item.type = jbvNumeric;
	item.val.numeric = int64_to_numeric((moment + EPOCH_SHIFT_USECS + 500) / 1000);
	pushJsonbValue(state, WJB_VALUE, &item);
}

static char *
alert_json(Relation table, HeapTuple row)
{
	JsonbParseState *state = NULL;
	JsonbValue *times;
	Datum alert = DirectFunctionCall1(jsonb_in, CStringGetDatum(row_json(table, row)));

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_epoch_ms(&state, table, row, "created_at");
	push_epoch_ms(&state, table, row, "deleted_at");
	times = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	alert = DirectFunctionCall2(jsonb_concat, alert, JsonbPGetDatum(JsonbValueToJsonb(times)));
	return DatumGetCString(DirectFunctionCall1(jsonb_out, alert));
}

/*
 * Channel alert, on INSERT and UPDATE: all columns as jsonb, created_at and deleted_at as epoch milliseconds;
 * on DELETE {"deleted": true, "alert_id": 1}.
 */
Datum
notify_alert(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = row_trigger(fcinfo, "notify_alert");
	Relation table = trigger->tg_relation;
	HeapTuple row = current_row(trigger);
	char *alert_id = column_json(table, row, "alert_id");

	if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		Async_Notify("alert", psprintf("{\"deleted\": true, \"alert_id\": %s}", alert_id));
	else
		announce("alert", alert_json(table, row),
				 psprintf("{\"alert_id\": %s, \"project_id\": %s}", alert_id, column_json(table, row, "project_id")));
	return PointerGetDatum(NULL);
}
