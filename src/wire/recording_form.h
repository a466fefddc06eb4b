/*
 * recording_form.h - messages in the form a player knows; private to src/wire
 */
#ifndef OPENREPLAY_RECORDING_FORM_H
#define OPENREPLAY_RECORDING_FORM_H

#include "wire/recording_order.h"

/* A string that a tab defined, and the key under which its messages use it. */
typedef struct Definition
{
	WireString tab;
	WireString key; /* the bytes of the key field as they were sent, or of the text in it; data NULL: a free slot */
	WireString value;
} Definition;

typedef struct Dictionary
{
	Definition *slots;
	size_t count; /* a power of two, more than there are definitions; 0: no dictionary */
} Dictionary;

/* What is written for a message: its type and either the fields as they were sent or new values. */
typedef struct RecordedForm
{
	unsigned type;
	const uint8_t *fields; /* NULL: values */
	size_t len;
	WireValue values[WIRE_MAX_FIELDS];
} RecordedForm;

typedef enum FormResult
{
	FORM_WRITE,
	FORM_UNKNOWN_TO_PLAYER,
	FORM_BROKEN
} FormResult;

extern size_t dictionary_slots(size_t definitions, RecordingPlayer player);

/* Reads all definitions; slots must be zeroed.  Definitions may follow their use when a batch was cut between them. */
extern void fill_dictionary(Dictionary *dictionary, const RecordingOrder *order, const StoredFile *stored);

/* tab is that of the batch's header, whose dictionary the message uses. */
extern FormResult form_message(const RecordingOptions *options, const Dictionary *dictionary,
							   const WireMessage *message, WireString tab, RecordedForm *form);

#endif /* OPENREPLAY_RECORDING_FORM_H */
