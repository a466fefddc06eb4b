/*
 * vitals.c - the aggregate openreplay.vitals(): how the web vitals of very many pages are distributed
 *
 * The hard idea: percentiles without sorting.  Each vital has a histogram of cells that become wider with the value,
 * 4096 between a power of two and the next; a cell knows how many values it has and their sum, and stands for their
 * mean.  So whole milliseconds up to 8191 are exact, beyond that a percentile is within a thousandth, and minimum, mean
 * and maximum are exact in any case.  Histograms add up, so parallel workers each make one.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "metrics/vitals.h"

PG_FUNCTION_INFO_V1(openreplay_gather_vitals);
PG_FUNCTION_INFO_V1(openreplay_join_vitals);
PG_FUNCTION_INFO_V1(openreplay_pack_vitals);
PG_FUNCTION_INFO_V1(openreplay_unpack_vitals);
PG_FUNCTION_INFO_V1(openreplay_vital_figures);

#define SUBCELLS 4096
#define OCTAVES 25 /* below 1, and from there to 2^24: four hours in milliseconds */
#define CELLS (SUBCELLS * OCTAVES)
#define MAX_NUMBER_LENGTH 23
#define FIRST_ARGUMENT 1 /* of the transition function */
#define TEXT_ARGUMENT 5

typedef struct VitalType
{
	const char *key;
	const char *name;
	int argument;
	double scale;
	bool zero;
	double good;
	double medium;
} VitalType;

static const VitalType vital_types[] = {
#define VITAL(key, name, argument, scale, zero, good, medium) {key, name, argument, scale, zero, good, medium},
	VITALS(VITAL)
#undef VITAL
};

#define N_VITALS lengthof(vital_types)

typedef struct Cell
{
	int64 n;
	double sum;
} Cell;

typedef struct Distribution
{
	int64 n;
	double sum;
	double min;
	double max;
	Cell cells[CELLS];
} Distribution;

typedef struct Vitals
{
	Distribution of[N_VITALS];
} Vitals;

/* ---- one value --------------------------------------------------------------------------------------------------- */

/* The cell of a value that is not negative. */
static int
cell_of(double value)
{
	int exponent;
	double fraction;

	if (value < 1)
		return (int) (value * SUBCELLS);
	fraction = frexp(value, &exponent); /* from 0.5 to 1 */
	return Min(exponent * SUBCELLS + (int) ((fraction * 2 - 1) * SUBCELLS), CELLS - 1);
}

static void
add_to_cell(Distribution *distribution, int cell, int64 n, double sum)
{
	distribution->cells[cell].n += n;
	distribution->cells[cell].sum += sum;
}

static void
add_value(Distribution *distribution, double value)
{
	distribution->min = distribution->n == 0 ? value : Min(distribution->min, value);
	distribution->max = distribution->n == 0 ? value : Max(distribution->max, value);
	distribution->n++;
	distribution->sum += value;
	add_to_cell(distribution, cell_of(value), 1, value);
}

/*
 * The number that the tracker sent under a name, in {"CLS":"0.1","LCP":"900"}; -1 if there is none.  Only the pipeline
 * writes that text: no escapes, no blanks.
 */
static double
find_number(const char *text, int len, const char *name)
{
	int name_len = (int) strlen(name);
	char number[MAX_NUMBER_LENGTH + 1];

	for (int i = 0; i + name_len + 5 < len; i++)
	{
		const char *at = text + i;
		char *end;
		int n = 0;
		double value;

		if (at[0] != '"' || memcmp(at + 1, name, name_len) != 0 || memcmp(at + 1 + name_len, "\":\"", 3) != 0)
			continue;
		at += name_len + 4;
		while (n < MAX_NUMBER_LENGTH && at + n < text + len && at[n] != '\0' &&
			   strchr("0123456789.-+eE", at[n]) != NULL)
			n++;
		memcpy(number, at, n);
		number[n] = '\0';
		value = strtod(number, &end);
		return n > 0 && *end == '\0' && isfinite(value) && value >= 0 ? value : -1;
	}
	return -1;
}

