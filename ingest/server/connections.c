/*
 * connections.c - the open connections, and an end for the slow ones
 *
 * The thread that watches may not close a socket, which is libmicrohttpd's; it shuts it down, and libmicrohttpd finds
 * the end of the stream.  Under the lock that on_connection() takes before the socket is closed, so that never another
 * one with the same number is hit.
 *
 * A client that leaves in the middle of a request is found here too.  Where its last bytes and the end come in one
 * event libmicrohttpd 0.9 reads the bytes, takes the socket for empty, and is not told of the end again.
 */
#include "server/connections.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "server/metrics.h"
#include "server/request.h"

#define WATCH_MS 250
#define GONE_MS 1000 /* how long a client may be gone, at least */

struct Connection
{
	Connections *connections;
	Connection *next;
	Connection *previous;
	int socket;
	Address peer;
	Request *request;				 /* NULL between two */
	Client *client;					 /* NULL for a proxy: its connections are everybody's */
	atomic_int_fast64_t deadline_ms; /* monotonic; 0: it is not the client's turn */
	atomic_bool to_speak;			 /* it is, and to say something rather than to take an answer */
};

struct Connections
{
	Server *server;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stopped;
	bool stop;
	Connection *first;
	unsigned count;
};

static bool
is_proxy(const Connections *connections, const Address *peer)
{
	return is_trusted(&connections->server->settings.trusted_proxies, peer);
}

static int64_t
timeout_ms(const Connections *connections)
{
	return connections->server->settings.http_timeout_s * 1000;
}

