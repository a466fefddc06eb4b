/*
 * recording_test.c - recording files against worked examples, hostile batches and every recorded session
 *
 * What the files of a recorded session must hold is told by a definition that has nothing in common with how they are
 * made: all messages in one array, sorted.
 */
#include <stdlib.h>
#include <jansson.h>
#include <zstd.h>

#include "check.h"
#include "assets/rewrite.h"
#include "wire/recording_file.h"
#include "wire/testing/captures.c"

#define T0 UINT64_C(1732372000000)

typedef struct File
{
	uint8_t *data;
	size_t len;
	size_t size;
} File;

typedef struct Files
{
	File files[RECORDING_FILE_COUNT];
	RecordingCounts counts;
	size_t workspace;
	size_t stop_after; /* bytes, of all files; 0: never */
	size_t taken;
} Files;

static bool
take(void *sink, RecordingFile which, const void *data, size_t len)
{
	Files *files = sink;
	File *file = &files->files[which];

	if (file->len + len > file->size)
		file->data = realloc(file->data, file->size = 2 * (file->len + len));
	memcpy(file->data + file->len, data, len);
	file->len += len;
	files->taken += len;
	return files->stop_after == 0 || files->taken < files->stop_after;
}

static uint8_t scratch[1 << 24];
static AssetRules rules = {.origin = {"", 0}, .scratch = scratch, .scratch_size = sizeof(scratch)};

static const RecordingOptions usual = {
	.player = RECORDING_PLAYER_1_27,
	.split_ms = RECORDING_SPLIT_MS,
	.max_bytes = RECORDING_MAX_BYTES,
	.rewrite = rewrite_message,
	.rewrite_context = &rules,
};

static bool
write_files(const RecordingBatch *batches, size_t count, RecordingOptions options, Files *files)
{
	void *workspace;
	bool done;

	options.put = take;
	options.sink = files;
	files->workspace = recording_workspace_size(batches, count, &options);
	workspace = malloc(files->workspace); /* exactly sized, AddressSanitizer watches */
	done = write_recording(batches, count, &options, workspace, &files->counts);
	free(workspace);
	return done;
}

static void
free_files(Files *files)
{
	for (int i = 0; i < RECORDING_FILE_COUNT; i++)
		free(files->files[i].data);
	*files = (Files){0};
}

static size_t
from_hex(const char *hex, uint8_t *data)
{
	size_t len = 0;

	for (; *hex; hex++)
		if (*hex != ' ')
		{
			char digits[3] = {hex[0], hex[1], 0};

			data[len++] = (uint8_t) strtoul(digits, NULL, 16);
			hex++;
		}
	return len;
}

static bool
file_is(const File *file, const char *hex)
{
	uint8_t expected[4096];
	size_t len = from_hex(hex, expected);

	return file->len == len && (len == 0 || memcmp(file->data, expected, len) == 0);
}

/* ---- batches by hand ---- */

typedef struct Sheet
{
	uint8_t data[8192];
	WireWriter writer;
} Sheet;

static WireString
wire(const char *string)
{
	return wire_string(string, strlen(string));
}

static void
put(Sheet *sheet, unsigned type, const WireValue *values)
{
	wire_put_message(&sheet->writer, type, values, true);
}

static void
at(Sheet *sheet, uint64_t time)
{
	put(sheet, MSG_Timestamp, &(WireValue){.u = time});
}

static void
move(Sheet *sheet, uint64_t x)
{
	put(sheet, MSG_MouseMove, (WireValue[]){{.u = x}, {.u = 0}});
}

static void
begin(Sheet *sheet, unsigned version, uint64_t page, uint64_t first, uint64_t time, const char *tab)
{
	sheet->writer = (WireWriter){.data = sheet->data, .size = sizeof(sheet->data)};
	put(sheet, MSG_BatchMetadata,
		(WireValue[]){{.u = version}, {.u = page}, {.u = first}, {.i = (int64_t) time}, {.s = wire("https://h/")}});
	if (tab != NULL)
		put(sheet, MSG_TabData, &(WireValue){.s = wire(tab)});
}

static RecordingBatch
batch_of(const Sheet *sheet)
{
	return (RecordingBatch){sheet->data, sheet->writer.len, WIRE_WEB};
}

/* ---- a reader, as simple as the format ---- */

