/*
 * json.h - client JSON made safe for jsonb
 */
#ifndef OPENREPLAY_JSON_H
#define OPENREPLAY_JSON_H

#include "postgres.h"

#include "wire/wire.h"

/*
 * Text that jsonb accepts for certain, in the current context: the value itself when it is valid JSON that jsonb can
 * hold (the escape \u0000 becomes \ufffd), else the whole text as one JSON string.
 */
extern text *json_from_client(WireString value);

#endif /* OPENREPLAY_JSON_H */
