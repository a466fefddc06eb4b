/*
 * recording_file.c - which message goes into which file, and what has to be said between them
 *
 * A message in a file has its time and tab from the Timestamp and the TabData last read.  Those that trackers sent stay
 * where they were, except that a Timestamp waits until something follows it; where tabs or streams interleave, the
 * missing ones are put in.  So a part of the messages always means what the whole would.
 */
#include <string.h>

#include "wire/recording_form.h"

const char *const recording_file_names[RECORDING_FILE_COUNT] = {"dom.mobs", "dom.mobe", "devtools.mob"};

static const uint8_t without_indexes[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* One of the two sequences of messages: DOM, which is split into two files, and devtools. */
typedef struct Sequence
{
	RecordingFile file; /* now being written */
	bool began;			/* something was written behind the header */
	bool full;
	bool told;	  /* a Timestamp was sent and not yet written */
	int64_t time; /* of the Timestamp last written */
	int64_t first_time;
	WireString tab; /* of the TabData last written */
	uint64_t bytes;
} Sequence;

typedef struct Writing
{
	const RecordingOptions *options;
	RecordingCounts *counts;
	Sequence sequences[2];
	bool stopped;
} Writing;

static void
put(Writing *writing, Sequence *sequence, const void *data, size_t len)
{
	if (len == 0 || writing->stopped)
		return;
	writing->counts->bytes[sequence->file] += len;
	sequence->bytes += len;
	if (!writing->options->put(writing->options->sink, sequence->file, data, len))
		writing->stopped = true;
}

static size_t
field_size(WireKind kind, const WireValue *value)
{
	uint8_t bytes[10];
	WireWriter writer = {.data = bytes, .size = sizeof(bytes)};

	switch (kind)
	{
		case WIRE_BOOLEAN:
			return 1;
		case WIRE_UINT:
			wire_put_uint(&writer, value->u);
			return writer.len;
		case WIRE_INT:
			wire_put_int(&writer, value->i);
			return writer.len;
		case WIRE_STRING:
			wire_put_uint(&writer, value->s.len);
			return writer.len + value->s.len;
	}
	return 0;
}

/* Strings go to the file from where they are; only numbers are collected on the way. */
static void
put_values(Writing *writing, Sequence *sequence, unsigned id, const WireValue *values)
{
	const WireType *type = wire_type(id);
	uint8_t bytes[WIRE_MAX_FIELDS * 10 + 1];
	WireWriter writer = {.data = bytes, .size = sizeof(bytes)};

	wire_put_uint(&writer, id);
	for (unsigned i = 0; i < type->nfields; i++)
		switch (type->fields[i].kind)
		{
			case WIRE_BOOLEAN:
				wire_put_uint(&writer, values[i].b ? 1 : 0);
				break;
			case WIRE_UINT:
				wire_put_uint(&writer, values[i].u);
				break;
			case WIRE_INT:
				wire_put_int(&writer, values[i].i);
				break;
			case WIRE_STRING:
				wire_put_uint(&writer, values[i].s.len);
				put(writing, sequence, writer.data, writer.len);
				put(writing, sequence, values[i].s.data, values[i].s.len);
				writer.len = 0;
				break;
		}
	put(writing, sequence, writer.data, writer.len);
	writing->counts->messages[sequence->file]++;
}

static void
put_form(Writing *writing, Sequence *sequence, const RecordedForm *form)
{
	uint8_t type = (uint8_t) form->type;

	if (form->fields == NULL)
	{
		put_values(writing, sequence, form->type, form->values);
		return;
	}
	put(writing, sequence, &type, 1);
	put(writing, sequence, form->fields, form->len);
	writing->counts->messages[sequence->file]++;
}

static size_t
form_size(const RecordedForm *form)
{
	const WireType *type = wire_type(form->type);
	size_t size = 1;

	if (form->fields != NULL)
		return 1 + form->len;
	for (unsigned i = 0; i < type->nfields; i++)
		size += field_size(type->fields[i].kind, &form->values[i]);
	return size;
}

static void
put_time(Writing *writing, Sequence *sequence, int64_t time)
{
	const RecordingOptions *options = writing->options;

	if (!sequence->began)
		sequence->first_time = time;
	else if (sequence->file == RECORDING_DOM_START && options->split_ms > 0 && time > sequence->first_time &&
			 (uint64_t) time - (uint64_t) sequence->first_time > (uint64_t) options->split_ms)
		sequence->file = RECORDING_DOM_END;
	put_values(writing, sequence, MSG_Timestamp, &(WireValue){.u = time > 0 ? (uint64_t) time : 0});
	sequence->time = time;
	sequence->told = false;
	sequence->began = true;
}

static void
put_message(Writing *writing, Sequence *sequence, const Run *run, const RecordedForm *form)
{
	const WireMessage *message = &run->message;
	bool is_tab = form->type == MSG_TabData;
	bool mobile = run->walk.platform == WIRE_MOBILE;
	WireString tab = message->tab;
	bool tell_time = !mobile && (sequence->told || !sequence->began || run->time != sequence->time);
	bool tell_tab = !mobile && !is_tab && tab.len > 0 && !strings_equal(tab, sequence->tab);
	size_t size = form_size(form) + (tell_time ? 11 : 0) + (tell_tab ? 1 + 5 + tab.len : 0);

	if (sequence->full || sequence->bytes + size > writing->options->max_bytes)
	{
		/* a later, smaller message would miss what it builds on */
		sequence->full = true;
		writing->counts->cut++;
		return;
	}
	if (tell_time)
		put_time(writing, sequence, run->time);
	if (tell_tab)
		put_values(writing, sequence, MSG_TabData, &(WireValue){.s = tab});
	put_form(writing, sequence, form);
	sequence->began = true;
	if (is_tab || tell_tab)
		sequence->tab = tab;
}

/* The context of a stream concerns only the files that its own messages go to. */
static bool
tells_context(const Run *run, bool devtools)
{
	if (run->placed->version <= 1)
		return true;
	return devtools ? run->placed->stream == STREAM_DEVTOOLS : run->placed->stream <= STREAM_ASSETS;
}

static void
write_message(Writing *writing, const Dictionary *dictionary, const Run *run)
{
	unsigned flags = wire_type(run->message.wire_type)->flags;
	bool is_context = run->message.wire_type == MSG_Timestamp || run->message.wire_type == MSG_TabData;
	RecordedForm form;
	FormResult result = form_message(writing->options, dictionary, run, &form);

	if (result != FORM_WRITE)
	{
		*(result == FORM_BROKEN ? &writing->counts->broken : &writing->counts->left_out) += 1;
		return;
	}
	for (int devtools = 0; devtools < 2; devtools++)
	{
		Sequence *sequence = &writing->sequences[devtools];

		if (!(flags & (devtools ? WIRE_IN_DEVTOOLS : WIRE_IN_DOM_FILE)) ||
			(is_context && !tells_context(run, devtools)))
			continue;
		if (run->message.wire_type == MSG_Timestamp)
			sequence->told = true;
		else
			put_message(writing, sequence, run, &form);
	}
}

/* ---- working memory ---- */

typedef struct Workspace
{
	size_t placed;
	size_t runs;
	size_t heap;
	size_t slots;
	size_t nslots;
	size_t size;
} Workspace;

static size_t
reserve(Workspace *workspace, size_t size)
{
	size_t at = workspace->size;

	workspace->size += (size + 15) & ~(size_t) 15;
	return at;
}

static Workspace
lay_out(const RecordingBatch *batches, size_t count, RecordingPlayer player)
{
	Workspace workspace = {0};
	RecordingSize total = {0};

	for (size_t i = 0; i < count; i++)
	{
		RecordingSize size;

		measure_batch(&batches[i], &size);
		total.runs += size.runs;
		total.definitions += size.definitions;
	}
	workspace.nslots = dictionary_slots(total.definitions, player);
	workspace.placed = reserve(&workspace, count * sizeof(PlacedBatch));
	workspace.runs = reserve(&workspace, total.runs * sizeof(Run));
	workspace.heap = reserve(&workspace, total.runs * sizeof(Run *));
	workspace.slots = reserve(&workspace, workspace.nslots * sizeof(Definition));
	return workspace;
}

size_t
recording_workspace_size(const RecordingBatch *batches, size_t count, RecordingPlayer player)
{
	return lay_out(batches, count, player).size;
}

bool
write_recording(const RecordingBatch *batches, size_t count, const RecordingOptions *options, void *memory,
				RecordingCounts *counts)
{
	Workspace workspace = lay_out(batches, count, options->player);
	uint8_t *base = memory;
	RecordingOrder order = {
		.placed = (PlacedBatch *) (base + workspace.placed),
		.runs = (Run *) (base + workspace.runs),
		.heap = (Run **) (base + workspace.heap),
	};
	Dictionary dictionary = {.slots = (Definition *) (base + workspace.slots), .count = workspace.nslots};
	Writing writing = {
		.options = options,
		.counts = counts,
		.sequences = {{.file = RECORDING_DOM_START, .tab = wire_string("", 0)},
					  {.file = RECORDING_DEVTOOLS, .tab = wire_string("", 0)}},
	};
	const Run *run;

	*counts = (RecordingCounts){0};
	open_order(&order, batches, count);
	if (dictionary.count > 0)
	{
		memset(dictionary.slots, 0, dictionary.count * sizeof(Definition));
		fill_dictionary(&dictionary, order.placed, order.nplaced);
	}
	for (int i = 0; i < 2; i++)
		put(&writing, &writing.sequences[i], without_indexes, sizeof(without_indexes));
	while (!writing.stopped && (run = next_in_order(&order)) != NULL)
		write_message(&writing, &dictionary, run);
	counts->broken += order.broken;
	return !writing.stopped;
}
