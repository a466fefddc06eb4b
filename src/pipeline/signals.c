/*
 * signals.c - what visitors do in usability tests
 *
 * A signal says that a task, or the whole test, was begun, done or skipped.  It names tests and tasks by number, which
 * anybody can make up, so they are looked up first.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"

#include "pipeline/json.h"
#include "pipeline/pass.h"

#define MAX_ANSWER 8000 /* characters */

static bool
is_status(WireString status)
{
	static const char *const statuses[] = {"begin", "done", "skipped"};

	for (int i = 0; i < lengthof(statuses); i++)
		if (text_is(status, statuses[i]))
			return true;
	return false;
}

/* Why the project has no such test or task; NULL: it has.  task_id 0 is the test as a whole. */
static const char *
look_up(int32 project_id, int64 test_id, int64 task_id)
{
	Oid types[] = {INT4OID, INT8OID, INT8OID};
	Datum arguments[] = {Int32GetDatum(project_id), Int64GetDatum(test_id), Int64GetDatum(task_id)};
	bool known;
	bool isnull;

	SPI_execute_with_args("SELECT $3 = 0 OR EXISTS (SELECT FROM public.ut_tests_tasks k"
						  " WHERE k.test_id = t.test_id AND k.task_id = $3)"
						  " FROM public.ut_tests t WHERE t.test_id = $2 AND t.project_id = $1",
						  3, types, arguments, NULL, false, 1);
	if (SPI_processed == 0)
		return "the session's project has no such usability test";
	known = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return known ? NULL : "the usability test has no such task";
}

const char *
write_signal(Pass *pass, LiveSession *session, const Entry *entry, JsonbContainer *signal)
{
	Rows *rows = pass->rows;
	int64 test_id = number_member(signal, "test_id");
	int64 task_id = number_member(signal, "task_id");
	int64 timestamp = number_member(signal, "timestamp");
	int64 received_ms = TIMESTAMP_TO_MS(entry->received_at);
	WireString status = text_member(signal, "status");
	const char *reason;

	if (!is_status(status))
		return "a signal is begin, done or skipped";
	reason = look_up(session->project_id, test_id, task_id);
	if (reason != NULL)
		return reason;

	row_start(rows, ROWS_SIGNALS);
	put_int64(rows, session->session_id);
	put_int32(rows, test_id);
	if (task_id != 0)
		put_int32(rows, task_id);
	else
		put_null(rows);
	put_text(rows, status, 0);
	put_text_or_null(rows, text_member(signal, "answer"), MAX_ANSWER);
	put_int64(rows, timestamp > 0 && timestamp < received_ms + DAY_MS ? timestamp : received_ms);
	put_int64_or_null(rows, number_member(signal, "duration"));
	return NULL;
}
