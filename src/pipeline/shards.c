/*
 * shards.c - who processes a shard
 */
#include "postgres.h"

#include "access/xlog.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"

#include "pipeline/shards.h"
#include "visit/visit.h"

#define SHARD_LOCK_CLASS 20339 /* beside the servers' lane locks, 20338 */

uint64
take_shards(uint64 wanted, bool for_transaction)
{
	uint64 taken = 0;

	for (int shard = 0; shard < VISIT_SHARDS; shard++)
	{
		PGFunction lock = for_transaction ? pg_try_advisory_xact_lock_int4 : pg_try_advisory_lock_int4;

		if ((wanted & (UINT64CONST(1) << shard)) != 0 &&
			DatumGetBool(DirectFunctionCall2(lock, Int32GetDatum(SHARD_LOCK_CLASS), Int32GetDatum(shard))))
			taken |= UINT64CONST(1) << shard;
	}
	return taken;
}

bool
may_run_here(void)
{
	bool allowed = false;

	SPI_connect();
	SPI_execute("SELECT to_regclass('openreplay.pipeline') IS NOT NULL"
				" AND EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'openreplay')",
				false, 1);
	if (strcmp(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1), "t") == 0)
	{
		Oid types[] = {INT8OID, OIDOID};
		Datum arguments[] = {Int64GetDatum((int64) GetSystemIdentifier()), ObjectIdGetDatum(MyDatabaseId)};

		SPI_execute_with_args(
			"SELECT FROM openreplay.pipeline WHERE running AND system_identifier = $1 AND database_oid = $2", 2, types,
			arguments, NULL, false, 1);
		allowed = SPI_processed == 1;
	}
	SPI_finish();
	return allowed;
}

void
set_planner(bool for_transaction)
{
	static const char *const settings[][2] = {
		{"enable_seqscan", "off"},
		{"enable_bitmapscan", "off"},
		{"enable_sort", "off"},
		{"enable_hashjoin", "off"},
		{"enable_mergejoin", "off"},
		{"plan_cache_mode", "force_generic_plan"},
		{"jit", "off"},
		{"search_path", "pg_catalog, pg_temp"},
	};

	for (int i = 0; i < lengthof(settings); i++)
		set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION,
						  for_transaction ? GUC_ACTION_SAVE : GUC_ACTION_SET, true, 0, false);
}
