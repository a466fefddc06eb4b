/*
 * sequences.h - sequences of events as the files of this folder share them; others use filter.h
 */
#ifndef OPENREPLAY_METRICS_SEQUENCES_H
#define OPENREPLAY_METRICS_SEQUENCES_H

#include "postgres.h"

#include "metrics/filter.h"

typedef struct SequenceKind
{
	int code;
	const char *name;
	FilterKind kind;
	const char *relation;
	const char *joined; /* "": nothing */
} SequenceKind;

typedef struct CarriedColumn
{
	FilterKind kind;
	const char *name;
	const char *type;
} CarriedColumn;

extern const SequenceKind sequence_kinds[];
extern const int n_sequence_kinds;
extern const CarriedColumn carried_columns[];
extern const int n_carried_columns;

/* NULL: such events are in no sequence. */
extern const SequenceKind *find_sequence_kind(FilterKind kind);

/*
 * Whether sequences can tell which events satisfy the items: all of these are of kinds that they hold, and ask for
 * nothing but what they carry; and openreplay.use_session_events is on.
 */
extern bool sequences_answer(const FilterEvent *events, int nevents);

/*
 * Appends a call of openreplay.follow_sequence() on a row of openreplay.session_events as q: what the aggregate of
 * add_follow_steps() gives for the session's events; NULL when none satisfies any item, and when no value does.
 */
extern void add_follow_sequence(Sql *sql, const Filter *filter, const FilterEvent *events, int nevents);

/* Appends what follows FROM: the different values of a kind of events as e, with value_id and the columns they carry.
 */
extern void add_sequence_values(Sql *sql, const Filter *filter, const SequenceKind *kind);

/* Raises data_corrupted when the bytes that were read are no sequence. */
struct SequenceReader;
extern void check_sequence(const struct SequenceReader *reader);

/* ---- path.c ---- */

#define MAX_PATH_STEPS 64

/* What SQL functions return of followed steps, see follow_steps(). */
extern struct ArrayType *times_array(const int64 *times, int reached, int nsteps);

#endif /* OPENREPLAY_METRICS_SEQUENCES_H */
