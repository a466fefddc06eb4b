/*
 * main.c - openreplay-ingest: the door that trackers talk to
 *
 * Starts the parts, waits for signals, and takes the parts down in an order that loses nothing: no new connections, let
 * the requests under way finish, commit what is queued, stop.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/files.h"
#include "common/log.h"
#include "server/door.h"
#include "server/ids.h"
#include "server/memory.h"
#include "server/routes.h"

#define ERROR_SIZE 1024
#define PATH_SIZE 4096
#define LARGE_BYTES 131072	 /* from here on memory goes back to the system when freed */
#define UPLOADS_MS 3000		 /* for bodies that are on their way when we are told to stop */
#define LAST_ANSWERS_MS 1000 /* for answers to be sent after the last commit */
#define READY_MS 5000		 /* how long the port file waits for the database */
#define READY_ALONE_MS 1000	 /* the same when sessions can be recorded without it */

static void
show_usage(void)
{
	puts("openreplay-ingest receives session recordings from trackers and stores them in PostgreSQL.\n"
		 "\n"
		 "  openreplay-ingest [--config FILE]\n"
		 "\n"
		 "FILE has KEY=VALUE lines; the same keys in the environment win.  Required: STATE_DIR, and TOKEN_SECRET or\n"
		 "TOKEN_SECRET_FILE.  All keys are described in ingest/server/README.md.\n"
		 "\n"
		 "SIGTERM finishes what is under way and stops.  SIGHUP reads the projects again, and those\n"
		 "keys that can change while it runs.");
}

/* Two servers with one identity would take each other's lanes away. */
static bool
lock_state_dir(const Settings *settings)
{
	char path[PATH_SIZE];
	int fd;

	snprintf(path, sizeof(path), "%s/lock", settings->state_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return true; /* held until the process ends */
	if (fd >= 0 && errno == EWOULDBLOCK)
		log_error("STATE_DIR is used by another openreplay-ingest, give each its own dir=%s", settings->state_dir);
	else
		log_error("cannot lock STATE_DIR file=%s error=\"%m\"", path);
	if (fd >= 0)
		close(fd);
	return false;
}

/* As many files as we may have, for the connections. */
static void
raise_file_limit(const Settings *settings)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_warning("cannot raise the limit of open files error=\"%m\"");
	if (limit.rlim_cur != RLIM_INFINITY && (int64_t) limit.rlim_cur < settings->connection_limit + 64)
		log_warning("fewer open files allowed than CONNECTION_LIMIT needs files=%llu connections=%lld",
					(unsigned long long) limit.rlim_cur, (long long) settings->connection_limit);
}

static bool
open_parts(Server *server, Door **door)
{
	char error[ERROR_SIZE] = "";

	server->agents = open_agents(server->settings.uaparser_file, error, sizeof(error));
	if (server->agents == NULL)
	{
		log_error("UAPARSER_FILE cannot be used file=%s error=\"%s\"", server->settings.uaparser_file, error);
		return false;
	}
	server->geo = open_geo(server->settings.maxminddb_file, server->settings.state_dir);
	server->clients = open_clients(&server->settings.client_limits);
	if (server->clients != NULL)
		server->connections = open_connections(server);
	if (server->geo == NULL || server->connections == NULL)
	{
		log_error("out of memory");
		return false;
	}
	server->ids_open = open_ids(&server->settings, error, sizeof(error));
	if (server->ids_open)
		server->lanes = open_lanes(&server->settings, error, sizeof(error));
	if (server->lanes != NULL)
		server->sessions = open_sessions(SESSIONS_MAX);
	if (server->sessions == NULL && error[0] == '\0')
		snprintf(error, sizeof(error), "out of memory");
	if (server->sessions != NULL)
		server->snapshot = open_snapshot(&server->settings, error, sizeof(error));
	if (server->snapshot != NULL)
		server->caller = open_caller(&server->settings, error, sizeof(error));
	if (server->caller != NULL)
		*door = open_door(server, routes, route_count, error, sizeof(error));
	if (*door == NULL)
		log_error("cannot start error=\"%s\"", error);
	return *door != NULL;
}

static void
await_requests(Door *door, int64_t ms)
{
	int64_t until_ms = monotonic_ms() + ms;

	while (requests_under_way(door) > 0 && monotonic_ms() < until_ms)
		sleep_ms(5);
}

