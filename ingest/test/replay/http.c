/*
 * http.c - a frugal HTTP/1.1 client for thousands of keep-alive connections on one thread
 *
 * The generator shares two cores with the server and the database it measures, so it does the least that is right: one
 * epoll, one writev a request, no copy of a body.  It knows what servers here send: answers with Content-Length.
 *
 * Connections: CLOSED -> CONNECTING -> SENDING -> WAITING -> IDLE -> SENDING ...; a fault closes and reports status 0.
 */
#include "replay.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_HEAD_BYTES 2048
#define MAX_ANSWER_BYTES (1 << 20)
#define ANSWER_TIMEOUT_NS INT64_C(30000000000)
#define EVENTS_AT_ONCE 256

typedef enum ConnectionState
{
	CLOSED,
	CONNECTING,
	SENDING,
	WAITING,
	IDLE
} ConnectionState;

struct HttpConnection
{
	HttpClient *client;
	HttpDone done;
	void *owner;
	int fd;
	ConnectionState state;
	bool wants_write;	/* epoll is asked for EPOLLOUT */
	const char *broken; /* failed before poll_http could tell */
	int64_t sent_ns;
	char head[MAX_HEAD_BYTES];
	struct iovec out[1 + HTTP_BODY_PARTS];
	int nout;
	char *answer;
	size_t answer_len;
	size_t answer_room;
};

struct HttpClient
{
	int epoll;
	struct sockaddr_storage address;
	socklen_t address_len;
	char host[256]; /* as in the Host header */
	char prefix[256];
	HttpConnection **connections;
	size_t nconnections;
	size_t nbroken;
	int64_t next_timeout_scan_ns;
};

HttpClient *
open_http(const char *url)
{
	HttpClient *client = need(calloc(1, sizeof(HttpClient)));
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	char name[256];
	char *port;
	size_t host_len;
	int error;

	if (strncmp(url, "http://", 7) != 0)
		fail("%s: load and bench speak plain http:// only", url);
	url += 7;
	host_len = strcspn(url, "/");
	if (host_len == 0 || host_len >= sizeof(client->host) || strlen(url + host_len) >= sizeof(client->prefix))
		fail("%s: not a URL", url);
	memcpy(client->host, url, host_len);
	snprintf(client->prefix, sizeof(client->prefix), "%s", url + host_len);
	if (client->prefix[0] && client->prefix[strlen(client->prefix) - 1] == '/')
		client->prefix[strlen(client->prefix) - 1] = '\0';
	snprintf(name, sizeof(name), "%s", client->host);
	port = strrchr(name, ':');
	if (port)
		*port++ = '\0';
	error = getaddrinfo(name, port ? port : "80", &hints, &found);
	if (error != 0)
		fail("%s: %s", client->host, gai_strerror(error));
	memcpy(&client->address, found->ai_addr, found->ai_addrlen);
	client->address_len = found->ai_addrlen;
	freeaddrinfo(found);
	client->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (client->epoll < 0)
		fail("epoll_create1: %s", strerror(errno));
	return client;
}

HttpConnection *
open_connection(HttpClient *client, HttpDone done, void *owner)
{
	HttpConnection *connection = need(calloc(1, sizeof(HttpConnection)));

	connection->client = client;
	connection->done = done;
	connection->owner = owner;
	connection->fd = -1;
	client->connections = need(realloc(client->connections, (client->nconnections + 1) * sizeof(HttpConnection *)));
	client->connections[client->nconnections++] = connection;
	return connection;
}

static void
close_socket(HttpConnection *connection)
{
	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
	connection->state = CLOSED;
	connection->wants_write = false;
}

static void
report_failure(HttpConnection *connection, const char *reason)
{
	close_socket(connection);
	connection->answer_len = 0;
	connection->done(connection->owner, 0, reason, strlen(reason));
}

