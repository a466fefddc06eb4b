/*
 * settings.c - the keys of the uploader, once, as data
 */
#include "uploader/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "common/files.h"
#include "common/pq.h"
#include "uploader/mail.h"

#define SECRET_MAX 4096
#define TAGS_MAX 10 /* of an S3 object */

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
	{"AWS_ENDPOINT", CONFIG_TEXT, AT(aws_endpoint), "", 0, 0},
	{"AWS_REGION", CONFIG_TEXT, AT(aws_region), "us-east-1", 0, 0},
	{"AWS_ACCESS_KEY_ID", CONFIG_TEXT, AT(aws_access_key_id), "", 0, 0},
	{"AWS_SECRET_ACCESS_KEY", CONFIG_TEXT, AT(aws_secret_access_key), "", 0, 0},
	{"AWS_SECRET_ACCESS_KEY_FILE", CONFIG_TEXT, AT(aws_secret_access_key_file), "", 0, 0},
	{"AWS_SESSION_TOKEN", CONFIG_TEXT, AT(aws_session_token), "", 0, 0},
	{"S3_ADDRESSING", CONFIG_TEXT, AT(s3_addressing), "auto", 0, 0},
	{"S3_PART_SIZE", CONFIG_INT, AT(s3_part_size), "16777216", 5242880, 1073741824},
	{"S3_TIMEOUT", CONFIG_SECONDS, AT(s3_timeout_s), "300", 1, 86400},
	{"S3_TAGS", CONFIG_TEXT, AT(s3_tags), "", 0, 0},
	{"AWS_SKIP_SSL_VALIDATION", CONFIG_BOOL, AT(skip_ssl_validation), "false", 0, 0},
	{"ASSETS_BUCKET_NAME", CONFIG_TEXT, AT(assets_bucket), "sessions-assets", 0, 0},
	{"ASSETS_S3_TAGS", CONFIG_TEXT, AT(assets_s3_tags), "", 0, 0},
	{"ASSETS_SIZE_LIMIT", CONFIG_INT, AT(assets_size_limit), "60291456", 1000, 1000000000},
	{"ASSETS_TIMEOUT", CONFIG_SECONDS, AT(assets_timeout_s), "6", 1, 600},
	{"ASSETS_PRIVATE_ADDRESSES", CONFIG_BOOL, AT(assets_private_addresses), "false", 0, 0},
	{"DELIVERIES", CONFIG_INT, AT(deliveries), "32", 0, 1000},
	{"DELIVERY_TIMEOUT", CONFIG_SECONDS, AT(delivery_timeout_s), "10", 1, 600},
	{"ALLOW_PRIVATE_ADDRESSES", CONFIG_BOOL, AT(allow_private_addresses), "false", 0, 0},
	{"EMAIL_HOST", CONFIG_TEXT, AT(email_host), "", 0, 0},
	{"EMAIL_PORT", CONFIG_INT, AT(email_port), "587", 1, 65535},
	{"EMAIL_USER", CONFIG_TEXT, AT(email_user), "", 0, 0},
	{"EMAIL_PASSWORD", CONFIG_TEXT, AT(email_password), "", 0, 0},
	{"EMAIL_PASSWORD_FILE", CONFIG_TEXT, AT(email_password_file), "", 0, 0},
	{"EMAIL_USE_TLS", CONFIG_BOOL, AT(email_use_tls), "true", 0, 0},
	{"EMAIL_USE_SSL", CONFIG_BOOL, AT(email_use_ssl), "false", 0, 0},
	{"EMAIL_SSL_KEY", CONFIG_TEXT, AT(email_ssl_key), "", 0, 0},
	{"EMAIL_SSL_CERT", CONFIG_TEXT, AT(email_ssl_cert), "", 0, 0},
	{"EMAIL_SKIP_SSL_VALIDATION", CONFIG_BOOL, AT(email_skip_ssl_validation), "false", 0, 0},
	{"EMAIL_FROM", CONFIG_TEXT, AT(email_from), "", 0, 0},
	{"EMAIL_TIMEOUT", CONFIG_SECONDS, AT(email_timeout_s), "60", 1, 600},
	{"METRICS_HOST", CONFIG_TEXT, AT(metrics_host), "127.0.0.1", 0, 0},
	{"METRICS_PORT", CONFIG_INT, AT(metrics_port), "0", 0, 65535},
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
check_directory(const Settings *settings, char *error, size_t error_size)
{
	if (settings->storage_dir[0] == '/')
		return true;
	snprintf(error, error_size, "STORAGE_DIR: %s does not begin with a slash", settings->storage_dir);
	return false;
}

/* The first line of the file, if one is given, becomes the secret. */
static bool
read_secret(const char *key, const char *path, char **secret, char *error, size_t error_size)
{
	char *content;
	size_t len;

	if (path[0] == '\0')
		return true;
	content = read_small_file(path, SECRET_MAX, &len);
	if (content == NULL)
	{
		snprintf(error, error_size, "%s: cannot read %s: %s", key, path, strerror(errno));
		return false;
	}
	content[strcspn(content, "\r\n")] = '\0';
	free(*secret);
	*secret = content;
	return true;
}

