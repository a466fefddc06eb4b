/*
 * settings.c - the keys of the ingest server, once, as data
 */
#include "server/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "common/files.h"
#include "common/pq.h"

#define CLIENT_MEMORY_SHARE 4 /* of the whole, at most */
#define SECRET_MAX 4096
#define PATH_SIZE 4096

#define AT(field) offsetof(Settings, field)

static const ConfigKey keys[] = {
	{"HTTP_HOST", CONFIG_TEXT, AT(http_host), "127.0.0.1", 0, 0},
	{"HTTP_PORT", CONFIG_INT, AT(http_port), "8080", 0, 65535},
	{"HTTP_THREADS", CONFIG_INT, AT(http_threads), "1", 1, 64},
	{"HTTP_TIMEOUT", CONFIG_SECONDS, AT(http_timeout_s), "60", 1, 3600},
	{"CONNECTION_LIMIT", CONFIG_INT, AT(connection_limit), "4096", 16, 1000000},
	{"CLIENT_CONNECTION_LIMIT", CONFIG_INT, AT(client_limits.connections), "1024", 0, 1000000},
	{"CLIENT_REQUEST_LIMIT", CONFIG_INT, AT(client_limits.requests_per_s), "1000", 0, 1000000},
	{"TRUSTED_PROXIES", CONFIG_TEXT, AT(trusted_proxies_list), "127.0.0.0/8, ::1", 0, 0},
	{"USE_CORS", CONFIG_BOOL, AT(use_cors), "true", 0, 0},
	{"PORT_FILE", CONFIG_TEXT, AT(port_file), "", 0, 0},
	{"DATABASE_URL", CONFIG_TEXT, AT(database_url), "", 0, 0},
	{"WRITERS", CONFIG_INT, AT(writers), "1", 1, 16},
	{"COMMIT_TIMEOUT_MS", CONFIG_INT, AT(commit_timeout_ms), "10000", 100, 600000},
	{"MEMORY_LIMIT", CONFIG_INT, AT(memory_limit), "268435456", 16777216, INT64_C(1) << 40},
	{"STATE_DIR", CONFIG_TEXT, AT(state_dir), "", 0, 0},
	{"SPOOL_LIMIT", CONFIG_INT, AT(spool_limit), "1073741824", 65536, INT64_C(1) << 50},
	{"SPOOL_AFTER_MS", CONFIG_INT, AT(spool_after_ms), "2000", 100, 600000},
	{"SERVER_NAME", CONFIG_TEXT, AT(server_name), "", 0, 0},
	{"UAPARSER_FILE", CONFIG_TEXT, AT(uaparser_file), "", 0, 0},
	{"MAXMINDDB_FILE", CONFIG_TEXT, AT(maxminddb_file), "", 0, 0},
	{"TOKEN_SECRET", CONFIG_TEXT, AT(token_secret), "", 0, 0},
	{"TOKEN_SECRET_FILE", CONFIG_TEXT, AT(token_secret_file), "", 0, 0},
	{"BEACON_SIZE_LIMIT", CONFIG_INT, AT(beacon_size_limit), "1000000", 1000, BEACON_SIZE_MAX},
	{"JSON_SIZE_LIMIT", CONFIG_INT, AT(json_size_limit), "131072", 1000, 10000000},
	{"COMPRESSION_THRESHOLD", CONFIG_INT, AT(compression_threshold), "20000", 0, 100000000},
	{"PROTOCOL_VERSION", CONFIG_INT, AT(protocol_version), "0", 0, 2},
	{"IS_FEATURE_FLAG_ENABLED", CONFIG_BOOL, AT(feature_flags), "false", 0, 0},
	{"IS_USABILITY_TEST_ENABLED", CONFIG_BOOL, AT(usability_tests), "false", 0, 0},
	{"RECORD_CANVAS", CONFIG_BOOL, AT(record_canvas), "true", 0, 0},
	{"CANVAS_QUALITY", CONFIG_TEXT, AT(canvas_quality), "low", 0, 0},
	{"CANVAS_FPS", CONFIG_INT, AT(canvas_fps), "1", 1, 60},
	{"MOBILE_QUALITY", CONFIG_TEXT, AT(mobile_quality), "low", 0, 0},
	{"MOBILE_FPS", CONFIG_INT, AT(mobile_fps), "1", 1, 60},
	{"FRAMES_SUPPORT", CONFIG_BOOL, AT(frames_support), "false", 0, 0},
	{"SESSION_IMAGES_LIMIT", CONFIG_INT, AT(session_images_limit), "250000000", 0, INT64_C(1) << 40},
	{"FILE_SIZE_LIMIT", CONFIG_INT, AT(file_size_limit), "10000000", 1000, 50000000},
	{"LOG_LEVEL", CONFIG_TEXT, AT(log_level_name), "info", 0, 0},
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static bool
replace_text(char **text, const char *value)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return false;
	free(*text);
	*text = copy;
	return true;
}

