/*
 * door.c - listening, and libmicrohttpd's settings
 */
#include "server/door.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/listen.h"

#define BACKLOG 1024
#define CONNECTION_MEMORY 32768 /* request line, headers (cookies of a same-origin site too) and read buffer */

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
	else if ((door->socket = listen_on(settings->http_host, (unsigned) settings->http_port, BACKLOG, &door->port, error,
									   error_size)) >= 0)
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
