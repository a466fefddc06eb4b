/*
 * bad_request.c - a request that the server refused or failed
 *
 * Status 0, a request that never got an answer, is none.
 */
#include "heuristics/detector.h"

void
bad_request_feed(void *state, Detection *detection)
{
	const WireValue *values = detection->values;

	(void) state;
	if (as_signed(values[NetworkRequest_Status].u) >= threshold(detection, BAD_REQUEST_STATUS))
		report(detection, (Fact){.timestamp = own_time(detection, values[NetworkRequest_Timestamp].u),
								 .message_id = detection->message_id,
								 .context = values[NetworkRequest_URL].s});
}
