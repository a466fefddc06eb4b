/*
 * codec.c - primitive encodings and the fields of one message
 *
 * A message body is its fields one after another, without tags, so the catalogue's field list drives both directions.
 * The decoder is lenient about what ends early (old trackers send fewer fields) and strict about what cannot be right.
 */
#include <string.h>

#include "wire/wire.h"
#include "wire/codec.h"

/* ---- the catalogue, expanded ---- */

/* clang-format off */

#define FIELD(message, kind, name) {#name, WIRE_##kind},
#define MESSAGE(id, platform, name, flags, fields) static const WireField name##_fields[] = {fields{NULL, WIRE_UINT}};
#include "wire/messages.list.h"
#undef MESSAGE
#undef FIELD

#define FIELD(message, kind, name)
#define MESSAGE(id, platform, name, flags, fields) [id] = {#name, name##_fields, name##_FIELDS, id, flags, WIRE_##platform},
const WireType wire_types[WIRE_TYPE_COUNT] = {
#include "wire/messages.list.h"
};
#undef MESSAGE
#undef FIELD
/* clang-format on */

const WireType *
wire_type(unsigned id)
{
	return id < WIRE_TYPE_COUNT && wire_types[id].name != NULL ? &wire_types[id] : NULL;
}

const char *
wire_error_text(WireError error)
{
	switch (error)
	{
		case WIRE_OK:
			return "no error";
		case WIRE_TRUNCATED:
			return "data end inside a message";
		case WIRE_VARINT_OVERFLOW:
			return "varint of more than 64 bits";
		case WIRE_STRING_TOO_LONG:
			return "string of more than 10000000 bytes";
		case WIRE_HEADER_MISPLACED:
			return "batch header after the first message";
		case WIRE_VERSION_UNSUPPORTED:
			return "unsupported batch version";
		case WIRE_UNKNOWN_UNSIZED:
			return "unknown message type in a batch without sizes";
	}
	return "unknown error";
}

/* ---- decoding ---- */

/*
 * The rest of reading a number: more than one byte, or none left.  Returns NULL on error.
 *
 * Keys and times take six to eight bytes, so those are read as one word: the first byte without its top bit ends the
 * number, and three folds bring its groups of seven bits together.
 */
static __attribute__((noinline)) const uint8_t *
read_long_uint(const uint8_t *pos, const uint8_t *end, uint64_t *value, WireError *error)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	if (end - pos >= 8)
	{
		uint64_t word;
		uint64_t stops;

		memcpy(&word, pos, sizeof(word));
		stops = ~word & UINT64_C(0x8080808080808080);
		if (stops != 0)
		{
			unsigned bits = (unsigned) __builtin_ctzll(stops) + 1;

			word &= (stops ^ (stops - 1)) & UINT64_C(0x7f7f7f7f7f7f7f7f);
			word = (word & UINT64_C(0x007f007f007f007f)) | ((word & UINT64_C(0x7f007f007f007f00)) >> 1);
			word = (word & UINT64_C(0x00003fff00003fff)) | ((word & UINT64_C(0x3fff00003fff0000)) >> 2);
			*value = (word & UINT64_C(0x0fffffff)) | ((word & UINT64_C(0x0fffffff00000000)) >> 4);
			return pos + bits / 8;
		}
	}
#endif
	*error = wire_read_uint(&pos, end, value);
	return *error == WIRE_OK ? pos : NULL;
}

static inline const uint8_t *
read_uint(const uint8_t *pos, const uint8_t *end, uint64_t *value, WireError *error)
{
	if (pos < end && *pos < 0x80)
	{
		*value = *pos;
		return pos + 1;
	}
	return read_long_uint(pos, end, value, error);
}

static inline const uint8_t *
read_int(const uint8_t *pos, const uint8_t *end, int64_t *value, WireError *error)
{
	uint64_t number;

	pos = read_uint(pos, end, &number, error);
	if (pos != NULL)
		*value = wire_unzigzag(number);
	return pos;
}

