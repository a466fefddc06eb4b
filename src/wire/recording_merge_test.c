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
	free_capture(&capture);
}

int
main(void)
{
	for (int i = 0; i < CAPTURE_COUNT; i++)
		test_capture(capture_names[i]);
	return check_summary("recording merge");
}
