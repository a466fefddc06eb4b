/*
 * identity.c - which of the ingest servers this one is
 *
 * STATE_DIR/server_id holds "number name", STATE_DIR/instance a random uuid.  The database is asked at each connect all
 * the same: a new database would know another server, or none, by the kept number.
 */
#include "server/identity.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/files.h"
#include "common/log.h"
#include "visit/visit.h"

#define PATH_SIZE 4096
#define NAME_SIZE 201 /* what the database allows, and a NUL */

static pthread_mutex_t file_lock = PTHREAD_MUTEX_INITIALIZER; /* several writers connect at once */

static void
identity_path(const Settings *settings, char *path)
{
	snprintf(path, PATH_SIZE, "%s/server_id", settings->state_dir);
}

/* Number and name as kept; -1 and "" when there are none. */
static int
read_identity(const Settings *settings, char *name)
{
	char path[PATH_SIZE];
	char *content;
	char *end;
	size_t len;
	long id;

	name[0] = '\0';
	identity_path(settings, path);
	content = read_small_file(path, 1024, &len);
	if (content == NULL)
	{
		if (errno != ENOENT)
			log_warning("cannot read the server's identity file=%s error=\"%m\"", path);
		return -1;
	}
	id = strtol(content, &end, 10);
	if (end == content || *end != ' ' || id < 0 || id > UINT16_MAX)
	{
		log_warning("the server's identity is unreadable, registering anew file=%s", path);
		id = -1;
	}
	else
	{
		end[strcspn(end, "\n")] = '\0';
		snprintf(name, NAME_SIZE, "%s", end + 1);
	}
	free(content);
	return (int) id;
}

int
recall_server_id(const Settings *settings)
{
	char name[NAME_SIZE];

	return read_identity(settings, name);
}

int
register_server(const Settings *settings, bool stay, PGconn *conn, const PqWait *wait, char *error, size_t error_size)
{
	char name[NAME_SIZE];
	char path[PATH_SIZE];
	char content[NAME_SIZE + 16];
	const char *params[1] = {name};
	PGresult *result;
	int kept_id;
	int id;

	pthread_mutex_lock(&file_lock);
	kept_id = read_identity(settings, name);
	if (kept_id < 0 || (!stay && settings->server_name_given && strcmp(name, settings->server_name) != 0))
	{
		kept_id = -1;
		snprintf(name, sizeof(name), "%s", settings->server_name);
	}
	result = pq_query(conn, "SELECT openreplay.register_server($1)", 1, params, wait, error, error_size);
	id = result != NULL ? (int) strtol(PQgetvalue(result, 0, 0), NULL, 10) : -1;
	PQclear(result);
	if (id >= 0 && id != kept_id)
	{
		identity_path(settings, path);
		snprintf(content, sizeof(content), "%d %s\n", id, name);
		if (write_small_file(path, content))
			log_info("registered server_id=%d name=%s", id, name);
		else
		{
			snprintf(error, error_size, "cannot write %.400s: %s", path, strerror(errno));
			id = -1;
		}
	}
	pthread_mutex_unlock(&file_lock);
	return id;
}

bool
read_instance(const Settings *settings, char *instance, char *error, size_t error_size)
{
	char path[PATH_SIZE];
	char *content;
	size_t len;
	bool ok;

	snprintf(path, sizeof(path), "%s/instance", settings->state_dir);
	pthread_mutex_lock(&file_lock);
	content = read_small_file(path, 1024, &len);
	ok = content != NULL && parse_uuid(content, strcspn(content, "\n"), instance);
	if (!ok && (content != NULL || errno == ENOENT))
	{
		make_uuid(instance);
		ok = write_small_file(path, instance);
	}
	if (!ok)
		snprintf(error, error_size, "cannot keep %.400s: %s", path, strerror(errno));
	free(content);
	pthread_mutex_unlock(&file_lock);
	return ok;
}
