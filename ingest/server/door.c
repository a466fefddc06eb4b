/*
 * door.c - listening, and libmicrohttpd's settings
 */
#include "server/door.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024
#define CONNECTION_MEMORY 32768 /* request line, headers (cookies of a same-origin site too) and read buffer */

static bool
listen_on(Door *door, char *error, size_t error_size)
{
	const Settings *settings = &door->server->settings;
	struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
	struct addrinfo *addresses;
	struct sockaddr_storage bound;
	socklen_t bound_len = sizeof(bound);
	char port[16];
	char host[64];
	int on = 1;
	int result;

	snprintf(port, sizeof(port), "%lld", (long long) settings->http_port);
	result = getaddrinfo(settings->http_host, port, &hints, &addresses);
	if (result != 0)
	{
		snprintf(error, error_size, "HTTP_HOST: %s: %s", settings->http_host, gai_strerror(result));
		return false;
	}
	door->socket = socket(addresses->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (door->socket < 0 || setsockopt(door->socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		bind(door->socket, addresses->ai_addr, addresses->ai_addrlen) != 0 || listen(door->socket, BACKLOG) != 0 ||
		getsockname(door->socket, (struct sockaddr *) &bound, &bound_len) != 0)
	{
		snprintf(error, error_size, "cannot listen on %s port %s: %s", settings->http_host, port, strerror(errno));
		freeaddrinfo(addresses);
		return false;
	}
	freeaddrinfo(addresses);
	getnameinfo((struct sockaddr *) &bound, bound_len, host, sizeof(host), port, sizeof(port),
				NI_NUMERICHOST | NI_NUMERICSERV);
	door->port = (unsigned) strtoul(port, NULL, 10);
	return true;
}

/* Paths with one name are one endpoint in the metrics. */
static void
number_endpoints(Door *door)
{
	for (size_t i = 0; i < door->nroutes; i++)
	{
		size_t first = 0;

		while (strcmp(door->routes[first].name, door->routes[i].name) != 0)
			first++;
		door->endpoints[i] = (uint8_t) first;
	}
}

Door *
open_door(Server *server, const Route *routes, size_t nroutes, char *error, size_t error_size)
{
	const Settings *settings = &server->settings;
	Door *door = calloc(1, sizeof(*door));
	unsigned threads = (unsigned) settings->http_threads;
	unsigned flags = MHD_USE_EPOLL_INTERNALLY | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;

	if (door == NULL)
	{
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	door->server = server;
	door->routes = routes;
	door->nroutes = nroutes;
	door->socket = -1;
	number_endpoints(door);
	if (!open_answers(settings))
		snprintf(error, error_size, "out of memory");
	else if (listen_on(door, error, error_size))
	{
		struct MHD_OptionItem pool[] = {
			{threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, threads, NULL},
			{MHD_OPTION_END, 0, NULL},
		};

		door->daemon = MHD_start_daemon(
			flags, 0, may_connect, server->connections, on_request, door, MHD_OPTION_LISTEN_SOCKET, door->socket,
			MHD_OPTION_URI_LOG_CALLBACK, on_request_line, door, MHD_OPTION_NOTIFY_COMPLETED, on_completed, door,
			MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT,
			(unsigned) settings->connection_limit, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server->connections,
			MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) settings->http_timeout_s, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
		if (door->daemon != NULL)
			return door;
		snprintf(error, error_size, "cannot start the HTTP server");
	}
	close_door(door);
	return NULL;
}

unsigned
door_port(Door *door)
{
	return door->port;
}

void
stop_accepting(Door *door)
{
	MHD_socket listening;

	close_connections_after_answers();
	listening = MHD_quiesce_daemon(door->daemon);
	if (listening != MHD_INVALID_SOCKET)
	{
		close(listening);
		door->socket = -1;
	}
}

unsigned
requests_under_way(Door *door)
{
	return atomic_load(&door->under_way);
}

void
close_door(Door *door)
{
	if (door->daemon != NULL)
		MHD_stop_daemon(door->daemon); /* closes the socket unless stop_accepting() did */
	else if (door->socket >= 0)
		close(door->socket);
	close_answers();
	free(door);
}
