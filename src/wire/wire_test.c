/*
 * wire_test.c - the codec against worked vectors and against every recorded batch
 *
 * The vectors (data/protocol-vectors.json) say what each byte means; the recordings (data/captures) say what real
 * trackers send.  Every recorded message must also come out byte for byte when it is encoded again.
 */
#include <stdlib.h>
#include <jansson.h>

#include "check.h"
#include "wire/wire.h"
#include "wire/testing/captures.c"

#define NO_URL wire_string("", 0)

static size_t
from_hex(const char *hex, uint8_t *data)
{
	size_t len = strlen(hex) / 2;

	for (size_t i = 0; i < len; i++)
	{
		char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};

		data[i] = (uint8_t) strtoul(digits, NULL, 16);
	}
	return len;
}

static const char *
text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static bool
string_is(WireString actual, const char *expected)
{
	return actual.len == strlen(expected) && memcmp(actual.data, expected, actual.len) == 0;
}

static uint64_t
number_of(json_t *value)
{
	/* numbers beyond 2^53 are written as decimal text */
	return json_is_string(value) ? strtoull(json_string_value(value), NULL, 10) : (uint64_t) json_integer_value(value);
}

/* A value of one field, alone in a message that has a field of that kind: the codec has no smaller public unit. */
static WireError
decode_one(const char *kind, const uint8_t *data, size_t len, WireValue *value)
{
	static const struct
	{
		const char *kind;
		uint8_t type;
	} carriers[] = {
		{"uint", MSG_Timestamp},
		{"int", MSG_SetNodeFocus},
		{"string", MSG_UserID},
		{"boolean", MSG_SetPageVisibility},
	};
	WireValue values[WIRE_MAX_FIELDS] = {0};
	WireMessage message = {.body = data, .body_len = (uint32_t) len};
	WireError error;

	for (size_t i = 0; i < 4; i++)
		if (strcmp(kind, carriers[i].kind) == 0)
			message.type = message.wire_type = carriers[i].type;
	error = wire_decode_sent(&message, values);
	*value = values[0];
	return error;
}

static void
check_value(WireKind kind, WireValue value, json_t *expected)
{
	switch (kind)
	{
		case WIRE_BOOLEAN:
			CHECK(value.b == json_is_true(expected));
			break;
		case WIRE_UINT:
			CHECK(value.u == number_of(expected));
			break;
		case WIRE_INT:
			CHECK_INT(value.i, (int64_t) number_of(expected));
			break;
		case WIRE_STRING:
			CHECK(string_is(value.s, json_string_value(expected)));
			break;
	}
}

static WireKind
kind_named(const char *name)
{
	return strcmp(name, "uint") == 0	 ? WIRE_UINT
		   : strcmp(name, "int") == 0	 ? WIRE_INT
		   : strcmp(name, "string") == 0 ? WIRE_STRING
										 : WIRE_BOOLEAN;
}

static void
test_primitives(json_t *vector)
{
	const char *groups[] = {"valid", "tolerated", "invalid"};

	for (int g = 0; g < 3; g++)
	{
		size_t i;
		json_t *entry;

		json_array_foreach(json_object_get(vector, groups[g]), i, entry)
		{
			uint8_t data[64];
			const char *kind = text_of(entry, "type");
			size_t len = from_hex(text_of(entry, "hex"), data);
			WireValue value;
			WireError error = decode_one(kind, data, len, &value);

			if (g == 2)
			{
				CHECK(error != WIRE_OK);
				continue;
			}
			CHECK_INT(error, WIRE_OK);
			check_value(kind_named(kind), value, json_object_get(entry, "value"));
			if (g == 0)
			{
				uint8_t out[64];
				WireWriter writer = {.data = out, .size = sizeof(out)};

				if (strcmp(kind, "uint") == 0)
					wire_put_uint(&writer, value.u);
				else if (strcmp(kind, "int") == 0)
					wire_put_int(&writer, value.i);
				else if (strcmp(kind, "string") == 0)
					wire_put_string(&writer, value.s);
				else
					continue;
				CHECK(writer.len == len && memcmp(out, data, len) == 0);
			}
		}
	}
}

