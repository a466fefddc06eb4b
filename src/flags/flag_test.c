/*
 * flag_test.c - who gets a flag: filters, persistence, rollout
 */
#include "flags/flag.h"

#include <stdlib.h>

#include "check.h"

#define VISITORS 100000

static WireString
text(const char *value)
{
	return wire_string(value, strlen(value));
}

/* ---- filters ---- */

typedef struct FilterCase
{
	const char *operator;
	const char *visitor;
	const char *values[3];
	bool holds;
} FilterCase;

static const FilterCase filter_cases[] = {
	{"is", "NL", {"DE", "NL"}, true},
	{"is", "NL", {"nl"}, false},
	{"is", "NL", {NULL}, false},
	{"is", "", {""}, true},
	{"isNot", "NL", {"DE", "FR"}, true},
	{"isNot", "NL", {"DE", "NL"}, false},
	{"isNot", "NL", {NULL}, true},
	{"isAny", "NL", {NULL}, true},
	{"isAny", "", {"x"}, false},
	{"isUndefined", "", {NULL}, true},
	{"isUndefined", "NL", {NULL}, false},
	{"contains", "Firefox Mobile", {"Chrome", "fox M"}, true},
	{"contains", "Firefox", {"fire"}, false},
	{"contains", "Firefox", {""}, true},
	{"contains", "", {"a"}, false},
	{"notContains", "Firefox", {"Chrome", "Edge"}, true},
	{"notContains", "Firefox", {"Chrome", "fox"}, false},
	{"notContains", "Firefox", {NULL}, true},
	{"startsWith", "https://a.example", {"http://", "https://"}, true},
	{"startsWith", "http", {"https"}, false},
	{"endsWith", "https://a.example", {".org", ".example"}, true},
	{"endsWith", "le", {"example"}, false},
	{"on", "NL", {"NL"}, false},
	{"IS", "NL", {"NL"}, false},
};

static void
check_filters(void)
{
	for (size_t i = 0; i < sizeof(filter_cases) / sizeof(filter_cases[0]); i++)
	{
		const FilterCase *expected = &filter_cases[i];
		WireString values[3];
		FlagFilter filter = {.field = flag_field(text("userBrowser")),
							 .operator= flag_operator(text(expected->operator)),
							 .values = values};
		FlagCondition condition = {.rollout = 100, .filters = &filter, .nfilters = 1};
		Flag flag = {.key = text("f"), .conditions = &condition, .nconditions = 1};
		FlagVisitor visitor = {.project_id = 1, .bucket = text("v")};
		FlagAnswer answer;
		char what[100];

		while (filter.nvalues < 3 && expected->values[filter.nvalues] != NULL)
		{
			values[filter.nvalues] = text(expected->values[filter.nvalues]);
			filter.nvalues++;
		}
		visitor.fields[FLAG_FIELD_BROWSER] = text(expected->visitor);
		snprintf(what, sizeof(what), "case %zu: %s \"%s\"", i, expected->operator, expected->visitor);
		check_report(evaluate_flag(&flag, &visitor, &answer) == expected->holds, __FILE__, __LINE__, what, "");
	}
}

/* Every name is read back as itself, and a field looks at its own member. */
static void
check_names(void)
{
	for (int i = 0; i < FLAG_FIELDS; i++)
		CHECK_INT(flag_field(text(flag_field_type(i))), i);
	for (int i = 0; i < FLAG_OPERATORS; i++)
		CHECK_INT(flag_operator(text(flag_operator_name(i))), i);
	CHECK_INT(flag_field(text("userAgent")), FLAG_FIELD_UNKNOWN);
	CHECK_INT(flag_field(text("userO")), FLAG_FIELD_UNKNOWN);
	CHECK_INT(flag_operator(text("")), FLAG_OPERATOR_UNKNOWN);
	CHECK_TEXT(flag_field_member(flag_field(text("userId"))), "userID");
}

