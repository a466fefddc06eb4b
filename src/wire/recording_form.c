/*
 * recording_form.c - turning a message into one that the chosen player knows
 *
 * Most are written as they were sent, cut to the fields that are known: a file has no sizes, so one byte too many and
 * everything behind it is lost to the player.  The player of 1.20 knows no dictionaries that live longer than a page,
 * so for it they are resolved here.
 */
#include <string.h>

#include "wire/codec.h"
#include "wire/recording_form.h"

#define NOT_IN_1_20 1
#define NOT_IN_1_27 2

static const uint8_t unknown_to[WIRE_TYPE_COUNT] = {
	[MSG_StringDictGlobal] = NOT_IN_1_20,
	[MSG_SetNodeAttributeDictGlobal] = NOT_IN_1_20,
	[MSG_NodeAnimationResult] = NOT_IN_1_20,
	[MSG_StringDict] = NOT_IN_1_20,
	[MSG_SetNodeAttributeDict] = NOT_IN_1_20,
	[MSG_SetNodeSlot] = NOT_IN_1_20,
	[MSG_ResourceTiming] = NOT_IN_1_20,
	[MSG_Incident] = NOT_IN_1_20,
	[MSG_LongAnimationTask] = NOT_IN_1_20,
	[MSG_MobileGraphQL] = NOT_IN_1_20,
	[MSG_CSSInsertRule] = NOT_IN_1_27,
	[MSG_CSSDeleteRule] = NOT_IN_1_27,
	[MSG_CSSInsertRuleURLBased] = NOT_IN_1_27,
	[MSG_LongTask] = NOT_IN_1_27,
	[MSG_Fetch] = NOT_IN_1_27,
};

/* ---- dictionaries ---- */

size_t
dictionary_slots(size_t definitions, RecordingPlayer player)
{
	size_t slots = 4;

	if (player != RECORDING_PLAYER_1_20 || definitions == 0)
		return 0;
	while (slots < 2 * definitions)
		slots *= 2;
	return slots;
}

