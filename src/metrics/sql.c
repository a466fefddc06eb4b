/*
 * sql.c - SQL text with the values it is about
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tstoreReceiver.h"
#include "miscadmin.h"
#include "nodes/params.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/guc.h"
#include "utils/jsonb.h"

#include "metrics/sql.h"
#include "openreplay.h"

#define MAX_BIGINT_DIGITS 18

Sql *
sql_new(void)
{
	Sql *sql = palloc0(sizeof(Sql));

	initStringInfo(&sql->text);
	sql->room = 16;
	sql->types = palloc(sql->room * sizeof(Oid));
	sql->values = palloc(sql->room * sizeof(Datum));
	return sql;
}

void
sql_add(Sql *sql, const char *format, ...)
{
	for (;;)
	{
		va_list arguments;
		int needed;

		va_start(arguments, format);
		needed = appendStringInfoVA(&sql->text, format, arguments);
		va_end(arguments);
		if (needed == 0)
			return;
		enlargeStringInfo(&sql->text, needed);
	}
}

void
sql_datum(Sql *sql, Oid type, Datum value)
{
	if (sql->nparameters == sql->room)
	{
		sql->room *= 2;
		sql->types = repalloc(sql->types, sql->room * sizeof(Oid));
		sql->values = repalloc(sql->values, sql->room * sizeof(Datum));
	}
	sql->types[sql->nparameters] = type;
	sql->values[sql->nparameters++] = value;
	sql_add(sql, "$%d", sql->nparameters);
}

/* Values live as long as the text, whatever memory is current by now: SPI changes that with each of its calls. */
void
sql_text(Sql *sql, const char *value)
{
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(sql));
	Datum text = CStringGetTextDatum(value);

	MemoryContextSwitchTo(old);
	sql_datum(sql, TEXTOID, text);
}

void
sql_bigint(Sql *sql, int64 value)
{
	sql_datum(sql, INT8OID, Int64GetDatum(value));
}

void
sql_integer(Sql *sql, int32 value)
{
	sql_datum(sql, INT4OID, Int32GetDatum(value));
}

void
sql_numeric(Sql *sql, const char *digits)
{
	bool whole = digits[strspn(digits, "-0123456789")] == '\0' && strlen(digits) <= MAX_BIGINT_DIGITS;

	MemoryContext old;
	Datum number;

	if (whole)
	{
		sql_bigint(sql, strtoll(digits, NULL, 10));
		return;
	}
	old = MemoryContextSwitchTo(GetMemoryChunkContext(sql));
	number = DirectFunctionCall3(numeric_in, CStringGetDatum(digits), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	MemoryContextSwitchTo(old);
	sql_datum(sql, NUMERICOID, number);
}

static ParamListInfo
parameters_of(const Sql *sql)
{
	ParamListInfo parameters = makeParamList(sql->nparameters);

	for (int i = 0; i < sql->nparameters; i++)
		parameters->params[i] = (ParamExternData){
			.value = sql->values[i], .isnull = false, .pflags = PARAM_FLAG_CONST, .ptype = sql->types[i]};
	return parameters;
}

static void
set_here(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/*
 * A question is about a hundred thousand sessions or millions of events: what it makes distinct or joins does not fit
 * the few megabytes that are meant for look-ups, and compiling the plan for each worker would take longer than running
 * it.
 */
static void
set_for_questions(const Sql *sql)
{
	set_here("jit", "off");
	if (sql->by_month)
		set_here("enable_partitionwise_join", "on");
	if (work_mem < openreplay_query_memory_kb)
		set_here("work_mem", psprintf("%d", openreplay_query_memory_kb));
}

static int
execute(Sql *sql, bool read_only, DestReceiver *destination)
{
	SPIExecuteOptions options = {.params = parameters_of(sql), .read_only = read_only, .dest = destination};
	int level = NewGUCNestLevel();
	int result;

	set_for_questions(sql);
	result = SPI_execute_extended(sql->text.data, &options);
	AtEOXact_GUC(true, level);
	return result;
}

static void
check_result(int result, int expected)
{
	if (result != expected)
		elog(ERROR, "a query of a filter failed: %s", SPI_result_code_string(result));
}

void
sql_run(Sql *sql)
{
	check_result(execute(sql, true, NULL), SPI_OK_SELECT);
}

Datum
sql_run_jsonb(Sql *sql, MemoryContext context, bool *isnull)
{
	MemoryContext old;
	Datum value;

	sql_run(sql);
	if (SPI_processed != 1)
		elog(ERROR, "a query for one value has " UINT64_FORMAT " rows", SPI_processed);
	old = MemoryContextSwitchTo(context);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
	if (!*isnull)
		value = JsonbPGetDatum(DatumGetJsonbPCopy(value));
	MemoryContextSwitchTo(old);
	return value;
}

void
sql_return(Sql *sql, ReturnSetInfo *result)
{
	DestReceiver *destination = CreateDestReceiver(DestTuplestore);

	SetTuplestoreDestReceiverParams(destination, result->setResult, CurrentMemoryContext, false, result->setDesc,
									"a query of a filter has other columns than its function");
	check_result(execute(sql, true, destination), SPI_OK_SELECT);
	destination->rDestroy(destination);
}

Datum
sql_return_rows(Sql *sql, FunctionCallInfo fcinfo)
{
	SPI_connect();
	sql_return(sql, (ReturnSetInfo *) fcinfo->resultinfo);
	SPI_finish();
	return (Datum) 0;
}

Portal
sql_open(Sql *sql)
{
	SPIParseOpenOptions options = {.params = parameters_of(sql), .cursorOptions = CURSOR_OPT_NO_SCROLL};

	return SPI_cursor_parse_open(NULL, sql->text.data, &options);
}

void
sql_run_utility(Sql *sql)
{
	check_result(execute(sql, false, NULL), SPI_OK_UTILITY);
}
