/*
 * door.h - the listening side
 */
#ifndef OPENREPLAY_DOOR_H
#define OPENREPLAY_DOOR_H

#include <stdatomic.h>

#include "server/metrics.h"
#include "server/request.h"

typedef struct Door
{
	Server *server;
	const Route *routes;
	size_t nroutes;
	uint8_t endpoints[METRIC_ENDPOINTS]; /* of each route: the first with the same name */
	struct MHD_Daemon *daemon;
	int socket;
	unsigned port;
	atomic_uint under_way; /* requests whose line has come and whose answer has not gone */
} Door;

/* Listens and serves.  NULL with a message in error. */
extern Door *open_door(Server *server, const Route *routes, size_t nroutes, char *error, size_t error_size);
extern unsigned door_port(Door *door);

/* No new connections; open ones are closed after the request they are in. */
extern void stop_accepting(Door *door);
extern unsigned requests_under_way(Door *door);

/* All waiting requests must have been woken. */
extern void close_door(Door *door);

/* request.c: libmicrohttpd's callbacks; argument is the Door. */
extern void *on_request_line(void *argument, const char *target, struct MHD_Connection *connection);
extern enum MHD_Result on_request(void *argument, struct MHD_Connection *connection, const char *url,
								  const char *method, const char *version, const char *data, size_t *len,
								  void **context);
extern void on_completed(void *argument, struct MHD_Connection *connection, void **context,
						 enum MHD_RequestTerminationCode reason);

#endif /* OPENREPLAY_DOOR_H */
