/*
 * vitals.c - the aggregate openreplay.vitals(): how the web vitals of very many pages are distributed
 *
 * The hard idea: percentiles without sorting.  Each vital has a histogram of cells that become wider with the value,
 * 4096 between a power of two and the next; a cell knows how many values it has and stands for the roundest
 * of those it can have.  So whole milliseconds up to 8191 are exact, beyond that a percentile is within a thousandth,
 * and minimum, mean and maximum are exact in any case.  Histograms add up, so parallel workers each make one.
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

typedef struct Distribution
{
	int64 n;
	double sum;
	double min;
	double max;
	uint32 cells[CELLS];
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

/* The lower bound of a cell. */
static double
least_of_cell(int cell)
{
	double fraction = (double) (cell % SUBCELLS) / SUBCELLS;

	return cell < SUBCELLS ? fraction : ldexp(1 + fraction, cell / SUBCELLS - 1);
}

/* What stands for the values of a cell: of those that it can have the least with the fewest decimals. */
static double
number_of_cell(int cell)
{
	double least = least_of_cell(cell);

	for (double unit = 1; unit <= 1000; unit *= 10)
		if (ceil(least * unit) / unit < least_of_cell(cell + 1))
			return ceil(least * unit) / unit;
	return least;
}

static void
add_to_cell(Distribution *distribution, int cell, uint32 n)
{
	distribution->cells[cell] = Min((uint64) distribution->cells[cell] + n, PG_UINT32_MAX);
}

static void
add_value(Distribution *distribution, double value)
{
	distribution->min = distribution->n == 0 ? value : Min(distribution->min, value);
	distribution->max = distribution->n == 0 ? value : Max(distribution->max, value);
	distribution->n++;
	distribution->sum += value;
	add_to_cell(distribution, cell_of(value), 1);
}

/* A number as the tracker writes them, mostly a few digits; -1 for what is none or negative. */
static double
read_number(const char *digits, int len)
{
	static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
	char number[MAX_NUMBER_LENGTH + 1];
	int64 mantissa = 0;
	int point = -1;
	int i;
	char *end;
	double value;

	if (len == 0 || len > MAX_NUMBER_LENGTH)
		return -1;
	for (i = 0; i < len && len <= lengthof(powers); i++)
	{
		if (digits[i] >= '0' && digits[i] <= '9')
			mantissa = mantissa * 10 + (digits[i] - '0');
		else if (digits[i] == '.' && point < 0)
			point = i;
		else
			break;
	}
	/* both are exact, so the quotient is what strtod() gives */
	if (i == len && mantissa <= INT64CONST(999999999999999))
		return (double) mantissa / powers[point < 0 ? 0 : len - point - 1];
	memcpy(number, digits, len);
	number[len] = '\0';
	value = strtod(number, &end);
	return *end == '\0' && isfinite(value) && value >= 0 ? value : -1;
}

/*
 * The numbers that the tracker sent, in {"CLS":"0.1","LCP":"900"}, -1 for those that it did not.  Only the pipeline
 * writes that text: no escapes, no blanks.
 */
static void
read_numbers(const char *at, int len, double *numbers)
{
	const char *end = at + len;

	for (int i = 0; i < N_VITALS; i++)
		numbers[i] = -1;
	while (at < end && (at = memchr(at, '"', end - at)) != NULL)
	{
		const char *name = at + 1;
		const char *name_end = name < end ? memchr(name, '"', end - name) : NULL;
		const char *digits;
		const char *digits_end;

		if (name_end == NULL || end - name_end < 4 || name_end[1] != ':' || name_end[2] != '"')
			return;
		digits = name_end + 3;
		digits_end = memchr(digits, '"', end - digits);
		if (digits_end == NULL)
			return;
		for (int i = 0; i < N_VITALS; i++)
			if (vital_types[i].name[0] == name[0] && strlen(vital_types[i].name) == name_end - name &&
				memcmp(vital_types[i].name, name, name_end - name) == 0)
				numbers[i] = read_number(digits, digits_end - digits);
		at = digits_end + 1;
	}
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
	double numbers[N_VITALS];

	if (sent != NULL)
		read_numbers(VARDATA_ANY(sent), VARSIZE_ANY_EXHDR(sent), numbers);
	for (int i = 0; i < N_VITALS; i++)
	{
		const VitalType *type = &vital_types[i];
		int argument = type->argument < 0 ? -1 : FIRST_ARGUMENT + type->argument;

		if (sent != NULL && (numbers[i] > 0 || (numbers[i] == 0 && type->zero)))
			add_value(&vitals->of[i], scaled(numbers[i], type->scale));
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
			if (from->of[i].cells[cell] > 0)
				add_to_cell(&into->of[i], cell, from->of[i].cells[cell]);
	}
	PG_RETURN_POINTER(into);
}

/* ---- between processes: the cells that have any, of each vital; both sides are the same program ---------------------
 */

typedef struct PackedCell
{
	uint32 cell;
	uint32 n;
} PackedCell;

static int
count_cells(const Distribution *distribution)
{
	int n = 0;

	for (int cell = 0; cell < CELLS; cell++)
		n += distribution->cells[cell] > 0;
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
			PackedCell one = {.cell = cell, .n = vitals->of[i].cells[cell]};

			if (one.n == 0)
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
			vitals->of[i].cells[one.cell] = one.n;
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
		before += distribution->cells[cell];
		if (before > place)
			return Min(Max(number_of_cell(cell), distribution->min), distribution->max);
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
