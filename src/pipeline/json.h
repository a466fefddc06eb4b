/*
 * json.h - client JSON made safe for jsonb
 */
#ifndef OPENREPLAY_JSON_H
#define OPENREPLAY_JSON_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "wire/wire.h"

/*
 * Text that jsonb accepts for certain, in the current context: the value itself when it is valid JSON that jsonb can
 * hold (the escape \u0000 becomes \ufffd), else the whole text as one JSON string.
 */
extern text *json_from_client(WireString value);

/* The same as jsonb; text that is no JSON becomes a jsonb string. */
extern Jsonb *jsonb_from_client(WireString value);

/* A member of an object, NULL when there is none; the result may be *buffer. */
extern JsonbValue *json_member(JsonbContainer *object, const char *key, JsonbValue *buffer);

/* A member that is a string, else ""; its text belongs to the object. */
extern WireString text_member(JsonbContainer *object, const char *key);

/* A member that is a number, rounded and clamped to 64 bits, else 0. */
extern int64 number_member(JsonbContainer *object, const char *key);

/* A value as JSON text, in the current context; "" for NULL. */
extern WireString json_text(const JsonbValue *value);

#endif /* OPENREPLAY_JSON_H */
