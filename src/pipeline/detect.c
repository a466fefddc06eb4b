/*
 * detect.c - detectors tried out on what is stored: openreplay.detect() and the catalogue of thresholds
 *
 * The session's batches are applied to a state that belongs to nobody, in the order the pipeline had them and with the
 * same rules for what is a duplicate, and what detectors find is returned instead of written.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "pipeline/pass.h"

#define COLUMNS 7

PG_FUNCTION_INFO_V1(openreplay_detect);
PG_FUNCTION_INFO_V1(openreplay_threshold_catalogue);

typedef struct DetectWork
{
	int64 session_id;
	Jsonb *thresholds; /* changes to the project's */
	ReturnSetInfo *result;
	Project *project;
} DetectWork;

static void
append_spread(StringInfo json, const char *name, Spread spread)
{
	appendStringInfo(json, "%s\"min_%s\": " INT64_FORMAT ", \"avg_%s\": " INT64_FORMAT ", \"max_%s\": " INT64_FORMAT,
					 json->len > 1 ? ", " : "", name, spread.min, name, spread.avg, name, spread.max);
}

static void
append_performance(StringInfo json, const PerformanceSummary *summary)
{
	appendStringInfoChar(json, '{');
	append_spread(json, "fps", summary->fps);
	append_spread(json, "cpu", summary->cpu);
	append_spread(json, "total_js_heap_size", summary->total_heap);
	append_spread(json, "used_js_heap_size", summary->used_heap);
	appendStringInfo(json, ", \"until\": " INT64_FORMAT "}", summary->end_ms);
}

static void
append_app_performance(StringInfo json, const AppPerformanceSummary *summary)
{
	static const char *const names[APP_METRICS] = {
		[APP_FPS] = "fps",
		[APP_CPU] = "cpu",
		[APP_MEMORY] = "memory",
		[APP_BATTERY] = "battery",
	};

	appendStringInfoChar(json, '{');
	for (int i = 0; i < APP_METRICS; i++)
		if (summary->measured[i])
			append_spread(json, names[i], summary->spreads[i]);
	appendStringInfo(json, ", \"until\": " INT64_FORMAT "}", summary->end_ms);
}

static Datum
payload_of(const Fact *fact)
{
	StringInfoData json;

	initStringInfo(&json);
	if (fact->performance != NULL)
		append_performance(&json, fact->performance);
	else if (fact->app_performance != NULL)
		append_app_performance(&json, fact->app_performance);
	else
		appendStringInfoString(&json, fact->payload);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

static void
return_fact(const Fact *fact, void *arg)
{
	const DetectWork *work = arg;
	Datum values[COLUMNS] = {0};
	bool nulls[COLUMNS] = {0};
	bool is_issue = fact->type != NULL;

	values[0] = CStringGetTextDatum(fact->detector);
	if (is_issue)
		values[1] = CStringGetTextDatum(fact->type);
	values[2] = Int64GetDatum(fact->timestamp);
	values[3] = Int64GetDatum((int64) fact->message_id);
	values[4] = PointerGetDatum(clean_client_text(fact->context, 0));
	nulls[1] = !is_issue;
	nulls[3] = !is_issue; /* of no message */
	nulls[4] = !is_issue;
	nulls[5] = is_issue && fact->payload[0] == '\0';
	if (!nulls[5])
		values[5] = payload_of(fact);
	values[6] = BoolGetDatum(is_ignored(work->project, fact));
	tuplestore_putvalues(work->result->setResult, work->result->setDesc, values, nulls);
}

/* The session as its start entry made it; false when there is none. */
static bool
find_session(const DetectWork *work, LiveSession *session)
{
	Oid types[] = {INT8OID};
	Datum arguments[] = {Int64GetDatum(work->session_id)};
	bool isnull;

	SPI_execute_with_args("SELECT project_id, platform <> 'web' FROM public.sessions WHERE session_id = $1", 1, types,
						  arguments, NULL, true, 1);
	if (SPI_processed == 0)
		return false;
	session->project_id = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	session->mobile = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	return true;
}

static void
refuse(const char *name, const char *value)
{
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" cannot be %s", name, value),
			errhint("openreplay.threshold_catalogue() lists names and ranges."));
}

static void
change_thresholds(const DetectWork *work)
{
	Oid types[] = {JSONBOID};
	Datum arguments[] = {JsonbPGetDatum(work->thresholds)};

	SPI_execute_with_args("SELECT key, value FROM jsonb_each_text($1)", 1, types, arguments, NULL, true, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char *name = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		char *value = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2);
		char *end = NULL;
		int64 number;

		errno = 0;
		number = value ? strtoll(value, &end, 10) : 0;
		if (value == NULL || errno != 0 || end == value || *end != '\0' ||
			!change_threshold(&work->project->thresholds, name, number))
			refuse(name, value ? value : "null");
	}
}

static void
detect_work(Pass *pass, const void *arg)
{
	DetectWork work = *(const DetectWork *) arg;
	LiveSession *session = add_live_session(pass->pipeline->sessions, work.session_id);
	Entry *entries;
	int nentries;

	if (!find_session(&work, session))
		return;
	work.project = find_project(pass, session->project_id);
	change_thresholds(&work);
	pass->fact_sink = return_fact;
	pass->fact_sink_arg = &work;
	entries = read_entries_of(pass, &work.session_id, 1, false, &nentries);
	for (int i = 0; i < nentries; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(pass->entry_context);

		CHECK_FOR_INTERRUPTS();
		if (is_batch(&entries[i]))
			apply_entry(pass, session, &entries[i], false);
		MemoryContextSwitchTo(old);
		MemoryContextReset(pass->entry_context);
	}
	flush_detectors(pass, session);
}

Datum
openreplay_detect(PG_FUNCTION_ARGS)
{
	Pipeline *pipeline;
	DetectWork work = {.session_id = PG_GETARG_INT64(0),
					   .thresholds = PG_GETARG_JSONB_P(1),
					   .result = (ReturnSetInfo *) fcinfo->resultinfo};

	InitMaterializedSRF(fcinfo, 0);
	if (!JB_ROOT_IS_OBJECT(work.thresholds))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("thresholds must be a JSON object"),
				errhint("For example {\"click_rage.gap\": 500}."));
	pipeline = create_pipeline(CurrentMemoryContext, 0, false);
	do_pass(pipeline, detect_work, &work);
	MemoryContextDelete(pipeline->context);
	return (Datum) 0;
}

Datum
openreplay_threshold_catalogue(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < THRESHOLD_COUNT; i++)
	{
		const ThresholdInfo *info = &threshold_infos[i];
		Datum values[] = {CStringGetTextDatum(info->name), Int64GetDatum(info->value),
						  Int64GetDatum(info->minimum),	   Int64GetDatum(info->maximum),
						  CStringGetTextDatum(info->unit), CStringGetTextDatum(info->meaning)};
		bool nulls[lengthof(values)] = {0};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
