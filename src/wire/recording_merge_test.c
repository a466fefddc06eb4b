/*
 * recording_merge_test.c - what comes late is merged into stored files as if it had been there from the beginning
 *
 * The definition is the writer itself: the files of all batches at once.
 */
#include <stdlib.h>
#include <zstd.h>

#include "check.h"
#include "assets/rewrite.h"
#include "wire/recording_file.h"
#include "wire/testing/captures.c"

#define T0 UINT64_C(1732372000000)
#define BATCHES_MAX 256

typedef struct Bytes
{
	uint8_t *data;
	size_t len;
	size_t size;
} Bytes;

typedef struct Files
{
	Bytes files[RECORDING_FILE_COUNT];
	Bytes origins[RECORDING_FILE_COUNT];
	RecordingCounts counts;
} Files;

static void
add_bytes(Bytes *bytes, const void *data, size_t len)
{
	if (bytes->len + len > bytes->size)
		bytes->data = realloc(bytes->data, bytes->size = 2 * (bytes->len + len));
	memcpy(bytes->data + bytes->len, data, len);
	bytes->len += len;
}

static bool
take(void *sink, RecordingFile file, const void *data, size_t len)
{
	add_bytes(&((Files *) sink)->files[file], data, len);
	return true;
}

static bool
take_origin(void *sink, RecordingFile file, const void *data, size_t len)
{
	add_bytes(&((Files *) sink)->origins[file], data, len);
	return true;
}

static uint8_t scratch[1 << 24];
static AssetRules rules = {
	.origin = {"https://c.test", 14}, .day = 9, .scratch = scratch, .scratch_size = sizeof(scratch)};

static const RecordingOptions usual = {
	.player = RECORDING_PLAYER_1_27,
	.split_ms = RECORDING_SPLIT_MS,
	.max_bytes = RECORDING_MAX_BYTES,
	.rewrite = rewrite_message,
	.rewrite_context = &rules,
	.put = take,
	.put_origin = take_origin,
};

/* ---- merging ---- */

/* What storage has of files: those that are there. */
static size_t
stored_files(const Files *files, StoredFile *stored)
{
	size_t count = 0;

	for (int i = 0; i < RECORDING_FILE_COUNT; i++)
		if (files->origins[i].len > 0)
			stored[count++] =
				(StoredFile){(RecordingFile) i, files->files[i].data != NULL ? files->files[i].data : scratch,
							 files->files[i].len, files->origins[i].data, files->origins[i].len};
	return count;
}

static void
write_files(const RecordingBatch *batches, size_t count, RecordingOptions options, const Files *stored, Files *out)
{
	StoredFile there[RECORDING_FILE_COUNT];
	void *workspace;

	*out = (Files){0};
	options.sink = out;
	options.stored = there;
	options.nstored = stored != NULL ? stored_files(stored, there) : 0;
	for (size_t i = 0; i < options.nstored; i++)
		CHECK(is_stored_file_whole(&there[i]));
	workspace = malloc(recording_workspace_size(batches, count, &options)); /* AddressSanitizer watches its end */
	CHECK(write_recording(batches, count, &options, workspace, &out->counts));
	free(workspace);
}

static void
free_files(Files *files)
{
	for (int i = 0; i < RECORDING_FILE_COUNT; i++)
	{
		free(files->files[i].data);
		free(files->origins[i].data);
	}
	*files = (Files){0};
}

