/*
 * tables.c - the list of everything a pass writes
 *
 * A table is written by INSERT ... ON CONFLICT DO NOTHING, or by the statement given.  What is shared between sessions
 * is written in the order of its keys, so that two workers never wait for each other in a circle.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "pipeline/tables.h"

#define EVENT_KEY \
	{"session_id", INT8OID}, {"message_id", INT8OID}, \
	{ \
		"timestamp", INT8OID \
	}
#define COMMON_KEY \
	{"session_id", INT8OID}, {"timestamp", INT8OID}, \
	{ \
		"seq_index", INT4OID \
	}

/* clang-format off: a list to be read, one table a paragraph */
const TableSpec row_tables[ROW_TABLES] = {
	[ROWS_SESSIONS] = {"public.sessions",
					   .columns = {{"session_id", INT8OID},
								   {"project_id", INT4OID},
								   {"start_ts", INT8OID},
								   {"tracker_version", TEXTOID},
								   {"rev_id", TEXTOID},
								   {"platform", TEXTOID, "platform::public.platform"},
								   {"user_uuid", TEXTOID, "user_uuid::uuid"},
								   {"user_os", TEXTOID},
								   {"user_os_version", TEXTOID},
								   {"user_browser", TEXTOID},
								   {"user_browser_version", TEXTOID},
								   {"user_device", TEXTOID},
								   {"user_device_type", TEXTOID, "user_device_type::public.device_type"},
								   {"user_country", TEXTOID, "user_country::public.country"},
								   {"user_state", TEXTOID},
								   {"user_city", TEXTOID},
								   {"user_device_memory_size", INT4OID},
								   {"user_device_heap_size", INT8OID},
								   {"user_id", TEXTOID},
								   {"timezone", TEXTOID},
								   {"screen_width", INT4OID},
								   {"screen_height", INT4OID},
								   {"issue_score", INT8OID}}},

	/* last value wins, but for the referrer: the first is where the visitor came from */
	[ROWS_IDENTITIES] =
		{.statement =
			 "UPDATE public.sessions s SET user_id = coalesce(r.user_id, s.user_id),"
			 " user_anonymous_id = coalesce(r.user_anonymous_id, s.user_anonymous_id),"
			 " referrer = coalesce(s.referrer, r.referrer),"
			 " base_referrer = CASE WHEN s.referrer IS NULL THEN r.base_referrer ELSE s.base_referrer END,"
			 " utm_source = coalesce(r.utm_source, s.utm_source), utm_medium = coalesce(r.utm_medium, s.utm_medium),"
			 " utm_campaign = coalesce(r.utm_campaign, s.utm_campaign),"
			 " metadata_1 = coalesce(r.metadata_1, s.metadata_1), metadata_2 = coalesce(r.metadata_2, s.metadata_2),"
			 " metadata_3 = coalesce(r.metadata_3, s.metadata_3), metadata_4 = coalesce(r.metadata_4, s.metadata_4),"
			 " metadata_5 = coalesce(r.metadata_5, s.metadata_5), metadata_6 = coalesce(r.metadata_6, s.metadata_6),"
			 " metadata_7 = coalesce(r.metadata_7, s.metadata_7), metadata_8 = coalesce(r.metadata_8, s.metadata_8),"
			 " metadata_9 = coalesce(r.metadata_9, s.metadata_9), metadata_10 = coalesce(r.metadata_10, s.metadata_10)"
			 " FROM %s WHERE s.session_id = r.session_id AND"
			 " (coalesce(r.user_id, s.user_id), coalesce(r.user_anonymous_id, s.user_anonymous_id),"
			 " coalesce(s.referrer, r.referrer), coalesce(r.utm_source, s.utm_source), coalesce(r.utm_medium, "
			 "s.utm_medium),"
			 " coalesce(r.utm_campaign, s.utm_campaign), coalesce(r.metadata_1, s.metadata_1),"
			 " coalesce(r.metadata_2, s.metadata_2), coalesce(r.metadata_3, s.metadata_3),"
			 " coalesce(r.metadata_4, s.metadata_4), coalesce(r.metadata_5, s.metadata_5),"
			 " coalesce(r.metadata_6, s.metadata_6), coalesce(r.metadata_7, s.metadata_7),"
			 " coalesce(r.metadata_8, s.metadata_8), coalesce(r.metadata_9, s.metadata_9),"
			 " coalesce(r.metadata_10, s.metadata_10))"
			 " IS DISTINCT FROM (s.user_id, s.user_anonymous_id, s.referrer, s.utm_source, s.utm_medium, "
			 "s.utm_campaign,"
			 " s.metadata_1, s.metadata_2, s.metadata_3, s.metadata_4, s.metadata_5, s.metadata_6, s.metadata_7, "
			 "s.metadata_8,"
			 " s.metadata_9, s.metadata_10)",
		 .columns = {{"session_id", INT8OID},
					 {"user_id", TEXTOID},
					 {"user_anonymous_id", TEXTOID},
					 {"referrer", TEXTOID},
					 {"base_referrer", TEXTOID},
					 {"utm_source", TEXTOID},
					 {"utm_medium", TEXTOID},
					 {"utm_campaign", TEXTOID},
					 {"metadata_1", TEXTOID},
					 {"metadata_2", TEXTOID},
					 {"metadata_3", TEXTOID},
					 {"metadata_4", TEXTOID},
					 {"metadata_5", TEXTOID},
					 {"metadata_6", TEXTOID},
					 {"metadata_7", TEXTOID},
					 {"metadata_8", TEXTOID},
					 {"metadata_9", TEXTOID},
					 {"metadata_10", TEXTOID}}},

	[ROWS_ERRORS] = {"public.errors", .order = "error_id",
					 .columns = {{"error_id", TEXTOID},
								 {"project_id", INT4OID},
								 {"source", TEXTOID, "source::public.error_source"},
								 {"name", TEXTOID},
								 {"message", TEXTOID},
								 {"payload", TEXTOID, "payload::jsonb"}}},

	[ROWS_ISSUES] = {"public.issues", .order = "issue_id",
					 .columns = {{"issue_id", TEXTOID},
								 {"project_id", INT4OID},
								 {"type", TEXTOID, "type::public.issue_type"},
								 {"context_string", TEXTOID}}},

	[ROWS_CRASHES] = {"public.crashes_ios", .order = "crash_ios_id",
					  .columns = {{"crash_ios_id", TEXTOID},
								  {"project_id", INT4OID},
								  {"name", TEXTOID},
								  {"reason", TEXTOID},
								  {"stacktrace", TEXTOID}}},

	[ROWS_PAGES] = {"events.pages", .is_event = true,
					.columns = {EVENT_KEY,
								{"host", TEXTOID},
								{"path", TEXTOID},
								{"query", TEXTOID},
								{"referrer", TEXTOID},
								{"base_referrer", TEXTOID},
								{"dom_building_time", INT4OID},
								{"dom_content_loaded_time", INT4OID},
								{"load_time", INT4OID},
								{"first_paint_time", INT4OID},
								{"first_contentful_paint_time", INT4OID},
								{"speed_index", INT4OID},
								{"visually_complete", INT4OID},
								{"time_to_interactive", INT4OID},
								{"response_time", INT8OID},
								{"response_end", INT8OID},
								{"ttfb", INT4OID},
								{"web_vitals", TEXTOID}}},

	[ROWS_PAGE_VITALS] = {.statement = "UPDATE events.pages p SET web_vitals = r.web_vitals FROM %s"
									   " WHERE p.session_id = r.session_id AND p.message_id = r.message_id",
						  .columns = {{"session_id", INT8OID}, {"message_id", INT8OID}, {"web_vitals", TEXTOID}}},

	[ROWS_CLICKS] = {"events.clicks", .is_event = true,
					 .columns = {EVENT_KEY,
								 {"label", TEXTOID},
								 {"selector", TEXTOID},
								 {"url", TEXTOID},
								 {"path", TEXTOID},
								 {"hesitation", INT4OID},
								 {"normalized_x", INT4OID, "round(normalized_x / 100.0, 2)"},
								 {"normalized_y", INT4OID, "round(normalized_y / 100.0, 2)"}}},

	[ROWS_INPUTS] = {"events.inputs", .is_event = true,
					 .columns = {EVENT_KEY, {"label", TEXTOID}, {"duration", INT4OID}, {"hesitation", INT4OID}}},

	[ROWS_ERROR_EVENTS] = {"events.errors", .is_event = true, .columns = {EVENT_KEY, {"error_id", TEXTOID}}},

	[ROWS_ERROR_TAGS] = {.statement =
							 "INSERT INTO public.errors_tags (session_id, message_id, error_id, key, value)"
							 " SELECT r.session_id, r.message_id, r.error_id, r.key, r.value FROM %s"
							 " WHERE NOT EXISTS (SELECT FROM public.errors_tags t WHERE t.session_id = r.session_id"
							 " AND t.message_id = r.message_id AND t.key = r.key)",
						 .columns = {{"session_id", INT8OID},
									 {"message_id", INT8OID},
									 {"error_id", TEXTOID},
									 {"key", TEXTOID},
									 {"value", TEXTOID}}},

	[ROWS_ISSUE_EVENTS] = {"events_common.issues", .is_event = true,
						   .columns = {COMMON_KEY, {"issue_id", TEXTOID}, {"payload", TEXTOID, "payload::jsonb"}}},

	[ROWS_PERFORMANCE] = {"events.performance", .is_event = true,
						  .columns = {EVENT_KEY,
									  {"min_fps", INT2OID},
									  {"avg_fps", INT2OID},
									  {"max_fps", INT2OID},
									  {"min_cpu", INT2OID},
									  {"avg_cpu", INT2OID},
									  {"max_cpu", INT2OID},
									  {"min_total_js_heap_size", INT8OID},
									  {"avg_total_js_heap_size", INT8OID},
									  {"max_total_js_heap_size", INT8OID},
									  {"min_used_js_heap_size", INT8OID},
									  {"avg_used_js_heap_size", INT8OID},
									  {"max_used_js_heap_size", INT8OID}}},

	[ROWS_APP_PERFORMANCE] = {"events_ios.performance", .is_event = true,
							  .columns = {EVENT_KEY,
										  {"min_fps", INT2OID},
										  {"avg_fps", INT2OID},
										  {"max_fps", INT2OID},
										  {"min_cpu", INT2OID},
										  {"avg_cpu", INT2OID},
										  {"max_cpu", INT2OID},
										  {"min_memory", INT8OID},
										  {"avg_memory", INT8OID},
										  {"max_memory", INT8OID},
										  {"min_battery", INT2OID},
										  {"avg_battery", INT2OID},
										  {"max_battery", INT2OID}}},

	[ROWS_REQUESTS] = {"events_common.requests", .is_event = true,
					   .columns = {COMMON_KEY,
								   {"url", TEXTOID},
								   {"host", TEXTOID},
								   {"path", TEXTOID},
								   {"query", TEXTOID},
								   {"request_body", TEXTOID},
								   {"response_body", TEXTOID},
								   {"status_code", INT2OID},
								   {"method", TEXTOID, "method::public.http_method"},
								   {"duration", INT4OID},
								   {"success", BOOLOID},
								   {"transfer_size", INT8OID}}},

	[ROWS_RESOURCES] = {"events.resources", .is_event = true,
						.columns = {EVENT_KEY,
									{"type", TEXTOID, "type::events.resource_type"},
									{"url", TEXTOID},
									{"url_host", TEXTOID},
									{"url_hostpath", TEXTOID},
									{"success", BOOLOID},
									{"status", INT2OID},
									{"duration", INT8OID},
									{"ttfb", INT8OID},
									{"header_size", INT8OID},
									{"encoded_body_size", INT4OID},
									{"decoded_body_size", INT4OID}}},

	[ROWS_CUSTOMS] = {"events_common.customs", .is_event = true,
					  .columns = {COMMON_KEY,
								  {"name", TEXTOID},
								  {"payload", TEXTOID, "payload::jsonb"},
								  {"level", TEXTOID, "level::events_common.custom_level"}}},

	[ROWS_GRAPHQL] = {"events.graphql", .is_event = true,
					  .columns = {EVENT_KEY, {"name", TEXTOID}, {"request_body", TEXTOID}, {"response_body", TEXTOID}}},

	[ROWS_STATE_ACTIONS] = {"events.state_actions", .is_event = true, .columns = {EVENT_KEY, {"name", TEXTOID}}},

	/* a tag that was deleted while the page was open is not stored */
	[ROWS_TAGS] = {.is_event = true,
				   .statement = "INSERT INTO events.tags (session_id, timestamp, seq_index, tag_id)"
								" SELECT r.session_id, r.timestamp, r.seq_index, r.tag_id FROM %s"
								" JOIN public.tags t ON t.tag_id = r.tag_id AND t.project_id = r.project_id"
								" ON CONFLICT DO NOTHING",
				   .columns = {COMMON_KEY, {"tag_id", INT4OID}, {"project_id", INT4OID}}},

	[ROWS_CANVAS] = {"events.canvas_recordings", .is_event = true,
					 .columns = {{"session_id", INT8OID}, {"recording_id", TEXTOID}, {"timestamp", INT8OID}}},

	[ROWS_TAPS] = {"events_ios.taps", .is_event = true, .columns = {COMMON_KEY, {"label", TEXTOID}}},

	[ROWS_SWIPES] =
		{"events_ios.swipes", .is_event = true,
		 .columns = {COMMON_KEY, {"label", TEXTOID}, {"direction", TEXTOID}, {"x", INT4OID}, {"y", INT4OID}}},

	[ROWS_MOBILE_INPUTS] = {"events_ios.inputs", .is_event = true, .columns = {COMMON_KEY, {"label", TEXTOID}}},

	[ROWS_VIEWS] = {"events_ios.views", .is_event = true, .columns = {COMMON_KEY, {"name", TEXTOID}}},

	[ROWS_CRASH_EVENTS] = {"events_common.crashes", .is_event = true,
						   .columns = {COMMON_KEY, {"crash_ios_id", TEXTOID}}},

	/* the key does not hold where the task is null */
	[ROWS_SIGNALS] =
		{.statement =
			 "WITH added AS (INSERT INTO public.ut_tests_signals (session_id, test_id, task_id, status, comment,"
			 " timestamp, duration) SELECT DISTINCT ON (r.session_id, r.test_id, r.task_id, r.timestamp) r.session_id,"
			 " r.test_id, r.task_id, r.status::public.ut_signal_status, r.comment, r.timestamp, r.duration FROM %s"
			 " WHERE NOT EXISTS (SELECT FROM public.ut_tests_signals t WHERE t.session_id = r.session_id"
			 " AND t.test_id = r.test_id AND t.task_id IS NOT DISTINCT FROM r.task_id AND t.timestamp = r.timestamp)"
			 " ON CONFLICT DO NOTHING RETURNING session_id)"
			 " UPDATE public.sessions s SET has_ut_test = true FROM added"
			 " WHERE s.session_id = added.session_id AND s.has_ut_test IS NOT TRUE",
		 .columns = {{"session_id", INT8OID},
					 {"test_id", INT4OID},
					 {"task_id", INT4OID},
					 {"status", TEXTOID},
					 {"comment", TEXTOID},
					 {"timestamp", INT8OID},
					 {"duration", INT8OID}}},

	/* in the order in which they were reported, users in the order of their keys */
	[ROWS_USER_CHANGES] =
		{.statement = "SELECT openreplay.change_user(r.project_id, r.user_id, r.action, r.payload, r.at)"
					  " FROM (SELECT r.project_id, r.user_id, r.action, r.payload::jsonb AS payload, r.at FROM %s"
					  " ORDER BY r.project_id, r.user_id, r.number) r",
		 .columns = {{"number", INT8OID},
					 {"project_id", INT4OID},
					 {"user_id", TEXTOID},
					 {"action", TEXTOID},
					 {"payload", TEXTOID},
					 {"at", TIMESTAMPTZOID}}},

	[ROWS_USER_DEVICES] =
		{.statement = "INSERT INTO openreplay.user_devices AS d (project_id, user_uuid, user_id, linked_at)"
					  " SELECT DISTINCT ON (s.project_id, s.user_uuid) s.project_id, s.user_uuid, r.user_id, r.at"
					  " FROM %s JOIN public.sessions s ON s.session_id = r.session_id"
					  " ORDER BY s.project_id, s.user_uuid, r.number DESC"
					  " ON CONFLICT (project_id, user_uuid) DO UPDATE SET user_id = excluded.user_id,"
					  " linked_at = greatest(d.linked_at, excluded.linked_at)",
		 .columns = {{"number", INT8OID}, {"session_id", INT8OID}, {"user_id", TEXTOID}, {"at", TIMESTAMPTZOID}}},

	[ROWS_AUTOCOMPLETE] = {"public.autocomplete", .order = "project_id, type, value",
						   .columns = {{"project_id", INT4OID}, {"type", TEXTOID}, {"value", TEXTOID}}},

	/* a key has only the day of the month: what was queued before the day before is another month's */
	[ROWS_ASSETS] =
		{.statement =
			 "WITH queued AS (INSERT INTO openreplay.assets AS a (key, url)"
			 " SELECT DISTINCT ON (r.key) r.key, r.url FROM %s ORDER BY r.key"
			 " ON CONFLICT (key) DO UPDATE SET url = excluded.url, state = 'waiting', queued_at = excluded.queued_at"
			 " WHERE a.queued_at < excluded.queued_at - interval '2 days' RETURNING a.key, a.url)"
			 " INSERT INTO openreplay.outbox (kind, key, payload)"
			 " SELECT 'asset', key, jsonb_build_object('key', key, 'url', url) FROM queued ORDER BY key"
			 " ON CONFLICT (kind, key) DO NOTHING",
		 .columns = {{"key", TEXTOID}, {"url", TEXTOID}}},

	[ROWS_CHECKPOINTS] =
		{.statement =
			 "INSERT INTO openreplay.live_sessions AS l (session_id, last_received_at, last_message_ms, expires_at, "
			 "ended_at,"
			 " project_id, shard, state) SELECT r.session_id, r.last_received_at, r.last_message_ms, r.expires_at, "
			 "r.ended_at,"
			 " r.project_id, r.shard, r.state FROM %s ORDER BY r.session_id"
			 " ON CONFLICT (session_id) DO UPDATE SET last_received_at = excluded.last_received_at,"
			 " last_message_ms = excluded.last_message_ms, ended_at = excluded.ended_at, state = excluded.state,"
			 " checkpointed_at = clock_timestamp()",
		 .columns = {{"session_id", INT8OID},
					 {"last_received_at", TIMESTAMPTZOID},
					 {"last_message_ms", INT8OID},
					 {"expires_at", TIMESTAMPTZOID},
					 {"ended_at", TIMESTAMPTZOID},
					 {"project_id", INT4OID},
					 {"shard", INT2OID},
					 {"state", BYTEAOID}}},

	[ROWS_PARKED] = {"openreplay.parked_batches", .columns = {{"session_id", INT8OID},
															  {"server_id", INT4OID},
															  {"shard", INT2OID},
															  {"seq", INT8OID},
															  {"received_at", TIMESTAMPTZOID}}},

	[ROWS_BROKEN] = {"openreplay.broken_batch_log", .columns = {{"received_at", TIMESTAMPTZOID},
																{"session_id", INT8OID},
																{"seq", INT8OID},
																{"server_id", INT4OID},
																{"messages_kept", INT4OID},
																{"shard", INT2OID},
																{"kind", TEXTOID, "kind::\"char\""},
																{"reason", TEXTOID},
																{"body", BYTEAOID}}},

	[ROWS_PASSES] = {"openreplay.passes", .columns = {{"seq", INT8OID},
													  {"received_at", TIMESTAMPTZOID},
													  {"messages", INT8OID},
													  {"bytes", INT8OID},
													  {"server_id", INT4OID},
													  {"entries", INT4OID},
													  {"duplicates", INT4OID},
													  {"broken", INT4OID},
													  {"parked", INT4OID},
													  {"dropped", INT4OID},
													  {"rows_written", INT4OID},
													  {"rows_known", INT4OID},
													  {"elapsed_ms", FLOAT4OID},
													  {"shard", INT2OID}}},
};
/* clang-format on */