typedef struct Read
{
	int64_t time;
	WireString tab;
	unsigned type;
	const uint8_t *fields;
	size_t len;
} Read;

/* Where the fields of a type end, by the catalogue; NULL when they do not. */
static const uint8_t *
skip(const uint8_t *pos, const uint8_t *end, unsigned id, uint64_t *first, WireString *text)
{
	const WireType *type = wire_type(id);

	if (type == NULL)
		return NULL;
	for (unsigned i = 0; i < type->nfields; i++)
	{
		uint64_t number = 0;

		for (unsigned shift = 0;; shift += 7)
		{
			if (pos == end)
				return NULL;
			number |= (uint64_t) (*pos & 0x7f) << shift;
			if (*pos++ < 0x80)
				break;
		}
		if (i == 0)
			*first = number;
		if (type->fields[i].kind == WIRE_STRING)
		{
			if (number > (uint64_t) (end - pos))
				return NULL;
			if (i == 0)
				*text = wire_string((const char *) pos, number);
			pos += number;
		}
	}
	return pos;
}

/* All messages but Timestamps; -1 if the file cannot be read to its end. */
static long
read_file_messages(const uint8_t *data, size_t len, Read *out)
{
	const uint8_t *pos = data + 8;
	const uint8_t *end = data + len;
	int64_t time = -1;
	WireString tab = wire_string("", 0);
	long count = 0;

	if (len < 8 || memcmp(data, "\xff\xff\xff\xff\xff\xff\xff\xff", 8) != 0)
		return -1;
	while (pos < end)
	{
		unsigned type = *pos++;
		uint64_t first = 0;
		WireString text = tab;
		const uint8_t *next = skip(pos, end, type, &first, &text);

		if (next == NULL)
			return -1;
		if (type == MSG_Timestamp)
			time = (int64_t) first;
		if (type == MSG_TabData)
			tab = text;
		if (type != MSG_Timestamp)
			out[count++] = (Read){time, tab, type, pos, (size_t) (next - pos)};
		pos = next;
	}
	return count;
}

/* ---- worked examples ---- */

static void
test_vector(void)
{
	json_t *file = json_load_file("data/protocol-vectors.json", 0, NULL);
	json_t *vectors = json_object_get(file, "vectors");
	json_t *vector;
	json_t *files = NULL;
	json_t *source = NULL;
	json_t *mobile = NULL;
	Files out = {0};
	static uint8_t data[8192];
	RecordingBatch batch = {.body = data};
	size_t i;

	json_array_foreach(vectors, i, vector)
	{
		const char *name = json_string_value(json_object_get(vector, "name"));

		if (strcmp(name, "mob_files") == 0)
			files = vector;
		if (strcmp(name, "tracker19_v1_batch") == 0)
			source = vector;
		if (strcmp(name, "mobile_batch") == 0)
			mobile = vector;
	}
	batch.len = from_hex(json_string_value(json_object_get(source, "hex")), data);
	CHECK(write_files(&batch, 1, usual, &out));
	CHECK(file_is(&out.files[RECORDING_DOM_START], json_string_value(json_object_get(files, "dom_final_hex"))));
	CHECK(file_is(&out.files[RECORDING_DEVTOOLS], json_string_value(json_object_get(files, "devtools_final_hex"))));
	CHECK_INT(out.files[RECORDING_DOM_END].len, 0);
	CHECK_INT(out.counts.bytes[RECORDING_DOM_START], out.files[RECORDING_DOM_START].len);
	free_files(&out);

	batch.len = from_hex(json_string_value(json_object_get(mobile, "hex")), data);
	batch.platform = WIRE_MOBILE;
	CHECK(write_files(&batch, 1, usual, &out));
	/* without the batch's own head: tap, log, battery */
	CHECK(file_is(&out.files[RECORDING_DOM_START],
				  "ffffffffffffffff 64 8ab89e868032 07 03427579 78 8005 67 94b89e868032 0b 04696e666f 057265616479 "
				  "66 9eb89e868032 0e 0c626174746572794c6576656c 50"));
	CHECK(file_is(&out.files[RECORDING_DEVTOOLS], "ffffffffffffffff"));
	free_files(&out);
	json_decref(file);
}