static bool
are_equal(const Bytes *a, const Bytes *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static bool
files_equal(const Files *a, const Files *b)
{
	for (int i = 0; i < RECORDING_FILE_COUNT; i++)
		if (!are_equal(&a->files[i], &b->files[i]) || !are_equal(&a->origins[i], &b->origins[i]))
			return false;
	return true;
}

/* The files as storage has them after a merge that was killed when it had put some of them. */
static Files
put_some(const Files *before, const Files *after, int nput)
{
	static const RecordingFile order[] = {RECORDING_DEVTOOLS, RECORDING_DOM_END, RECORDING_DOM_START};
	Files mixed = *before;

	for (int i = 0; i < nput; i++)
	{
		mixed.files[order[i]] = after->files[order[i]];
		mixed.origins[order[i]] = after->origins[order[i]];
	}
	return mixed;
}

/* Batches are stored but the late ones; these are merged, again after a kill at each step, and beside survivors. */
static void
check_merge(const RecordingBatch *batches, size_t count, const bool *late, RecordingOptions options)
{
	RecordingBatch first[BATCHES_MAX];
	RecordingBatch rest[2 * BATCHES_MAX];
	size_t nfirst = 0;
	size_t nrest = 0;
	size_t nlate;
	Files all;
	Files before;
	Files merged;
	Files again;

	for (size_t i = 0; i < count; i++)
		if (late[i])
			rest[nrest++] = batches[i];
		else
			first[nfirst++] = batches[i];
	nlate = nrest;
	for (size_t i = 0; i < nfirst; i += 3)
		rest[nrest++] = first[i];

	write_files(batches, count, options, NULL, &all);
	write_files(first, nfirst, options, NULL, &before);
	write_files(rest, nlate, options, &before, &merged);
	CHECK(files_equal(&merged, &all));
	write_files(rest, nrest, options, &before, &again);
	CHECK(files_equal(&again, &all));
	free_files(&again);
	for (int nput = 1; nput <= RECORDING_FILE_COUNT; nput++)
	{
		Files mixed = put_some(&before, &merged, nput);

		write_files(rest, nlate, options, &mixed, &again);
		CHECK(files_equal(&again, &all));
		free_files(&again);
		write_files(rest, nrest, options, &mixed, &again);
		CHECK(files_equal(&again, &all));
		free_files(&again);
	}
	/* nothing new changes nothing */
	write_files(NULL, 0, options, &merged, &again);
	CHECK(files_equal(&again, &all));
	free_files(&again);
	free_files(&all);
	free_files(&before);
	free_files(&merged);
}

/* ---- recorded sessions ---- */

static uint32_t random_state = 1;

static uint32_t
random_below(uint32_t limit)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % limit;
}

enum
{
	LATE_END,
	LATE_BEGINNING, /* so that files are split elsewhere */
	LATE_ALL,
	LATE_ANY,
	LATE_ANY_OTHER,
	LATE_WAYS
};

static void
check_ways(const RecordingBatch *batches, size_t count, RecordingOptions options, int from, int to)
{
	bool late[BATCHES_MAX];

	for (int way = from; way < to; way++)
	{
		for (size_t i = 0; i < count; i++)
			late[i] = way == LATE_END		  ? i > count / 2
					  : way == LATE_BEGINNING ? i < count / 3
					  : way == LATE_ALL		  ? true
											  : random_below(3) == 0;
		check_merge(batches, count, late, options);
	}
}

/* What is kept for merging is little beside what is merged. */
static void
check_origin_size(const RecordingBatch *batches, size_t count)
{
	Files files;
	size_t size[2] = {0};

	write_files(batches, count, usual, NULL, &files);
	for (int i = 0; i < 2 * RECORDING_FILE_COUNT; i++)
	{
		const Bytes *bytes = i < RECORDING_FILE_COUNT ? &files.files[i] : &files.origins[i - RECORDING_FILE_COUNT];
		size_t bound = ZSTD_compressBound(bytes->len);
		void *out = malloc(bound);

		size[i / RECORDING_FILE_COUNT] +=
			ZSTD_compress(out, bound, bytes->data != NULL ? bytes->data : scratch, bytes->len, 3);
		free(out);
	}
	CHECK(size[1] <= size[0] / 4 + 200);
	free_files(&files);
}

