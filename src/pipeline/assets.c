/*
 * assets.c - style sheets and fonts that a message names are queued to be copied
 *
 * What they are is found by the very rules that later make recordings name the copies; the rewritten text is thrown
 * away.  Each is queued once for a key, which has the session's day in it (the statement in tables.c), and nearly all
 * were seen before: hashes of those queued lately keep them from reaching the table.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"

#include "assets/rewrite.h"
#include "openreplay.h"
#include "pipeline/events.h"

#define ASSETS_PER_BATCH 1000 /* more than any page has: what a batch of made-up names can make others fetch */
#define SCRATCH_SPARE 65536	  /* bytes by which a rewritten text may be longer than twice the text */

static bool
queue_asset(void *arg, UrlText url, UrlText key)
{
	BatchContext *context = arg;
	Rows *rows = context->pass->rows;
	uint64 today = (uint64) (GetCurrentTransactionStartTimestamp() / USECS_PER_DAY);

	if (context->assets >= ASSETS_PER_BATCH)
		return true;
	/* with today in it, a worker that runs for months queues again what is of another month */
	if (was_written_lately(context->pass, hash_bytes_extended((const unsigned char *) key.data, (int) key.len, today)))
		return true;
	context->assets++;
	row_start(rows, ROWS_ASSETS);
	put_text(rows, wire_string(key.data, key.len), 0);
	put_text(rows, wire_string(url.data, url.len), 0);
	return true;
}

bool
keeps_assets(void)
{
	return openreplay_assets_origin != NULL && openreplay_assets_origin[0] != '\0';
}

void
queue_assets(BatchContext *context, const WireMessage *message, const WireValue *values)
{
	MemoryContext old;
	AssetRules rules = {.wanted = queue_asset, .context = context};
	WireValue copy[WIRE_MAX_FIELDS];

	memcpy(copy, values, sizeof(copy));
	rules.origin = (UrlText){openreplay_assets_origin, strlen(openreplay_assets_origin)};
	rules.left_hosts = (UrlText){openreplay_assets_left_hosts, strlen(openreplay_assets_left_hosts)};
	rules.day = asset_day((uint64) context->session->session_id);
	rules.scratch_size = Min(2 * (size_t) message->body_len + SCRATCH_SPARE, 2 * WIRE_MAX_STRING_BYTES);
	old = MemoryContextSwitchTo(context->pass->entry_context);
	rules.scratch = palloc(rules.scratch_size);
	rewrite_message(&rules, message->type, copy);
	pfree(rules.scratch);
	MemoryContextSwitchTo(old);
}
