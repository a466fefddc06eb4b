/*
 * mobile_events.h - from message to rows, for messages of mobile applications; writers of the table in events.c
 */
#ifndef OPENREPLAY_MOBILE_EVENTS_H
#define OPENREPLAY_MOBILE_EVENTS_H

#include "pipeline/events.h"

extern void write_mobile_user_id(BatchContext *context, const WireMessage *message, const WireValue *values);
extern void write_mobile_anonymous_id(BatchContext *context, const WireMessage *message, const WireValue *values);
extern void write_mobile_metadata(BatchContext *context, const WireMessage *message, const WireValue *values);
extern void write_mobile_event(BatchContext *context, const WireMessage *message, const WireValue *values);
extern void write_tap(BatchContext *context, const WireMessage *message, const WireValue *values);
extern void write_swipe(BatchContext *context, const WireMessage *message, const WireValue *values);
extern void write_mobile_input(BatchContext *context, const WireMessage *message, const WireValue *values);
extern void write_view(BatchContext *context, const WireMessage *message, const WireValue *values);
extern void write_mobile_request(BatchContext *context, const WireMessage *message, const WireValue *values);
extern void write_mobile_graphql(BatchContext *context, const WireMessage *message, const WireValue *values);
extern void write_crash(BatchContext *context, const WireMessage *message, const WireValue *values);
extern void write_mobile_issue(BatchContext *context, const WireMessage *message, const WireValue *values);

#endif /* OPENREPLAY_MOBILE_EVENTS_H */
