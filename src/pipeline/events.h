/*
 * events.h - from message to rows
 */
#ifndef OPENREPLAY_EVENTS_H
#define OPENREPLAY_EVENTS_H

#include "pipeline/pass.h"

/* Times told by clients that are further ahead than this are those of a wrong clock and move nothing. */
#define MAX_AHEAD_MS INT64CONST(86400000)

/* The batch a message comes from. */
typedef struct BatchContext
{
	Pass *pass;
	LiveSession *session;
	Project *project;
	const WireBatch *batch;
	int tab;	/* ordinal of the batch's tab */
	int assets; /* of it that were queued so far */
} BatchContext;

/* Writes what a detector found; arg is the BatchContext, whose batch is not looked at. */
extern void write_fact(const Fact *fact, void *arg);

/* Writes the rows of one message; values are those of its canonical type. */
typedef void (*MessageWriter)(BatchContext *context, const WireMessage *message, const WireValue *values);

/* By canonical type; NULL for messages that make no rows. */
extern const MessageWriter message_writers[WIRE_TYPE_COUNT];

/*
 * Identity of a message's rows: context index + tab ordinal * 2^48, so that a session of one tab keeps the index.  Rows
 * keyed by an integer seq_index have it modulo 2^31 - 1, beside their timestamp.
 */
extern int64 message_id(const BatchContext *context, const WireMessage *message);
extern int32 seq_index(int64 message_id);

/* Longest texts, in characters. */
#define MAX_HOST 300
#define MAX_NAME 2000 /* also labels and paths */
#define MAX_TEXT 8000 /* also URLs, queries, selectors */

/* Starts a row of a table keyed by message_id, or of one keyed by timestamp and seq_index; returns what to put into. */
extern Rows *start_event(BatchContext *context, RowTable table, const WireMessage *message, int64 timestamp);
extern Rows *start_common_event(BatchContext *context, RowTable table, int64 timestamp, int64 message_id);

/* Queues the style sheets and fonts that a message names (assets.c); called only where copies of them are kept. */
extern bool keeps_assets(void);
extern void queue_assets(BatchContext *context, const WireMessage *message, const WireValue *values);

/* A row of events_common.customs; level is info or error. */
extern void write_custom(BatchContext *context, WireString name, WireString payload, const char *level, int64 timestamp,
						 int64 message_id);

/* A custom event of a web page: the row, the issue that each of them is, and the suggestion. */
extern void write_custom_event_at(BatchContext *context, WireString name, WireString payload, int64 timestamp,
								  int64 message_id);

/* A row of events.graphql. */
extern void write_graphql_call(BatchContext *context, const WireMessage *message, WireString name, WireString variables,
							   WireString response);

/* The value of a metadata slot, when the project names one so. */
extern void note_metadata(BatchContext *context, WireString key, WireString value);

/* An issue that a tracker found, of a type that no detector here finds as well; others are left out. */
extern void write_told_issue(BatchContext *context, WireString type, WireString context_string, int64 timestamp,
							 int64 message_id, WireString payload);

/* Unsigned wire numbers as signed ones, clamped. */
static inline int64
number(uint64 value)
{
	return (int64) Min(value, (uint64) PG_INT64_MAX);
}

#endif /* OPENREPLAY_EVENTS_H */
