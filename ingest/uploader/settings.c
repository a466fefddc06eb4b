/*
 * settings.c - the keys of the uploader, once, as data
 */
#include "uploader/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"

#define AT(field) offsetof(Settings, field)

static const ConfigKey keys[] = {
	{"DATABASE_URL", CONFIG_TEXT, AT(database_url), "", 0, 0},
	{"DATABASE_TIMEOUT", CONFIG_SECONDS, AT(database_timeout_s), "60", 1, 3600},
	{"UPLOADER_NAME", CONFIG_TEXT, AT(uploader_name), "", 0, 0},
	{"UPLOADER_WORKERS", CONFIG_INT, AT(workers), "1", 1, 64},
	{"FILE_SPLIT_TIME", CONFIG_SECONDS, AT(file_split_time_s), "15", 0, 86400},
	{"MAX_FILE_SIZE", CONFIG_INT, AT(max_file_size), "100000000", 1000, 2000000000},
	{"SESSION_SIZE_LIMIT", CONFIG_INT, AT(session_size_limit), "536870912", 1000000, INT64_C(1) << 40},
	{"COMPRESSION_LEVEL", CONFIG_INT, AT(compression_level), "3", 1, 19},
	{"STORAGE_DIR", CONFIG_TEXT, AT(storage_dir), "", 0, 0},
	{"BUCKET_NAME", CONFIG_TEXT, AT(bucket_name), "mobs", 0, 0},
	{"METRICS_FILE", CONFIG_TEXT, AT(metrics_file), "", 0, 0},
	{"LOG_LEVEL", CONFIG_TEXT, AT(log_level_name), "info", 0, 0},
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

/* Several uploaders of a host must not take each other's work for their own. */
static bool
make_name(Settings *settings)
{
	char host[128];
	char name[192];
	char *copy;

	if (gethostname(host, sizeof(host)) != 0)
		return false;
	host[sizeof(host) - 1] = '\0';
	snprintf(name, sizeof(name), "%s-%ld", host, (long) getpid());
	copy = strdup(name);
	if (copy == NULL)
		return false;
	free(settings->uploader_name);
	settings->uploader_name = copy;
	return true;
}

static bool
complete_settings(Settings *settings, char *error, size_t error_size)
{
	if (!parse_log_level(settings->log_level_name, &settings->log_level))
	{
		snprintf(error, error_size, "LOG_LEVEL: \"%s\" is none of error, warning, info, debug",
				 settings->log_level_name);
		return false;
	}
	if (settings->storage_dir[0] == '\0')
	{
		snprintf(error, error_size, "STORAGE_DIR is missing: the directory where recordings are kept");
		return false;
	}
	if (settings->storage_dir[0] != '/')
	{
		snprintf(error, error_size, "STORAGE_DIR: %s does not begin with a slash", settings->storage_dir);
		return false;
	}
	if (settings->bucket_name[0] == '\0' || settings->bucket_name[0] == '.' ||
		strchr(settings->bucket_name, '/') != NULL)
	{
		snprintf(error, error_size, "BUCKET_NAME: \"%s\" is no name of a bucket", settings->bucket_name);
		return false;
	}
	if (settings->uploader_name[0] == '\0' && !make_name(settings))
	{
		snprintf(error, error_size, "UPLOADER_NAME is missing and the host has no name");
		return false;
	}
	if (strlen(settings->uploader_name) > 150 || strchr(settings->uploader_name, '/') != NULL)
	{
		snprintf(error, error_size, "UPLOADER_NAME: at most 150 bytes, no slash");
		return false;
	}
	return true;
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

void
free_settings(Settings *settings)
{
	free_config(keys, KEY_COUNT, settings);
}