static void
check_message(const WireMessage *message, json_t *expected)
{
	WireValue values[WIRE_MAX_FIELDS];
	json_t *fields = json_object_get(expected, "fields");
	bool transformed = json_object_get(expected, "wire_type") != NULL;
	unsigned shown = transformed ? message->type : message->wire_type;
	const WireType *type = wire_type(shown);

	CHECK_INT(shown, json_integer_value(json_object_get(expected, "type")));
	CHECK_TEXT(type->name, text_of(expected, "name"));
	CHECK(message->index == number_of(json_object_get(expected, "index")));
	CHECK_INT(message->timestamp, json_integer_value(json_object_get(expected, "timestamp")));
	CHECK(string_is(message->url, text_of(expected, "url")));
	if (json_is_string(json_object_get(expected, "tab")))
		CHECK(string_is(message->tab, text_of(expected, "tab")));
	CHECK_INT((transformed ? wire_decode : wire_decode_sent)(message, values), WIRE_OK);
	CHECK_INT(json_object_size(fields), type->nfields);
	for (unsigned i = 0; i < type->nfields; i++)
		check_value(type->fields[i].kind, values[i], json_object_get(fields, type->fields[i].name));
}

static void
check_batch(const uint8_t *data, size_t len, json_t *messages)
{
	WireBatch batch;
	WireMessage message;
	size_t n = 0;

	CHECK_INT(wire_batch_open(&batch, data, len, WIRE_WEB, NO_URL), WIRE_OK);
	while (wire_batch_next(&batch, &message) && n < json_array_size(messages))
		check_message(&message, json_array_get(messages, n++));
	CHECK_INT(n, json_array_size(messages));
	CHECK_INT(batch.error, WIRE_OK);
}

static void
test_vectors(void)
{
	json_t *file = json_load_file("data/protocol-vectors.json", 0, NULL);
	json_t *vector;
	size_t i;

	CHECK(file != NULL);
	json_array_foreach(json_object_get(file, "vectors"), i, vector)
	{
		const char *kind = text_of(vector, "kind");
		uint8_t data[4096];
		size_t len = from_hex(text_of(vector, "hex"), data);

		if (strcmp(kind, "primitives") == 0)
			test_primitives(vector);
		else if (strcmp(kind, "batch") == 0)
			check_batch(data, len, json_object_get(vector, "messages"));
		else if (strcmp(kind, "visual") == 0)
		{
			size_t split = (size_t) json_integer_value(json_object_get(vector, "split"));
			json_t *parts = json_object_get(vector, "parts");

			check_batch(data, split, json_object_get(json_array_get(parts, 0), "messages"));
			check_batch(data + split, len - split, json_object_get(json_array_get(parts, 1), "messages"));
		}
		else if (strcmp(kind, "batch_error") == 0)
		{
			WireBatch batch;
			WireMessage message;
			int n = 0;

			CHECK_INT(wire_batch_open(&batch, data, len, WIRE_WEB, NO_URL), WIRE_OK);
			while (wire_batch_next(&batch, &message))
				n++;
			/* what came before the cut is kept, and the cut is known */
			CHECK(n > 5);
			CHECK_INT(batch.error, WIRE_TRUNCATED);
			CHECK(batch.error_offset > 0 && batch.error_offset < len);
		}
	}
	json_decref(file);
}

