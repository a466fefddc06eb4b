/*
 * status.c - what the server tells of itself: GET /health and GET /metrics
 *
 * /health answers the question of a load balancer: can this server store what it is sent?  It can while the database is
 * away, as long as the spool takes it; so an outage of the database turns no server away from its visitors.
 */
#include <string.h>

#include "server/memory.h"
#include "server/metrics.h"
#include "server/routes.h"

#define METRICS_MAX (1 << 20)
#define HEALTH_MAX 4096
#define SPOOL_FULL 0.95 /* of its limit: an entry may be larger than what is left */

/* ---- health -------------------------------------------------------------------------------------------------------
 */

typedef enum Health
{
	PASS,
	WARN, /* all is stored, but something is wrong */
	FAIL
} Health;

static const char *const health_words[] = {"pass", "warn", "fail"};

static Health
spool_health(const Server *server, const SpoolGauges *spool)
{
	if (!lanes_can_spool(server->lanes) || !has_projects(server->snapshot) ||
		(double) spool->bytes > SPOOL_FULL * (double) server->settings.spool_limit)
		return FAIL;
	return spool->entries > 0 ? WARN : PASS;
}

void
show_health(Request *request, const uint8_t *body, size_t len)
{
	Server *server = request->server;
	bool connected = lanes_connected(server->lanes);
	SpoolGauges spool;
	Health of_spool;
	Health health;
	Buffer json;

	(void) body;
	(void) len;
	read_spool_gauges(server->lanes, &spool);
	of_spool = spool_health(server, &spool);
	/* A spool that cannot be used does no harm while nobody needs it. */
	if (connected)
		health = of_spool == PASS ? PASS : WARN;
	else
		health = of_spool == FAIL ? FAIL : WARN;

	init_buffer(&json, HEALTH_MAX);
	put_format(&json, "{\"status\":\"%s\",\"checks\":{\"postgres\":[", health_words[health]);
	if (connected)
		put_format(&json, "{\"status\":\"pass\",\"time\":\"%.1fms\"}", last_commit_ms());
	else
		put_text(&json, "{\"status\":\"fail\",\"output\":\"no connection holds the lanes\"}");
	put_format(&json, "],\"spool\":[{\"status\":\"%s\",\"entries\":%llu,\"bytes\":%llu}]}}", health_words[of_spool],
			   (unsigned long long) spool.entries, (unsigned long long) spool.bytes);
	answer_content(request, health == FAIL ? 503 : 200, &json, "application/health+json");
}

/* ---- metrics ------------------------------------------------------------------------------------------------------
 */

/* True for a peer on this host that does not speak for somebody else. */
static bool
is_local(Request *request)
{
	return is_loopback(connection_peer(request->line)) && request_header(request, "X-Forwarded-For") == NULL &&
		   request_header(request, "X-Real-Ip") == NULL && request_header(request, "Forwarded") == NULL;
}

static void
write_lanes(Buffer *text, Lanes *lanes)
{
	LaneGauges gauges;

	read_lane_gauges(lanes, &gauges);
	write_gauge(text, "lanes_held", "Lanes whose only writer this server is at the moment.", gauges.held);
	write_head(text, "lane_position", "gauge", "The last number given in each lane.");
	for (unsigned shard = 0; shard < VISIT_SHARDS; shard++)
		put_format(text, "openreplay_ingest_lane_position{shard=\"%u\"} %lld\n", shard,
				   (long long) gauges.last_seq[shard]);
	write_gauge(text, "queue_entries", "Entries waiting for their commit.", (double) lanes_depth(lanes));
	write_gauge(text, "database_connected", "1 while every writer holds its lanes.", lanes_connected(lanes) ? 1 : 0);
}

static void
write_spool(Buffer *text, Server *server)
{
	SpoolGauges spool;

	read_spool_gauges(server->lanes, &spool);
	write_gauge(text, "spool_entries", "Entries in the spool.", (double) spool.entries);
	write_gauge(text, "spool_bytes", "Bytes of the spool on disk.", (double) spool.bytes);
	write_gauge(text, "spool_limit_bytes", "SPOOL_LIMIT.", (double) server->settings.spool_limit);
	write_gauge(text, "spool_age_seconds", "How long ago the oldest entry in the spool was received.", spool.age_s);
}

static void
write_calls(Buffer *text, Caller *caller)
{
	static const char *const outcomes[] = {
		[CALL_DONE] = "done", [CALL_REFUSED] = "refused", [CALL_UNAVAILABLE] = "unavailable", [CALL_TOO_LATE] = "late"};
	CallGauges gauges;

	read_call_gauges(caller, &gauges);
	write_gauge(text, "calls_waiting", "SQL functions to be called for requests.", (double) gauges.waiting);
	write_head(text, "calls_total", "counter", "SQL functions called for requests.");
	for (int i = 0; i < CALL_OUTCOMES; i++)
		put_format(text, "openreplay_ingest_calls_total{outcome=\"%s\"} %llu\n", outcomes[i],
				   (unsigned long long) gauges.finished[i]);
}

void
show_metrics(Request *request, const uint8_t *body, size_t len)
{
	const char *names[METRIC_ENDPOINTS] = {NULL};
	Server *server = request->server;
	double built_s;
	Buffer text;

	(void) body;
	(void) len;
	if (!is_local(request))
	{
		answer(request, ANSWER_NOT_FOUND);
		return;
	}
	for (size_t i = 0; i < route_count; i++)
		names[i] = routes[i].name;
	names[METRIC_ENDPOINTS - 1] = "unknown";

	init_buffer(&text, METRICS_MAX);
	write_metrics(&text, names);
	write_lanes(&text, server->lanes);
	write_spool(&text, server);
	write_calls(&text, server->caller);
	write_gauge(&text, "sessions_remembered", "Sessions whose project is known without asking the database.",
				(double) count_sessions(server->sessions));
	write_gauge(&text, "memory_bytes", "Bytes held for clients.", (double) memory_taken());
	write_gauge(&text, "memory_limit_bytes", "MEMORY_LIMIT.", (double) server->settings.memory_limit);
	write_gauge(&text, "connections", "Open connections.", connections_open(server->connections));
	write_gauge(&text, "snapshot_age_seconds", "Since the projects were read from the database, -1: not yet.",
				snapshot_age_s(server->snapshot));
	write_gauge(&text, "places_known", "1 while a location database is open.", geo_is_open(server->geo, &built_s));
	write_gauge(&text, "places_built_seconds", "When that database was made, 0: there is none.", built_s);
	answer_content(request, 200, &text, "text/plain; version=0.0.4");
}
