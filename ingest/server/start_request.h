/*
 * start_request.h - what is said of a visitor when a session is asked for
 */
#ifndef OPENREPLAY_START_REQUEST_H
#define OPENREPLAY_START_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who asks; each names the same things in its own way. */
typedef enum StartClient
{
	START_WEB,
	START_MOBILE,
	START_SDK /* the analytics SDK by itself */
} StartClient;

/*
 * Texts are storable UTF-8 without U+0000, cut to their limits, and NULL when missing, null or not a string.  Numbers
 * are whole and 0 when missing or not a number.
 */
typedef struct StartRequest
{
	char *project_key;
	char *tracker_version;
	char *rev_id;
	char *user_uuid;
	char *user_id;
	char *timezone;
	char *token;
	char *condition; /* name of the capture condition that came true */
	char *platform;
	char *os;
	char *os_version;
	char *browser;
	char *browser_version;
	char *device;
	char *device_type;
	char *referrer;
	char *utm_source;
	char *utm_medium;
	char *utm_campaign;
	int64_t timestamp;
	int64_t buffer_diff;
	int64_t device_memory;
	int64_t heap_size;
	int64_t width;
	int64_t height;
	bool reset;
	bool do_not_record;
	bool is_offline;
} StartRequest;

/*
 * Reads the JSON of a start.  Lenient where trackers differ: unknown keys, keys in other letter cases, nulls and values
 * of a wrong type are no errors.  False, with the parser's words in error, for what is not a JSON object.  Free with
 * free_start_request() in either case.
 */
extern bool read_start_request(StartClient client, const uint8_t *json, size_t len, StartRequest *start, char *error,
							   size_t error_size);
extern void free_start_request(StartRequest *start);

/* True for versions that can be read and are below 4.1.6: their clock counts, not ours. */
extern bool is_old_tracker(const char *version);

/* False for mobile trackers below 1.0.9, and for what is no version (NULL too). */
extern bool is_usable_mobile_tracker(const char *version);

#endif /* OPENREPLAY_START_REQUEST_H */