static inline const uint8_t *
read_boolean(const uint8_t *pos, const uint8_t *end, bool *value, WireError *error)
{
	if (pos == end)
	{
		*error = WIRE_TRUNCATED;
		return NULL;
	}
	*value = *pos == 1;
	return pos + 1;
}

static inline const uint8_t *
read_string(const uint8_t *pos, const uint8_t *end, WireString *value, WireError *error)
{
	uint64_t len;

	pos = read_uint(pos, end, &len, error);
	if (pos == NULL)
		return NULL;
	if (len > (uint64_t) (end - pos) || len > WIRE_MAX_STRING_BYTES)
	{
		*error = len > WIRE_MAX_STRING_BYTES ? WIRE_STRING_TOO_LONG : WIRE_TRUNCATED;
		return NULL;
	}
	*value = wire_string((const char *) pos, len);
	return pos + len;
}

/*
 * Straight-line code for every message, expanded from the catalogue: what a message holds is known when this is
 * compiled, and walking its field list at run time would take twice as long.
 */
#define READ_UINT(value) read_uint(pos, end, &(value).u, &error)
#define READ_INT(value) read_int(pos, end, &(value).i, &error)
#define READ_BOOLEAN(value) read_boolean(pos, end, &(value).b, &error)
#define READ_STRING(value) read_string(pos, end, &(value).s, &error)

WireError
wire_read_fields(unsigned id, const uint8_t **start, const uint8_t *end, WireValue *values, unsigned *nread)
{
	const uint8_t *pos = *start;
	const uint8_t *next;
	WireError error = WIRE_OK;
	unsigned field = 0;

	/* clang-format off */
	switch (id)
	{
#define FIELD(message, kind, name) \
		field = message##_##name; \
		next = READ_##kind(values[message##_##name]); \
		if (next == NULL) \
			break; \
		pos = next;
#define MESSAGE(id, platform, name, flags, fields) \
		case id: \
			fields \
			field = name##_FIELDS; \
			break;
#include "wire/messages.list.h"
#undef MESSAGE
#undef FIELD
	}
	/* clang-format on */
	*start = pos;
	*nread = field;
	return error;
}

/* What was not sent is 0, false or "" - never a null pointer, so that callers may hand any string to memcmp. */
static void
fill_missing(const WireType *type, unsigned from, WireValue *values)
{
	for (unsigned i = from; i < type->nfields; i++)
	{
		if (type->fields[i].kind == WIRE_STRING)
			values[i].s = wire_string("", 0);
		else
			values[i].u = 0;
	}
}

WireError
wire_decode_sent(const WireMessage *message, WireValue *values)
{
	const uint8_t *pos = message->body;
	const uint8_t *end = pos + message->body_len;
	unsigned nread;
	WireError error = wire_read_fields(message->wire_type, &pos, end, values, &nread);

	if (error == WIRE_OK)
		return WIRE_OK;
	fill_missing(&wire_types[message->wire_type], nread, values);
	/* ending between two fields is an older tracker's shorter form */
	return error == WIRE_TRUNCATED && pos == end ? WIRE_OK : error;
}

const WireSuccessor wire_successors[WIRE_TYPE_COUNT] = {
	[MSG_SetPageLocationDeprecated] = {.now = MSG_SetPageLocation},
	[MSG_NetworkRequestDeprecated] = {.now = MSG_NetworkRequest},
	[MSG_JSExceptionDeprecated] = {.now = MSG_JSException, .text = "{}"},
	[MSG_PageEventDeprecated] = {.now = MSG_PageEvent},
	[MSG_Fetch] = {.now = MSG_NetworkRequest, .type_first = true, .text = "fetch"},
	[MSG_ReduxDeprecated] = {.now = MSG_Redux},
	[MSG_GraphQLDeprecated] = {.now = MSG_GraphQL},
	[MSG_ResourceTimingDeprecatedDeprecated] = {.now = MSG_ResourceTiming},
	[MSG_IssueEventDeprecated] = {.now = MSG_IssueEvent},
	[MSG_MouseClickDeprecated] = {.now = MSG_MouseClick, .absent_point = true},
	[MSG_ResourceTimingDeprecated] = {.now = MSG_ResourceTiming},
};