/* Counts by type must equal those of an independent decoder, and encoding must give back the bytes. */
static void
test_capture(const char *name)
{
	static Capture capture;
	char path[256];
	json_t *expected;
	json_t *count;
	const char *key;
	int64_t counts[WIRE_TYPE_COUNT] = {0};
	int types = 0;

	load_capture(name, &capture);
	for (int i = 0; i < capture.nbatches; i++)
	{
		uint8_t *out = malloc(capture.batches[i].len);
		WireWriter writer = {.data = out, .size = capture.batches[i].len};
		WireBatch batch;
		WireMessage message;

		CHECK_INT(wire_batch_open(&batch, capture.batches[i].data, capture.batches[i].len, WIRE_WEB, NO_URL), WIRE_OK);
		CHECK(batch.header.present && batch.header.tab.len == 12);
		while (wire_batch_next(&batch, &message))
		{
			WireValue values[WIRE_MAX_FIELDS];

			counts[message.wire_type]++;
			CHECK_INT(wire_decode_sent(&message, values), WIRE_OK);
			wire_put_message(&writer, message.wire_type, values, true);
			CHECK_INT(wire_decode(&message, values), WIRE_OK);
		}
		CHECK_INT(batch.error, WIRE_OK);
		CHECK_INT(batch.unknown, 0);
		CHECK(writer.len == capture.batches[i].len && memcmp(out, capture.batches[i].data, writer.len) == 0);
		free(out);
	}

	snprintf(path, sizeof(path), "data/captures/%s/decoded-counts.json", name);
	expected = json_load_file(path, 0, NULL);
	CHECK_INT(capture.nbatches, json_integer_value(json_object_get(expected, "batch_count")));
	json_object_foreach(json_object_get(expected, "messages"), key, count)
	{
		unsigned id = (unsigned) strtoul(key, NULL, 10);

		types++;
		CHECK_INT(counts[id], json_integer_value(count));
		CHECK_TEXT(wire_type(id)->name, strchr(key, ' ') + 1);
	}
	for (int id = 0; id < WIRE_TYPE_COUNT; id++)
		types -= counts[id] > 0;
	CHECK_INT(types, 0);
	json_decref(expected);
	free_capture(&capture);
}

/* A batch cut anywhere gives the messages before the cut and never a read past the end (ASan watches). */
static void
test_every_cut(void)
{
	static Capture capture;
	const struct CapturedBatch *whole;

	load_capture("s7-idle", &capture);
	whole = &capture.batches[0];
	for (size_t len = 0; len < whole->len && len < 3000; len++)
	{
		uint8_t *copy = malloc(len ? len : 1);
		WireBatch batch;
		WireMessage message;
		WireValue values[WIRE_MAX_FIELDS];

		memcpy(copy, whole->data, len);
		if (wire_batch_open(&batch, copy, len, WIRE_WEB, NO_URL) == WIRE_OK)
			while (wire_batch_next(&batch, &message))
				wire_decode(&message, values);
		CHECK(batch.error == WIRE_OK || batch.error == WIRE_TRUNCATED);
		free(copy);
	}
	free_capture(&capture);
}

static void
test_hostile_framing(void)
{
	/* header version 9 */
	uint8_t version[] = {81, 9, 0, 0, 0, 0};

	/* a second header in the middle */
	uint8_t misplaced[] = {81, 1, 0, 0, 0, 0, 7, 0, 0, 0, 81, 1, 0, 0, 0, 0};

	/* an unsized body with an unknown type */
	uint8_t unknown[] = {0, 1, 99, 1};

	/* type 200 in a sized batch is passed over by its size */
	uint8_t wide_type[] = {81, 1, 0, 0, 0, 0, 0xc8, 0x01, 1, 0, 0, 42, 7, 0, 0, 0};

	/* a mobile message of unknown type is passed over by its Length */
	uint8_t mobile[] = {107, 1, 0, 5, 119, 9, 2, 1, 1, 91, 8};
	WireBatch batch;
	WireMessage message;

	CHECK_INT(wire_batch_open(&batch, version, sizeof(version), WIRE_WEB, NO_URL), WIRE_VERSION_UNSUPPORTED);
	CHECK(!wire_batch_next(&batch, &message));

	CHECK_INT(wire_batch_open(&batch, misplaced, sizeof(misplaced), WIRE_WEB, NO_URL), WIRE_OK);
	CHECK(wire_batch_next(&batch, &message) && message.type == MSG_BatchMetadata);
	CHECK(wire_batch_next(&batch, &message) && message.type == MSG_CreateDocument);
	CHECK(!wire_batch_next(&batch, &message));
	CHECK_INT(batch.error, WIRE_HEADER_MISPLACED);
	CHECK_INT(batch.error_offset, 10);

	CHECK_INT(wire_batch_open(&batch, unknown, sizeof(unknown), WIRE_WEB, NO_URL), WIRE_OK);
	CHECK(wire_batch_next(&batch, &message));
	CHECK(!wire_batch_next(&batch, &message));
	CHECK_INT(batch.error, WIRE_UNKNOWN_UNSIZED);

	CHECK_INT(wire_batch_open(&batch, wide_type, sizeof(wide_type), WIRE_WEB, NO_URL), WIRE_OK);
	CHECK(wire_batch_next(&batch, &message));
	CHECK(wire_batch_next(&batch, &message) && message.type == MSG_CreateDocument && message.index == 2);
	CHECK_INT(batch.unknown, 1);

	mobile[4] = 119; /* a web type in a mobile batch is decoded as what it is, whatever that is worth */
	mobile[4] = 108; /* and 108 is unknown */
	CHECK_INT(wire_batch_open(&batch, mobile, sizeof(mobile), WIRE_MOBILE, NO_URL), WIRE_OK);
	CHECK(wire_batch_next(&batch, &message) && message.index == 5);
	CHECK(wire_batch_next(&batch, &message) && message.type == MSG_MobileSessionEnd && message.timestamp == 8);
	CHECK_INT(message.index, 7);
	CHECK(!wire_batch_next(&batch, &message) && batch.error == WIRE_OK);

	CHECK_INT(wire_batch_open(&batch, NULL, 0, WIRE_WEB, NO_URL), WIRE_OK);
	CHECK(!wire_batch_next(&batch, &message) && batch.error == WIRE_OK);
}

