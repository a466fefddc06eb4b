/*
 * members.h - members of JSON objects that clients wrote
 *
 * A member is asked for by two names, since stored objects also come in snake_case; NULL for no second one.  What is
 * not there, null or of another type is as good as missing.
 */
#ifndef OPENREPLAY_METRICS_MEMBERS_H
#define OPENREPLAY_METRICS_MEMBERS_H

#include "postgres.h"

#include "utils/jsonb.h"

extern bool get_member(JsonbContainer *object, const char *name, const char *other, JsonbValue *value);
extern bool is_list(const JsonbValue *value);
extern bool is_object(const JsonbValue *value);

/* The text of a string, number or boolean, palloc'd; NULL for anything else. */
extern char *scalar_text(const JsonbValue *value);
extern char *get_text(JsonbContainer *object, const char *name, const char *other);
extern bool get_boolean(JsonbContainer *object, const char *name, const char *other, bool otherwise);

#endif /* OPENREPLAY_METRICS_MEMBERS_H */
