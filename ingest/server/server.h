/*
 * server.h - the parts that handlers work with
 */
#ifndef OPENREPLAY_SERVER_H
#define OPENREPLAY_SERVER_H

#include "server/clients.h"
#include "server/geo.h"
#include "server/caller.h"
#include "server/lanes.h"
#include "server/sessions.h"
#include "server/settings.h"
#include "server/snapshot.h"
#include "visit/visit.h"

typedef struct Server
{
	Settings settings;
	Lanes *lanes;
	Snapshot *snapshot;
	Sessions *sessions;
	Caller *caller;
	AgentParser *agents;
	Geo *geo;
	Clients *clients;
	struct Connections *connections;
	bool ids_open;
} Server;

#endif /* OPENREPLAY_SERVER_H */
