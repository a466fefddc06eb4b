/*
 * recording_file.c - which message goes into which file, and what has to be said between them
 *
 * A message in a file has its time and tab from the Timestamp and the TabData last read.  Those that trackers sent stay
 * where they were, except that a Timestamp waits until something follows it; where tabs or streams interleave, the
 * missing ones are put in.  So a part of the messages always means what the whole would.
 *
 * What comes twice has one place in the order, and is known by it: as a message of the same batch, or by being the
 * same.
 */
#include <string.h>

#include "wire/codec.h"
#include "wire/recording_form.h"

const char *const recording_file_names[RECORDING_FILE_COUNT] = {"dom.mobs", "dom.mobe", "devtools.mob"};

static const uint8_t without_indexes[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* A message and its place in the order, to know its repetition: written for each, so no more than is needed for that.
 */
typedef struct Told
{
	const PlacedBatch *batch; /* NULL: there was none */
	int64_t time;
	uint64_t index;
	const uint8_t *body;
	uint32_t body_len;
	uint8_t wire_type;
	bool stored;
} Told;

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
	Told last;
	const PlacedBatch *origin_batch; /* of the item last told in the file's origin */
	uint32_t named;					 /* batches in that */
} Sequence;

typedef struct Writing
{
	const RecordingOptions *options;
	RecordingCounts *counts;
	const Dictionary *dictionary;
	int64_t split_ms;
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

static void
put_origin_bytes(Writing *writing, RecordingFile file, const void *data, size_t len)
{
	if (len == 0 || writing->stopped || writing->options->put_origin == NULL)
		return;
	writing->counts->origin_bytes[file] += len;
	if (!writing->options->put_origin(writing->options->sink, file, data, len))
		writing->stopped = true;
}

static void
begin_origin(Writing *writing, const Sequence *sequence)
{
	uint8_t bytes[32];
	WireWriter writer = {.data = bytes, .size = sizeof(bytes)};

	wire_put_uint(&writer, ORIGIN_VERSION);
	wire_put_uint(&writer, sequence->file == RECORDING_DEVTOOLS ? 0 : (uint64_t) writing->split_ms);
	wire_put_uint(&writer, sequence->tab.len);
	put_origin_bytes(writing, sequence->file, bytes, writer.len);
	put_origin_bytes(writing, sequence->file, sequence->tab.data, sequence->tab.len);
}

/* Names a batch the first time; what was written so far is put before its tab. */
static void
name_batch(Writing *writing, const Sequence *sequence, const OriginBatch *batch, WireWriter *writer)
{
	wire_put_uint(writer, batch->tab.len);
	put_origin_bytes(writing, sequence->file, writer->data, writer->len);
	put_origin_bytes(writing, sequence->file, batch->tab.data, batch->tab.len);
	writer->len = 0;
	put_origin_batch(writer, batch);
}

static void
put_wanted_item(Writing *writing, Sequence *sequence, const Run *run, OriginKind kind, unsigned flags)
{
	PlacedBatch *batch = run->placed->first;
	ToldBatch *told = &batch->told[sequence->file];
	const WireMessage *message = &run->message;
	uint8_t bytes[ORIGIN_ITEM_SIZE];
	WireWriter writer = {.data = bytes, .size = sizeof(bytes), .len = 1};
	bool is_new = told->number == 0;
	bool is_other = !is_new && batch != sequence->origin_batch;

	bytes[0] = (uint8_t) (kind | flags | (is_new ? ORIGIN_NEW_BATCH : 0) | (is_other ? ORIGIN_OTHER_BATCH : 0));
	if (is_new)
	{
		*told = (ToldBatch){++sequence->named, origin_base_index(&batch->origin)};
		name_batch(writing, sequence, &batch->origin, &writer);
	}
	else if (is_other)
		wire_put_uint(&writer, told->number - 1);
	put_origin_item(&writer, kind, (int64_t) (message->index - told->index),
					(int64_t) ((uint64_t) run->time - (uint64_t) sequence->time), message->wire_type,
					message->body_len);
	told->index = message->index;
	sequence->origin_batch = batch;
	put_origin_bytes(writing, sequence->file, bytes, writer.len);
	if (kind == ORIGIN_LEFT_OUT)
		put_origin_bytes(writing, sequence->file, message->body, message->body_len);
}

/* Tells whence the message of a run comes. */
static inline void
put_item(Writing *writing, Sequence *sequence, const Run *run, OriginKind kind, unsigned flags)
{
	if (writing->options->put_origin != NULL)
		put_wanted_item(writing, sequence, run, kind, flags);
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
	if (!sequence->began)
		sequence->first_time = time;
	else if (sequence->file == RECORDING_DOM_START && writing->split_ms > 0 && time > sequence->first_time &&
			 time - sequence->first_time > writing->split_ms)
	{
		sequence->file = RECORDING_DOM_END;
		sequence->origin_batch = NULL;
		sequence->named = 0;
		begin_origin(writing, sequence);
	}
	put_values(writing, sequence, MSG_Timestamp, &(WireValue){.u = (uint64_t) time});
	sequence->time = time;
	sequence->told = false;
	sequence->began = true;
}

/* A later, smaller message would miss what it builds on. */
static void
cut_sequence(Writing *writing, Sequence *sequence, const Run *run)
{
	if (!sequence->full)
		put_item(writing, sequence, run, ORIGIN_CUT, 0);
	sequence->full = true;
	writing->counts->cut++;
}

static void
put_message(Writing *writing, Sequence *sequence, const Run *run, const RecordedForm *form)
{
	const WireMessage *message = &run->message;
	bool is_tab = form->type == MSG_TabData;
	bool mobile = run->placed->origin.mobile;
	WireString tab = message->tab;
	bool tell_time = !mobile && (sequence->told || !sequence->began || run->time != sequence->time);
	bool tell_tab = !mobile && !is_tab && tab.len > 0 && !strings_equal(tab, sequence->tab);
	size_t size = form_size(form) + (tell_time ? 11 : 0) + (tell_tab ? 1 + 5 + tab.len : 0);

	if (sequence->full || sequence->bytes + size > writing->options->max_bytes)
	{
		cut_sequence(writing, sequence, run);
		return;
	}
	if (tell_time)
		put_time(writing, sequence, run->time);
	if (tell_tab)
		put_values(writing, sequence, MSG_TabData, &(WireValue){.s = tab});
	put_form(writing, sequence, form);
	put_item(writing, sequence, run, ORIGIN_MESSAGE,
			 (tell_tab ? ORIGIN_TAB_PUT_IN : 0) | (tab.len == 0 ? ORIGIN_NO_TAB : 0));
	sequence->began = true;
	if (is_tab || tell_tab)
		sequence->tab = tab;
}

/* ---- what comes twice ---- */

static bool
values_equal(WireKind kind, const WireValue *a, const WireValue *b)
{
	switch (kind)
	{
		case WIRE_BOOLEAN:
			return a->b == b->b;
		case WIRE_UINT:
			return a->u == b->u;
		case WIRE_INT:
			return a->i == b->i;
		case WIRE_STRING:
			return strings_equal(a->s, b->s);
	}
	return false;
}

/* Whether two messages were written as the same; fields of form is NULL where they were not read from bytes. */
static bool
forms_equal(const RecordedForm *a, const RecordedForm *b)
{
	const WireType *type = wire_type(a->type);

	if (a->type != b->type)
		return false;
	for (unsigned i = 0; i < type->nfields; i++)
		if (!values_equal(type->fields[i].kind, &a->values[i], &b->values[i]))
			return false;
	return true;
}

/*
 * Whether two messages are one.  Of what is stored only the form is known in which it was written, and so another has
 * to be brought into that; two that were sent are compared as they were sent.
 */
static bool
tells_the_same(const Writing *writing, const Told *last, const Run *run)
{
	const WireMessage *a = &(WireMessage){.type = wire_canonical_type(last->wire_type),
										  .wire_type = last->wire_type,
										  .body = last->body,
										  .body_len = last->body_len};
	const WireMessage *b = &run->message;
	bool mixed = last->stored != (run->stored != NULL);
	RecordingOptions as_sent = *writing->options;
	RecordedForm forms[2];

	if (a->wire_type == b->wire_type && a->body_len == b->body_len && memcmp(a->body, b->body, a->body_len) == 0)
		return true;
	as_sent.rewrite = NULL;
	return form_message(last->stored || !mixed ? &as_sent : writing->options, writing->dictionary, a,
						run->placed->origin.tab, &forms[0]) == FORM_WRITE &&
		   form_message(run->stored != NULL || !mixed ? &as_sent : writing->options, writing->dictionary, b,
						run->placed->origin.tab, &forms[1]) == FORM_WRITE &&
		   forms_equal(&forms[0], &forms[1]);
}

/* A batch that was cut on its way, sent in other pieces, or stored before, tells messages that another tells too. */
static bool
is_repetition(const Writing *writing, const Told *last, const Run *run)
{
	if (last->batch == NULL || last->index != run->message.index || last->time != run->time ||
		last->batch->place != run->placed->place)
		return false;
	return last->batch == run->placed->first || tells_the_same(writing, last, run);
}

/* The context of a stream concerns only the files that its own messages go to. */
static bool
tells_context(const Run *run, bool devtools)
{
	if (run->placed->origin.version <= 1)
		return true;
	return devtools ? run->placed->stream == STREAM_DEVTOOLS : run->placed->stream <= STREAM_ASSETS;
}

static bool
goes_into(const Run *run, bool devtools)
{
	uint8_t type = run->message.wire_type;

	if (run->stored != NULL)
		return devtools == (run->stored->file == RECORDING_DEVTOOLS);
	if (!(wire_types[type].flags & (devtools ? WIRE_IN_DEVTOOLS : WIRE_IN_DOM_FILE)))
		return false;
	return (type != MSG_Timestamp && type != MSG_TabData) || tells_context(run, devtools);
}

/* What another player, or later data, will need of a message that this player lacks. */
static bool
is_needed_later(unsigned type)
{
	return type == MSG_StringDictGlobal || type == MSG_StringDict || type == MSG_SetNodeAttributeDictGlobal ||
		   type == MSG_SetNodeAttributeDict;
}

static void
write_into(Writing *writing, Sequence *sequence, const Run *run)
{
	OriginKind kind = run->stored != NULL ? run->stored->kind : ORIGIN_MESSAGE;
	RecordedForm form;

	if (kind == ORIGIN_CUT)
		cut_sequence(writing, sequence, run);
	else if (run->message.wire_type == MSG_Timestamp)
	{
		sequence->told = true;
		if (!sequence->full)
			put_item(writing, sequence, run, ORIGIN_TIMESTAMP, 0);
	}
	else
		switch (form_message(writing->options, writing->dictionary, &run->message, run->placed->origin.tab, &form))
		{
			case FORM_WRITE:
				put_message(writing, sequence, run, &form);
				break;
			case FORM_UNKNOWN_TO_PLAYER:
				writing->counts->left_out++;
				if (!sequence->full && is_needed_later(run->message.wire_type))
					put_item(writing, sequence, run, ORIGIN_LEFT_OUT, 0);
				break;
			case FORM_BROKEN:
				writing->counts->broken++;
				break;
		}
}

static void
write_message(Writing *writing, const Run *run)
{
	for (int devtools = 0; devtools < 2; devtools++)
	{
		Sequence *sequence = &writing->sequences[devtools];

		if (!goes_into(run, devtools) || is_repetition(writing, &sequence->last, run))
			continue;
		write_into(writing, sequence, run);
		sequence->last = (Told){
			.batch = run->placed->first,
			.time = run->time,
			.index = run->message.index,
			.body = run->message.body,
			.body_len = run->message.body_len,
			.wire_type = run->message.wire_type,
			.stored = run->stored != NULL,
		};
	}
}

/* ---- working memory ---- */

typedef struct Workspace
{
	size_t placed;
	size_t runs;
	size_t heap;
	size_t readings;
	size_t stored_batches;
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
lay_out(const RecordingBatch *batches, size_t count, const RecordingOptions *options)
{
	Workspace workspace = {0};
	RecordingSize total = {0};

	for (size_t i = 0; i < count + options->nstored; i++)
	{
		RecordingSize size;

		if (i < count)
			measure_batch(&batches[i], &size);
		else
			measure_stored_file(&options->stored[i - count], &size);
		total.batches += size.batches;
		total.runs += size.runs;
		total.definitions += size.definitions;
	}
	workspace.nslots = dictionary_slots(total.definitions, options->player);
	workspace.placed = reserve(&workspace, (count + total.batches) * sizeof(PlacedBatch));
	workspace.runs = reserve(&workspace, total.runs * sizeof(Run));
	workspace.heap = reserve(&workspace, total.runs * sizeof(Run *));
	workspace.readings = reserve(&workspace, options->nstored * sizeof(StoredReading));
	workspace.stored_batches = reserve(&workspace, total.batches * sizeof(StoredBatch));
	workspace.slots = reserve(&workspace, workspace.nslots * sizeof(Definition));
	return workspace;
}

size_t
recording_workspace_size(const RecordingBatch *batches, size_t count, const RecordingOptions *options)
{
	return lay_out(batches, count, options).size;
}

static int64_t
choose_split(const RecordingOptions *options)
{
	for (size_t i = 0; i < options->nstored; i++)
		if (options->stored[i].file != RECORDING_DEVTOOLS)
		{
			StoredWalk walk;

			open_stored_file(&walk, &options->stored[i]);
			return walk.split_ms;
		}
	return options->split_ms > 0 ? options->split_ms : 0;
}

bool
write_recording(const RecordingBatch *batches, size_t count, const RecordingOptions *options, void *memory,
				RecordingCounts *counts)
{
	Workspace workspace = lay_out(batches, count, options);
	uint8_t *base = memory;
	RecordingOrder order = {
		.placed = (PlacedBatch *) (base + workspace.placed),
		.runs = (Run *) (base + workspace.runs),
		.heap = (Run **) (base + workspace.heap),
		.readings = (StoredReading *) (base + workspace.readings),
		.stored_batches = (StoredBatch *) (base + workspace.stored_batches),
	};
	Dictionary dictionary = {.slots = (Definition *) (base + workspace.slots), .count = workspace.nslots};
	Writing writing = {
		.options = options,
		.counts = counts,
		.dictionary = &dictionary,
		.split_ms = choose_split(options),
		.sequences = {{.file = RECORDING_DOM_START, .tab = wire_string("", 0)},
					  {.file = RECORDING_DEVTOOLS, .tab = wire_string("", 0)}},
	};
	const Run *run;

	*counts = (RecordingCounts){0};
	open_order(&order, batches, count, options->stored, options->nstored);
	if (dictionary.count > 0)
	{
		memset(dictionary.slots, 0, dictionary.count * sizeof(Definition));
		fill_dictionary(&dictionary, &order, options->stored);
	}
	for (int i = 0; i < 2; i++)
	{
		put(&writing, &writing.sequences[i], without_indexes, sizeof(without_indexes));
		begin_origin(&writing, &writing.sequences[i]);
	}
	while (!writing.stopped && (run = next_in_order(&order)) != NULL)
		write_message(&writing, run);
	for (int i = 0; i < RECORDING_FILE_COUNT; i++)
		if (counts->origin_bytes[i] > 0)
			put_origin_bytes(&writing, (RecordingFile) i, &(uint8_t){ORIGIN_END}, 1);
	counts->broken += order.broken;
	return !writing.stopped;
}
