/*
 * settings.h - what an operator of the uploader can set
 *
 * Read once at start and constant afterwards.
 */
#ifndef OPENREPLAY_UPLOADER_SETTINGS_H
#define OPENREPLAY_UPLOADER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/log.h"

typedef struct Settings
{
	char *database_url;
	int64_t database_timeout_s; /* for a statement, or the next row of one */
	char *uploader_name;		/* unique among those that run */
	int64_t workers;

	/* recordings */
	int64_t file_split_time_s;
	int64_t max_file_size;		/* bytes of a file, uncompressed */
	int64_t session_size_limit; /* bytes of a session's batches held in memory */
	int64_t compression_level;

	/* storage */
	char *storage_dir; /* "": S3 */
	char *bucket_name;
	char *aws_endpoint; /* "": Amazon's */
	char *aws_region;
	char *aws_access_key_id;
	char *aws_secret_access_key; /* after load_settings() also when it came from the file */
	char *aws_secret_access_key_file;
	char *aws_session_token;
	char *s3_addressing;  /* path, virtual; auto: path where an endpoint is given */
	int64_t s3_part_size; /* larger objects are sent in parts of so many bytes */
	int64_t s3_timeout_s; /* for a request */
	bool skip_ssl_validation;

	char *metrics_file;
	char *log_level_name;
	LogLevel log_level;
} Settings;

/* path may be NULL.  False with a message in error when anything is missing or wrong. */
extern bool load_settings(Settings *settings, const char *path, char *error, size_t error_size);
extern void free_settings(Settings *settings);

#endif /* OPENREPLAY_UPLOADER_SETTINGS_H */
