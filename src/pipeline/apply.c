/*
 * apply.c - one entry applied to its session
 *
 * A batch is decoded once.  Most messages (the page's DOM) make no rows and are only stepped over; the others are
 * decoded and handed to their writer.  With write = false the same walk moves the session's state and nothing else.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "pipeline/events.h"
#include "pipeline/json.h"

#define MAX_URL_BYTES 8192

static WireString
remembered_url(const LiveSession *session)
{
	return session->url ? wire_string(session->url, strlen(session->url)) : wire_string("", 0);
}

/* Keeps where the visitor is, copied only when that has changed. */
static void
keep_url(LiveSession *session, char **slot, WireString url)
{
	if (url.len > 0 && (*slot == NULL || url.len != strlen(*slot) || memcmp(url.data, *slot, url.len) != 0))
		keep_text(session, slot, url, MAX_URL_BYTES);
}

/* What makes a batch the same batch when it is sent again. */
static uint64
fingerprint(const WireHeader *header, const uint8_t *data, size_t len)
{
	uint64 hash = hash_bytes_extended(data, (int) len, 0);
	uint64 parts[] = {header->version, header->page_no, header->first_index};

	hash = hash_combine64(hash, hash_bytes_extended((const unsigned char *) parts, sizeof(parts), 0));
	hash =
		hash_combine64(hash, hash_bytes_extended((const unsigned char *) header->tab.data, (int) header->tab.len, 0));
	return hash & ~LASTING_FINGERPRINT;
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

static void
ignore_fact(const Fact *fact, void *arg)
{
}

static Detection
start_detection(BatchContext *context, bool write)
{
	Pass *pass = context->pass;

	return (Detection){
		.thresholds = &context->project->thresholds,
		.sink = pass->fact_sink ? pass->fact_sink
				: write			? write_fact
								: ignore_fact,
		.sink_arg = pass->fact_sink ? pass->fact_sink_arg : context,
	};
}

/* Who writes the rows of a message; NULL: nobody, so that its values need not be decoded. */
static MessageWriter
find_writer(uint8_t type, bool write, bool queue)
{
	MessageWriter writer = write ? message_writers[type] : NULL;

	return writer == queue_assets && !queue ? NULL : writer;
}

/* Applies the messages; returns how many there were. */
static int
apply_messages(BatchContext *context, WireBatch *batch, const Entry *entry, bool write)
{
	LiveSession *session = context->session;
	DetectorState *detectors = tab_detectors(session, context->tab);
	const DetectorBits *interests = detector_interests(session->mobile ? WIRE_MOBILE : WIRE_WEB);
	unsigned stream = detector_stream(&batch->header);
	Detection detection = start_detection(context, write);
	int64 latest_ms = TIMESTAMP_TO_MS(entry->received_at) + MAX_AHEAD_MS;
	bool queue = keeps_assets();
	WireMessage message;
	WireValue values[WIRE_MAX_FIELDS];
	int count = 0;

	while (wire_batch_next(batch, &message))
	{
		MessageWriter writer = find_writer(message.type, write, queue);
		bool page = is_page_message(message.type) && message.timestamp > 0; /* before any time: of no page */
		DetectorBits bits = 0;

		count++;
		if (message.timestamp > 0 && message.timestamp <= latest_ms)
			bits = detectors_step(detectors, interests, message.type, message.timestamp, stream);
		if (message.timestamp > session->clock_ms && message.timestamp <= latest_ms)
		{
			session->clock_ms = message.timestamp;
			tick_pages(context, write);
		}
		if (page || writer != NULL || detectors_want_values(bits))
		{
			/* what cannot be decoded to its end is filled with 0 and "", and the batch goes on */
			wire_decode(&message, values);
			if (page)
				feed_page(context, &message, values, write);
			else if (writer != NULL)
				writer(context, &message, values);
		}
		if (bits != 0)
		{
			detection.url = message.url;
			detection.message_id = (uint64) message_id(context, &message);
			detectors_feed(detectors, bits, &message, values, stream, &detection);
		}
	}
	return count;
}

static void
apply_batch(Pass *pass, LiveSession *session, const Entry *entry, const uint8_t *data, size_t len, bool write)
{
	Lane *lane = lane_of(pass->pipeline, entry->server_id, entry->shard);
	Project *project = find_project(pass, session->project_id);
	BatchContext context = {.pass = pass, .session = session, .project = project};
	WirePlatform platform = entry->kind == ENTRY_MOBILE ? WIRE_MOBILE : WIRE_WEB;
	WireBatch batch;
	int count;

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
	open_again(session);
	if (write && !project->active)
	{
		/* the project was switched off: nothing is written, and what is derived again would not know since when */
		session->order_matters = true;
		return;
	}

	context.batch = &batch;
	context.tab = tab_ordinal(session, batch.header.tab);
	count = apply_messages(&context, &batch, entry, write);
	keep_url(session, &session->url, batch.url);
	keep_url(session, &session->tabs[context.tab].location, batch.url);
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

/* What a report changes of users is in no row that could be recognised; all else has a key. */
static uint64
json_fingerprint(const Entry *entry, const uint8_t *data, size_t len, JsonbContainer *json)
{
	uint64 hash = hash_combine64(hash_bytes_extended(data, (int) len, 0), (uint64) entry->kind);

	return entry->kind == ENTRY_ANALYTICS && changes_users(json) ? hash | LASTING_FINGERPRINT
																 : hash & ~LASTING_FINGERPRINT;
}

/*
 * What comes as JSON beside the batches.  It is no activity of the recording: it keeps no session alive, and one that
 * had ended is opened only to be counted again.
 */
static void
apply_json(Pass *pass, LiveSession *session, const Entry *entry, const uint8_t *data, size_t len, bool write)
{
	const char *reason = NULL;
	Jsonb *json = jsonb_from_client(wire_string((const char *) data, len));

	if (!note_batch(session, json_fingerprint(entry, data, len, &json->root)))
	{
		if (write)
			report_duplicate(pass, entry);
		return;
	}
	open_again(session);
	if (!write || !find_project(pass, session->project_id)->active)
		return;
	if (!JB_ROOT_IS_OBJECT(json))
		reason = "the entry is no JSON object";
	else if (entry->kind == ENTRY_SIGNAL)
		reason = write_signal(pass, session, entry, &json->root);
	else
		reason = write_analytics(pass, session, entry, &json->root);
	if (reason != NULL)
		report_broken(pass, entry, reason, 0);
}

void
apply_entry(Pass *pass, LiveSession *session, const Entry *entry, bool write)
{
	const uint8_t *data;
	size_t len = 0;
	const char *reason;
	bool readable = inflate_entry(pass, entry, &data, &len, &reason);

	touch_session(pass, session);
	note_position(session, entry->server_id, entry->seq);
	note_unsaved(session, len);
	if (!readable)
	{
		if (write)
			report_broken(pass, entry, reason, 0);
	}
	else if (is_batch(entry))
		apply_batch(pass, session, entry, data, len, write);
	else
	{
		MemoryContext old = MemoryContextSwitchTo(pass->entry_context);

		apply_json(pass, session, entry, data, len, write);
		MemoryContextSwitchTo(old);
	}
}