static bool
read_secret(Settings *settings, char *error, size_t error_size)
{
	char *content;
	size_t len;

	if ((settings->token_secret[0] != '\0') == (settings->token_secret_file[0] != '\0'))
	{
		snprintf(error, error_size, "give either TOKEN_SECRET or TOKEN_SECRET_FILE: the key that signs session tokens");
		return false;
	}
	if (settings->token_secret[0] == '\0')
	{
		content = read_small_file(settings->token_secret_file, SECRET_MAX, &len);
		if (content == NULL)
		{
			snprintf(error, error_size, "TOKEN_SECRET_FILE: cannot read %s: %s", settings->token_secret_file,
					 strerror(errno));
			return false;
		}
		content[strcspn(content, "\r\n")] = '\0';
		free(settings->token_secret);
		settings->token_secret = content;
		if (content[0] == '\0')
		{
			snprintf(error, error_size, "TOKEN_SECRET_FILE: the first line of %s is empty",
					 settings->token_secret_file);
			return false;
		}
	}
	settings->token_secret_len = strlen(settings->token_secret);
	return true;
}

/* The build tree's data beside the program, else what `make install` put into PostgreSQL's data directory. */
static bool
find_uaparser_file(Settings *settings)
{
	static const char beside[] = "/data/uap-core/regexes.yaml";
	char path[PATH_SIZE + sizeof(beside)];
	ssize_t len = readlink("/proc/self/exe", path, PATH_SIZE - 1);

	if (len > 0)
	{
		path[len] = '\0';
		*strrchr(path, '/') = '\0';
		memcpy(path + strlen(path), beside, sizeof(beside));
		if (access(path, R_OK) == 0)
			return replace_text(&settings->uaparser_file, path);
	}
#ifdef OPENREPLAY_DATADIR
	return replace_text(&settings->uaparser_file, OPENREPLAY_DATADIR "/regexes.yaml");
#else
	return true;
#endif
}

/* One of three words; the trackers know no others. */
static bool
check_quality(const char *key, const char *value, const char *middle, char *error, size_t error_size)
{
	if (strcmp(value, "low") == 0 || strcmp(value, middle) == 0 || strcmp(value, "high") == 0)
		return true;
	snprintf(error, error_size, "%s: \"%s\" is none of low, %s, high", key, value, middle);
	return false;
}

static bool
complete_settings(Settings *settings, char *error, size_t error_size)
{
	char hostname[256];

	if (!parse_log_level(settings->log_level_name, &settings->log_level))
	{
		snprintf(error, error_size, "LOG_LEVEL: \"%s\" is none of error, warning, info, debug",
				 settings->log_level_name);
		return false;
	}
	if (!pq_is_conninfo(settings->database_url))
	{
		snprintf(error, error_size,
				 "DATABASE_URL is no connection string or URL (in a URL a password is percent-encoded)");
		return false;
	}
	if (!read_trusted_proxies(settings->trusted_proxies_list, &settings->trusted_proxies, error, error_size) ||
		!check_quality("CANVAS_QUALITY", settings->canvas_quality, "medium", error, error_size) ||
		!check_quality("MOBILE_QUALITY", settings->mobile_quality, "standard", error, error_size))
		return false;
	settings->client_limits.memory = settings->memory_limit / CLIENT_MEMORY_SHARE;
	if (settings->state_dir[0] == '\0')
	{
		snprintf(error, error_size, "STATE_DIR is missing: a writable directory that keeps this server's identity");
		return false;
	}
	if (access(settings->state_dir, R_OK | W_OK | X_OK) != 0)
	{
		snprintf(error, error_size, "STATE_DIR: cannot write to %s: %s", settings->state_dir, strerror(errno));
		return false;
	}
	settings->server_name_given = settings->server_name[0] != '\0';
	if (!settings->server_name_given)
	{
		if (gethostname(hostname, sizeof(hostname)) != 0)
		{
			snprintf(error, error_size, "SERVER_NAME is missing and the host has no name: %s", strerror(errno));
			return false;
		}
		hostname[sizeof(hostname) - 1] = '\0';
		if (!replace_text(&settings->server_name, hostname))
			return false;
	}
	if (settings->uaparser_file[0] == '\0' && !find_uaparser_file(settings))
		return false;
	if (settings->uaparser_file[0] == '\0')
	{
		snprintf(error, error_size, "UAPARSER_FILE is missing: the path of uap-core's regexes.yaml");
		return false;
	}
	return read_secret(settings, error, error_size);
}

bool
load_settings(Settings *settings, const char *path, char *error, size_t error_size)
{
	memset(settings, 0, sizeof(*settings));
	snprintf(error, error_size, "out of memory");
	if (load_config(keys, KEY_COUNT, path, settings, error, error_size) &&
		complete_settings(settings, error, error_size))
		return true;
	free_settings(settings);
	return false;
}

static bool
is_reloaded(const char *name)
{
	static const char *const names[] = {"LOG_LEVEL", "MAXMINDDB_FILE", "CLIENT_CONNECTION_LIMIT",
										"CLIENT_REQUEST_LIMIT"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static bool
is_same(const ConfigKey *key, const Settings *one, const Settings *other)
{
	const char *a = (const char *) one + key->offset;
	const char *b = (const char *) other + key->offset;

	switch (key->type)
	{
		case CONFIG_TEXT:
			return strcmp(*(char *const *) a, *(char *const *) b) == 0;
		case CONFIG_INT:
		case CONFIG_SECONDS:
			return *(const int64_t *) a == *(const int64_t *) b;
		case CONFIG_BOOL:
			return *(const bool *) a == *(const bool *) b;
	}
	return false;
}

void
tell_restart_keys(const Settings *running, const Settings *fresh)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
	{
		if (!is_reloaded(keys[i].name) && !is_same(&keys[i], running, fresh))
			log_warning("a changed key counts after a restart key=%s", keys[i].name);
	}
}

void
free_settings(Settings *settings)
{
	free_config(keys, KEY_COUNT, settings);
}
