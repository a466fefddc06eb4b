/*
 * geo.h - where an address is
 *
 * Looks up a MaxMind-format city database, which the operator may give, replace or take away at any time.  Without one,
 * and for whatever it does not know, a place is PLACE_UNKNOWN; no error ever reaches a visitor.
 */
#ifndef OPENREPLAY_GEO_H
#define OPENREPLAY_GEO_H

#include <stdbool.h>

#include "server/client.h"

#define PLACE_UNKNOWN "UN"
#define PLACE_NAME_CHARS 100
#define PLACE_NAME_SIZE (4 * PLACE_NAME_CHARS + 1)

/* Valid UTF-8, NUL-terminated. */
typedef struct Place
{
	char country[3]; /* two capitals, PLACE_UNKNOWN when not known */
	char state[PLACE_NAME_SIZE];
	char city[PLACE_NAME_SIZE];
} Place;

typedef struct Geo Geo;

/*
 * path "": no database.  copies: a directory for the private copy that is read (see geo.c).  A file that cannot be used
 * is logged and is no error; NULL only when out of memory.
 */
extern Geo *open_geo(const char *path, const char *copies);

/* Opens path, which may be another one now, again; requests go on with the old database until the new one is there. */
extern void reopen_geo(Geo *geo, const char *path);
extern void close_geo(Geo *geo);

/* Thread-safe. */
extern void find_place(Geo *geo, const Address *address, Place *place);

/* For the metrics: true while a database is open, and when it was made (unix seconds). */
extern bool geo_is_open(Geo *geo, double *built_s);

#endif /* OPENREPLAY_GEO_H */
