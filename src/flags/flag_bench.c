/*
 * flag_bench.c - evaluations a second of one flag with three filters, one core
 */
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "flags/flag.h"

#define ROUNDS 21
#define EVALUATIONS 1000000

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return x < y ? -1 : x > y;
}

int
main(void)
{
	static const WireString countries[] = {{"DE", 2}, {"FR", 2}, {"NL", 2}};
	static const WireString referrers[] = {{"news.example", 12}};
	static const WireString plans[] = {{"free", 4}};
	static const FlagMember metadata[] = {{{"cart", 4}, {"17", 2}}, {{"plan", 4}, {"pro", 3}}};
	static const FlagFilter filters[] = {
		{.field = FLAG_FIELD_COUNTRY, .operator= FLAG_OPERATOR_IS, .values = countries, .nvalues = 3},
		{.field = FLAG_FIELD_REFERRER, .operator= FLAG_OPERATOR_CONTAINS, .values = referrers, .nvalues = 1},
		{.field = FLAG_FIELD_METADATA,
		 .operator= FLAG_OPERATOR_IS_NOT,
		 .source = {"plan", 4},
		 .values = plans,
		 .nvalues = 1},
	};
	static const FlagCondition condition = {.condition_id = 1, .rollout = 50, .filters = filters, .nfilters = 3};
	static const Flag flag = {.key = {"new-nav", 7}, .conditions = &condition, .nconditions = 1};
	FlagVisitor visitor = {.project_id = 3, .metadata = metadata, .nmetadata = 2};
	double rates[ROUNDS];
	long in = 0;

	visitor.fields[FLAG_FIELD_COUNTRY] = wire_string("NL", 2);
	visitor.fields[FLAG_FIELD_REFERRER] = wire_string("https://news.example/a?x=1", 26);
	for (int round = 0; round < ROUNDS; round++)
	{
		double began = seconds();

		for (uint32_t i = 0; i < EVALUATIONS; i++)
		{
			char id[8] = "u-";
			FlagAnswer answer;

			memcpy(id + 2, &i, sizeof(i));
			visitor.bucket = wire_string(id, 6);
			in += evaluate_flag(&flag, &visitor, &answer);
		}
		rates[round] = EVALUATIONS / (seconds() - began);
	}
	qsort(rates, ROUNDS, sizeof(rates[0]), compare);
	printf("one flag, three filters that hold, rollout 50 %%: %.1f M evaluations/s of one core (median of %d), %.1f %% "
		   "in\n",
		   rates[ROUNDS / 2] / 1e6, ROUNDS, 100.0 * (double) in / ROUNDS / EVALUATIONS);
	return 0;
}