static void
check_fields(void)
{
	static const WireString values[] = {{"here", 4}};
	static const FlagMember metadata[] = {{{"plan", 4}, {"here", 4}}, {{"Plan", 4}, {"other", 5}}};

	for (int i = 0; i < FLAG_FIELDS; i++)
	{
		FlagFilter filter = {
			.field = i, .operator= FLAG_OPERATOR_IS, .source = text("plan"), .values = values, .nvalues = 1};
		FlagCondition condition = {.rollout = 100, .filters = &filter, .nfilters = 1};
		Flag flag = {.key = text("f"), .conditions = &condition, .nconditions = 1};
		FlagVisitor visitor = {.bucket = text("v")};
		FlagAnswer answer;

		CHECK(!evaluate_flag(&flag, &visitor, &answer));
		visitor.fields[i] = text("here");
		visitor.metadata = metadata;
		visitor.nmetadata = 2;
		CHECK(evaluate_flag(&flag, &visitor, &answer));
		filter.source = text("cart");
		CHECK(evaluate_flag(&flag, &visitor, &answer) == (i != FLAG_FIELD_METADATA));
		filter.field = FLAG_FIELD_UNKNOWN;
		CHECK(!evaluate_flag(&flag, &visitor, &answer));
	}
}

/* ---- conditions ---- */

static void
check_conditions(void)
{
	static const WireString nl[] = {{"NL", 2}};
	static const WireString chrome[] = {{"Chrome", 6}};
	static const FlagFilter filters[] = {
		{.field = FLAG_FIELD_COUNTRY, .operator= FLAG_OPERATOR_IS, .values = nl, .nvalues = 1},
		{.field = FLAG_FIELD_BROWSER, .operator= FLAG_OPERATOR_IS, .values = chrome, .nvalues = 1},
	};
	FlagCondition conditions[] = {
		{.condition_id = 1, .rollout = 0, .filters = filters, .nfilters = 2},
		{.condition_id = 2, .rollout = 100, .filters = filters, .nfilters = 1},
		{.condition_id = 3, .rollout = 100},
	};
	Flag flag = {.key = text("f"), .payload = text("p"), .conditions = conditions, .nconditions = 3};
	FlagVisitor visitor = {.bucket = text("v")};
	FlagAnswer answer;

	/* nobody's fields: only the condition without filters holds */
	CHECK(evaluate_flag(&flag, &visitor, &answer));
	CHECK_INT(answer.condition->condition_id, 3);
	CHECK(answer.variant == NULL);
	CHECK_INT(answer.payload.len, 1);

	visitor.fields[FLAG_FIELD_COUNTRY] = text("NL");
	CHECK(evaluate_flag(&flag, &visitor, &answer));
	CHECK_INT(answer.condition->condition_id, 2);

	/* the first condition that holds decides, also against the flag */
	visitor.fields[FLAG_FIELD_BROWSER] = text("Chrome");
	CHECK(!evaluate_flag(&flag, &visitor, &answer));

	flag.nconditions = 0;
	CHECK(!evaluate_flag(&flag, &visitor, &answer));
}

/* ---- what browsers remember ---- */

static void
check_persistence(void)
{
	static const FlagVariant variants[] = {
		{{"red", 3}, {"R", 1}, 0},
		{{"blue", 4}, {"B", 1}, 100},
	};
	static const FlagMember remembers_red[] = {{{"other", 5}, {"x", 1}}, {{"f", 1}, {"red", 3}}};
	static const FlagMember remembers_gone[] = {{{"f", 1}, {"green", 5}}};
	static const FlagMember remembers_true[] = {{{"f", 1}, {"true", 4}}};
	FlagCondition condition = {.condition_id = 7, .rollout = 100};
	Flag flag = {.key = text("f"),
				 .is_multi = true,
				 .is_persistent = true,
				 .conditions = &condition,
				 .nconditions = 1,
				 .variants = variants,
				 .nvariants = 2};
	FlagVisitor visitor = {.bucket = text("v"), .kept = remembers_red, .nkept = 2};
	FlagAnswer answer;

	CHECK(evaluate_flag(&flag, &visitor, &answer));
	CHECK(answer.condition == NULL && answer.variant == &variants[0] && answer.payload.data[0] == 'R');

	flag.is_persistent = false;
	CHECK(evaluate_flag(&flag, &visitor, &answer));
	CHECK(answer.condition != NULL && answer.variant == &variants[1] && answer.payload.data[0] == 'B');

	flag.is_persistent = true;
	visitor.kept = remembers_gone;
	visitor.nkept = 1;
	CHECK(evaluate_flag(&flag, &visitor, &answer));
	CHECK(answer.condition != NULL && answer.variant == &variants[1]);

	flag.is_multi = false;
	condition.rollout = 0;
	CHECK(!evaluate_flag(&flag, &visitor, &answer));
	visitor.kept = remembers_true;
	CHECK(evaluate_flag(&flag, &visitor, &answer));
	CHECK(answer.condition == NULL && answer.variant == NULL);
}