/* For faults outside poll_http: a callback from within send_request would re-enter its caller. */
static void
mark_broken(HttpConnection *connection, const char *reason)
{
	close_socket(connection);
	connection->broken = reason;
	connection->client->nbroken++;
}

static void
watch(HttpConnection *connection, int operation, bool wants_write)
{
	struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.ptr = connection};

	connection->wants_write = wants_write;
	if (epoll_ctl(connection->client->epoll, operation, connection->fd, &event) != 0)
		fail("epoll_ctl: %s", strerror(errno));
}

/* NULL, or why it failed. */
static const char *
start_connecting(HttpConnection *connection)
{
	HttpClient *client = connection->client;
	int one = 1;

	connection->fd = socket(client->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connection->fd < 0)
		return strerror(errno);
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(connection->fd, (struct sockaddr *) &client->address, client->address_len) != 0 && errno != EINPROGRESS)
		return strerror(errno);
	connection->state = CONNECTING;
	watch(connection, EPOLL_CTL_ADD, true);
	return NULL;
}

static const char *
write_request(HttpConnection *connection)
{
	while (connection->nout > 0)
	{
		ssize_t written = writev(connection->fd, connection->out, connection->nout);

		if (written < 0)
		{
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN)
				return strerror(errno);
			if (!connection->wants_write)
				watch(connection, EPOLL_CTL_MOD, true);
			return NULL;
		}
		while (connection->nout > 0 && (size_t) written >= connection->out[0].iov_len)
		{
			written -= (ssize_t) connection->out[0].iov_len;
			connection->nout--;
			memmove(&connection->out[0], &connection->out[1], (size_t) connection->nout * sizeof(struct iovec));
		}
		if (connection->nout > 0)
		{
			connection->out[0].iov_base = (char *) connection->out[0].iov_base + written;
			connection->out[0].iov_len -= (size_t) written;
		}
	}
	connection->state = WAITING;
	if (connection->wants_write)
		watch(connection, EPOLL_CTL_MOD, false);
	return NULL;
}

void
send_request(HttpConnection *connection, const char *method, const char *path, const char *headers,
			 const struct iovec *body, int body_parts)
{
	const HttpClient *client = connection->client;
	const char *reason = NULL;
	size_t body_len = 0;
	int head_len;

	for (int i = 0; i < body_parts; i++)
		body_len += body[i].iov_len;
	head_len = snprintf(connection->head, sizeof(connection->head),
						"%s %s%s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %zu\r\n\r\n", method, client->prefix, path,
						client->host, headers, body_len);
	if (head_len < 0 || (size_t) head_len >= sizeof(connection->head))
		fail("%s: the request head is too long", path);
	connection->out[0] = (struct iovec){connection->head, (size_t) head_len};
	for (int i = 0; i < body_parts; i++)
		connection->out[i + 1] = body[i];
	connection->nout = 1 + body_parts;
	connection->answer_len = 0;
	connection->sent_ns = clock_ns();
	if (connection->state == CLOSED)
		reason = start_connecting(connection);
	else
	{
		connection->state = SENDING;
		reason = write_request(connection);
	}
	if (reason)
		mark_broken(connection, reason);
}

/* Length of the head with its empty line, 0 while it is incomplete. */
static size_t
find_head_end(const HttpConnection *connection)
{
	const char *end = memmem(connection->answer, connection->answer_len, "\r\n\r\n", 4);

	return end ? (size_t) (end - connection->answer) + 4 : 0;
}

/*
 * Reads the head's lines.  False when it is none that this client can follow.
 */
