/*
 * client_json.h - JSON as clients send it
 */
#ifndef OPENREPLAY_CLIENT_JSON_H
#define OPENREPLAY_CLIENT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A JSON object of at most 64 levels: whatever a JavaScript engine can produce is read, bytes that are not UTF-8 and
 * halves of surrogate pairs become U+FFFD.  All numbers are reals.  Release it with json_decref().  NULL, with the
 * parser's words in error, for anything else; they may quote the client.
 */
extern json_t *read_client_json(const uint8_t *json, size_t len, char *error, size_t error_size);

#endif /* OPENREPLAY_CLIENT_JSON_H */
