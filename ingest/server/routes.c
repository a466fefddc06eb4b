/*
 * routes.c - the routing table, and the endpoints that need no file of their own
 *
 * Every path is also served under /ingest.  What is not listed is 404.
 */
#include "server/routes.h"

#include "server/metrics.h"

static void say_ok(Request *request, const uint8_t *body, size_t len);

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
	{"/", NULL, AUTH_NONE, BODY_NONE, say_ok, "alive"},
	{"/health", NULL, AUTH_NONE, BODY_NONE, show_health, "health"},
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
