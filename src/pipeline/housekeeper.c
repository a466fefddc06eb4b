/*
 * housekeeper.c - the periodic work, in a process of its own
 *
 * The launcher starts one every minute for what is short and one for what may be long, unless the last is still at it;
 * each does what is due, piece by piece, and goes.  Retention may take hours and commits as it goes along, which no
 * worker could do beside its batches.  A procedure that commits needs a portal to run in, as if a client had sent it.
 * A piece that fails is noted and stops no other.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "openreplay.h"
#include "pipeline/shards.h"

extern PGDLLEXPORT void openreplay_housekeeper_main(Datum arg);

static bool
is_allowed(void)
{
	bool allowed;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	allowed = may_run_here();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return allowed;
}

/* Runs a CALL; what it is parsed into outlives the transactions that it commits. */
static void
call(const char *statement)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "openreplay housekeeping", ALLOCSET_DEFAULT_SIZES);
	DestReceiver *nowhere = CreateDestReceiver(DestNone);
	List *parsed;
	List *planned;
	Portal portal;

	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, statement);
	StartTransactionCommand();
	MemoryContextSwitchTo(context);
	PushActiveSnapshot(GetTransactionSnapshot());
	parsed = pg_parse_query(statement);
	planned =
		pg_plan_queries(pg_analyze_and_rewrite_fixedparams(linitial_node(RawStmt, parsed), statement, NULL, 0, NULL),
						statement, 0, NULL);
	PopActiveSnapshot();

	portal = CreatePortal("", true, true);
	portal->visible = false;
	PortalDefineQuery(portal, NULL, statement, CMDTAG_CALL, planned, NULL);
	PortalStart(portal, NULL, 0, InvalidSnapshot);
	run_portal(portal, nowhere);
	PortalDrop(portal, false);
	CommitTransactionCommand();

	nowhere->rDestroy(nowhere);
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* Names of what is due, in TopMemoryContext. */
static List *
find_due_work(bool is_long)
{
	Oid types[] = {BOOLOID};
	Datum values[] = {BoolGetDatum(is_long)};
	List *names = NIL;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	if (SPI_execute_with_args("SELECT openreplay.due_work($1)", 1, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "due_work failed");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char *name = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		names = lappend(names, pstrdup(name));
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return names;
}

static void
note_failure(const char *name, const char *message)
{
	Oid types[] = {TEXTOID, TEXTOID};
	Datum values[2];

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(message);
	SPI_execute_with_args("SELECT openreplay.fail_work($1, $2)", 2, types, values, NULL, false, 0);
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

static void
run_work(const char *name)
{
	char *statement;

	CHECK_FOR_INTERRUPTS();
	MemoryContextSwitchTo(TopMemoryContext);
	statement = psprintf("CALL openreplay.run_work(%s, true)", quote_literal_cstr(name));
	PG_TRY();
	{
		call(statement);
	}
	PG_CATCH();
	{
		ErrorData *failure;

		MemoryContextSwitchTo(TopMemoryContext);
		failure = CopyErrorData();
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		PortalErrorCleanup();
		note_failure(name, failure->message);
	}
	PG_END_TRY();
}

void
openreplay_housekeeper_main(Datum arg)
{
	static const char *const settings[][2] = {
		{"statement_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"lock_timeout", "0"},
		{"default_transaction_isolation", "read committed"},
		{"search_path", "pg_catalog, pg_temp"},
		{"default_transaction_read_only", "off"},
	};

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(openreplay_database, NULL, 0);
	for (int i = 0; i < lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION);
	if (is_allowed())
	{
		ListCell *cell;
		List *names = find_due_work(DatumGetBool(arg));

		foreach (cell, names)
			run_work(lfirst(cell));
	}
}
