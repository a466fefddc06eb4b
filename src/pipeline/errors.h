/*
 * errors.h - exceptions
 */
#ifndef OPENREPLAY_ERRORS_H
#define OPENREPLAY_ERRORS_H

#include "pipeline/events.h"

/* Integration errors come from elsewhere, with a body of their own. */
extern void write_integration_event(BatchContext *context, const WireMessage *message, const WireValue *values);
extern void write_exception(BatchContext *context, const WireMessage *message, const WireValue *values);

#endif /* OPENREPLAY_ERRORS_H */
