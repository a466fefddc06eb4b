/*
 * apply.c - one batch applied to its session
 *
 * The batch is decoded once.  Most messages (the page's DOM) make no rows and are only stepped over; the others are
 * decoded and handed to their writer.  With write = false the same walk moves the session's state and nothing else.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "pipeline/events.h"

/* Message times further ahead of the arrival than this are a wrong clock and move nothing. */
#define MAX_AHEAD_MS INT64CONST(86400000)
#define MAX_URL_BYTES 8192

static WireString
remembered_url(const LiveSession *session)
{
	return session->url ? wire_string(session->url, strlen(session->url)) : wire_string("", 0);
}

/* What makes a batch the same batch when it is sent again. */
static uint64
fingerprint(const WireHeader *header, const uint8_t *data, size_t len)
{
	uint64 hash = hash_bytes_extended(data, (int) len, 0);
	uint64 parts[] = {header->version, header->page_no, header->first_index};

	hash = hash_combine64(hash, hash_bytes_extended((const unsigned char *) parts, sizeof(parts), 0));
	return hash_combine64(hash,
						  hash_bytes_extended((const unsigned char *) header->tab.data, (int) header->tab.len, 0));
}

/* Page views take part in deriving the state, so they are fed apart from the writers. */
static void
feed_page(BatchContext *context, const WireMessage *message, const WireValue *values, bool write)
{
	LiveSession *session = context->session;
	LiveTab *tab = &session->tabs[context->tab];
	PageView previous;
	int64 id = message_id(context, message);
	int64 time = message->timestamp;
	unsigned todo =
		page_view_feed(&tab->page, message, values, context->batch->header.page_no, (uint64) id, time, &previous);

	if (write && (todo & (PAGE_VIEW_SHOW_PREVIOUS | PAGE_VIEW_UPDATE_PREVIOUS)))
		write_pages(context->pass, session, tab, &previous,
					todo & (PAGE_VIEW_SHOW_PREVIOUS | PAGE_VIEW_UPDATE_PREVIOUS));
	if (write && message->type == MSG_SetPageLocation)
		note_page_source(context->pass, session, values[SetPageLocation_URL].s, values[SetPageLocation_Referrer].s);
	if (todo & PAGE_VIEW_OPENED)
	{
		keep_text(session, &tab->url, values[SetPageLocation_URL].s, MAX_URL_BYTES);
		keep_text(session, &tab->referrer, values[SetPageLocation_Referrer].s, MAX_URL_BYTES);
	}
	if (write && (todo & PAGE_VIEW_SHOW_NAVIGATION))
		write_navigation(context->pass, session, id, time, values[SetPageLocation_URL].s,
						 values[SetPageLocation_Referrer].s);
	if (write && (todo & PAGE_VIEW_SHOW))
		write_pages(context->pass, session, tab, &previous, PAGE_VIEW_SHOW);
}

static void
tick_pages(BatchContext *context, bool write)
{
	LiveSession *session = context->session;

	for (int i = 0; i < session->ntabs; i++)
	{
		unsigned todo = page_view_tick(&session->tabs[i].page, session->clock_ms);

		if (todo && write)
			write_pages(context->pass, session, &session->tabs[i], NULL, todo);
	}
}

static bool
is_page_message(uint8_t type)
{
	return type == MSG_SetPageLocation || type == MSG_PageLoadTiming || type == MSG_PageRenderTiming ||
		   type == MSG_WebVitals;
}

/* Applies the messages; returns how many there were. */
static int
apply_messages(BatchContext *context, WireBatch *batch, const Entry *entry, bool write)
{
	LiveSession *session = context->session;
	int64 latest_ms = TIMESTAMP_TO_MS(entry->received_at) + MAX_AHEAD_MS;
	WireMessage message;
	WireValue values[WIRE_MAX_FIELDS];
	int count = 0;

	while (wire_batch_next(batch, &message))
	{
		MessageWriter writer = message_writers[message.type];
		bool page = is_page_message(message.type);

		count++;
		if (message.timestamp > session->clock_ms && message.timestamp <= latest_ms)
		{
			session->clock_ms = message.timestamp;
			tick_pages(context, write);
		}
		if (!page && (writer == NULL || !write))
			continue;
		/* what cannot be decoded to its end is filled with 0 and "", and the batch goes on */
		wire_decode(&message, values);
		if (page)
			feed_page(context, &message, values, write);
		else
			writer(context, &message, values);
	}
	return count;
}

void
apply_batch(Pass *pass, LiveSession *session, const Entry *entry, bool write)
{
	Lane *lane = lane_of(pass->pipeline, entry->server_id, entry->shard);
	Project *project = find_project(pass, session->project_id);
	BatchContext context = {.pass = pass, .session = session, .project = project};
	WirePlatform platform = entry->kind == ENTRY_MOBILE ? WIRE_MOBILE : WIRE_WEB;
	WireBatch batch;
	const uint8_t *data;
	size_t len;
	const char *reason;
	int count;

	touch_session(pass, session);
	note_position(session, entry->server_id, entry->seq);
	if (!inflate_entry(pass, entry, &data, &len, &reason))
	{
		if (write)
			report_broken(pass, entry, reason, 0);
		return;
	}
	if (wire_batch_open(&batch, data, len, platform, remembered_url(session)) != WIRE_OK)
	{
		if (write)
			report_broken(pass, entry, wire_error_text(batch.error), 0);
		return;
	}
	if (!note_batch(session, fingerprint(&batch.header, data, len)))
	{
		if (write)
			report_duplicate(pass, entry);
		return;
	}

	session->last_received_at = Max(session->last_received_at, entry->received_at);
	if (session->ended)
	{
		/* late data opens the session again; its next end only extends */
		session->ended = false;
		session->checkpoint_now = true;
	}
	if (write && !project->active)
		return; /* the project was switched off: nothing is written */

	context.batch = &batch;
	context.tab = tab_ordinal(session, batch.header.tab);
	count = apply_messages(&context, &batch, entry, write);
	if (batch.url.len > 0 && (session->url == NULL || batch.url.len != strlen(session->url) ||
							  memcmp(batch.url.data, session->url, batch.url.len) != 0))
		keep_text(session, &session->url, batch.url, MAX_URL_BYTES);
	if (!write)
		return;
	if (lane != NULL)
	{
		lane->messages += count;
		lane->bytes += (int64) len;
	}
	if (batch.error != WIRE_OK)
		report_broken(pass, entry,
					  psprintf("%s (byte %zu of %zu)", wire_error_text(batch.error), batch.error_offset, len), count);
}