/* The client has something to say, said all it had, and left.  Nothing of what it said is complete. */
static bool
is_gone(const Connection *connection)
{
	char byte;

	return atomic_load_explicit(&connection->to_speak, memory_order_relaxed) &&
		   recv(connection->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void
end_gone_ones(Connections *connections)
{
	int64_t until_ms = monotonic_ms() - GONE_MS + timeout_ms(connections);

	for (Connection *connection = connections->first; connection != NULL; connection = connection->next)
	{
		int64_t deadline_ms = atomic_load_explicit(&connection->deadline_ms, memory_order_relaxed);

		if (deadline_ms == 0 || deadline_ms > until_ms || !is_gone(connection))
			continue;
		shutdown(connection->socket, SHUT_RDWR);
		atomic_store(&connection->deadline_ms, 0);
	}
}

static void
end_slow_ones(Connections *connections)
{
	int64_t now_ms = monotonic_ms();

	for (Connection *connection = connections->first; connection != NULL; connection = connection->next)
	{
		int64_t deadline_ms = atomic_load_explicit(&connection->deadline_ms, memory_order_relaxed);

		if (deadline_ms == 0 || deadline_ms > now_ms)
			continue;
		shutdown(connection->socket, SHUT_RDWR);
		atomic_store(&connection->deadline_ms, 0);
		count_rejected(REJECTED_SLOW);
	}
}

static void *
watch(void *argument)
{
	Connections *connections = argument;
	int64_t looked_ms = 0;

	pthread_mutex_lock(&connections->lock);
	while (!connections->stop)
	{
		struct timespec until;
		int64_t until_us = monotonic_us() + WATCH_MS * 1000;

		end_slow_ones(connections);
		if (monotonic_ms() - looked_ms >= GONE_MS)
		{
			looked_ms = monotonic_ms();
			end_gone_ones(connections);
		}
		until = (struct timespec){until_us / 1000000, (until_us % 1000000) * 1000};
		pthread_cond_timedwait(&connections->stopped, &connections->lock, &until);
	}
	pthread_mutex_unlock(&connections->lock);
	return NULL;
}

Connections *
open_connections(Server *server)
{
	Connections *connections = calloc(1, sizeof(*connections));
	pthread_condattr_t attributes;

	if (connections == NULL)
		return NULL;
	connections->server = server;
	pthread_mutex_init(&connections->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&connections->stopped, &attributes);
	pthread_condattr_destroy(&attributes);
	if (pthread_create(&connections->thread, NULL, watch, connections) == 0)
		return connections;
	pthread_mutex_destroy(&connections->lock);
	pthread_cond_destroy(&connections->stopped);
	free(connections);
	return NULL;
}

void
close_connections(Connections *connections)
{
	pthread_mutex_lock(&connections->lock);
	connections->stop = true;
	pthread_mutex_unlock(&connections->lock);
	pthread_cond_signal(&connections->stopped);
	pthread_join(connections->thread, NULL);
	pthread_mutex_destroy(&connections->lock);
	pthread_cond_destroy(&connections->stopped);
	free(connections);
}

unsigned
connections_open(Connections *connections)
{
	unsigned count;

	pthread_mutex_lock(&connections->lock);
	count = connections->count;
	pthread_mutex_unlock(&connections->lock);
	return count;
}

/*
 * Asked before a connection is accepted.  With several threads the limit may be passed by as many; it is looked at
 * again in begin_connection().
 */
enum MHD_Result
may_connect(void *argument, const struct sockaddr *address, socklen_t len)
{
	Connections *connections = argument;
	Clients *clients = connections->server->clients;
	Client *client;
	Address peer;
	bool may;

	(void) len;
	address_of_socket(address, &peer);
	if (is_proxy(connections, &peer))
		return MHD_YES;
	client = hold_client(clients, &peer, monotonic_ms());
	may = take_connection(clients, client);
	if (may)
		give_connection(clients, client);
	else
		count_rejected(REJECTED_CONNECTION);
	release_client(clients, client);
	return may ? MHD_YES : MHD_NO;
}

static void
begin_connection(Connections *connections, struct MHD_Connection *handle, void **context)
{
	Clients *clients = connections->server->clients;
	int fd = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	Connection *connection = calloc(1, sizeof(*connection));

	*context = connection;
	if (connection == NULL)
	{
		shutdown(fd, SHUT_RDWR);
		return;
	}
	connection->connections = connections;
	connection->socket = fd;
	address_of_socket(MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
					  &connection->peer);
	expect_request(connection);
	if (!is_proxy(connections, &connection->peer))
	{
		connection->client = hold_client(clients, &connection->peer, monotonic_ms());
		if (!take_connection(clients, connection->client))
		{
			release_client(clients, connection->client);
			connection->client = NULL;
			count_rejected(REJECTED_CONNECTION);
			shutdown(fd, SHUT_RDWR);
		}
	}
	pthread_mutex_lock(&connections->lock);
	connection->next = connections->first;
	if (connection->next != NULL)
		connection->next->previous = connection;
	connections->first = connection;
	connections->count++;
	pthread_mutex_unlock(&connections->lock);
}

void
set_request(Connection *connection, Request *request)
{
	if (connection->request != NULL && request != NULL)
		forget_request(connection->request);
	connection->request = request;
}

static void
end_connection(Connections *connections, Connection *connection)
{
	Clients *clients = connections->server->clients;

	if (connection->request != NULL)
		forget_request(connection->request);
	pthread_mutex_lock(&connections->lock);
	if (connection->previous != NULL)
		connection->previous->next = connection->next;
	else
		connections->first = connection->next;
	if (connection->next != NULL)
		connection->next->previous = connection->previous;
	connections->count--;
	pthread_mutex_unlock(&connections->lock);
	give_connection(clients, connection->client);
	release_client(clients, connection->client);
	free(connection);
}

void
on_connection(void *argument, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		begin_connection(argument, connection, context);
	else if (*context != NULL)
		end_connection(argument, *context);
}

Connection *
connection_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

const Address *
connection_peer(const Connection *connection)
{
	return &connection->peer;
}

static void
expect(Connection *connection, bool to_speak)
{
	atomic_store_explicit(&connection->to_speak, to_speak, memory_order_relaxed);
	atomic_store_explicit(&connection->deadline_ms, monotonic_ms() + timeout_ms(connection->connections),
						  memory_order_relaxed);
}

void
expect_request(Connection *connection)
{
	expect(connection, true);
}

void
expect_taking(Connection *connection)
{
	expect(connection, false);
}

void
expect_server(Connection *connection)
{
	atomic_store_explicit(&connection->deadline_ms, 0, memory_order_relaxed);
}
