/*
 * rows.h - rows on their way into tables, in bulk
 *
 * A pass collects the rows of all its batches per table and writes each table with one statement.  What the tables are,
 * and in which order they are written, is the list in tables.c.
 */
#ifndef OPENREPLAY_ROWS_H
#define OPENREPLAY_ROWS_H

#include "postgres.h"

#include "wire/wire.h"

typedef enum RowTable
{
	ROWS_SESSIONS,
	ROWS_IDENTITIES,
	ROWS_ERRORS,
	ROWS_ISSUES,
	ROWS_CRASHES,
	ROWS_PAGES,
	ROWS_PAGE_VITALS,
	ROWS_CLICKS,
	ROWS_INPUTS,
	ROWS_ERROR_EVENTS,
	ROWS_ERROR_TAGS,
	ROWS_ISSUE_EVENTS,
	ROWS_PERFORMANCE,
	ROWS_APP_PERFORMANCE,
	ROWS_REQUESTS,
	ROWS_RESOURCES,
	ROWS_CUSTOMS,
	ROWS_GRAPHQL,
	ROWS_STATE_ACTIONS,
	ROWS_TAGS,
	ROWS_CANVAS,
	ROWS_TAPS,
	ROWS_SWIPES,
	ROWS_MOBILE_INPUTS,
	ROWS_VIEWS,
	ROWS_CRASH_EVENTS,
	ROWS_SIGNALS,
	ROWS_USER_CHANGES,
	ROWS_USER_DEVICES,
	ROWS_AUTOCOMPLETE,
	ROWS_ASSETS,
	ROWS_CHECKPOINTS,
	ROWS_PARKED,
	ROWS_BROKEN,
	ROWS_PASSES,
	ROW_TABLES
} RowTable;

typedef struct Rows Rows;

/* An empty collection; everything in it lives in the given context. */
extern Rows *create_rows(MemoryContext context);

/*
 * A row is appended value by value in the order of the table's columns in tables.c:
 * row_start(rows, ROWS_X), then one put per column.
 */
extern void row_start(Rows *rows, RowTable table);
extern void put_null(Rows *rows);
extern void put_int64(Rows *rows, int64 value);
extern void put_int32(Rows *rows, int64 value); /* clamped */
extern void put_int16(Rows *rows, int64 value); /* clamped */
extern void put_bool(Rows *rows, bool value);
extern void put_float4(Rows *rows, float value);
extern void put_timestamp(Rows *rows, int64 value); /* TimestampTz */
extern void put_bytes(Rows *rows, const void *data, size_t len);
extern void put_cstring(Rows *rows, const char *value);

/* Client text: NUL dropped, invalid UTF-8 replaced, cut after max_chars code points (0: not cut). */
extern void put_text(Rows *rows, WireString value, int max_chars);
extern void put_text_or_null(Rows *rows, WireString value, int max_chars); /* "" becomes NULL */

/* Positive numbers only; 0 becomes NULL. */
extern void put_int32_or_null(Rows *rows, int64 value);
extern void put_int64_or_null(Rows *rows, int64 value);

/* A jsonb value from client text: what is no valid JSON becomes a JSON string; empty_as for empty text, NULL for null.
 */
extern void put_json(Rows *rows, WireString value, const char *empty_as);

/* How many rows of a table wait. */
extern int rows_waiting(const Rows *rows, RowTable table);

/*
 * Writes everything, in the list's order, through SPI (connected by the caller), and empties the collection.  Adds to
 * *written the rows that went into event tables, to *known those whose key existed.
 */
extern void write_rows(Rows *rows, int64 *written, int64 *known);

/* Client text as PostgreSQL text, in the current context; for those who do not put it into a row. */
extern text *clean_client_text(WireString value, int max_chars);

#endif /* OPENREPLAY_ROWS_H */
