/*
 * compat.h - differences between PostgreSQL 15 and 18
 *
 * The only file that looks at PG_VERSION_NUM.
 */
#ifndef OPENREPLAY_COMPAT_H
#define OPENREPLAY_COMPAT_H

#include "postgres.h"
#include "common/jsonapi.h"
#include "mb/pg_wchar.h"
#include "tcop/pquery.h"
#include "utils/json.h"
#if PG_VERSION_NUM < 160000
#include "utils/jsonfuncs.h"
#endif

#if PG_VERSION_NUM < 150000
#error openreplay is written for PostgreSQL 15 and later
#endif

/* A lexer that also decodes escapes, so that what it accepts jsonb accepts too.  Freed with its memory context. */
static inline JsonLexContext *
make_json_lexer(char *json, int len)
{
#if PG_VERSION_NUM >= 170000
	return makeJsonLexContextCstringLen(NULL, json, len, PG_UTF8, true);
#else
	return makeJsonLexContextCstringLen(json, len, PG_UTF8, true);
#endif
}

/* Semantic actions tell success since 16. */
#if PG_VERSION_NUM >= 160000
#define JSON_ACTION_RESULT JsonParseErrorType
#define JSON_ACTION_OK return JSON_SUCCESS
#else
#define JSON_ACTION_RESULT void
#define JSON_ACTION_OK return
#endif

/* Runs a portal to its end, as a client's statement; the parameter run_once is gone since 18. */
static inline void
run_portal(Portal portal, DestReceiver *destination)
{
#if PG_VERSION_NUM >= 180000
	(void) PortalRun(portal, FETCH_ALL, true, destination, destination, NULL);
#else
	(void) PortalRun(portal, FETCH_ALL, true, true, destination, destination, NULL);
#endif
}

#endif /* OPENREPLAY_COMPAT_H */
