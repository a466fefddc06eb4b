/*
 * worker.c - background processes: one launcher, N workers, now and then a housekeeper
 *
 * The launcher starts a worker for each slot and again when one has gone.  A worker takes the shards of its slot and
 * works until it is told to stop, the extension is dropped, or an error ends it: an error is not repaired in place, the
 * process exits and its successor starts from what is committed.
 *
 * Workers commit asynchronously.  What a crash takes back it takes back whole, rows and positions alike, and the
 * batches it came from were durable before: they are processed again.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "openreplay.h"
#include "pipeline/injection.h"
#include "pipeline/pass.h"
#include "pipeline/shards.h"
#include "pipeline/wake.h"

#define TICK_MS 10000		  /* how often idle sessions are looked for */
#define LOOK_MS 1000		  /* between two looks for lanes of a new server */
#define RETRY_MS 5000		  /* how often the launcher looks whether workers are missing */
#define HOUSEKEEPING_MS 60000 /* how often housekeepers look what is due: no work is more frequent */

extern PGDLLEXPORT void openreplay_launcher_main(Datum arg);
extern PGDLLEXPORT void openreplay_worker_main(Datum arg);

/* ---- transactions ---- */

static void
begin_transaction(const char *activity)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, activity);
}

static void
commit_transaction(void)
{
	CRASH_POINT("committing");
	PopActiveSnapshot();
	CommitTransactionCommand();
	CRASH_POINT("committed");
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
}

static void
sleep_until_woken(long timeout_ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout_ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/* ---- the worker ---- */

static uint64
shards_of_slot(int slot, int workers)
{
	uint64 shards = 0;

	for (int shard = 0; shard < VISIT_SHARDS; shard++)
		if (shard % workers == slot)
			shards |= UINT64CONST(1) << shard;
	return shards;
}

static void
save_all(Pipeline *pipeline, TimestampTz horizon)
{
	int64 saved;

	do
	{
		begin_transaction("saving checkpoints");
		saved = save_checkpoints(pipeline, horizon);
		commit_transaction();
	} while (saved > 0);
}

static void
make_room(Pipeline *pipeline)
{
	TimestampTz horizon = memory_horizon(pipeline);

	save_all(pipeline, horizon);
	evict_sessions(pipeline, horizon);
}

static void
work_off(Pipeline *pipeline)
{
	int64 done;

	do
	{
		begin_transaction("processing batches");
		done = run_pass(pipeline);
		commit_transaction();
		CHECK_FOR_INTERRUPTS();
		if (memory_is_short(pipeline))
			make_room(pipeline);
	} while (done > 0 && !ShutdownRequestPending);
}

/*
 * Works off what woke us, which may be in a lane of a server that has registered since the last tick.  It seldom is, so
 * not every wake-up looks for such: returns when a look is owed, DT_NOEND when none is.
 */
static TimestampTz
answer_wake(Pipeline *pipeline, TimestampTz *next_look)
{
	TimestampTz now = GetCurrentTimestamp();
	int known = pipeline->lanes.count;

	work_off(pipeline);
	if (now < *next_look)
		return *next_look;
	*next_look = now + LOOK_MS * INT64CONST(1000);
	begin_transaction("looking for new lanes");
	SPI_connect();
	find_new_lanes(pipeline);
	SPI_finish();
	commit_transaction();
	if (pipeline->lanes.count > known)
		work_off(pipeline);
	return DT_NOEND;
}

/* One look for idle sessions: clocks first, then the batches up to them, then the ends. */
static void
tick(Pipeline *pipeline)
{
	LaneClocks clocks;
	int64 done;
	int64 ended = 0;

	begin_transaction("reading clocks");
	SPI_connect();
	find_new_lanes(pipeline);
	SPI_finish();
	read_lane_clocks(pipeline, &clocks);
	commit_transaction();

	work_off(pipeline);
	do
	{
		begin_transaction("ending sessions");
		done = end_idle_sessions(pipeline, &clocks, &ended);
		commit_transaction();
		if (memory_is_short(pipeline))
			make_room(pipeline);
	} while (done > 0 && !ShutdownRequestPending);

	make_room(pipeline);
}

static bool
still_allowed(void)
{
	bool allowed;

	begin_transaction("checking openreplay.pipeline");
	allowed = may_run_here();
	commit_transaction();
	return allowed;
}

/* Waits for a predecessor's locks; false when the worker was told to stop meanwhile. */
static bool
take_all_shards(uint64 wanted)
{
	uint64 taken = 0;

	while (!ShutdownRequestPending)
	{
		begin_transaction("taking shards");
		taken |= take_shards(wanted & ~taken, false);
		commit_transaction();
		if (taken == wanted)
			return true;
		sleep_until_woken(100);
	}
	return false;
}

static void
set_session(void)
{
	static const char *const settings[][2] = {
		{"synchronous_commit", "off"},
		{"statement_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"lock_timeout", "0"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
	};

	for (int i = 0; i < lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION);
	set_planner(false);
}

static void
run_worker(int slot, int workers)
{
	Pipeline *pipeline;
	TimestampTz next_tick = 0;
	TimestampTz next_look = 0;

	set_session();
	if (!still_allowed() || !take_all_shards(shards_of_slot(slot, workers)))
		return;
	begin_transaction("openreplay.install()");
	SPI_connect();
	if (slot == 0)
		SPI_execute("SELECT openreplay.install()", false, 0);
	SPI_finish();
	commit_transaction();

	pipeline = create_pipeline(TopMemoryContext, shards_of_slot(slot, workers), true);
	begin_transaction("reading positions");
	SPI_connect();
	read_lane_positions(pipeline);
	SPI_finish();
	commit_transaction();
	enroll_worker(slot);

	while (!ShutdownRequestPending)
	{
		TimestampTz now = GetCurrentTimestamp();
		TimestampTz owed = DT_NOEND;

		if (now >= next_tick)
		{
			if (!still_allowed())
				break;
			tick(pipeline);
			next_tick = GetCurrentTimestamp() + TICK_MS * INT64CONST(1000);
		}
		else
			owed = answer_wake(pipeline, &next_look);
		if (!ShutdownRequestPending)
			sleep_until_woken(Max(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), Min(next_tick, owed)), 1));
	}
	if (ShutdownRequestPending && still_allowed())
		save_all(pipeline, DT_NOEND);
}

