/*
 * issues.h - issues and their occurrences
 */
#ifndef OPENREPLAY_ISSUES_H
#define OPENREPLAY_ISSUES_H

#include "pipeline/events.h"

/*
 * An occurrence of the issue (type, context_string): type is a label of public.issue_type.  An empty payload, or {}, is
 * stored as NULL.
 */
extern void write_issue(BatchContext *context, const char *type, WireString context_string, int64 timestamp,
						int64 message_id, WireString payload);

/* Mouse thrashing: each occurrence is an issue of its own. */
extern void write_thrashing_issue(BatchContext *context, WireString url, int64 timestamp, int64 message_id);

#endif /* OPENREPLAY_ISSUES_H */
