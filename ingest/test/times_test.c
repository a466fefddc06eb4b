/*
 * times_test.c - a moved recording is the recording, later
 *
 * Every batch of every capture is moved by a year and decoded again: the same messages, the same other fields, every
 * time a year later; moved back, it is the recorded bytes.  And it is byte for byte what comes out when each message is
 * decoded, its times are changed, and it is encoded anew by the shared codec.
 */
#include "check.h"
#include "test/replay/capture.c"
#include "test/replay/times.c"
#include "test/replay/util.c"

#define CAPTURES "data/captures"
#define YEAR_MS (INT64_C(365) * DAY_MS)

static bool
is_time(int64_t number, const Capture *capture)
{
	return number > capture->start_ms - DAY_MS && number < capture->start_ms + DAY_MS;
}

/* Adds up what differs other than times that moved by a year. */
static int
count_differences(const WireMessage *before, const WireMessage *after, const Capture *capture, int *moved)
{
	const WireType *type = wire_type(before->wire_type);
	WireValue old[WIRE_MAX_FIELDS];
	WireValue new[WIRE_MAX_FIELDS];
	int differences =
		before->wire_type != after->wire_type || before->body_len != after->body_len || before->index != after->index;

	if (differences || wire_decode_sent(before, old) != WIRE_OK || wire_decode_sent(after, new) != WIRE_OK)
		return 1;
	for (int i = 0; i < type->nfields; i++)
	{
		int64_t shift = 0;

		switch (type->fields[i].kind)
		{
			case WIRE_BOOLEAN:
				differences += old[i].b != new[i].b;
				break;
			case WIRE_STRING:
				differences += old[i].s.len != new[i].s.len || memcmp(old[i].s.data, new[i].s.data, old[i].s.len) != 0;
				break;
			case WIRE_UINT:
			case WIRE_INT:
				if (is_time(old[i].i, capture))
					shift = YEAR_MS;
				differences += old[i].i + shift != new[i].i;
				*moved += shift != 0;
				break;
		}
	}
	return differences;
}

/* The batch as the codec writes it when every time is a year later. */
static size_t
encode_moved(const Capture *capture, const uint8_t *before, size_t len, uint8_t *out)
{
	WireWriter writer = {.data = out, .size = len};
	WireBatch batch;
	WireMessage message;

	CHECK_INT(wire_batch_open(&batch, before, len, WIRE_WEB, wire_string("", 0)), WIRE_OK);
	while (wire_batch_next(&batch, &message))
	{
		const WireType *type = wire_type(message.wire_type);
		WireValue values[WIRE_MAX_FIELDS];

		CHECK_INT(wire_decode_sent(&message, values), WIRE_OK);
		for (int i = 0; i < type->nfields; i++)
		{
			bool is_number = type->fields[i].kind == WIRE_UINT || type->fields[i].kind == WIRE_INT;

			if (is_number && is_time(values[i].i, capture))
				values[i].i += YEAR_MS;
		}
		wire_put_message(&writer, message.wire_type, values, batch.sized);
	}
	CHECK_INT(batch.error, WIRE_OK);
	CHECK(!writer.overflow);
	return writer.len;
}

static void
check_encoded(const Capture *capture, const uint8_t *before, const uint8_t *after, size_t len)
{
	uint8_t *encoded = need(malloc(len + 1));

	CHECK_INT(encode_moved(capture, before, len, encoded), len);
	CHECK(memcmp(encoded, after, len) == 0);
	free(encoded);
}

static void
check_part(const Capture *capture, const uint8_t *before, const uint8_t *after, size_t len, int *moved)
{
	WireBatch old_batch;
	WireBatch new_batch;
	WireMessage old_message;
	WireMessage new_message;
	int differences = 0;

	CHECK_INT(wire_batch_open(&old_batch, before, len, WIRE_WEB, wire_string("", 0)), WIRE_OK);
	CHECK_INT(wire_batch_open(&new_batch, after, len, WIRE_WEB, wire_string("", 0)), WIRE_OK);
	while (wire_batch_next(&old_batch, &old_message) && wire_batch_next(&new_batch, &new_message))
		differences += count_differences(&old_message, &new_message, capture, moved);
	CHECK_INT(old_batch.error, WIRE_OK);
	CHECK_INT(differences, 0);
}

static void
check_request(const Capture *capture, const CaptureRequest *request)
{
	uint8_t *moved_body = need(malloc(request->len + 1));
	int moved = 0;

	memcpy(moved_body, request->body, request->len);
	CHECK(move_times(moved_body, &request->marks, YEAR_MS));
	for (int i = 0; i < request->nparts; i++)
		check_part(capture, request->body + request->parts[i].offset, moved_body + request->parts[i].offset,
				   request->parts[i].len, &moved);
	for (int i = 0; i < request->nparts; i++)
		check_encoded(capture, request->body + request->parts[i].offset, moved_body + request->parts[i].offset,
					  request->parts[i].len);
	CHECK_INT(moved, request->marks.count);
	CHECK(move_times(moved_body, &request->marks, 0));
	CHECK(memcmp(moved_body, request->body, request->len) == 0);
	free(moved_body);
}

int
main(void)
{
	size_t count;
	Capture **captures = open_captures(CAPTURES, &count);

	for (size_t i = 0; i < count; i++)
	{
		for (size_t n = 0; n < captures[i]->nrequests; n++)
		{
			if (captures[i]->requests[n].kind == REQUEST_BATCH)
				check_request(captures[i], &captures[i]->requests[n]);
		}
	}
	close_captures(captures);
	return check_summary("times");
}