/* What is stored for players of today can be had for those of 1.20, which know less; not the other way round. */
static void
check_other_player(const RecordingBatch *batches, size_t count)
{
	RecordingOptions older = usual;
	Files all;
	Files before;
	Files merged;

	older.player = RECORDING_PLAYER_1_20;
	write_files(batches, count, older, NULL, &all);
	write_files(batches, count / 2, usual, NULL, &before);
	write_files(batches + count / 2, count - count / 2, older, &before, &merged);
	CHECK(files_equal(&merged, &all));
	free_files(&all);
	free_files(&before);
	free_files(&merged);
}

static void
test_capture(const char *name)
{
	static Capture capture;
	RecordingBatch batches[BATCHES_MAX];
	RecordingOptions options = usual;

	load_capture(name, &capture);
	for (int i = 0; i < capture.nbatches; i++)
		batches[i] = (RecordingBatch){capture.batches[i].data, capture.batches[i].len, WIRE_WEB};
	check_ways(batches, (size_t) capture.nbatches, options, LATE_END, LATE_ANY);
	options.player = RECORDING_PLAYER_1_20;
	check_ways(batches, (size_t) capture.nbatches, options, LATE_ANY, LATE_WAYS);
	options.max_bytes = capture.bytes / 4;
	check_ways(batches, (size_t) capture.nbatches, options, LATE_ANY, LATE_ANY_OTHER);
	check_origin_size(batches, (size_t) capture.nbatches);
	check_other_player(batches, (size_t) capture.nbatches);
	free_capture(&capture);
}

/* ---- batches by hand, each of which may be the late one ---- */

#define SHEETS_MAX 6

typedef struct Sheet
{
	uint8_t data[2048];
	WireWriter writer;
	bool mobile;
} Sheet;

static Sheet sheets[SHEETS_MAX];
static size_t nsheets;

static WireString
wire(const char *string)
{
	return wire_string(string, strlen(string));
}

static void
put(unsigned type, const WireValue *values)
{
	Sheet *sheet = &sheets[nsheets - 1];

	wire_put_message(&sheet->writer, type, values, !sheet->mobile);
}

static void
begin(unsigned version, uint64_t page, uint64_t first, int64_t time, const char *tab)
{
	Sheet *sheet = &sheets[nsheets++];

	*sheet = (Sheet){.writer = {.data = sheet->data, .size = sizeof(sheet->data)}};
	put(MSG_BatchMetadata,
		(WireValue[]){{.u = version}, {.u = page}, {.u = first}, {.i = time}, {.s = wire("https://h/a/")}});
	if (tab != NULL)
		put(MSG_TabData, &(WireValue){.s = wire(tab)});
}

static void
at(int64_t ms)
{
	put(MSG_Timestamp, &(WireValue){.u = T0 + (uint64_t) ms});
}

static void
move(uint64_t x)
{
	put(MSG_MouseMove, (WireValue[]){{.u = x}, {.u = 0}});
}

static void
log_line(const char *text)
{
	put(MSG_ConsoleLog, (WireValue[]){{.s = wire("log")}, {.s = wire(text)}});
}

/* Every choice of late batches gives the files of all; of contradicting batches only those, not their origins. */
static void
check_all_choices(RecordingOptions options)
{
	RecordingBatch batches[SHEETS_MAX];
	bool late[SHEETS_MAX];

	for (size_t i = 0; i < nsheets; i++)
		batches[i] = (RecordingBatch){sheets[i].data, sheets[i].writer.len, sheets[i].mobile ? WIRE_MOBILE : WIRE_WEB};
	for (unsigned choice = 0; choice < 1u << nsheets; choice++)
	{
		for (size_t i = 0; i < nsheets; i++)
			late[i] = (choice >> i) & 1;
		options.player = RECORDING_PLAYER_1_27;
		check_merge(batches, nsheets, late, options);
		options.player = RECORDING_PLAYER_1_20;
		check_merge(batches, nsheets, late, options);
	}
	nsheets = 0;
}

