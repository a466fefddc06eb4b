/*
 * settings.h - what an operator can set
 *
 * Read once at start and constant afterwards; what SIGHUP reads again lives on in the parts that use it.
 */
#ifndef OPENREPLAY_SETTINGS_H
#define OPENREPLAY_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/log.h"
#include "server/clients.h"
#include "wire/wire.h"

#define BEACON_SIZE_MAX ((int64_t) WIRE_BODY_MAX)

typedef struct Settings
{
	/* the door */
	char *http_host;
	int64_t http_port; /* 0: any free one */
	int64_t http_threads;
	int64_t http_timeout_s;
	int64_t connection_limit;
	ClientLimits client_limits;
	char *trusted_proxies_list;
	TrustedProxies trusted_proxies;
	bool use_cors;
	char *port_file;

	/* the database */
	char *database_url;
	int64_t writers;
	int64_t commit_timeout_ms;
	int64_t memory_limit; /* bytes of bodies being received and of entries waiting for their commit */

	/* this server */
	char *state_dir;
	int64_t spool_limit;	/* bytes on disk */
	int64_t spool_after_ms; /* how long an entry waits for the database before it is spooled */
	char *server_name;
	bool server_name_given; /* not just the host's name */
	char *uaparser_file;
	char *maxminddb_file; /* "": none */
	char *token_secret;	  /* after load_settings() also when it came from TOKEN_SECRET_FILE */
	char *token_secret_file;
	size_t token_secret_len;

	/* what trackers are told and held to */
	int64_t beacon_size_limit;
	int64_t json_size_limit;
	int64_t compression_threshold;
	int64_t protocol_version; /* 0: not sent */
	bool feature_flags;		  /* told in the start's features */
	bool usability_tests;	  /* likewise */
	bool record_canvas;
	char *canvas_quality; /* low, medium, high */
	int64_t canvas_fps;
	char *mobile_quality; /* low, standard, high */
	int64_t mobile_fps;
	bool frames_support;		  /* images come as frames */
	int64_t file_size_limit;	  /* bytes of an upload on the wire */
	int64_t session_images_limit; /* bytes of a session's images */

	char *log_level_name;
	LogLevel log_level;
} Settings;

/* path may be NULL.  False with a message in error when anything is missing or wrong. */
extern bool load_settings(Settings *settings, const char *path, char *error, size_t error_size);
/*
 * Logs which keys of fresh differ from those the server runs with and count only after a restart; values, which may be
 * secret, are not told.  Reloaded are LOG_LEVEL, MAXMINDDB_FILE and the limits of a client.
 */
extern void tell_restart_keys(const Settings *running, const Settings *fresh);
extern void free_settings(Settings *settings);

#endif /* OPENREPLAY_SETTINGS_H */