/* A scaled number as if it had been written so: 0.29 times 100 is 29. */
static double
scaled(double value, double scale)
{
	return scale == 1 ? value : rint(value * scale * 1e6) / 1e6;
}

/* ---- the aggregate ----------------------------------------------------------------------------------------------- */

static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "vitals() is an aggregate");
	return context;
}

static Vitals *
new_vitals(FunctionCallInfo fcinfo)
{
	return MemoryContextAllocZero(aggregate_context(fcinfo), sizeof(Vitals));
}

/* gather_vitals(state, dom_building_time, ttfb, speed_index, first_contentful_paint_time integer, web_vitals text) */
Datum
openreplay_gather_vitals(PG_FUNCTION_ARGS)
{
	Vitals *vitals = PG_ARGISNULL(0) ? new_vitals(fcinfo) : (Vitals *) PG_GETARG_POINTER(0);
	text *sent = PG_ARGISNULL(TEXT_ARGUMENT) ? NULL : PG_GETARG_TEXT_PP(TEXT_ARGUMENT);

	for (int i = 0; i < N_VITALS; i++)
	{
		const VitalType *type = &vital_types[i];
		int argument = type->argument < 0 ? -1 : FIRST_ARGUMENT + type->argument;
		double value = -1;

		if (sent != NULL && type->name[0] != '\0')
			value = find_number(VARDATA_ANY(sent), VARSIZE_ANY_EXHDR(sent), type->name);
		if (value > 0 || (value == 0 && type->zero))
			add_value(&vitals->of[i], scaled(value, type->scale));
		else if (argument > 0 && !PG_ARGISNULL(argument) && PG_GETARG_INT32(argument) > 0)
			add_value(&vitals->of[i], PG_GETARG_INT32(argument));
	}
	PG_RETURN_POINTER(vitals);
}

static void
join_distribution(Distribution *into, const Distribution *from)
{
	if (from->n == 0)
		return;
	into->min = into->n == 0 ? from->min : Min(into->min, from->min);
	into->max = into->n == 0 ? from->max : Max(into->max, from->max);
	into->n += from->n;
	into->sum += from->sum;
}

Datum
openreplay_join_vitals(PG_FUNCTION_ARGS)
{
	Vitals *into = PG_ARGISNULL(0) ? new_vitals(fcinfo) : (Vitals *) PG_GETARG_POINTER(0);
	const Vitals *from = PG_ARGISNULL(1) ? NULL : (const Vitals *) PG_GETARG_POINTER(1);

	for (int i = 0; from != NULL && i < N_VITALS; i++)
	{
		join_distribution(&into->of[i], &from->of[i]);
		for (int cell = 0; cell < CELLS; cell++)
			if (from->of[i].cells[cell].n > 0)
				add_to_cell(&into->of[i], cell, from->of[i].cells[cell].n, from->of[i].cells[cell].sum);
	}
	PG_RETURN_POINTER(into);
}

/* ---- between processes: the cells that have any, of each vital; both sides are the same program ---------------------
 */

typedef struct PackedCell
{
	int64 cell;
	Cell content;
} PackedCell;

static int
count_cells(const Distribution *distribution)
{
	int n = 0;

	for (int cell = 0; cell < CELLS; cell++)
		n += distribution->cells[cell].n > 0;
	return n;
}

