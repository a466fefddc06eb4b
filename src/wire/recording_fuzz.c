/*
 * recording_fuzz.c - any bytes as the batches of a session: files hold what players know, whatever came in which order
 *
 * The input is cut before each byte that a batch begins with (81 or 107); its first byte chooses the player.  Some of
 * the batches then are late: merged into the files of the others they give the files of all.  And any bytes may be what
 * storage gives back.
 */
#include <stdlib.h>
#include <string.h>

#include "assets/rewrite.h"
#include "wire/recording_file.h"

#define MAX_BATCHES 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Buffer
{
	uint8_t *data;
	size_t len;
	size_t size;
} Buffer;

/* The files, and behind them their origins. */
#define BUFFER_COUNT (2 * RECORDING_FILE_COUNT)

static void
add_bytes(Buffer *buffer, const void *data, size_t len)
{
	if (buffer->len + len > buffer->size)
		buffer->data = realloc(buffer->data, buffer->size = 2 * (buffer->len + len));
	memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
}

static bool
take(void *sink, RecordingFile file, const void *data, size_t len)
{
	add_bytes((Buffer *) sink + file, data, len);
	return true;
}

static bool
take_origin(void *sink, RecordingFile file, const void *data, size_t len)
{
	add_bytes((Buffer *) sink + RECORDING_FILE_COUNT + file, data, len);
	return true;
}

/* Every message is of a known type and whole: the walk over messages without sizes reaches the end. */
static void
check_file(const uint8_t *data, size_t len)
{
	WireBatch walk;
	WireMessage message;

	wire_batch_open(&walk, data, len, WIRE_WEB, wire_string("", 0));
	if (walk.header.present)
		abort();
	while (wire_batch_next(&walk, &message))
		if (!(wire_type(message.wire_type)->flags & (WIRE_IN_DOM_FILE | WIRE_IN_DEVTOOLS)))
			abort();
	if (walk.error != WIRE_OK)
		abort();
}

static void
write_all(const RecordingBatch *batches, size_t count, RecordingPlayer player, const StoredFile *stored, size_t nstored,
		  Buffer *buffers)
{
	static uint8_t scratch[1 << 18];
	AssetRules rules = {
		.origin = {"https://c.test", 14}, .day = 9, .scratch = scratch, .scratch_size = sizeof(scratch)};
	RecordingOptions options = {
		.player = player,
		.split_ms = RECORDING_SPLIT_MS,
		.max_bytes = 1 << 20,
		.rewrite = rewrite_message,
		.rewrite_context = &rules,
		.put = take,
		.put_origin = take_origin,
		.stored = stored,
		.nstored = nstored,
		.sink = buffers,
	};
	void *workspace = malloc(recording_workspace_size(batches, count, &options));
	RecordingCounts counts;

	write_recording(batches, count, &options, workspace, &counts);
	free(workspace);
}

static void
free_buffers(Buffer *buffers)
{
	for (int i = 0; i < BUFFER_COUNT; i++)
		free(buffers[i].data);
}

static size_t
stored_files(const Buffer *buffers, StoredFile *stored)
{
	size_t count = 0;

	for (int i = 0; i < RECORDING_FILE_COUNT; i++)
	{
		const Buffer *origin = &buffers[RECORDING_FILE_COUNT + i];

		if (origin->len > 0)
			stored[count++] =
				(StoredFile){(RecordingFile) i, buffers[i].data, buffers[i].len, origin->data, origin->len};
	}
	return count;
}

static void
check_equal(const Buffer *a, const Buffer *b, int count)
{
	for (int i = 0; i < count; i++)
		if (a[i].len != b[i].len || (a[i].len > 0 && memcmp(a[i].data, b[i].data, a[i].len) != 0))
			abort();
}

