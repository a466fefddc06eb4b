/*
 * sequence.h - the events of a session as bytes, and following steps through events
 *
 * A sequence is what openreplay.session_events.events holds: a byte that is its version, then for each event, in the
 * order of time, two varints: value id times 32 plus kind, and the milliseconds since the event before.  The first of
 * these is counted from a time that the reader is told, and signed (zigzag).
 */
#ifndef OPENREPLAY_SEQUENCES_SEQUENCE_H
#define OPENREPLAY_SEQUENCES_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEQUENCE_VERSION 1
#define SEQUENCE_KINDS 32		/* a kind is 0 to 31 */
#define SEQUENCE_EVENT_BYTES 20 /* an event takes at most */

typedef struct SequenceEvent
{
	int64_t timestamp;
	uint32_t value_id;
	uint8_t kind;
} SequenceEvent;

typedef struct SequenceReader
{
	const uint8_t *at;
	const uint8_t *end;
	int64_t timestamp; /* of the event before */
	bool first;		   /* nothing was read yet */
	bool damaged;	   /* it is no sequence from here on, or of another version */
} SequenceReader;

/* A reader of len bytes, which must stay; start is the time that the writer was told. */
extern SequenceReader read_sequence(const uint8_t *data, size_t len, int64_t start);
/* The next event; false at the end, and when the bytes are damaged. */
extern bool next_event(SequenceReader *reader, SequenceEvent *event);

/*
 * Writes events, which are in the order of time, and returns how many bytes that took: at most 1 +
 * SEQUENCE_EVENT_BYTES * n.
 */
extern size_t write_sequence(const SequenceEvent *events, size_t n, int64_t start, uint8_t *out);

/* ---- follow.c ---- */

#define FOLLOW_MAX_STEPS 200

/* An event that satisfies a step.  The key tells events of one kind and moment apart. */
typedef struct StepEvent
{
	int64_t timestamp;
	int64_t key;
} StepEvent;

typedef struct Step
{
	int kind;				 /* of its events, from 1 on; negative: must not be */
	const StepEvent *events; /* sorted by timestamp and key */
	size_t nevents;
} Step;

/*
 * Follows n steps, 1 to FOLLOW_MAX_STEPS, and returns how many were reached.  times gets their times; when all were
 * reached, one more: that of the last event of the last step, or of the step itself if that must not be.  What must not
 * be before anything was reached has the time 0.
 */
extern int follow_steps(const Step *steps, int n, int64_t *times);

#endif /* OPENREPLAY_SEQUENCES_SEQUENCE_H */
