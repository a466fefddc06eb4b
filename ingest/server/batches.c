/*
 * batches.c - POST /v1/web/i, /v1/mobile/i, /v1/mobile/late, /v1/sdk/i
 *
 * The content is none of the door's business: whatever a valid token brings is stored as it is, because a tracker that
 * is told a batch is wrong sends it ten times more and then stops recording.  Only a "visual" body, two batches in one,
 * is cut, so that every stored entry is one batch.
 */
#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "server/client_json.h"
#include "server/pack.h"
#include "server/routes.h"
#include "wire/wire.h"

static void
after_commit(Request *request)
{
	answer(request, request->lane_waiter.committed ? ANSWER_OK : ANSWER_BUSY);
}

static Entry *
pack_entry(Request *request, char kind, const uint8_t *body, size_t len)
{
	const void *frame;
	size_t frame_len;

	if (!pack_body(body, len, &frame, &frame_len))
		return NULL;
	return make_entry(request->token.session_id, kind, (uint32_t) len, frame, frame_len);
}

/* Where the second batch of a body begins, by its header; 0: nowhere. */
static size_t
find_second_batch(const uint8_t *body, size_t len)
{
	WireBatch batch;
	WireMessage message;

	if (wire_batch_open(&batch, body, len, WIRE_WEB, wire_string("", 0)) != WIRE_OK)
		return 0;
	while (wire_batch_next(&batch, &message))
		;
	return batch.error == WIRE_HEADER_MISPLACED ? batch.error_offset : 0;
}

static bool
is_header(uint8_t type)
{
	return type == MSG_BatchMetadata || type == MSG_BatchMeta;
}

/*
 * Where a visual body is cut: where the tracker says, or where it should have said.  0: not at all, which is no reason
 * to lose it.
 */
static size_t
cut_of(Request *request, const uint8_t *body, size_t len)
{
	const char *type = request_header(request, "DataType");

	if (type == NULL || strcasecmp(type, "visual") != 0)
		return 0;
	if (request->split > 0 && (uint64_t) request->split < len && is_header(body[request->split]))
		return (size_t) request->split;
	return find_second_batch(body, len);
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
	cut = cut_of(request, body, len);
	count = cut > 0 ? 2 : 1;
	entries[0] = pack_entry(request, 'w', body, cut > 0 ? cut : len);
	if (cut > 0 && entries[0] != NULL)
		entries[1] = pack_entry(request, 'w', body + cut, len - cut);

	if (entries[count - 1] != NULL)
	{
		store_entries(request, entries, count, after_commit);
		return;
	}
	if (entries[0] != NULL)
		free_entry(entries[0]);
	answer(request, ANSWER_BUSY);
}

/* A body that is one entry. */
static void
store_body(Request *request, char kind, const uint8_t *body, size_t len)
{
	Entry *entry = pack_entry(request, kind, body, len);

	if (entry != NULL)
		store_entries(request, &entry, 1, after_commit);
	else
		answer(request, ANSWER_BUSY);
}

void
take_mobile_batch(Request *request, const uint8_t *body, size_t len)
{
	if (len == 0)
		answer(request, ANSWER_OK);
	else
		store_body(request, 'm', body, len);
}

/* Stored as sent, so that nothing is lost that a later version may understand; but it has to be readable at all. */
void
take_analytics(Request *request, const uint8_t *body, size_t len)
{
	char why[256];
	char clean[3 * sizeof(why) + 1];
	json_t *object = read_client_json(body, len, why, sizeof(why));

	if (object == NULL)
	{
		clean_text(why, strlen(why), 0, clean);
		answer_error(request, 400, clean);
		return;
	}
	json_decref(object);
	store_body(request, 'a', body, len);
}
