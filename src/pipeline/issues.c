/*
 * issues.c - issues and their occurrences
 */
#include "postgres.h"

#include "heuristics/identity.h"
#include "pipeline/issues.h"

static void
write_occurrence(BatchContext *context, const Identity *identity, const char *type, WireString context_string,
				 int64 timestamp, int64 message_id, WireString payload)
{
	Rows *rows = context->pass->rows;
	char id[IDENTITY_SIZE];

	identity_finish(identity, (uint32) context->project->project_id, id);
	row_start(rows, ROWS_ISSUES);
	put_cstring(rows, id);
	put_int32(rows, context->project->project_id);
	put_cstring(rows, type);
	put_text(rows, context_string, 0);

	row_start(rows, ROWS_ISSUE_EVENTS);
	put_int64(rows, context->session->session_id);
	put_int64(rows, timestamp);
	put_int32(rows, seq_index(message_id));
	put_cstring(rows, id);
	if (payload.len == 2 && memcmp(payload.data, "{}", 2) == 0)
		put_null(rows);
	else
		put_json(rows, payload, NULL);
}

void
write_issue(BatchContext *context, const char *type, WireString context_string, int64 timestamp, int64 message_id,
			WireString payload)
{
	Identity identity;

	identity_start(&identity);
	identity_add(&identity, type, strlen(type));
	identity_add(&identity, context_string.data, context_string.len);
	write_occurrence(context, &identity, type, context_string, timestamp, message_id, payload);
}

void
write_thrashing_issue(BatchContext *context, WireString url, int64 timestamp, int64 message_id)
{
	static const char spelled[] = "mouse_trashing"; /* as ids were always made */
	Identity identity;

	identity_start(&identity);
	identity_add(&identity, spelled, strlen(spelled));
	identity_add_number(&identity, context->session->session_id);
	identity_add_number(&identity, timestamp);
	write_occurrence(context, &identity, "mouse_thrashing", url, timestamp, message_id, wire_string("", 0));
}
