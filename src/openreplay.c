/*
 * openreplay.c - module start: settings, and the launcher's registration
 *
 * Without shared_preload_libraries everything works but the background: batches wait for openreplay.process_batches().
 */
#include "postgres.h"

#include <limits.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/guc.h"

#include "notify/notify.h"
#include "openreplay.h"
#include "pipeline/injection.h"
#include "pipeline/wake.h"
#include "visit/visit.h"
#include "wire/recording_file.h"

PG_MODULE_MAGIC;

char *openreplay_database;
int openreplay_workers;
int openreplay_session_timeout_s;
int openreplay_worker_memory_kb;
bool openreplay_use_session_events = true;
int openreplay_query_memory_kb = 64 * 1024;
int openreplay_player = RECORDING_PLAYER_1_27;
char *openreplay_storage_url;
char *openreplay_storage_region;
char *openreplay_storage_access_key_id;
char *openreplay_storage_secret_file;
char *openreplay_assets_origin = NULL;
char *openreplay_assets_left_hosts = NULL;

static const struct config_enum_entry players[] = {
	{"1.20", RECORDING_PLAYER_1_20, false},
	{"1.27", RECORDING_PLAYER_1_27, false},
	{NULL, 0, false},
};

/* Read by SQL functions alone, by name. */
static char *site_url;
static int outbox_attempts;
static int keep_batches_min;

extern PGDLLEXPORT void _PG_init(void);

PG_FUNCTION_INFO_V1(openreplay_shard_of);

Datum
openreplay_shard_of(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT16(session_shard((uint64) PG_GETARG_INT64(0)));
}

static void
register_launcher(void)
{
	BackgroundWorker launcher = {
		.bgw_name = "openreplay launcher",
		.bgw_type = "openreplay launcher",
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = 5,
		.bgw_library_name = "openreplay",
		.bgw_function_name = "openreplay_launcher_main",
	};

	RegisterBackgroundWorker(&launcher);
}

void
_PG_init(void)
{
	DefineCustomBoolVariable("openreplay.notify_secrets",
							 "Whether notifications carry the values of integrations.options.",
							 "Anyone who can connect to the database can LISTEN.", &openreplay_notify_secrets, false,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("openreplay.session_timeout", "A session ends when nothing arrived for this long.", NULL,
							&openreplay_session_timeout_s, 150, 1, 86400, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("openreplay.outbox_attempts", "After this many failed tries the outbox gives something up.",
							"It stays visible, and openreplay.retry_outbox() has it tried again.", &outbox_attempts, 40,
							1, 1000, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("openreplay.player", "The generation of players that recording files are made for.",
							 "That of 1.20 knows trackers up to 14: what came later is turned into that or left out.",
							 &openreplay_player, RECORDING_PLAYER_1_27, players, PGC_USERSET, 0, NULL, NULL, NULL);

	DefineCustomBoolVariable("openreplay.use_session_events",
							 "Whether questions are answered from sequences of events where these can.",
							 "Off has all of them answered from the events' own tables: the same answers, later.",
							 &openreplay_use_session_events, true, PGC_USERSET, 0, NULL, NULL, NULL);

	DefineCustomIntVariable("openreplay.query_memory", "Memory for each sort and hash of a search or card.",
							"Where work_mem is more, that much is taken.", &openreplay_query_memory_kb, 64 * 1024, 64,
							MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);

	DefineCustomStringVariable("openreplay.site_url", "Where the application is, for links in what is sent out.",
							   "For example https://replay.example.com; empty: links are relative.", &site_url, "",
							   PGC_SUSET, 0, NULL, NULL, NULL);

	DefineCustomIntVariable("openreplay.keep_batches",
							"The age at which batches are dropped, whether their recordings are stored or not.",
							"-1 drops them when their recordings are stored.", &keep_batches_min, -1, -1,
							10 * 365 * 24 * 60, PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);

#ifdef OPENREPLAY_INJECTION
	define_injection_settings();
#endif
	DefineCustomStringVariable("openreplay.storage_url", "URL of the bucket with the recordings, as browsers reach it.",
							   "For signed URLs; the uploader has settings of its own.", &openreplay_storage_url, "",
							   PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("openreplay.storage_region", "Region of that bucket.", NULL, &openreplay_storage_region,
							   "us-east-1", PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("openreplay.storage_access_key_id", "Access key with which its URLs are signed.", NULL,
							   &openreplay_storage_access_key_id, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable("openreplay.storage_secret_file", "File whose first line is that key's secret.",
							   "The database server must be able to read it.", &openreplay_storage_secret_file, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);

	DefineCustomStringVariable("openreplay.assets_origin",
							   "URL of the bucket with the copies of style sheets and fonts.",
							   "As browsers reach it, for example https://host/sessions-assets; empty: none are made.",
							   &openreplay_assets_origin, "", PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("openreplay.assets_left_hosts", "Hosts whose pages' style sheets stay as they are.",
							   "Separated by commas; .x stands for all below x.", &openreplay_assets_left_hosts, "",
							   PGC_SUSET, 0, NULL, NULL, NULL);

	if (!process_shared_preload_libraries_in_progress)
	{
		MarkGUCPrefixReserved("openreplay");
		return;
	}

	DefineCustomStringVariable("openreplay.database", "The database whose batches the workers process.", NULL,
							   &openreplay_database, "openreplay", PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("openreplay.workers", "Number of pipeline workers; 0 leaves batches waiting.", NULL,
							&openreplay_workers, 1, 0, OPENREPLAY_MAX_WORKERS, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("openreplay.worker_memory", "Memory of a worker for live sessions.",
							"Beyond it those that were heard of longest ago live in their checkpoints.",
							&openreplay_worker_memory_kb, 128 * 1024, 1024, MAX_KILOBYTES, PGC_SIGHUP, GUC_UNIT_KB,
							NULL, NULL, NULL);
	MarkGUCPrefixReserved("openreplay");

	request_wake_memory();
	register_launcher();
}
