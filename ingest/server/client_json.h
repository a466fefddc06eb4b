/*
 * client_json.h - JSON as clients send it
 */
#ifndef OPENREPLAY_CLIENT_JSON_H
#define OPENREPLAY_CLIENT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAFE_INTEGER 9007199254740991.0 /* JavaScript counts up to it */

/*
 * A JSON object of at most 64 levels: whatever a JavaScript engine can produce is read, bytes that are not UTF-8 and
 * halves of surrogate pairs become U+FFFD.  All numbers are reals.  Release it with json_decref().  NULL, with the
 * parser's words in error, for anything else; they may quote the client.
 */
extern json_t *read_client_json(const uint8_t *json, size_t len, char *error, size_t error_size);

/*
 * A member of an object, its name in any letter case; the exact one first.  NULL when there is none, and for null.
 * Borrowed.
 */
extern json_t *client_member(const json_t *object, const char *name);

/*
 * A text as it can be stored, cut to max_chars: of a string, of a number or truth value in its shortest form, "" of
 * anything else.  To be freed; NULL without memory.
 */
extern char *client_text(const json_t *value, size_t max_chars);

/* A number cut to a whole one, also one that comes as text; 0 for anything else and what JavaScript cannot count. */
extern int64_t client_number(const json_t *value);

#endif /* OPENREPLAY_CLIENT_JSON_H */