/* ---- rollout ---- */

static int
count_in(const Flag *flag, const FlagVariant *variant)
{
	int in = 0;

	for (int i = 0; i < VISITORS; i++)
	{
		char id[32];
		FlagVisitor visitor = {.project_id = 3};
		FlagAnswer answer;

		snprintf(id, sizeof(id), "user-%d", i);
		visitor.bucket = text(id);
		in += evaluate_flag(flag, &visitor, &answer) && answer.variant == variant;
	}
	return in;
}

/* Five standard deviations of a fair draw; with fixed visitors the result is the same in every run. */
static void
check_share(int in, double share)
{
	double expected = VISITORS * share;
	double variance = VISITORS * share * (1 - share);
	double off = (in - expected) * (in - expected);

	CHECK(off <= 25 * variance);
}

static void
check_rollout(void)
{
	FlagCondition condition = {.rollout = 0};
	Flag flag = {.key = text("new-nav"), .conditions = &condition, .nconditions = 1};
	int last = 0;

	for (int percent = 0; percent <= 100; percent++)
	{
		int in;

		condition.rollout = percent;
		in = count_in(&flag, NULL);
		check_share(in, percent / 100.0);
		CHECK(in >= last);
		last = in;
	}
	CHECK_INT(last, VISITORS);
}

/* Raising a percentage takes nobody out, and two flags do not pick the same people. */
static void
check_stability(void)
{
	Flag one = {.key = text("one")};
	Flag two = {.key = text("two")};
	int both = 0;

	for (int i = 0; i < VISITORS; i++)
	{
		char id[32];
		FlagVisitor visitor = {.project_id = 3};

		snprintf(id, sizeof(id), "user-%d", i);
		visitor.bucket = text(id);
		both += flag_bucket(&one, &visitor, "rollout") < 50 && flag_bucket(&two, &visitor, "rollout") < 50;
		if (i < 1000)
		{
			FlagCondition condition = {0};
			Flag flag = {.key = one.key, .conditions = &condition, .nconditions = 1};
			FlagAnswer answer;
			bool was_in = false;

			for (condition.rollout = 0; condition.rollout <= 100; condition.rollout++)
			{
				bool in = evaluate_flag(&flag, &visitor, &answer);

				if (was_in && !in)
					CHECK(!"a higher percentage took a visitor out");
				was_in = in;
			}
			CHECK(was_in);
		}
	}
	check_share(both, 0.25);
}

static void
check_variants(void)
{
	static const FlagVariant variants[] = {
		{{"a", 1}, {"", 0}, 0},
		{{"b", 1}, {"", 0}, 30},
		{{"c", 1}, {"", 0}, 50},
	};
	FlagCondition condition = {.rollout = 40};
	Flag flag = {.key = text("shape"),
				 .is_multi = true,
				 .conditions = &condition,
				 .nconditions = 1,
				 .variants = variants,
				 .nvariants = 3};

	CHECK_INT(count_in(&flag, &variants[0]), 0);
	check_share(count_in(&flag, &variants[1]), 0.4 * 0.3);
	check_share(count_in(&flag, &variants[2]), 0.4 * 0.5);
}

/* Fixed for ever: who had a flag yesterday has it tomorrow.  Values from an implementation in another language. */
static void
check_buckets(void)
{
	static const struct
	{
		int32_t project_id;
		const char *key;
		const char *visitor;
		int bucket;
	} known[] = {
		{1, "new-nav", "u-7", 44}, {1, "new-nav", "u-8", 4}, {2, "new-nav", "u-7", 43},
		{1, "other", "u-7", 29},   {1, "new-nav", "", 64},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		Flag flag = {.key = text(known[i].key)};
		FlagVisitor visitor = {.project_id = known[i].project_id, .bucket = text(known[i].visitor)};

		CHECK_INT(flag_bucket(&flag, &visitor, "rollout"), known[i].bucket);
	}
}

int
main(void)
{
	check_names();
	check_filters();
	check_fields();
	check_conditions();
	check_persistence();
	check_rollout();
	check_stability();
	check_variants();
	check_buckets();
	return check_summary("flags");
}
