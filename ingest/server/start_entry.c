/*
 * start_entry.c - a start as the database will read it
 */
#include "server/start.h"

/* All keys always, but for those that only the SDK tells; "" and 0 mean unknown. */
void
put_start_entry(Buffer *json, const Start *start)
{
	const StartRequest *asked = &start->asked;
	const Visitor *visitor = &start->visitor;

	put_format(json, "{\"session_id\":\"%llu\",\"project_id\":%d,\"start_ts\":%lld",
			   (unsigned long long) start->token.session_id, start->project.id, (long long) start->start_ts);
	put_field(json, "tracker_version", asked->tracker_version);
	put_field(json, "rev_id", asked->rev_id);
	put_field(json, "platform", visitor->platform);
	put_field(json, "user_uuid", start->user_uuid);
	put_field(json, "user_os", visitor->os);
	put_field(json, "user_os_version", visitor->os_version);
	put_field(json, "user_browser", visitor->browser);
	put_field(json, "user_browser_version", visitor->browser_version);
	put_field(json, "user_device", visitor->device);
	put_field(json, "user_device_type", visitor->device_type);
	put_field(json, "user_country", start->place.country);
	put_field(json, "user_state", start->place.state);
	put_field(json, "user_city", start->place.city);
	put_format(json, ",\"user_device_memory_size\":%lld,\"user_device_heap_size\":%lld",
			   (long long) asked->device_memory, (long long) visitor->heap_size);
	put_field(json, "user_id", asked->user_id);
	put_field(json, "timezone", asked->timezone);
	put_format(json, ",\"screen_width\":%lld,\"screen_height\":%lld", (long long) asked->width,
			   (long long) asked->height);
	put_field(json, "user_agent", start->agent_text);
	if (start->kind->client == START_SDK)
	{
		put_field(json, "referrer", asked->referrer);
		put_field(json, "utm_source", asked->utm_source);
		put_field(json, "utm_medium", asked->utm_medium);
		put_field(json, "utm_campaign", asked->utm_campaign);
	}
	put_format(json, ",\"delay_ms\":%lld,\"expires_ms\":%lld}", (long long) start->token.delay_ms,
			   (long long) start->token.expires_ms);
}
