/*
 * connections.h - the open connections, and an end for the slow ones
 *
 * libmicrohttpd ends a connection on which nothing comes for a while.  A client that sends a byte now and then would
 * hold one for ever; so each has a deadline by which what is expected of its client has to be there.
 */
#ifndef OPENREPLAY_CONNECTIONS_H
#define OPENREPLAY_CONNECTIONS_H

#include <microhttpd.h>

#include "server/client.h"
#include "server/server.h"

typedef struct Connections Connections;
typedef struct Connection Connection;
struct Request;

/* Starts the thread that watches.  NULL when that or memory fails. */
extern Connections *open_connections(Server *server);

/* After the daemon is stopped: no connection is left. */
extern void close_connections(Connections *connections);
extern unsigned connections_open(Connections *connections);

/* libmicrohttpd's callbacks; argument is the Connections. */
extern enum MHD_Result may_connect(void *argument, const struct sockaddr *address, socklen_t len);
extern void on_connection(void *argument, struct MHD_Connection *connection, void **context,
						  enum MHD_ConnectionNotificationCode code);

/* NULL when out of memory at its begin: such a connection is closed at once. */
extern Connection *connection_of(struct MHD_Connection *connection);
extern const Address *connection_peer(const Connection *connection);

/*
 * The request that the connection is in, of which libmicrohttpd does not always tell the end when it refuses one
 * itself: what was not taken away when the next one begins or the connection ends is given to forget_request()
 * (request.c).
 */
extern void set_request(Connection *connection, struct Request *request);

/*
 * Whose turn it is: the client has HTTP_TIMEOUT from now on to say something, and is not waited for once it has gone /
 * it has as long to take an answer / the server works for it.
 */
extern void expect_request(Connection *connection);
extern void expect_taking(Connection *connection);
extern void expect_server(Connection *connection);

#endif /* OPENREPLAY_CONNECTIONS_H */
