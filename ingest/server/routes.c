/*
 * routes.c - the routing table, and the endpoints that need no file of their own
 *
 * Every path is also served under /ingest.  What is not listed is 404.
 */
#include "server/routes.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "server/memory.h"
#include "server/metrics.h"

#define METRICS_MAX (1 << 20)

static void say_ok(Request *request, const uint8_t *body, size_t len);
static void show_metrics(Request *request, const uint8_t *body, size_t len);

const Route routes[] = {
	{"/v1/web/i", "POST", AUTH_TOKEN_GRACE, BODY_BATCH, take_batch, "web/i"},
	{"/v1/web/start", "POST", AUTH_NONE, BODY_JSON, start_session, "web/start"},
	{"/v1/web/tags", "GET", AUTH_TOKEN, BODY_NONE, list_tags, "web/tags"},
	{"/v1/web/images", "POST", AUTH_TOKEN_GRACE, BODY_FILES, take_canvas_images, "web/images"},
	{"/v1/mobile/i", "POST", AUTH_TOKEN_GRACE, BODY_MOBILE_BATCH, take_mobile_batch, "mobile/i"},
	{"/v1/mobile/late", "POST", AUTH_SIGNATURE, BODY_MOBILE_BATCH, take_mobile_batch, "mobile/late"},
	{"/v1/mobile/start", "POST", AUTH_NONE, BODY_MOBILE_JSON, start_mobile_session, "mobile/start"},
	{"/v1/mobile/images", "POST", AUTH_TOKEN_GRACE, BODY_FILES, take_screenshots, "mobile/images"},
	{"/v1/sdk/i", "POST", AUTH_TOKEN, BODY_ANALYTICS, take_analytics, "sdk/i"},
	{"/v1/sdk/start", "POST", AUTH_NONE, BODY_JSON, start_sdk_session, "sdk/start"},
	{"/v1/web/conditions/*", "GET", AUTH_TOKEN, BODY_NONE, list_web_conditions, "web/conditions"},
	{"/v1/mobile/conditions/*", "GET", AUTH_TOKEN, BODY_NONE, list_mobile_conditions, "mobile/conditions"},
	{"/v1/web/feature-flags", "POST", AUTH_TOKEN, BODY_JSON, evaluate_flags, "web/feature-flags"},
	{"/v1/web/uxt/test/*", "GET", AUTH_TOKEN, BODY_NONE, show_usability_test, "web/uxt/test"},
	{"/v1/web/uxt/signals/test", "POST", AUTH_TOKEN, BODY_JSON, take_test_signal, "web/uxt/signals/test"},
	{"/v1/web/uxt/signals/task", "POST", AUTH_TOKEN, BODY_JSON, take_task_signal, "web/uxt/signals/task"},
	{"/v1/web/uxt/upload-url", "GET", AUTH_TOKEN, BODY_NONE, give_upload_url, "web/uxt/upload-url"},
	{"/v1/web/not-started", "POST", AUTH_NONE, BODY_JSON, note_not_started, "web/not-started"},
	{"/", NULL, AUTH_NONE, BODY_NONE, say_ok, "health"},
	{"/health", NULL, AUTH_NONE, BODY_NONE, say_ok, "health"},
	{"/metrics", "GET", AUTH_NONE, BODY_NONE, show_metrics, "metrics"},
};
const size_t route_count = sizeof(routes) / sizeof(routes[0]);

_Static_assert(sizeof(routes) / sizeof(routes[0]) < METRIC_ENDPOINTS, "the last place counts unknown paths");

static void
say_ok(Request *request, const uint8_t *body, size_t len)
{
	(void) body;
	(void) len;
	answer(request, ANSWER_OK);
}

/* True for a peer on this host that does not speak for somebody else. */
static bool
is_local(Request *request)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info != NULL ? info->client_addr : NULL;

	if (address == NULL || request_header(request, "X-Forwarded-For") != NULL ||
		request_header(request, "X-Real-Ip") != NULL || request_header(request, "Forwarded") != NULL)
		return false;
	if (address->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *) address)->sin_addr.s_addr) >> 24 == 127;
	if (address->sa_family == AF_INET6)
	{
		const struct in6_addr *ip = &((const struct sockaddr_in6 *) address)->sin6_addr;

		return IN6_IS_ADDR_LOOPBACK(ip) || (IN6_IS_ADDR_V4MAPPED(ip) && ip->s6_addr[12] == 127);
	}
	return false;
}

static void
show_metrics(Request *request, const uint8_t *body, size_t len)
{
	const char *names[METRIC_ENDPOINTS] = {NULL};
	Server *server = request->server;
	SpoolGauges spool;
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
	write_gauge(&text, "queue_entries", "Entries waiting for their commit.", (double) lanes_depth(server->lanes));
	write_gauge(&text, "memory_bytes", "Bytes held for clients.", (double) memory_taken());
	write_gauge(&text, "database_connected", "1 while every writer holds its lanes.",
				lanes_connected(server->lanes) ? 1 : 0);
	read_spool_gauges(server->lanes, &spool);
	write_gauge(&text, "spool_entries", "Entries in the spool.", (double) spool.entries);
	write_gauge(&text, "spool_bytes", "Bytes of the spool on disk.", (double) spool.bytes);
	write_gauge(&text, "spool_age_seconds", "How long ago the oldest entry in the spool was received.", spool.age_s);
	answer_text(request, &text);
}
