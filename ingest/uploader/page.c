/*
 * page.c - GET /metrics and GET /health over HTTP
 *
 * For those who watch it on this host, or wherever METRICS_HOST lets them come from.  Nothing here changes anything,
 * and clients can hold no more than some connections for some seconds.
 */
#include "uploader/page.h"

#include <microhttpd.h>
#include <string.h>
#include <unistd.h>

#include "common/listen.h"

#define CONNECTIONS 16
#define CONNECTION_MEMORY 8192
#define TIMEOUT_S 5
#define LISTEN_BACKLOG 16
#define TEXT_MAX 262144

static enum MHD_Result
answer(struct MHD_Connection *connection, unsigned code, const char *type, const char *text, size_t len)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(len, (void *) text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result = MHD_NO;

	if (response == NULL)
		return MHD_NO;
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES &&
		(code != MHD_HTTP_METHOD_NOT_ALLOWED ||
		 MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES))
		result = MHD_queue_response(connection, code, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result
refuse(struct MHD_Connection *connection, unsigned code, const char *text)
{
	return answer(connection, code, "text/plain", text, strlen(text));
}

static enum MHD_Result
on_request(void *argument, struct MHD_Connection *connection, const char *path, const char *method, const char *version,
		   const char *body, size_t *body_len, void **state)
{
	Status *status = argument;
	bool is_metrics = strcmp(path, "/metrics") == 0;
	enum MHD_Result result;
	Buffer text;
	bool healthy = true;

	(void) version;
	(void) body;
	(void) body_len;
	(void) state;
	if (!is_metrics && strcmp(path, "/health") != 0)
		return refuse(connection, MHD_HTTP_NOT_FOUND, "here are /metrics and /health\n");
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET it\n");
	init_buffer(&text, TEXT_MAX);
	if (is_metrics)
		show_metrics(status, &text);
	else
		healthy = show_health(status, &text);
	if (text.failed)
		result = refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
	else
		result = answer(connection, healthy ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
						is_metrics ? "text/plain; version=0.0.4" : "application/health+json", text.data, text.len);
	free_buffer(&text);
	return result;
}

bool
open_page(Page *page, Status *status, char *error, size_t error_size)
{
	const Settings *settings = status->uploader->settings;
	unsigned port;
	int fd;

	if (settings->metrics_port == 0)
		return true;
	fd = listen_on(settings->metrics_host, (unsigned) settings->metrics_port, LISTEN_BACKLOG, &port, error, error_size);
	if (fd < 0)
		return false;
	page->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNALLY, 0, NULL, NULL, on_request, status,
									MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned) CONNECTIONS,
									MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) CONNECTION_MEMORY,
									MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) TIMEOUT_S, MHD_OPTION_END);
	if (page->daemon != NULL)
		return true;
	close(fd);
	snprintf(error, error_size, "cannot start the HTTP server for metrics");
	return false;
}

void
close_page(Page *page)
{
	if (page->daemon != NULL)
		MHD_stop_daemon(page->daemon);
}