/* Different batches of one place: in which order their messages of one index come is told by what else is there. */
static bool
contradict(const RecordingBatch *a, const RecordingBatch *b)
{
	WireBatch x;
	WireBatch y;

	if ((a->len == b->len && memcmp(a->body, b->body, a->len) == 0) ||
		wire_batch_open(&x, a->body, a->len, a->platform, wire_string("", 0)) != WIRE_OK ||
		wire_batch_open(&y, b->body, b->len, b->platform, wire_string("", 0)) != WIRE_OK)
		return false;
	if (x.platform == WIRE_MOBILE || y.platform == WIRE_MOBILE)
		return true;
	return x.header.page_no == y.header.page_no && x.header.first_index == y.header.first_index &&
		   x.header.tab.len == y.header.tab.len && memcmp(x.header.tab.data, y.header.tab.data, x.header.tab.len) == 0;
}

static bool
any_contradict(const RecordingBatch *batches, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (contradict(&batches[i], &batches[j]))
				return true;
	return false;
}

/* Those of the mask are late. */
static void
check_merge(const RecordingBatch *batches, size_t count, unsigned mask, RecordingPlayer player, const Buffer *all)
{
	RecordingBatch parts[2][MAX_BATCHES];
	size_t counts[2] = {0};
	Buffer before[BUFFER_COUNT] = {0};
	Buffer merged[BUFFER_COUNT] = {0};
	StoredFile stored[RECORDING_FILE_COUNT];
	size_t nstored;

	for (size_t i = 0; i < count; i++)
	{
		unsigned late = (mask >> (i % 8)) & 1;

		parts[late][counts[late]++] = batches[i];
	}
	write_all(parts[0], counts[0], player, NULL, 0, before);
	nstored = stored_files(before, stored);
	for (size_t i = 0; i < nstored; i++)
		if (!is_stored_file_whole(&stored[i]))
			abort();
	write_all(parts[1], counts[1], player, stored, nstored, merged);
	if (!any_contradict(batches, count))
		check_equal(merged, all, BUFFER_COUNT);
	free_buffers(before);
	free_buffers(merged);
}

/* Whatever is read is read within its bounds; what is whole is merged into something that is whole. */
static void
merge_anything(const uint8_t *data, size_t size, const RecordingBatch *batches, size_t count, RecordingPlayer player)
{
	static const uint8_t header[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	size_t half = size / 2;
	uint8_t *file = malloc(sizeof(header) + half);
	StoredFile stored = {RECORDING_DOM_START, file, sizeof(header) + half, data + half, size - half};
	Buffer merged[BUFFER_COUNT] = {0};

	memcpy(file, header, sizeof(header));
	memcpy(file + sizeof(header), data, half);
	is_stored_file_whole(&stored);
	write_all(batches, count, player, &stored, 1, merged);
	check_file(merged[0].data + 8, merged[0].len - 8);
	free_buffers(merged);
	free(file);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RecordingBatch batches[MAX_BATCHES];
	RecordingBatch reversed[MAX_BATCHES];
	Buffer files[BUFFER_COUNT] = {0};
	Buffer again[BUFFER_COUNT] = {0};
	RecordingPlayer player = size > 0 && (data[0] & 1) ? RECORDING_PLAYER_1_20 : RECORDING_PLAYER_1_27;
	size_t count = 0;
	size_t from = 0;

	for (size_t i = 1; i <= size && count < MAX_BATCHES; i++)
		if (i == size ||
			(i + 1 < size && (data[i] == MSG_BatchMetadata || data[i] == MSG_MobileBatchMeta) && data[i + 1] <= 5))
		{
			batches[count++] =
				(RecordingBatch){data + from, i - from, data[from] == MSG_MobileBatchMeta ? WIRE_MOBILE : WIRE_WEB};
			from = i;
		}
	for (size_t i = 0; i < count; i++)
		reversed[i] = batches[count - 1 - i];
	write_all(batches, count, player, NULL, 0, files);
	write_all(reversed, count, player, NULL, 0, again);
	check_equal(files, again, BUFFER_COUNT);
	for (int i = 0; i < RECORDING_FILE_COUNT; i++)
	{
		size_t header = i == RECORDING_DOM_END ? 0 : 8;

		if (files[i].len > header)
			check_file(files[i].data + header, files[i].len - header);
	}
	if (size > 1)
	{
		check_merge(batches, count, data[size - 1], player, files);
		merge_anything(data, size, batches, count, player);
	}
	free_buffers(files);
	free_buffers(again);
	return 0;
}
