/*
 * geo.c - where an address is
 *
 * libmaxminddb maps the file into memory.  Were it the operator's own file, a tool that overwrites it in place would
 * cut it short under our feet, and the next lookup would end the server with SIGBUS.  So what is mapped is a private
 * copy without a name, which nobody else can reach.
 */
#include "server/geo.h"

#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "common/log.h"
#include "visit/visit.h"

#define NAME_BYTES 1024 /* of a name that are looked at */
#define CHUNK_BYTES ((size_t) 16 << 20)

struct Geo
{
	pthread_rwlock_t lock; /* over what follows; written only when reopening */
	bool open;
	MMDB_s database;
	char *copies;
};

/* A private copy of the file, -1 with errno.  It takes no more memory than the pages that are read. */
static int
copy_file(const char *path, const char *copies)
{
	int from = open(path, O_RDONLY | O_CLOEXEC);
	int to = from < 0 ? -1 : open(copies, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	ssize_t sent = -1;
	int error;

	if (to >= 0)
	{
		do
			sent = sendfile(to, from, NULL, CHUNK_BYTES);
		while (sent > 0);
	}
	error = errno;
	if (from >= 0)
		close(from);
	if (sent < 0 && to >= 0)
	{
		close(to);
		to = -1;
	}
	errno = error;
	return to;
}

static bool
open_database(const char *path, const char *copies, MMDB_s *database)
{
	char copy_path[64];
	int copy = copy_file(path, copies);
	int result;

	if (copy < 0)
	{
		log_warning("no places: MAXMINDDB_FILE cannot be copied file=%s error=\"%m\"", path);
		return false;
	}
	snprintf(copy_path, sizeof(copy_path), "/proc/self/fd/%d", copy);
	result = MMDB_open(copy_path, MMDB_MODE_MMAP, database);
	close(copy);
	if (result == MMDB_SUCCESS)
	{
		log_info("places are known file=%s type=%s", path, database->metadata.database_type);
		return true;
	}
	log_warning("no places: MAXMINDDB_FILE cannot be used file=%s error=\"%s\"", path, MMDB_strerror(result));
	return false;
}

Geo *
open_geo(const char *path, const char *copies)
{
	Geo *geo = calloc(1, sizeof(*geo));

	if (geo == NULL || (geo->copies = strdup(copies)) == NULL || pthread_rwlock_init(&geo->lock, NULL) != 0)
	{
		if (geo != NULL)
			free(geo->copies);
		free(geo);
		return NULL;
	}
	geo->open = path[0] != '\0' && open_database(path, copies, &geo->database);
	return geo;
}

/* A database that cannot be read leaves the one we have: an update that failed is no reason to forget all places. */
void
reopen_geo(Geo *geo, const char *path)
{
	MMDB_s fresh;
	MMDB_s old;
	bool had_one;
	bool open = path[0] != '\0' && open_database(path, geo->copies, &fresh);

	if (path[0] != '\0' && !open)
		return;
	pthread_rwlock_wrlock(&geo->lock);
	had_one = geo->open;
	old = geo->database;
	geo->open = open;
	if (open)
		geo->database = fresh;
	pthread_rwlock_unlock(&geo->lock);
	if (had_one)
		MMDB_close(&old);
}

void
close_geo(Geo *geo)
{
	if (geo->open)
		MMDB_close(&geo->database);
	pthread_rwlock_destroy(&geo->lock);
	free(geo->copies);
	free(geo);
}

/* ---- looking up ---------------------------------------------------------------------------------------------------
 */

/* The text at a path of the entry, cleaned; "" when there is none. */
static void
read_name(MMDB_entry_s *entry, const char *const *path, char *name)
{
	MMDB_entry_data_s data;
	char clean[3 * NAME_BYTES + 1];
	size_t len;

	name[0] = '\0';
	if (MMDB_aget_value(entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
		data.type != MMDB_DATA_TYPE_UTF8_STRING)
		return;
	len = data.data_size < NAME_BYTES ? data.data_size : NAME_BYTES;
	len = clean_text(data.utf8_string, len, PLACE_NAME_CHARS, clean);
	memcpy(name, clean, len + 1);
}

static bool
is_capital(char c)
{
	return c >= 'A' && c <= 'Z';
}

static void
read_country(MMDB_entry_s *entry, char country[3])
{
	static const char *const path[] = {"country", "iso_code", NULL};
	char name[PLACE_NAME_SIZE];

	read_name(entry, path, name);
	if (is_capital(name[0]) && is_capital(name[1]) && name[2] == '\0')
		memcpy(country, name, 3);
}

void
find_place(Geo *geo, const Address *address, Place *place)
{
	static const char *const state_path[] = {"subdivisions", "0", "names", "en", NULL};
	static const char *const city_path[] = {"city", "names", "en", NULL};
	struct sockaddr_storage key;
	MMDB_lookup_result_s result;
	int error;

	*place = (Place){.country = PLACE_UNKNOWN};
	socket_of_address(address, &key);
	pthread_rwlock_rdlock(&geo->lock);
	if (geo->open)
	{
		result = MMDB_lookup_sockaddr(&geo->database, (const struct sockaddr *) &key, &error);
		if (error == MMDB_SUCCESS && result.found_entry)
		{
			read_country(&result.entry, place->country);
			read_name(&result.entry, state_path, place->state);
			read_name(&result.entry, city_path, place->city);
		}
	}
	pthread_rwlock_unlock(&geo->lock);
}

bool
geo_is_open(Geo *geo, double *built_s)
{
	bool open;

	pthread_rwlock_rdlock(&geo->lock);
	open = geo->open;
	*built_s = open ? (double) geo->database.metadata.build_epoch : 0;
	pthread_rwlock_unlock(&geo->lock);
	return open;
}