static void
test_split(void)
{
	Sheet first;
	Sheet second;
	RecordingBatch batches[2];
	Files out = {0};
	RecordingOptions options = usual;

	begin(&first, 1, 0, 0, T0, NULL);
	at(&first, T0);
	put(&first, MSG_TabData, &(WireValue){.s = wire("tab1")});
	put(&first, MSG_MouseMove, (WireValue[]){{.u = 10}, {.u = 20}});
	batches[0] = batch_of(&first);
	CHECK(write_files(batches, 1, usual, &out));
	CHECK(file_is(&out.files[RECORDING_DOM_START], "ffffffffffffffff 0080daabcbb532 760474616231 140a14"));
	CHECK(file_is(&out.files[RECORDING_DEVTOOLS], "ffffffffffffffff 0080daabcbb532 760474616231"));
	free_files(&out);

	begin(&second, 1, 0, 3, T0, NULL);
	at(&second, T0 + 15000); /* not yet later than the split */
	move(&second, 1);
	at(&second, T0 + 15500); /* a Timestamp that nothing follows is not written */
	at(&second, T0 + 16000);
	put(&second, MSG_MouseMove, (WireValue[]){{.u = 10}, {.u = 20}});
	at(&second, T0 + 17000);
	batches[1] = batch_of(&second);
	CHECK(write_files(batches, 2, usual, &out));
	CHECK(file_is(&out.files[RECORDING_DOM_START],
				  "ffffffffffffffff 0080daabcbb532 760474616231 140a14 0098cfaccbb532 140100"));
	/* the head of the second part has no header */
	CHECK(file_is(&out.files[RECORDING_DOM_END], "0080d7accbb532 140a14"));
	free_files(&out);

	options.split_ms = 0;
	CHECK(write_files(batches, 2, options, &out));
	CHECK_INT(out.files[RECORDING_DOM_END].len, 0);
	free_files(&out);

	/* nothing at all: files of nothing */
	CHECK(write_files(NULL, 0, usual, &out));
	CHECK(file_is(&out.files[RECORDING_DOM_START], "ffffffffffffffff"));
	free_files(&out);
}

/* ---- what trackers do ---- */

static void
test_tabs(void)
{
	Sheet a;
	Sheet b;
	Files out = {0};
	Files reversed = {0};
	RecordingBatch batches[2];
	RecordingBatch other_way[3];
	Read read[32];

	begin(&a, 1, 0, 0, T0, "tab-a");
	for (int i = 0; i < 3; i++)
	{
		at(&a, T0 + 10 * (uint64_t) i);
		move(&a, 1);
	}
	begin(&b, 1, 0, 0, T0, "tab-b");
	for (int i = 0; i < 3; i++)
	{
		at(&b, T0 + 5 + 10 * (uint64_t) i);
		move(&b, 2);
	}
	batches[0] = other_way[1] = batch_of(&a);
	batches[1] = other_way[0] = batch_of(&b);
	other_way[2] = batches[0];
	CHECK(write_files(batches, 2, usual, &out));
	CHECK(write_files(other_way, 3, usual, &reversed));
	CHECK(out.files[0].len == reversed.files[0].len &&
		  memcmp(out.files[0].data, reversed.files[0].data, out.files[0].len) == 0);

	{
		long count = read_file_messages(out.files[0].data, out.files[0].len, read);
		int moves = 0;

		for (long i = 0; i < count; i++)
			if (read[i].type == MSG_MouseMove)
			{
				/* every move has its tab's name and its own time */
				CHECK_INT(read[i].time, (int64_t) T0 + 5 * moves);
				CHECK(memcmp(read[i].tab.data, moves % 2 ? "tab-b" : "tab-a", 5) == 0);
				CHECK_INT(read[i].fields[0], moves % 2 ? 2 : 1);
				moves++;
			}
		CHECK_INT(moves, 6);
	}
	free_files(&out);
	free_files(&reversed);
}