void
openreplay_worker_main(Datum arg)
{
	int slot = DatumGetInt32(arg) & 0xffff;
	int workers = DatumGetInt32(arg) >> 16;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(openreplay_database, NULL, 0);
	run_worker(slot, workers);
}

/* ---- the launcher ---- */

static BackgroundWorkerHandle *
start_process(const char *type, const char *name, const char *function, Datum argument)
{
	BackgroundWorkerHandle *handle = NULL;
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_library_name = "openreplay",
		.bgw_main_arg = argument,
		.bgw_notify_pid = MyProcPid,
	};

	strlcpy(worker.bgw_type, type, BGW_MAXLEN);
	strlcpy(worker.bgw_name, name, BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, function, BGW_MAXLEN);
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
	{
		ereport(LOG, errmsg("no background worker process is free for openreplay"),
				errhint("Raise max_worker_processes."));
		return NULL;
	}
	return handle;
}

static BackgroundWorkerHandle *
start_worker(int slot, int workers)
{
	char name[BGW_MAXLEN];

	snprintf(name, sizeof(name), "openreplay worker %d", slot);
	return start_process("openreplay worker", name, "openreplay_worker_main", Int32GetDatum(workers << 16 | slot));
}

/* By a scan: without a database of one's own the index on names cannot be used. */
static bool
database_exists(void)
{
	bool exists = false;
	Relation databases;
	TableScanDesc scan;
	HeapTuple tuple;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	databases = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(databases, 0, NULL);
	while (!exists && (tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
		exists = strcmp(NameStr(((Form_pg_database) GETSTRUCT(tuple))->datname), openreplay_database) == 0;
	table_endscan(scan);
	table_close(databases, AccessShareLock);
	PopActiveSnapshot();
	CommitTransactionCommand();
	return exists;
}

static bool
is_gone(BackgroundWorkerHandle *handle)
{
	pid_t pid;

	return handle == NULL || GetBackgroundWorkerPid(handle, &pid) == BGWH_STOPPED;
}

void
openreplay_launcher_main(Datum arg)
{
	BackgroundWorkerHandle *handles[OPENREPLAY_MAX_WORKERS] = {0};
	TimestampTz started[OPENREPLAY_MAX_WORKERS] = {0};
	int running = 0;							   /* slots in use */
	BackgroundWorkerHandle *housekeepers[2] = {0}; /* for short and for long work */
	TimestampTz next_housekeeping = 0;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	/* no database: it must not stand in the way of DROP DATABASE */
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);

	for (;;)
	{
		/* another number of workers deals the shards anew, so all of them go first */
		if (running != openreplay_workers)
		{
			for (int slot = 0; slot < running; slot++)
				if (handles[slot] != NULL)
					TerminateBackgroundWorker(handles[slot]);
			for (int slot = 0; slot < running; slot++)
				if (handles[slot] != NULL)
					WaitForBackgroundWorkerShutdown(handles[slot]);
			memset(handles, 0, sizeof(handles));
			memset(started, 0, sizeof(started));
			running = openreplay_workers;
		}
		if (running > 0 && database_exists())
		{
			TimestampTz now = GetCurrentTimestamp();

			for (int slot = 0; slot < running; slot++)
			{
				/* one that went at once is not tried again at once */
				if (!is_gone(handles[slot]) || TimestampDifferenceMilliseconds(started[slot], now) < RETRY_MS)
					continue;
				handles[slot] = start_worker(slot, running);
				started[slot] = now;
			}
			if (now >= next_housekeeping)
			{
				for (int is_long = 0; is_long < lengthof(housekeepers); is_long++)
					if (is_gone(housekeepers[is_long]))
						housekeepers[is_long] = start_process("openreplay housekeeper", "openreplay housekeeper",
															  "openreplay_housekeeper_main", BoolGetDatum(is_long));
				next_housekeeping = now + HOUSEKEEPING_MS * INT64CONST(1000);
			}
		}
		sleep_until_woken(RETRY_MS);
	}
}
