/*
 * visit_bench.c - what ids, tokens and user agents cost
 *
 *	make build/bench/src/visit/visit_bench && build/bench/src/visit/visit_bench
 *
 * Runs from the project root.
 */
#include "visit/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DATA "data/uap-core/"
#define SECRET "secret_token_string"
#define ROUNDS 200000

static double
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

/* Memory of this process that no file backs. */
static long
anonymous_kb(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	char line[256];
	long kb = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
	{
		if (strncmp(line, "Anonymous:", 10) == 0)
			kb = strtol(line + 10, NULL, 10);
	}
	if (file != NULL)
		fclose(file);
	return kb;
}

static void
report(const char *what, double us, int rounds)
{
	printf("%-28s %8.2f us\n", what, us / rounds);
}

static void
bench_tokens(void)
{
	Token token = {.session_id = UINT64_C(3523215362064790535), .delay_ms = -42, .expires_ms = INT64_C(1760007200123)};
	char text[VISIT_TOKEN_SIZE];
	SessionIds ids;
	uint64_t sum = 0;
	double start = cpu_us();

	for (int i = 0; i < ROUNDS; i++)
	{
		token.session_id++;
		make_token(&token, SECRET, strlen(SECRET), text);
	}
	report("make_token", cpu_us() - start, ROUNDS);

	start = cpu_us();
	for (int i = 0; i < ROUNDS; i++)
		sum += read_token(text, strlen(text), SECRET, strlen(SECRET), 0, &token) == TOKEN_VALID;
	report("read_token", cpu_us() - start, ROUNDS);

	session_ids_init(&ids, 1);
	start = cpu_us();
	for (int i = 0; i < ROUNDS; i++)
		sum += session_shard(next_session_id(&ids, INT64_C(1760000000000) + i / 256));
	report("next_session_id and shard", cpu_us() - start, ROUNDS);
	if (sum == 0)
		abort();
}

typedef struct AgentTimes
{
	AgentParser *parser;
	int count;
	double sum_us;
	double longest_us;
} AgentTimes;

static bool
time_agent(void *context, const YamlRecord *record, char *error, size_t error_size)
{
	AgentTimes *times = context;
	UserAgent agent;
	double us = cpu_us();

	(void) error;
	(void) error_size;
	parse_user_agent(times->parser, yaml_value(record, "user_agent_string"), &agent);
	us = cpu_us() - us;
	times->count++;
	times->sum_us += us;
	if (us > times->longest_us)
		times->longest_us = us;
	return true;
}

static void
bench_agents(void)
{
	char error[256];
	long before_kb = anonymous_kb();
	double start = cpu_us();
	AgentTimes times = {.parser = open_agents(DATA "regexes.yaml", error, sizeof(error))};
	UserAgent agent;

	if (times.parser == NULL)
	{
		fprintf(stderr, "%s\n", error);
		exit(1);
	}
	printf("%-28s %8.2f ms, %ld kB\n", "open_agents", (cpu_us() - start) / 1e3, anonymous_kb() - before_kb);

	/* the first texts also pay for the machine code of the rules they come near */
	read_yaml_records(DATA "tests/test_ua.yaml", time_agent, &times, error, sizeof(error));
	read_yaml_records(DATA "tests/test_os.yaml", time_agent, &times, error, sizeof(error));
	printf("%-28s %8.2f us, longest %.0f us, then %ld kB\n", "new user agent", times.sum_us / times.count,
		   times.longest_us, anonymous_kb() - before_kb);

	start = cpu_us();
	for (int i = 0; i < ROUNDS; i++)
		parse_user_agent(times.parser,
						 "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
						 "Chrome/129.0.0.0 Safari/537.36",
						 &agent);
	report("known user agent", cpu_us() - start, ROUNDS);
	close_agents(times.parser);
}

int
main(void)
{
	bench_tokens();
	bench_agents();
	return 0;
}