static uint64_t
add_to_hash(uint64_t hash, WireString text)
{
	for (uint32_t i = 0; i < text.len; i++)
		hash = (hash ^ (uint8_t) text.data[i]) * UINT64_C(0x100000001b3);
	return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

/* The slot of a key, or the free one where it belongs. */
static Definition *
find_slot(const Dictionary *dictionary, WireString tab, WireString key)
{
	size_t at = add_to_hash(add_to_hash(UINT64_C(0xcbf29ce484222325), tab), key) & (dictionary->count - 1);

	while (dictionary->slots[at].key.data != NULL &&
		   !(strings_equal(dictionary->slots[at].key, key) && strings_equal(dictionary->slots[at].tab, tab)))
		at = (at + 1) & (dictionary->count - 1);
	return &dictionary->slots[at];
}

/* The bytes of a number field, which are as good a key as the number: encoders write it in one way. */
static WireString
number_bytes(const uint8_t **pos, const uint8_t *end)
{
	const uint8_t *start = *pos;
	uint64_t number;

	if (wire_read_uint(pos, end, &number) != WIRE_OK)
		*pos = end;
	return wire_string((const char *) start, (size_t) (*pos - start));
}

static void
add_definition(Dictionary *dictionary, const WireMessage *message, WireString tab)
{
	WireValue values[WIRE_MAX_FIELDS];
	const uint8_t *pos = message->body;
	WireString key;
	WireString value;
	Definition *slot;

	if ((message->wire_type != MSG_StringDictGlobal && message->wire_type != MSG_StringDict) ||
		wire_decode_sent(message, values) != WIRE_OK)
		return;
	if (message->wire_type == MSG_StringDict)
	{
		key = values[StringDict_Key].s;
		value = values[StringDict_Value].s;
	}
	else
	{
		key = number_bytes(&pos, pos + message->body_len);
		value = values[StringDictGlobal_Value].s;
	}
	slot = find_slot(dictionary, tab, key);
	if (slot->key.data == NULL)
		*slot = (Definition){tab, key, value};
}

void
fill_dictionary(Dictionary *dictionary, const RecordingOrder *order, const StoredFile *stored)
{
	WireMessage message;

	if (dictionary->count == 0)
		return;
	for (size_t i = 0; i < order->nplaced; i++)
	{
		const RecordingBatch *batch = order->placed[i].batch;
		WireBatch walk;

		if (batch == NULL)
			continue;
		wire_batch_open(&walk, batch->body, batch->len, batch->platform, wire_string("", 0));
		while (wire_batch_next(&walk, &message))
			add_definition(dictionary, &message, order->placed[i].origin.tab);
	}
	for (size_t i = 0; i < order->nreadings; i++)
	{
		StoredWalk walk;
		StoredItem item;

		open_stored_file(&walk, &stored[i]);
		while (next_stored_item(&walk, &item))
		{
			message =
				(WireMessage){.wire_type = (uint8_t) item.type, .body = item.fields, .body_len = (uint32_t) item.len};
			add_definition(dictionary, &message, order->readings[i].batches[item.batch].placed->origin.tab);
		}
	}
}

/* SetNodeAttribute with the words that the keys stand for; false if one was never defined. */
static bool
resolve_attribute(const Dictionary *dictionary, const WireMessage *message, WireString tab, RecordedForm *form)
{
	WireString keys[2];
	const Definition *name;
	const Definition *value;

	if (dictionary->count == 0)
		return false;
	if (message->wire_type == MSG_SetNodeAttributeDict)
	{
		keys[0] = form->values[SetNodeAttributeDict_Name].s;
		keys[1] = form->values[SetNodeAttributeDict_Value].s;
	}
	else
	{
		const uint8_t *pos = message->body;
		const uint8_t *end = pos + message->body_len;

		number_bytes(&pos, end); /* the node */
		keys[0] = number_bytes(&pos, end);
		keys[1] = number_bytes(&pos, end);
	}
	name = find_slot(dictionary, tab, keys[0]);
	value = find_slot(dictionary, tab, keys[1]);
	if (name->key.data == NULL || value->key.data == NULL)
		return false;
	form->type = MSG_SetNodeAttribute;
	form->values[SetNodeAttribute_Name].s = name->value;
	form->values[SetNodeAttribute_Value].s = value->value;
	return true;
}

/* ---- messages ---- */

static bool
is_url_based(unsigned type)
{
	return type == MSG_SetNodeAttributeURLBased || type == MSG_SetCSSDataURLBased ||
		   type == MSG_CSSInsertRuleURLBased || type == MSG_AdoptedSSReplaceURLBased ||
		   type == MSG_AdoptedSSInsertRuleURLBased;
}

/* Reads the fields; what is whole can be written as it was sent, without what follows the known fields. */
static WireError
read_form(const WireMessage *message, RecordedForm *form)
{
	const uint8_t *pos = message->body;
	unsigned nread;

	form->type = message->wire_type;
	form->fields = NULL;
	if (wire_read_fields(message->wire_type, &pos, pos + message->body_len, form->values, &nread) != WIRE_OK)
		return wire_decode_sent(message, form->values); /* an older, shorter form, or broken */
	form->fields = message->body;
	form->len = (size_t) (pos - message->body);
	return WIRE_OK;
}

FormResult
form_message(const RecordingOptions *options, const Dictionary *dictionary, const WireMessage *message, WireString tab,
			 RecordedForm *form)
{
	unsigned lacking = options->player == RECORDING_PLAYER_1_20 ? NOT_IN_1_20 : NOT_IN_1_27;
	bool unknown = (unknown_to[message->wire_type] & lacking) != 0;

	if (read_form(message, form) != WIRE_OK)
		return FORM_BROKEN;
	if (is_url_based(form->type) && !unknown && options->rewrite != NULL)
	{
		unsigned type = options->rewrite(options->rewrite_context, form->type, form->values);

		if (type != form->type)
			form->fields = NULL;
		form->type = type;
	}
	if (!unknown)
		return FORM_WRITE;

	form->fields = NULL;
	switch (message->wire_type)
	{
		case MSG_Fetch:
			form->type = message->type;
			wire_decode(message, form->values);
			return FORM_WRITE;
		case MSG_ResourceTiming:
			form->type = MSG_ResourceTimingDeprecated; /* whose fields are the first of the successor's */
			return FORM_WRITE;
		case MSG_SetNodeAttributeDictGlobal:
		case MSG_SetNodeAttributeDict:
			if (resolve_attribute(dictionary, message, tab, form))
				return FORM_WRITE;
			break;
	}
	return FORM_UNKNOWN_TO_PLAYER;
}