/* Legacy forms decode as their successors, added fields filled in. */
static void
test_successors(void)
{
	uint8_t buffer[256];
	WireWriter writer = {.data = buffer, .size = sizeof(buffer)};
	WireValue fetch[WIRE_MAX_FIELDS] = {
		[Fetch_Method] = {.s = {"GET", 3}}, [Fetch_URL] = {.s = {"/a", 2}}, [Fetch_Request] = {.s = {"q", 1}},
		[Fetch_Response] = {.s = {"r", 1}}, [Fetch_Status] = {.u = 404},	[Fetch_Timestamp] = {.u = 7},
		[Fetch_Duration] = {.u = 9},
	};
	WireMessage message;
	WireBatch batch;
	WireValue values[WIRE_MAX_FIELDS];

	wire_put_message(&writer, MSG_Fetch, fetch, false);
	CHECK_INT(wire_batch_open(&batch, buffer, writer.len, WIRE_WEB, NO_URL), WIRE_OK);
	CHECK(wire_batch_next(&batch, &message));
	CHECK_INT(message.type, MSG_NetworkRequest);
	CHECK_INT(message.wire_type, MSG_Fetch);
	CHECK_INT(wire_decode(&message, values), WIRE_OK);
	CHECK(string_is(values[NetworkRequest_Type].s, "fetch"));
	CHECK(string_is(values[NetworkRequest_Method].s, "GET"));
	CHECK(string_is(values[NetworkRequest_URL].s, "/a"));
	CHECK_INT(values[NetworkRequest_Status].u, 404);
	CHECK_INT(values[NetworkRequest_Duration].u, 9);
	CHECK_INT(values[NetworkRequest_TransferredBodySize].u, 0);

	writer.len = 0;
	wire_put_message(&writer, MSG_JSExceptionDeprecated,
					 (WireValue[]){{.s = {"E", 1}}, {.s = {"m", 1}}, {.s = {"[]", 2}}}, false);
	CHECK_INT(wire_batch_open(&batch, buffer, writer.len, WIRE_WEB, NO_URL), WIRE_OK);
	CHECK(wire_batch_next(&batch, &message) && message.type == MSG_JSException);
	CHECK_INT(wire_decode(&message, values), WIRE_OK);
	CHECK(string_is(values[JSException_Metadata].s, "{}"));

	/* a writer that is too small says so and stays within its buffer */
	writer.len = 0;
	writer.size = 5;
	wire_put_message(&writer, MSG_Fetch, fetch, true);
	CHECK(writer.overflow && writer.len <= 5);
}

int
main(void)
{
	test_vectors();
	for (int i = 0; i < CAPTURE_COUNT; i++)
		test_capture(capture_names[i]);
	test_every_cut();
	test_hostile_framing();
	test_successors();
	return check_summary("wire");
}
