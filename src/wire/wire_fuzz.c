/*
 * wire_fuzz.c - any bytes: walking, decoding and encoding again stay within bounds and agree with themselves
 *
 * The first byte chooses the platform.  What decodes without fault must survive encoding and decoding once more.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
encode_again(const WireMessage *message, const WireValue *values)
{
	size_t size = (size_t) message->body_len + 256;
	uint8_t *buffer = malloc(size);
	WireWriter writer = {.data = buffer, .size = size};
	WireMessage again = *message;
	WireValue second[WIRE_MAX_FIELDS];
	const WireType *type = wire_type(message->wire_type);

	wire_put_message(&writer, message->wire_type, values, false);
	if (!writer.overflow)
	{
		again.body = buffer + 1;
		again.body_len = (uint32_t) (writer.len - 1);
		if (wire_decode_sent(&again, second) != WIRE_OK)
			abort();
		for (unsigned i = 0; i < type->nfields; i++)
			switch (type->fields[i].kind)
			{
				case WIRE_STRING:
					if (values[i].s.len != second[i].s.len ||
						(values[i].s.len > 0 && memcmp(values[i].s.data, second[i].s.data, values[i].s.len) != 0))
						abort();
					break;
				case WIRE_BOOLEAN:
					if (values[i].b != second[i].b)
						abort();
					break;
				default:
					if (values[i].u != second[i].u)
						abort();
			}
	}
	free(buffer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WireBatch batch;
	WireMessage message;
	WireValue values[WIRE_MAX_FIELDS];

	if (size == 0)
		return 0;
	if (wire_batch_open(&batch, data + 1, size - 1, data[0] & 1 ? WIRE_MOBILE : WIRE_WEB, wire_string("", 0)) !=
		WIRE_OK)
		return 0;
	while (wire_batch_next(&batch, &message))
	{
		wire_decode(&message, values);
		if (wire_decode_sent(&message, values) == WIRE_OK)
			encode_again(&message, values);
	}
	return 0;
}