WireError
wire_decode(const WireMessage *message, WireValue *values)
{
	const WireSuccessor *successor = &wire_successors[message->wire_type];
	const WireType *now;
	const WireType *sent;
	unsigned shift;
	WireError error;

	if (successor->now == 0)
		return wire_decode_sent(message, values);

	now = &wire_types[successor->now];
	sent = &wire_types[message->wire_type];
	shift = successor->type_first ? 1 : 0;
	error = wire_decode_sent(message, values + shift);

	fill_missing(now, sent->nfields + shift, values);
	if (successor->type_first)
		values[0].s = wire_string(successor->text, strlen(successor->text));
	else if (successor->text != NULL)
		values[sent->nfields].s = wire_string(successor->text, strlen(successor->text));
	if (successor->absent_point)
	{
		values[MouseClick_NormalizedX].u = 101;
		values[MouseClick_NormalizedY].u = 101;
	}
	/* signed on the old wire, unsigned now */
	if (message->wire_type == MSG_GraphQLDeprecated && values[GraphQL_Duration].i < 0)
		values[GraphQL_Duration].u = 0;
	return error;
}

/* ---- encoding ---- */

void
wire_put_bytes(WireWriter *writer, const void *data, size_t len)
{
	if (writer->overflow || len > writer->size - writer->len)
	{
		writer->overflow = true;
		return;
	}
	if (len > 0)
		memcpy(writer->data + writer->len, data, len);
	writer->len += len;
}

void
wire_put_uint(WireWriter *writer, uint64_t value)
{
	uint8_t bytes[10];
	size_t len = 0;

	while (value >= 0x80)
	{
		bytes[len++] = (uint8_t) value | 0x80;
		value >>= 7;
	}
	bytes[len++] = (uint8_t) value;
	wire_put_bytes(writer, bytes, len);
}

void
wire_put_int(WireWriter *writer, int64_t value)
{
	wire_put_uint(writer, ((uint64_t) value << 1) ^ (uint64_t) (value >> 63));
}

void
wire_put_string(WireWriter *writer, WireString value)
{
	wire_put_uint(writer, value.len);
	wire_put_bytes(writer, value.data, value.len);
}

void
wire_put_message(WireWriter *writer, unsigned id, const WireValue *values, bool sized)
{
	const WireType *type = wire_type(id);
	size_t size_at;
	size_t size;

	if (type == NULL)
	{
		writer->overflow = true;
		return;
	}
	wire_put_uint(writer, id);
	sized = sized && !wire_is_unsized(id);
	size_at = writer->len;
	if (sized)
		wire_put_bytes(writer, "\0\0\0", 3);
	for (unsigned i = 0; i < type->nfields; i++)
	{
		switch (type->fields[i].kind)
		{
			case WIRE_BOOLEAN:
				wire_put_bytes(writer, values[i].b ? "\1" : "\0", 1);
				break;
			case WIRE_UINT:
				wire_put_uint(writer, values[i].u);
				break;
			case WIRE_INT:
				wire_put_int(writer, values[i].i);
				break;
			case WIRE_STRING:
				wire_put_string(writer, values[i].s);
				break;
		}
	}
	if (!sized || writer->overflow)
		return;
	size = writer->len - size_at - 3;
	if (size > 0xffffff)
	{
		writer->overflow = true;
		return;
	}
	writer->data[size_at] = (uint8_t) size;
	writer->data[size_at + 1] = (uint8_t) (size >> 8);
	writer->data[size_at + 2] = (uint8_t) (size >> 16);
}