static void
test_streams(void)
{
	Sheet sheets[4];
	RecordingBatch batches[4];
	Files out = {0};
	Read read[32];
	long count;
	unsigned types[32];
	int n = 0;

	/* within one moment: player, then assets, whatever came first; a sheet's text for a node that is there */
	begin(&sheets[0], 2, 0, 10, T0, "t");
	at(&sheets[0], T0 + 1);
	put(&sheets[0], MSG_CreateDocument, NULL);
	begin(&sheets[1], 3, 0, 5, T0, "t");
	at(&sheets[1], T0 + 1);
	put(&sheets[1], MSG_SetCSSDataURLBased, (WireValue[]){{.u = 3}, {.s = wire("a{}")}, {.s = wire("https://h/")}});
	begin(&sheets[2], 4, 0, 3, T0, "t");
	at(&sheets[2], T0 + 1);
	put(&sheets[2], MSG_ConsoleLog, (WireValue[]){{.s = wire("log")}, {.s = wire("x")}});
	begin(&sheets[3], 5, 0, 1, T0, "t");
	at(&sheets[3], T0 + 1);
	put(&sheets[3], MSG_MouseThrashing, &(WireValue){.u = T0});
	put(&sheets[3], MSG_CustomEvent, (WireValue[]){{.s = wire("no")}, {.s = wire("file")}});
	for (int i = 0; i < 4; i++)
		batches[i] = batch_of(&sheets[3 - i]);
	CHECK(write_files(batches, 4, usual, &out));
	count = read_file_messages(out.files[0].data, out.files[0].len, read);
	for (long i = 0; i < count; i++)
		if (read[i].type != MSG_TabData)
			types[n++] = read[i].type;
	CHECK_INT(n, 3);
	CHECK(types[0] == MSG_CreateDocument && types[1] == MSG_SetCSSData && types[2] == MSG_MouseThrashing);
	/* the tab is told by the player's and the assets' stream, not again by devtools' and analytics' */
	CHECK_INT(count - n, 2);
	CHECK(file_is(&out.files[RECORDING_DEVTOOLS],
				  "ffffffffffffffff 0080daabcbb532 760174 0081daabcbb532 16036c6f670178"));
	free_files(&out);
}

static void
test_pieces(void)
{
	Sheet sheet;
	RecordingBatch batches[3];
	Files out = {0};
	uint8_t *copies[2];
	Read read[64];

	/* a retry that was cut on its way, and another whose tail is garbage: what they tell is told once */
	begin(&sheet, 1, 2, 0, T0, "t");
	at(&sheet, T0);
	for (unsigned i = 0; i < 10; i++)
		move(&sheet, i);
	for (int i = 0; i < 2; i++)
	{
		copies[i] = malloc(sheet.writer.len - (i ? 9 : 0));
		memcpy(copies[i], sheet.data, sheet.writer.len - (i ? 9 : 0));
	}
	copies[0][sheet.writer.len - 5] = 0x7f; /* the last message's size */
	batches[0] = (RecordingBatch){copies[0], sheet.writer.len, WIRE_WEB};
	batches[1] = (RecordingBatch){copies[1], sheet.writer.len - 9, WIRE_WEB};
	batches[2] = batch_of(&sheet);
	CHECK(write_files(batches, 3, usual, &out));
	CHECK_INT(read_file_messages(out.files[0].data, out.files[0].len, read), 11);
	for (unsigned i = 0; i < 10; i++)
		CHECK_INT(read[i + 1].fields[0], i);
	CHECK_INT(out.counts.broken, 2);
	free_files(&out);
	free(copies[0]);
	free(copies[1]);
}

static void
test_clock_back(void)
{
	static Sheet sheet;
	RecordingBatch batch;
	Files out = {0};
	Read read[64];
	long count;
	size_t size;

	/* a buffered start: two blocks of time overlap */
	begin(&sheet, 1, 0, 0, T0, "t");
	for (unsigned i = 0; i < 6; i++)
	{
		at(&sheet, T0 + (i < 3 ? 10 * i : 10 * (i - 3) + 5));
		move(&sheet, i);
	}
	batch = batch_of(&sheet);
	CHECK(write_files(&batch, 1, usual, &out));
	count = read_file_messages(out.files[0].data, out.files[0].len, read);
	CHECK_INT(count, 7);
	for (long i = 1; i < count; i++)
		CHECK_INT(read[i].time, (int64_t) T0 + 5 * (i - 1));
	size = out.workspace;
	free_files(&out);

	/* a clock that goes back all the time: messages stay in order, time stands, memory does not grow with them */
	begin(&sheet, 1, 0, 0, T0, "t");
	for (unsigned i = 0; i < 300; i++)
	{
		at(&sheet, T0 + 1000 - i);
		move(&sheet, i);
	}
	batch = batch_of(&sheet);
	CHECK(write_files(&batch, 1, usual, &out));
	CHECK_INT(out.counts.messages[RECORDING_DOM_START] > 300, 1);
	CHECK(out.workspace <= 3 * size);
	free_files(&out);
}

