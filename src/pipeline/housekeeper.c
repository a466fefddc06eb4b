/*
 * housekeeper.c - the periodic work, in a process of its own
 *
 * The launcher starts it every few minutes; it calls openreplay.keep_house() and goes.  Retention may take hours and
 * commits as it goes along, which no worker could do beside its batches.  A procedure that commits needs a portal to
 * run in, as if a client had sent it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
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
		call("CALL openreplay.keep_house()");
}