/* Nothing but the origin tells the order of what was sent in one millisecond. */
static void
test_one_moment(void)
{
	RecordingOptions limited = usual;

	for (int way = 0; way < 2; way++)
	{
		begin(1, 3, 0, (int64_t) T0, "b");
		at(0);
		move(1);
		at(5);
		begin(1, 3, 4, (int64_t) T0, "b");
		move(2);
		at(5);
		move(3);
		begin(1, 3, 7, (int64_t) T0, "b");
		at(5);
		move(4);
		log_line("four");
		begin(1, 2, 0, (int64_t) T0 + 5, "b"); /* of an earlier page */
		move(5);
		at(5);
		at(6);
		begin(1, 3, 0, (int64_t) T0 + 5, "a"); /* of another tab */
		move(6);
		log_line("six");
		begin(1, 9, 0, (int64_t) T0 + 5, NULL); /* of none */
		move(7);
		limited.max_bytes = way == 0 ? RECORDING_MAX_BYTES : 64;
		check_all_choices(limited);
	}
}

/* The streams of a tab; a late beginning moves the split. */
static void
test_streams_and_split(void)
{
	begin(2, 1, 0, (int64_t) T0 + 10000, "t");
	at(10000);
	move(1);
	at(20000);
	move(2);
	begin(3, 1, 0, (int64_t) T0 + 10000, "t");
	at(10000);
	put(MSG_SetNodeAttributeURLBased,
		(WireValue[]){{.u = 4}, {.s = wire("src")}, {.s = wire("b.png")}, {.s = wire("https://h/a/")}});
	begin(4, 1, 0, (int64_t) T0 + 10000, "t");
	at(10000);
	log_line("ten");
	at(20000);
	log_line("twenty");
	begin(5, 1, 0, (int64_t) T0 + 10000, "t");
	at(10000);
	begin(2, 0, 0, (int64_t) T0, "t");
	at(0);
	move(3);
	at(24999);
	move(4);
	begin(1, 0, 0, -5, "t"); /* before all times */
	move(5);
	check_all_choices(usual);
}

/* A clock that goes back; old batches without sizes. */
static void
test_clock_back(void)
{
	begin(1, 0, 0, (int64_t) T0, "t");
	for (int i = 0; i < 12; i++)
	{
		at(i % 2 == 0 ? 100 - i : i);
		move((uint64_t) i);
	}
	begin(1, 0, 30, (int64_t) T0, "t");
	at(99);
	move(50);
	at(7);
	move(51);
	begin(0, 0, 60, (int64_t) T0, NULL);
	sheets[nsheets - 1].writer.len = 0;
	wire_put_message(&sheets[nsheets - 1].writer, MSG_BatchMetadata,
					 (WireValue[]){{.u = 0}, {.u = 0}, {.u = 60}, {.i = (int64_t) T0 + 50}, {.s = wire("https://h/")}},
					 false);
	wire_put_message(&sheets[nsheets - 1].writer, MSG_MouseMove, (WireValue[]){{.u = 60}, {.u = 1}}, false);
	wire_put_message(&sheets[nsheets - 1].writer, MSG_Timestamp, &(WireValue){.u = T0 + 98}, false);
	wire_put_message(&sheets[nsheets - 1].writer, MSG_MouseMove, (WireValue[]){{.u = 61}, {.u = 1}}, false);
	check_all_choices(usual);
}