/* ---- what players know ---- */

static void
test_forms(void)
{
	Sheet sheet;
	RecordingBatch batch;
	Files out = {0};
	RecordingOptions options = usual;
	uint8_t graphql[] = {MSG_GraphQLDeprecated, 8, 0, 0, 1, 'q', 1, 'n', 1, 'v', 1, 'r'};
	uint8_t longer[] = {MSG_MouseMove, 4, 0, 0, 1, 2, 9, 9};
	uint8_t unknown[] = {99, 2, 0, 0, 1, 2};
	uint8_t broken[] = {MSG_SetNodeData, 3, 0, 0, 1, 200, 1};

	begin(&sheet, 1, 0, 0, T0, NULL);
	/* a message of an old tracker without its last field, one with more than is known, an unknown one, a broken one */
	wire_put_bytes(&sheet.writer, graphql, sizeof(graphql));
	wire_put_bytes(&sheet.writer, longer, sizeof(longer));
	wire_put_bytes(&sheet.writer, unknown, sizeof(unknown));
	wire_put_bytes(&sheet.writer, broken, sizeof(broken));
	put(&sheet, MSG_CSSDeleteRule, (WireValue[]){{.u = 1}, {.u = 2}});
	put(&sheet, MSG_SetNodeAttributeDictGlobal, (WireValue[]){{.u = 4}, {.u = 300}, {.u = 301}});
	put(&sheet, MSG_StringDictGlobal, (WireValue[]){{.u = 300}, {.s = wire("class")}});
	put(&sheet, MSG_StringDictGlobal, (WireValue[]){{.u = 301}, {.s = wire("btn")}});
	put(&sheet, MSG_SetNodeAttributeDictGlobal, (WireValue[]){{.u = 5}, {.u = 300}, {.u = 999}});
	put(&sheet, MSG_StringDict, (WireValue[]){{.s = wire("0_1")}, {.s = wire("id")}});
	put(&sheet, MSG_SetNodeAttributeDict, (WireValue[]){{.u = 6}, {.s = wire("0_1")}, {.s = wire("0_1")}});
	batch = batch_of(&sheet);

	CHECK(write_files(&batch, 1, usual, &out));
	CHECK(file_is(&out.files[RECORDING_DEVTOOLS], "ffffffffffffffff 0080daabcbb532 30 0171 016e 0176 0172 00"));
	CHECK(file_is(&out.files[RECORDING_DOM_START],
				  "ffffffffffffffff 0080daabcbb532 140102 2304ac02ad02 22ac0205636c617373 22ad020362746e 2305ac02e707 "
				  "2b03305f31026964 340603305f3103305f31"));
	CHECK_INT(out.counts.broken, 1);
	CHECK_INT(out.counts.left_out, 1);
	free_files(&out);

	/* the older player gets attributes in clear, and the rule it still knows */
	options.player = RECORDING_PLAYER_1_20;
	CHECK(write_files(&batch, 1, options, &out));
	CHECK(file_is(&out.files[RECORDING_DOM_START],
				  "ffffffffffffffff 0080daabcbb532 140102 260102 0c0405636c6173730362746e 0c0602696402 6964"));
	CHECK_INT(out.counts.left_out, 4);
	free_files(&out);

	begin(&sheet, 1, 0, 0, T0, NULL);
	put(&sheet, MSG_Fetch,
		(WireValue[]){
			{.s = wire("GET")}, {.s = wire("/a")}, {.s = wire("")}, {.s = wire("")}, {.u = 200}, {.u = 7}, {.u = 9}});
	put(&sheet, MSG_ResourceTiming,
		(WireValue[]){{.u = 1},
					  {.u = 2},
					  {.u = 3},
					  {.u = 4},
					  {.u = 5},
					  {.u = 6},
					  {.s = wire("u")},
					  {.s = wire("i")},
					  {.u = 7},
					  {.b = true},
					  {.u = 8},
					  {.u = 8},
					  {.u = 8},
					  {.u = 8},
					  {.u = 8},
					  {.u = 8},
					  {.u = 8}});
	batch = batch_of(&sheet);
	CHECK(write_files(&batch, 1, usual, &out));
	CHECK(file_is(&out.files[RECORDING_DEVTOOLS],
				  "ffffffffffffffff 0080daabcbb532 53 056665746368 03474554 022f61 00 00 c801 07 09 00 "
				  "55 010203040506 0175 0169 07 01 08080808080808"));
	free_files(&out);
	CHECK(write_files(&batch, 1, options, &out));
	CHECK(
		file_is(&out.files[RECORDING_DEVTOOLS],
				"ffffffffffffffff 0080daabcbb532 27 03474554 022f61 00 00 c801 07 09 74 010203040506 0175 0169 07 01"));
	free_files(&out);
}