static bool
parse_head(const HttpConnection *connection, size_t head_len, int *status, size_t *body_len, bool *close_after)
{
	const char *line = connection->answer;
	const char *end = connection->answer + head_len;

	if (head_len < 16 || strncmp(line, "HTTP/1.", 7) != 0)
		return false;
	*status = (int) strtol(line + 9, NULL, 10);
	*body_len = 0;
	*close_after = line[7] == '0';
	while ((line = memchr(line, '\n', (size_t) (end - line))) != NULL && ++line < end)
	{
		if (strncasecmp(line, "Content-Length:", 15) == 0)
			*body_len = strtoul(line + 15, NULL, 10);
		else if (strncasecmp(line, "Connection: close", 17) == 0)
			*close_after = true;
		else if (strncasecmp(line, "Transfer-Encoding:", 18) == 0)
			return false;
	}
	return *status >= 100 && *body_len < MAX_ANSWER_BYTES;
}

/* Hands out a complete answer. */
static void
take_answer(HttpConnection *connection)
{
	size_t head_len = find_head_end(connection);
	size_t body_len;
	bool close_after;
	int status;

	if (head_len == 0)
		return;
	if (!parse_head(connection, head_len, &status, &body_len, &close_after))
	{
		report_failure(connection, "an answer this client does not understand");
		return;
	}
	if (connection->answer_len < head_len + body_len)
		return;
	if (close_after)
		close_socket(connection);
	else
		connection->state = IDLE;
	connection->done(connection->owner, status, connection->answer + head_len, body_len);
}

static void
read_answer(HttpConnection *connection)
{
	ssize_t len;

	if (connection->answer_len + 4096 > connection->answer_room)
	{
		if (connection->answer_room >= MAX_ANSWER_BYTES)
		{
			report_failure(connection, "an answer that is too long");
			return;
		}
		connection->answer_room = connection->answer_room ? connection->answer_room * 2 : 8192;
		connection->answer = need(realloc(connection->answer, connection->answer_room));
	}
	len = read(connection->fd, connection->answer + connection->answer_len,
			   connection->answer_room - connection->answer_len);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (connection->state == IDLE)
		close_socket(connection); /* closed by the server between two requests */
	else if (len < 0)
		report_failure(connection, strerror(errno));
	else if (len == 0)
		report_failure(connection, "connection closed before the answer");
	else
	{
		connection->answer_len += (size_t) len;
		take_answer(connection);
	}
}

static void
handle_event(HttpConnection *connection, uint32_t events)
{
	if (connection->state == CLOSED)
		return;
	if (connection->state == CONNECTING)
	{
		int error = 0;
		socklen_t len = sizeof(error);

		getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error != 0)
		{
			report_failure(connection, strerror(error));
			return;
		}
		if (!(events & EPOLLOUT))
			return;
		connection->state = SENDING;
	}
	if (connection->state == SENDING && (events & EPOLLOUT))
	{
		const char *reason = write_request(connection);

		if (reason)
		{
			report_failure(connection, reason);
			return;
		}
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_answer(connection);
}

static void
report_broken(HttpClient *client)
{
	for (size_t i = 0; i < client->nconnections && client->nbroken > 0; i++)
	{
		HttpConnection *connection = client->connections[i];
		const char *reason = connection->broken;

		if (reason == NULL)
			continue;
		connection->broken = NULL;
		client->nbroken--;
		report_failure(connection, reason);
	}
}

static void
report_timeouts(HttpClient *client)
{
	int64_t now = clock_ns();

	if (now < client->next_timeout_scan_ns)
		return;
	client->next_timeout_scan_ns = now + 1000000000;
	for (size_t i = 0; i < client->nconnections; i++)
	{
		HttpConnection *connection = client->connections[i];

		if (connection->state != CLOSED && connection->state != IDLE && now - connection->sent_ns > ANSWER_TIMEOUT_NS)
			report_failure(connection, "no answer within 30 s");
	}
}

void
poll_http(HttpClient *client, int timeout_ms)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int count = epoll_wait(client->epoll, events, EVENTS_AT_ONCE, client->nbroken > 0 ? 0 : timeout_ms);

	for (int i = 0; i < count; i++)
		handle_event(events[i].data.ptr, events[i].events);
	if (client->nbroken > 0)
		report_broken(client);
	report_timeouts(client);
}
