/*
 * errors.h - exceptions
 */
#ifndef OPENREPLAY_ERRORS_H
#define OPENREPLAY_ERRORS_H

#include "pipeline/events.h"

extern void write_exception(BatchContext *context, const WireMessage *message, const WireValue *values);

#endif /* OPENREPLAY_ERRORS_H */