static void
test_limits(void)
{
	Sheet sheet;
	RecordingBatch batch;
	Files out = {0};
	Files whole = {0};
	RecordingOptions options = usual;
	Read read[64];

	begin(&sheet, 1, 0, 0, T0, "t");
	at(&sheet, T0);
	for (unsigned i = 0; i < 20; i++)
		move(&sheet, i);
	batch = batch_of(&sheet);
	CHECK(write_files(&batch, 1, usual, &whole));
	for (size_t limit = 0; limit <= whole.files[0].len; limit++)
	{
		/* a limited file is the beginning of the whole, ends between two messages and says what is missing */
		options.max_bytes = limit;
		CHECK(write_files(&batch, 1, options, &out));
		CHECK(out.files[0].len <= limit || out.files[0].len == 8);
		CHECK(memcmp(out.files[0].data, whole.files[0].data, out.files[0].len) == 0);
		CHECK(read_file_messages(out.files[0].data, out.files[0].len, read) + (long) out.counts.cut >= 21);
		free_files(&out);
	}
	for (size_t stop = 1; stop < whole.taken; stop++)
	{
		out.stop_after = stop;
		CHECK(!write_files(&batch, 1, usual, &out));
		free_files(&out);
	}
	free_files(&whole);
}

/* ---- recorded sessions ---- */

typedef struct Expected
{
	int64_t time;
	WireString tab;
	uint64_t page;
	unsigned stream;
	uint64_t first;
	unsigned position;
	WireMessage message;
} Expected;

static int
compare_expected(const void *a, const void *b)
{
	const Expected *x = a;
	const Expected *y = b;
	int tab = memcmp(x->tab.data, y->tab.data, 12);

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (tab != 0)
		return tab;
	if (x->page != y->page)
		return x->page < y->page ? -1 : 1;
	if (x->stream != y->stream)
		return x->stream < y->stream ? -1 : 1;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->position < y->position ? -1 : 1;
}

static size_t
expect(const Capture *capture, Expected *expected)
{
	size_t count = 0;

	for (int i = 0; i < capture->nbatches; i++)
	{
		WireBatch walk;
		WireMessage message;
		unsigned position = 0;

		wire_batch_open(&walk, capture->batches[i].data, capture->batches[i].len, WIRE_WEB, wire_string("", 0));
		while (wire_batch_next(&walk, &message))
			if (message.wire_type != MSG_Timestamp)
				expected[count++] = (Expected){message.timestamp,
											   walk.header.tab,
											   walk.header.page_no,
											   walk.header.version > 1 ? walk.header.version - 2 : 0,
											   walk.header.first_index,
											   position++,
											   message};
	}
	qsort(expected, count, sizeof(Expected), compare_expected);
	return count;
}

/* The file's messages are the expected ones of the flag, in order; only TabDatas may have been put in or left out. */
static void
check_file(const uint8_t *data, size_t len, const Expected *expected, size_t count, unsigned flag)
{
	Read *read = malloc((len + 1) * sizeof(Read));
	long n = read_file_messages(data, len, read);
	long at_message = 0;
	size_t wrong = 0;

	CHECK(n > 0);
	for (size_t i = 0; i < count; i++)
	{
		const WireMessage *message = &expected[i].message;

		if (message->wire_type == MSG_TabData || !(wire_type(message->wire_type)->flags & flag))
			continue;
		while (at_message < n && read[at_message].type == MSG_TabData)
			at_message++;
		if (at_message == n)
		{
			wrong++;
			break;
		}
		wrong += read[at_message].type != message->wire_type || read[at_message].len != message->body_len ||
				 memcmp(read[at_message].fields, message->body, message->body_len) != 0 ||
				 read[at_message].time != message->timestamp || read[at_message].tab.len != 12 ||
				 memcmp(read[at_message].tab.data, message->tab.data, 12) != 0;
		at_message++;
	}
	while (at_message < n && read[at_message].type == MSG_TabData)
		at_message++;
	CHECK_INT(wrong, 0);
	CHECK_INT(at_message, n);
	free(read);
}