Datum
openreplay_pack_vitals(PG_FUNCTION_ARGS)
{
	const Vitals *vitals = (const Vitals *) PG_GETARG_POINTER(0);
	int64 ncells[N_VITALS];
	Size size = sizeof(ncells);
	bytea *packed;
	char *at;

	aggregate_context(fcinfo);
	for (int i = 0; i < N_VITALS; i++)
	{
		ncells[i] = count_cells(&vitals->of[i]);
		size += offsetof(Distribution, cells) + ncells[i] * sizeof(PackedCell);
	}
	packed = palloc(VARHDRSZ + size);
	SET_VARSIZE(packed, VARHDRSZ + size);
	at = VARDATA(packed);
	memcpy(at, ncells, sizeof(ncells));
	at += sizeof(ncells);
	for (int i = 0; i < N_VITALS; i++)
	{
		memcpy(at, &vitals->of[i], offsetof(Distribution, cells));
		at += offsetof(Distribution, cells);
		for (int cell = 0; cell < CELLS; cell++)
		{
			PackedCell one = {.cell = cell, .content = vitals->of[i].cells[cell]};

			if (one.content.n == 0)
				continue;
			memcpy(at, &one, sizeof(one));
			at += sizeof(one);
		}
	}
	PG_RETURN_BYTEA_P(packed);
}

Datum
openreplay_unpack_vitals(PG_FUNCTION_ARGS)
{
	bytea *packed = PG_GETARG_BYTEA_PP(0);
	const char *at = VARDATA_ANY(packed);
	Vitals *vitals = new_vitals(fcinfo);
	int64 ncells[N_VITALS];

	memcpy(ncells, at, sizeof(ncells));
	at += sizeof(ncells);
	for (int i = 0; i < N_VITALS; i++)
	{
		memcpy(&vitals->of[i], at, offsetof(Distribution, cells));
		at += offsetof(Distribution, cells);
		for (int64 n = 0; n < ncells[i]; n++)
		{
			PackedCell one;

			memcpy(&one, at, sizeof(one));
			at += sizeof(one);
			vitals->of[i].cells[one.cell] = one.content;
		}
	}
	PG_RETURN_POINTER(vitals);
}

/* ---- figures ----------------------------------------------------------------------------------------------------- */

/* The value at a place of the sorted values, from 0 on. */
static double
value_at(const Distribution *distribution, int64 place)
{
	int64 before = 0;

	for (int cell = 0; cell < CELLS; cell++)
	{
		const Cell *content = &distribution->cells[cell];

		before += content->n;
		if (before > place)
			return Min(Max(content->sum / content->n, distribution->min), distribution->max);
	}
	return distribution->max;
}

/* Between two values, in proportion. */
static double
percentile(const Distribution *distribution, double fraction)
{
	double place = fraction * (distribution->n - 1);
	double lower = value_at(distribution, (int64) floor(place));
	double upper = value_at(distribution, (int64) ceil(place));

	return lower + (upper - lower) * (place - floor(place));
}

/* An array of VITAL_FIGURES numbers a vital; all 0 for a vital that no page has. */
Datum
openreplay_vital_figures(PG_FUNCTION_ARGS)
{
	const Vitals *vitals = PG_ARGISNULL(0) ? NULL : (const Vitals *) PG_GETARG_POINTER(0);
	Datum figures[N_VITALS * VITAL_FIGURES];
	int dims[2] = {N_VITALS, VITAL_FIGURES};
	int lbs[2] = {1, 1};

	for (int i = 0; i < N_VITALS; i++)
	{
		const Distribution *of = vitals == NULL || vitals->of[i].n == 0 ? NULL : &vitals->of[i];
		double numbers[VITAL_FIGURES] = {0};

		if (of != NULL)
		{
			numbers[0] = of->n;
			numbers[1] = of->min;
			numbers[2] = of->sum / of->n;
			numbers[3] = of->max;
			numbers[4] = percentile(of, 0.5);
			numbers[5] = percentile(of, 0.75);
			numbers[6] = percentile(of, 0.9);
		}
		for (int j = 0; j < VITAL_FIGURES; j++)
			figures[i * VITAL_FIGURES + j] = Float8GetDatum(numbers[j]);
	}
	PG_RETURN_ARRAYTYPE_P(
		construct_md_array(figures, NULL, 2, dims, lbs, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
