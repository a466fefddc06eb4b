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
	char *s3_tags; /* of recordings: "key=value&key=value"; "": none */

	/* assets */
	char *assets_bucket;
	char *assets_s3_tags;
	int64_t assets_size_limit; /* bytes of one, decompressed */
	int64_t assets_timeout_s;  /* for one, redirections included */
	bool assets_private_addresses;

	/* messages */
	int64_t deliveries;			/* hooks called at the same time; 0: this uploader delivers nothing */
	int64_t delivery_timeout_s; /* for a hook */
	bool allow_private_addresses;
	char *email_host; /* "": no mail */
	int64_t email_port;
	char *email_user;	  /* a log-in only with both */
	char *email_password; /* after load_settings() also when it came from the file */
	char *email_password_file;
	bool email_use_tls; /* STARTTLS, unless email_use_ssl */
	bool email_use_ssl; /* TLS from the first byte */
	char *email_ssl_key;
	char *email_ssl_cert;
	bool email_skip_ssl_validation;
	char *email_from;
	int64_t email_timeout_s;

	char *metrics_file;
	char *metrics_host;
	int64_t metrics_port; /* 0: nobody is listened to */
	char *log_level_name;
	LogLevel log_level;
} Settings;

/* path may be NULL.  False with a message in error when anything is missing or wrong. */
extern bool load_settings(Settings *settings, const char *path, char *error, size_t error_size);
extern void free_settings(Settings *settings);

#endif /* OPENREPLAY_UPLOADER_SETTINGS_H */
