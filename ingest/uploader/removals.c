/*
 * removals.c - sessions that were deleted leave nothing in storage
 */
#include <inttypes.h>
#include <stdio.h>

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