static size_t
compressed_size(const uint8_t *data, size_t len)
{
	size_t bound = ZSTD_compressBound(len);
	void *out = malloc(bound);
	size_t size = ZSTD_compress(out, bound, data, len, 3);

	free(out);
	return size;
}

/* Splitting and the Timestamps and TabDatas put in cost next to nothing: the same messages as they came, in one piece.
 */
static void
check_size(const Capture *capture, const Files *files)
{
	uint8_t *messages = malloc(2 * capture->bytes);
	size_t len = 0;
	size_t size = 0;

	for (int devtools = 0; devtools < 2; devtools++)
		for (int i = 0; i < capture->nbatches; i++)
		{
			WireBatch walk;
			WireMessage message;

			wire_batch_open(&walk, capture->batches[i].data, capture->batches[i].len, WIRE_WEB, wire_string("", 0));
			while (wire_batch_next(&walk, &message))
				if (wire_type(message.wire_type)->flags & (devtools ? WIRE_IN_DEVTOOLS : WIRE_IN_DOM_FILE))
				{
					messages[len++] = message.wire_type;
					memcpy(messages + len, message.body, message.body_len);
					len += message.body_len;
				}
		}
	for (int i = 0; i < RECORDING_FILE_COUNT; i++)
		if (files->files[i].len > 0)
			size += compressed_size(files->files[i].data, files->files[i].len);
	CHECK((double) size <= 1.05 * (double) compressed_size(messages, len));
	free(messages);
}

static void
test_capture(const char *name)
{
	static Capture capture;
	RecordingBatch batches[2 * 128];
	RecordingOptions as_sent = usual;
	Files files = {0};
	Files shuffled = {0};
	Expected *expected;
	size_t count;
	uint32_t random = 12345;

	load_capture(name, &capture);
	for (int i = 0; i < 2 * capture.nbatches; i++)
		batches[i] = (RecordingBatch){capture.batches[i % capture.nbatches].data,
									  capture.batches[i % capture.nbatches].len, WIRE_WEB};
	as_sent.rewrite = NULL;
	as_sent.split_ms = 0;
	CHECK(write_files(batches, (size_t) capture.nbatches, as_sent, &files));
	CHECK_INT(files.counts.broken + files.counts.cut + files.counts.left_out, 0);
	CHECK(files.workspace < capture.bytes);

	expected = malloc(capture.bytes / 4 * sizeof(Expected));
	count = expect(&capture, expected);
	check_file(files.files[RECORDING_DOM_START].data, files.files[RECORDING_DOM_START].len, expected, count,
			   WIRE_IN_DOM_FILE);
	check_file(files.files[RECORDING_DEVTOOLS].data, files.files[RECORDING_DEVTOOLS].len, expected, count,
			   WIRE_IN_DEVTOOLS);
	free(expected);
	check_size(&capture, &files);
	free_files(&files);

	/* every batch twice, in any order: the same bytes */
	CHECK(write_files(batches, (size_t) capture.nbatches, usual, &files));
	for (size_t i = 2 * (size_t) capture.nbatches - 1; i > 0; i--)
	{
		RecordingBatch other = batches[i];
		size_t j = (random = random * 1664525 + 1013904223) % (i + 1);

		batches[i] = batches[j];
		batches[j] = other;
	}
	CHECK(write_files(batches, 2 * (size_t) capture.nbatches, usual, &shuffled));
	for (int i = 0; i < RECORDING_FILE_COUNT; i++)
		CHECK(files.files[i].len == shuffled.files[i].len &&
			  memcmp(files.files[i].data, shuffled.files[i].data, files.files[i].len) == 0);
	free_files(&files);
	free_files(&shuffled);
	free_capture(&capture);
}

int
main(void)
{
	test_vector();
	test_split();
	test_tabs();
	test_streams();
	test_pieces();
	test_clock_back();
	test_forms();
	test_limits();
	for (int i = 0; i < CAPTURE_COUNT; i++)
		test_capture(capture_names[i]);
	return check_summary("recording");
}