static void
close_parts(Server *server, Door *door)
{
	if (door != NULL)
	{
		stop_accepting(door);
		await_requests(door, UPLOADS_MS);
	}
	if (server->lanes != NULL)
		drain_lanes(server->lanes);
	if (server->snapshot != NULL)
		stop_snapshot(server->snapshot);
	if (server->caller != NULL)
		stop_caller(server->caller);
	/* Whoever still waited was woken with a refusal. */
	if (door != NULL)
		await_requests(door, LAST_ANSWERS_MS);
	if (door != NULL)
		close_door(door);
	if (server->caller != NULL)
		close_caller(server->caller);
	if (server->snapshot != NULL)
		close_snapshot(server->snapshot);
	if (server->sessions != NULL)
		close_sessions(server->sessions);
	if (server->lanes != NULL)
		close_lanes(server->lanes);
	if (server->ids_open)
		close_ids();
	if (server->connections != NULL)
		close_connections(server->connections);
	if (server->clients != NULL)
		close_clients(server->clients);
	if (server->geo != NULL)
		close_geo(server->geo);
	if (server->agents != NULL)
		close_agents(server->agents);
}

/* Tells whoever started us that requests can come; a database that is away does not hold that up for long. */
static bool
announce(Server *server, Door *door)
{
	bool alone = lanes_can_spool(server->lanes) && has_projects(server->snapshot);
	int64_t until_ms = monotonic_ms() + (alone ? READY_ALONE_MS : READY_MS);
	char port[16];

	while (monotonic_ms() < until_ms &&
		   !(lanes_connected(server->lanes) && snapshot_loaded(server->snapshot) && caller_connected(server->caller)))
		sleep_ms(10);
	log_info("ready host=%s port=%u database=%s", server->settings.http_host, door_port(door),
			 lanes_connected(server->lanes) ? "connected" : "away");
	if (server->settings.port_file[0] == '\0')
		return true;
	snprintf(port, sizeof(port), "%u\n", door_port(door));
	if (write_small_file(server->settings.port_file, port))
		return true;
	log_error("PORT_FILE cannot be written file=%s error=\"%m\"", server->settings.port_file);
	return false;
}

static void
reload(Server *server, const char *config_path)
{
	Settings fresh;
	char error[ERROR_SIZE];

	if (load_settings(&fresh, config_path, error, sizeof(error)))
	{
		set_log_level(fresh.log_level);
		reopen_geo(server->geo, fresh.maxminddb_file);
		fresh.client_limits.memory = server->settings.client_limits.memory; /* a share of what counts after a restart */
		set_client_limits(server->clients, &fresh.client_limits);
		tell_restart_keys(&server->settings, &fresh);
		free_settings(&fresh);
		log_info("configuration read again");
	}
	else
		log_error("configuration not reloaded error=\"%s\"", error);
	refresh_snapshot(server->snapshot);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	const char *config_path = NULL;
	char error[ERROR_SIZE];
	Server server = {0};
	Door *door = NULL;
	sigset_t signals;
	int number;
	int option;
	bool ok;

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1)
	{
		if (option == 'c')
			config_path = optarg;
		else
		{
			show_usage();
			return option == 'h' ? 0 : 2;
		}
	}
	if (!load_settings(&server.settings, config_path, error, sizeof(error)))
	{
		log_error("configuration: %s", error);
		return 2;
	}
	set_log_level(server.settings.log_level);
	set_memory_limit((size_t) server.settings.memory_limit);
	/* Left alone malloc would soon keep what large bodies leave behind, in pieces, and take as much again. */
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);

	/* All threads inherit this mask; signals are taken by sigwait() below alone. */
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);

	raise_file_limit(&server.settings);
	ok = lock_state_dir(&server.settings) && open_parts(&server, &door) && announce(&server, door);
	while (ok && sigwait(&signals, &number) == 0 && number == SIGHUP)
		reload(&server, config_path);
	if (ok)
		log_info("stopping requests=%u entries=%zu", requests_under_way(door), lanes_depth(server.lanes));
	close_parts(&server, door);
	log_info("stopped");
	free_settings(&server.settings);
	return ok ? 0 : 1;
}
