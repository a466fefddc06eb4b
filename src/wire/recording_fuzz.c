/*
 * recording_fuzz.c - any bytes as the batches of a session: files hold what players know, whatever came in which order
 *
 * The input is cut before each byte that a batch begins with (81 or 107); its first byte chooses the player.
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

static bool
take(void *sink, RecordingFile file, const void *data, size_t len)
{
	Buffer *buffer = (Buffer *) sink + file;

	if (buffer->len + len > buffer->size)
		buffer->data = realloc(buffer->data, buffer->size = 2 * (buffer->len + len));
	memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
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
write_all(const RecordingBatch *batches, size_t count, RecordingPlayer player, Buffer *files)
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
		.sink = files,
	};
	void *workspace = malloc(recording_workspace_size(batches, count, player));
	RecordingCounts counts;

	write_recording(batches, count, &options, workspace, &counts);
	free(workspace);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RecordingBatch batches[MAX_BATCHES];
	RecordingBatch reversed[MAX_BATCHES];
	Buffer files[RECORDING_FILE_COUNT] = {0};
	Buffer again[RECORDING_FILE_COUNT] = {0};
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
	write_all(batches, count, player, files);
	write_all(reversed, count, player, again);
	for (int i = 0; i < RECORDING_FILE_COUNT; i++)
	{
		size_t header = i == RECORDING_DOM_END ? 0 : 8;

		if (files[i].len != again[i].len ||
			(files[i].len > 0 && memcmp(files[i].data, again[i].data, files[i].len) != 0))
			abort();
		if (files[i].len > header)
			check_file(files[i].data + header, files[i].len - header);
		free(files[i].data);
		free(again[i].data);
	}
	return 0;
}
