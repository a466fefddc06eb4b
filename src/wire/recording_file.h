/*
 * recording_file.h - the files a player reads, made from the batches of one session
 *
 * A DOM file in two parts (the first is what a player waits for) and a devtools file.  A file is eight bytes ff, then
 * messages as type and fields, without sizes and indexes; the second DOM part goes on where the first ends.  Players of
 * both generations read it: they stop at the first message they do not know, so nothing unknown to the chosen player,
 * and no byte beyond the known fields, is ever written.
 *
 * Plain C.  Nothing allocates: the caller gives the batches, working memory and a function that takes the bytes.
 */
#ifndef OPENREPLAY_RECORDING_FILE_H
#define OPENREPLAY_RECORDING_FILE_H

#include "wire/wire.h"

typedef enum RecordingFile
{
	RECORDING_DOM_START, /* dom.mobs; of a mobile session all there is */
	RECORDING_DOM_END,	 /* dom.mobe; empty if the session was over before the split */
	RECORDING_DEVTOOLS	 /* devtools.mob */
} RecordingFile;
#define RECORDING_FILE_COUNT 3

extern const char *const recording_file_names[RECORDING_FILE_COUNT];

/* Which generation of players shall read the files; they know different messages. */
typedef enum RecordingPlayer
{
	RECORDING_PLAYER_1_27, /* knows everything of today, and no longer what trackers before 4.1 sent */
	RECORDING_PLAYER_1_20  /* knows everything up to tracker 14; what came since is turned into that or left out */
} RecordingPlayer;

/* One batch body, inflated.  It must stay where it is until the files are written. */
typedef struct RecordingBatch
{
	const uint8_t *body;
	size_t len;
	WirePlatform platform;
} RecordingBatch;

/*
 * A file written before, inflated, and its origin: what put_origin was given beside it.  Both must stay where they are
 * until the files are written.
 */
typedef struct StoredFile
{
	RecordingFile file;
	const uint8_t *data;
	size_t len;
	const uint8_t *origin;
	size_t origin_len;
} StoredFile;

/* Whether a stored file can be read to its end, and its origin is of it. */
extern bool is_stored_file_whole(const StoredFile *stored);

#define RECORDING_SPLIT_MS 15000	   /* FILE_SPLIT_TIME of the servers that players were written for */
#define RECORDING_MAX_BYTES 100000000u /* their MAX_FILE_SIZE, for each file */

typedef struct RecordingOptions
{
	RecordingPlayer player;
	int64_t split_ms;	/* the DOM file's second part begins when so much has passed since its first; 0: never */
	uint64_t max_bytes; /* of the DOM parts together, and of the devtools file; a file ends before the message that
						 * would exceed it */

	/*
	 * May replace a URL-based message (60, 61, 67, 71, 73) before it is written: changes values in place and returns
	 * their type; strings must stay valid until the next call.  NULL writes such messages as they were sent, which
	 * players resolve by themselves.
	 */
	unsigned (*rewrite)(void *context, unsigned type, WireValue *values);
	void *rewrite_context;

	/* Takes bytes of a file, in order; false stops the writing. */
	bool (*put)(void *sink, RecordingFile file, const void *data, size_t len);
	void *sink;

	/* Takes bytes of a file's origin, likewise; NULL: not wanted. */
	bool (*put_origin)(void *sink, RecordingFile file, const void *data, size_t len);

	/*
	 * Files written before from batches of which some are no longer here: at most one of each kind, all whole.  What is
	 * in them and in the batches is written once.  Where the stored DOM file was split, so will be the new one.
	 */
	const StoredFile *stored;
	size_t nstored;
} RecordingOptions;

typedef struct RecordingCounts
{
	uint64_t bytes[RECORDING_FILE_COUNT];
	uint64_t origin_bytes[RECORDING_FILE_COUNT];
	uint64_t messages[RECORDING_FILE_COUNT]; /* with the Timestamps and TabDatas that were put in */
	uint64_t broken;						 /* batches and messages that could not be read */
	uint64_t left_out;						 /* messages that the player does not know */
	uint64_t cut;							 /* messages beyond max_bytes */
} RecordingCounts;

/*
 * Bytes of working memory that write_recording needs, some hundred a batch, stored ones included.  Reads batches and
 * stored files once.
 */
extern size_t recording_workspace_size(const RecordingBatch *batches, size_t count, const RecordingOptions *options);

/*
 * Writes all files in one go.  The batches may come in any order and more than once; the same set of batches gives the
 * same bytes, also when some of them are told by stored files (README.md says where that ends).  workspace must be
 * aligned as for malloc.  Returns false if put or put_origin did.
 */
extern bool write_recording(const RecordingBatch *batches, size_t count, const RecordingOptions *options,
							void *workspace, RecordingCounts *counts);

#endif /* OPENREPLAY_RECORDING_FILE_H */
