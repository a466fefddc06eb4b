/*
 * events.h - from message to rows
 */
#ifndef OPENREPLAY_EVENTS_H
#define OPENREPLAY_EVENTS_H

#include "pipeline/pass.h"

/* The batch a message comes from. */
typedef struct BatchContext
{
	Pass *pass;
	LiveSession *session;
	Project *project;
	const WireBatch *batch;
	int tab; /* ordinal of the batch's tab */
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

#endif /* OPENREPLAY_EVENTS_H */
