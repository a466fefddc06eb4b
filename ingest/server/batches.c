/*
 * batches.c - POST /v1/web/i
 *
 * The content is none of the door's business: whatever a valid token brings is stored as it is, because a tracker that
 * is told a batch is wrong sends it ten times more and then stops recording.  Only a "visual" body, two batches in one,
 * is cut where the tracker says, so that every stored entry is one batch.
 */
#include <strings.h>

#include "server/pack.h"
#include "server/routes.h"

static void
after_commit(Request *request)
{
	answer(request, request->lane_waiter.committed ? ANSWER_OK : ANSWER_BUSY);
}

static Entry *
pack_entry(Request *request, const uint8_t *body, size_t len)
{
	const void *frame;
	size_t frame_len;

	if (!pack_body(body, len, &frame, &frame_len))
		return NULL;
	return make_entry(request->token.session_id, 'w', (uint32_t) len, frame, frame_len);
}

/* Where a visual body is cut; 0 for others and when the offset makes no sense, which is no reason to lose the body. */
static size_t
cut_of(Request *request, size_t len)
{
	const char *type = request_header(request, "DataType");

	if (type == NULL || strcasecmp(type, "visual") != 0 || request->split <= 0 || (uint64_t) request->split >= len)
		return 0;
	return (size_t) request->split;
}

void
take_batch(Request *request, const uint8_t *body, size_t len)
{
	Entry *entries[2] = {NULL, NULL};
	size_t cut;
	int count;

	if (len == 0)
	{
		answer(request, ANSWER_OK);
		return;
	}
	cut = cut_of(request, len);
	count = cut > 0 ? 2 : 1;
	entries[0] = pack_entry(request, body, cut > 0 ? cut : len);
	if (cut > 0 && entries[0] != NULL)
		entries[1] = pack_entry(request, body + cut, len - cut);

	if (entries[count - 1] != NULL)
	{
		store_entries(request, entries, count, after_commit);
		return;
	}
	if (entries[0] != NULL)
		free_entry(entries[0]);
	answer(request, ANSWER_BUSY);
}