/* Words and what uses them may come apart: what cannot be resolved today may be tomorrow. */
static void
test_dictionary(void)
{
	begin(1, 0, 0, (int64_t) T0, "t");
	put(MSG_StringDictGlobal, (WireValue[]){{.u = 300}, {.s = wire("class")}});
	begin(1, 0, 5, (int64_t) T0 + 1, "t");
	put(MSG_StringDictGlobal, (WireValue[]){{.u = 301}, {.s = wire("btn")}});
	put(MSG_StringDict, (WireValue[]){{.s = wire("0_1")}, {.s = wire("id")}});
	begin(1, 0, 10, (int64_t) T0 + 2, "t");
	put(MSG_SetNodeAttributeDictGlobal, (WireValue[]){{.u = 4}, {.u = 300}, {.u = 301}});
	put(MSG_SetNodeAttributeDict, (WireValue[]){{.u = 6}, {.s = wire("0_1")}, {.s = wire("0_1")}});
	begin(1, 0, 0, (int64_t) T0 + 2, "another tab");
	put(MSG_SetNodeAttributeDictGlobal, (WireValue[]){{.u = 5}, {.u = 300}, {.u = 301}});
	put(MSG_NodeAnimationResult, (WireValue[]){{.u = 4}, {.s = wire("{}")}});
	begin(1, 0, 15, (int64_t) T0 - 3, "t");
	put(MSG_SetNodeAttributeDictGlobal, (WireValue[]){{.u = 7}, {.u = 301}, {.u = 300}});
	put(MSG_Fetch,
		(WireValue[]){
			{.s = wire("GET")}, {.s = wire("/a")}, {.s = wire("")}, {.s = wire("")}, {.u = 200}, {.u = 7}, {.u = 9}});
	check_all_choices(usual);
}

static void
tap(uint64_t ms, const char *label)
{
	uint8_t body[64];
	WireWriter writer = {.data = body, .size = sizeof(body)};

	wire_put_string(&writer, wire(label));
	put(MSG_MobileClickEvent,
		(WireValue[]){{.u = T0 + ms}, {.u = writer.len + 2}, {.s = wire(label)}, {.u = 1}, {.u = 2}});
}

/* After an error an app sends the same messages in other batches; their numbers tell. */
static void
test_app(void)
{
	static const unsigned firsts[] = {0, 2, 3, 6};

	for (size_t i = 0; i < 4; i++)
	{
		Sheet *sheet = &sheets[nsheets++];

		*sheet = (Sheet){.writer = {.data = sheet->data, .size = sizeof(sheet->data)}, .mobile = true};
		put(MSG_MobileBatchMeta, (WireValue[]){{.u = T0}, {.u = 1}, {.u = firsts[i]}});
		for (unsigned n = 0; n < 3; n++)
		{
			char label[] = "tap ?";

			label[4] = (char) ('a' + firsts[i] + n);
			tap(firsts[i] + n, label);
		}
	}
	check_all_choices(usual);
}

/* A batch that was cut on its way, and then came whole: what both tell is told once, also where it was rewritten. */
static void
test_cut_on_its_way(void)
{
	RecordingBatch batches[2];
	Files all;
	Files before;
	Files merged;

	begin(1, 0, 0, (int64_t) T0, "t");
	for (unsigned i = 0; i < 5; i++)
	{
		at(i);
		put(MSG_SetNodeAttributeURLBased,
			(WireValue[]){{.u = i}, {.s = wire("src")}, {.s = wire("b.png")}, {.s = wire("https://h/a/")}});
		put(MSG_SetCSSDataURLBased,
			(WireValue[]){{.u = i}, {.s = wire("a:hover{background:url(c.png)}")}, {.s = wire("https://h/a/")}});
		log_line("line");
	}
	batches[0] = (RecordingBatch){sheets[0].data, sheets[0].writer.len, WIRE_WEB};
	for (size_t len = 40; len < sheets[0].writer.len; len += 7)
	{
		batches[1] = (RecordingBatch){sheets[0].data, len, WIRE_WEB};
		write_files(batches, 2, usual, NULL, &all);
		for (int late = 0; late < 2; late++)
		{
			write_files(&batches[1 - late], 1, usual, NULL, &before);
			write_files(&batches[late], 1, usual, &before, &merged);
			for (int i = 0; i < RECORDING_FILE_COUNT; i++)
				CHECK(are_equal(&merged.files[i], &all.files[i]));
			free_files(&before);
			free_files(&merged);
		}
		free_files(&all);
	}
	nsheets = 0;
}

