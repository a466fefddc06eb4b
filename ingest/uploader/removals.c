/*
 * removals.c - sessions that were deleted leave nothing in storage
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/log.h"
#include "uploader/job.h"

bool
remove_recordings(Job *job)
{
	const json_t *ids = json_object_get(job->payload, "session_ids");
	const json_t *id;
	size_t i;

	if (!json_is_array(ids))
	{
		snprintf(job->error, sizeof(job->error), "the payload has no session_ids");
		job->permanent = true;
		return false;
	}
	json_array_foreach(ids, i, id)
	{
		char folder[32];

		if (json_integer_value(id) <= 0)
			continue;
		snprintf(folder, sizeof(folder), "%" JSON_INTEGER_FORMAT, json_integer_value(id));
		if (!storage_remove_folder(job->storage, folder, job->error, sizeof(job->error)))
			return false;
		ADD_METRIC(job->metrics->removals, 1);
	}
	return true;
}

void
disown_recording(Job *job)
{
	char session_id[32];
	const char *params[] = {session_id};
	PGresult *result;

	job->error[0] = '\0';
	snprintf(session_id, sizeof(session_id), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(json_object_get(job->payload, "session_id")));
	result =
		pq_query(job->conn,
				 "SELECT openreplay.session_project(id) IS NULL, CASE WHEN openreplay.session_project(id) IS NOT NULL"
				 " THEN openreplay.queue_recordings(ARRAY[id]) END FROM CAST($1 AS bigint) AS id",
				 1, params, &job->wait, job->error, sizeof(job->error));
	if (result != NULL && PQgetvalue(result, 0, 0)[0] == 't' &&
		storage_remove_folder(job->storage, session_id, job->error, sizeof(job->error)))
		job->error[0] = '\0';
	if (job->error[0] != '\0')
		log_error("a deleted session may have left objects session=%s error=\"%s\"", session_id, job->error);
	PQclear(result);
}