/* As the header has them: up to ten, each "key=value", escaped as in a query. */
static bool
check_tags(const char *name, const char *tags, char *error, size_t error_size)
{
	const char *pos = tags;
	int count = 0;
	bool ok = true;

	while (ok && *pos != '\0')
	{
		size_t len = strcspn(pos, "&");
		const char *equals = memchr(pos, '=', len);

		ok = ++count <= TAGS_MAX && equals != NULL && equals > pos &&
			 memchr(equals + 1, '=', len - (size_t) (equals + 1 - pos)) == NULL;
		for (size_t i = 0; ok && i < len; i++)
			ok = pos[i] > ' ' && pos[i] < 0x7f;
		pos += len;
		if (*pos == '&')
			ok = *++pos != '\0' && ok;
	}
	if (!ok || strlen(tags) > 2000)
		snprintf(error, error_size,
				 "%s: \"%.100s\" is no list of up to %d tags: key=value&key=value, escaped as in a URL", name, tags,
				 TAGS_MAX);
	return ok && strlen(tags) <= 2000;
}

static bool
check_s3(Settings *settings, char *error, size_t error_size)
{
	if (settings->aws_access_key_id[0] == '\0')
	{
		snprintf(error, error_size,
				 "give either STORAGE_DIR, the directory where recordings are kept, or"
				 " AWS_ACCESS_KEY_ID and what goes with it, for an S3-compatible storage");
		return false;
	}
	if (!read_secret("AWS_SECRET_ACCESS_KEY_FILE", settings->aws_secret_access_key_file,
					 &settings->aws_secret_access_key, error, error_size))
		return false;
	if (settings->aws_secret_access_key[0] == '\0')
	{
		snprintf(error, error_size, "AWS_SECRET_ACCESS_KEY or AWS_SECRET_ACCESS_KEY_FILE is missing");
		return false;
	}
	if (strcmp(settings->s3_addressing, "auto") != 0 && strcmp(settings->s3_addressing, "path") != 0 &&
		strcmp(settings->s3_addressing, "virtual") != 0)
	{
		snprintf(error, error_size, "S3_ADDRESSING: \"%s\" is none of auto, path, virtual", settings->s3_addressing);
		return false;
	}
	if (settings->aws_endpoint[0] != '\0' && strncmp(settings->aws_endpoint, "http://", 7) != 0 &&
		strncmp(settings->aws_endpoint, "https://", 8) != 0)
	{
		snprintf(error, error_size, "AWS_ENDPOINT: %s begins with neither http:// nor https://",
				 settings->aws_endpoint);
		return false;
	}
	return check_tags("S3_TAGS", settings->s3_tags, error, error_size) &&
		   check_tags("ASSETS_S3_TAGS", settings->assets_s3_tags, error, error_size);
}

static bool
check_email(Settings *settings, char *error, size_t error_size)
{
	char address[MAIL_ADDRESS_SIZE];

	if (settings->email_host[0] == '\0')
		return true;
	if (!read_secret("EMAIL_PASSWORD_FILE", settings->email_password_file, &settings->email_password, error,
					 error_size))
		return false;
	if (strlen(settings->email_host) > 255 || strpbrk(settings->email_host, "/@?# \t\r\n") != NULL)
	{
		snprintf(error, error_size, "EMAIL_HOST: not the name of a host");
		return false;
	}
	if (!read_mail_address(settings->email_from, address) || strpbrk(settings->email_from, "\r\n") != NULL)
	{
		snprintf(error, error_size, "EMAIL_FROM: who sends the mail, as Name<address> or address, is missing");
		return false;
	}
	if ((settings->email_ssl_cert[0] == '\0') != (settings->email_ssl_key[0] == '\0'))
	{
		snprintf(error, error_size, "EMAIL_SSL_CERT and EMAIL_SSL_KEY belong together");
		return false;
	}
	return true;
}

static bool
check_bucket(const char *key, const char *name, char *error, size_t error_size)
{
	if (name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL)
		return true;
	snprintf(error, error_size, "%s: \"%s\" is no name of a bucket", key, name);
	return false;
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
	if (!pq_is_conninfo(settings->database_url))
	{
		snprintf(error, error_size,
				 "DATABASE_URL is no connection string or URL (in a URL a password is percent-encoded)");
		return false;
	}
	if (settings->storage_dir[0] == '\0' ? !check_s3(settings, error, error_size)
										 : !check_directory(settings, error, error_size))
		return false;
	if (!check_bucket("BUCKET_NAME", settings->bucket_name, error, error_size) ||
		!check_bucket("ASSETS_BUCKET_NAME", settings->assets_bucket, error, error_size))
		return false;
	if (!check_email(settings, error, error_size))
		return false;
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
