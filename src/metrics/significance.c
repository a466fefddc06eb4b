/*
 * significance.c - how much of what got lost an issue explains
 *
 * For each session of a population it is known whether the issue happened in it (x) and whether it was lost (y).  Both
 * are 0 or 1, so four counts are all there is to know, and their correlation is that of Pearson for them:
 *
 *		r = (n * both - affected * lost) / sqrt(affected * (n - affected) * lost * (n - lost))
 *
 * An issue of sessions that got through explains nothing, so that less than 0 counts as 0; so does what cannot be
 * said, because all sessions are alike.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"

PG_FUNCTION_INFO_V1(openreplay_issue_significance);

#define CERTAIN 0.999		 /* from here on a correlation is taken for certain */
#define LEAST_CONFIDENCE 0.4 /* above it an issue is significant */

static double
correlate(double n, double affected, double lost, double both)
{
	double spread = affected * (n - affected) * lost * (n - lost);

	if (n < 2 || spread <= 0)
		return 0;
	return Min(Max((n * both - affected * lost) / sqrt(spread), 0), 1);
}

static double
confidence_of(double r, double n)
{
	return r >= CERTAIN ? 1 : r * sqrt(n - 2) / sqrt(1 - r * r);
}

/* Without a fraction; what is a hair below a whole number is that. */
static int64
whole(double number)
{
	return (int64) (number + 1e-9);
}

/*
 * issue_significance(sessions, affected, lost, both bigint, OUT correlation, OUT confidence double precision, OUT
 * significant boolean, OUT lost_conversions bigint, OUT conversion_impact integer, OUT drop_due bigint)
 */
Datum
openreplay_issue_significance(PG_FUNCTION_ARGS)
{
	double n = PG_GETARG_INT64(0), affected = PG_GETARG_INT64(1), lost = PG_GETARG_INT64(2), both = PG_GETARG_INT64(3);
	double r, confidence;
	Datum values[6];
	bool nulls[6] = {false};
	TupleDesc row;

	if (affected < 0 || lost < 0 || both < 0 || both > affected || both > lost || affected + lost - both > n)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("these cannot be counts of one population"));
	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "issue_significance returns a row");
	r = correlate(n, affected, lost, both);
	confidence = n < 2 ? 0 : confidence_of(r, n);
	values[0] = Float8GetDatum(r);
	values[1] = Float8GetDatum(confidence);
	values[2] = BoolGetDatum(confidence > LEAST_CONFIDENCE);
	values[3] = Int64GetDatum(whole(r * affected));
	nulls[3] = confidence <= LEAST_CONFIDENCE;
	values[4] = Int32GetDatum((int32) rint(100 * r));
	values[5] = Int64GetDatum(whole(r * both));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}