/* Where the limit of size cut a file it stays cut, also when the limit is higher now: what followed may be gone. */
static void
test_cut_stays(void)
{
	RecordingBatch batches[3];
	RecordingOptions limited = usual;
	Files before;
	Files merged;

	for (unsigned i = 0; i < 3; i++)
	{
		begin(1, 0, 10 * i, (int64_t) T0 + i, "t");
		move(10 * i);
		move(10 * i + 1);
		batches[i] = (RecordingBatch){sheets[i].data, sheets[i].writer.len, WIRE_WEB};
	}
	limited.max_bytes = 45;
	write_files(batches, 3, limited, NULL, &before);
	CHECK(before.counts.cut > 0);
	for (size_t i = 0; i < 3; i++)
	{
		write_files(&batches[i], 1, usual, &before, &merged);
		CHECK(files_equal(&merged, &before));
		free_files(&merged);
	}
	free_files(&before);
	nsheets = 0;
}

/* ---- what is damaged ---- */

static uint8_t *
copy_of(const Bytes *bytes, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1); /* AddressSanitizer watches its end */

	memcpy(copy, bytes->data, len < bytes->len ? len : bytes->len);
	return copy;
}

/* Merges a damaged file, which nobody should: nothing happens to memory, and the result can be read. */
static void
merge_damaged(const StoredFile *stored)
{
	RecordingOptions options = usual;
	RecordingBatch batch = {sheets[0].data, sheets[0].writer.len, WIRE_WEB};
	Files merged = {0};
	void *workspace;

	options.sink = &merged;
	options.stored = stored;
	options.nstored = 1;
	workspace = malloc(recording_workspace_size(&batch, 1, &options));
	CHECK(write_recording(&batch, 1, &options, workspace, &merged.counts));
	free(workspace);
	free_files(&merged);
}

static void
test_damage(void)
{
	RecordingBatch batches[2];
	Files files;
	const Bytes *file = &files.files[RECORDING_DOM_START];
	const Bytes *origin = &files.origins[RECORDING_DOM_START];
	StoredFile stored = {.file = RECORDING_DOM_START};

	begin(1, 0, 0, (int64_t) T0, "t");
	at(0);
	move(1);
	put(MSG_SetNodeAttribute, (WireValue[]){{.u = 4}, {.s = wire("class")}, {.s = wire("btn")}});
	begin(1, 0, 4, (int64_t) T0, "u");
	at(0);
	move(300);
	put(MSG_StringDictGlobal, (WireValue[]){{.u = 300}, {.s = wire("class")}});
	for (size_t i = 0; i < nsheets; i++)
		batches[i] = (RecordingBatch){sheets[i].data, sheets[i].writer.len, WIRE_WEB};
	write_files(batches, nsheets, usual, NULL, &files);
	/* cut off anywhere neither is whole */
	for (size_t len = 0; len < file->len + origin->len; len++)
	{
		bool cuts_file = len < file->len;
		uint8_t *data = copy_of(file, stored.len = cuts_file ? len : file->len);
		uint8_t *told = copy_of(origin, stored.origin_len = cuts_file ? origin->len : len - file->len);

		stored.data = data;
		stored.origin = told;
		CHECK(!is_stored_file_whole(&stored));
		merge_damaged(&stored);
		free(data);
		free(told);
	}
	/* with any byte changed they may still be something, but nobody reads elsewhere */
	for (size_t i = 0; i < 8 * (file->len + origin->len); i++)
	{
		uint8_t *data = copy_of(file, stored.len = file->len);
		uint8_t *told = copy_of(origin, stored.origin_len = origin->len);
		size_t byte = i / 8;

		*(byte < file->len ? data + byte : told + byte - file->len) ^= (uint8_t) (1 << i % 8);
		stored.data = data;
		stored.origin = told;
		is_stored_file_whole(&stored);
		merge_damaged(&stored);
		free(data);
		free(told);
	}
	free_files(&files);
	nsheets = 0;
}

int
main(void)
{
	test_one_moment();
	test_streams_and_split();
	test_clock_back();
	test_dictionary();
	test_app();
	test_cut_on_its_way();
	test_cut_stays();
	test_damage();
	for (int i = 0; i < CAPTURE_COUNT; i++)
		test_capture(capture_names[i]);
	return check_summary("recording merge");
}
