/*
 * main.c - openreplay-replay's command line
 */
#include "replay.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const char usage_text[] =
	"openreplay-replay sends recorded visits to an ingest server and checks what became of them.\n"
	"\n"
	"  openreplay-replay play CAPTURE_DIR [--url URL] [--key PROJECT_KEY] [--now] [--ledger FILE]\n"
	"      one recorded visit; --now moves it so that it has just ended\n"
	"  openreplay-replay load --visitors N --rate BATCHES_PER_S|max --seconds S [--url URL] [--key PROJECT_KEY]\n"
	"                         [--captures DIR] [--ledger FILE] [--retry]\n"
	"      many visitors at once; --retry resends as the tracker does\n"
	"  openreplay-replay bench --connections C --rate BATCHES_PER_S|max --seconds S [--size BYTES] [--sessions N]\n"
	"                         [--url URL] [--key PROJECT_KEY] [--captures DIR] [--ledger FILE] [--pids NAME=PID,...]\n"
	"      durable batches a second and their latency, with bodies of one size\n"
	"  openreplay-replay verify --ledger FILE\n"
	"      compares a ledger with openreplay.batches (connects by PGHOST, PGPORT, PGUSER, PGDATABASE)\n"
	"  openreplay-replay relay --listen PORT --to PORT\n"
	"      a stretch of loopback network that does as it is told on standard input: pass, freeze, swallow, cut, "
	"refuse\n"
	"\n"
	"URL is the tracker's ingestPoint (default $INGEST_URL, else http://127.0.0.1:8080), PROJECT_KEY defaults to "
	"$PROJECT_KEY.\n";

typedef struct Options
{
	const char *url;
	const char *key;
	const char *captures;
	const char *ledger;
	const char *pids;
	double rate;
	double seconds;
	int visitors;
	int connections;
	int sessions;
	int size;
	int listen_port;
	int target_port;
	bool now;
	bool retry;
} Options;

static const struct option long_options[] = {{"url", required_argument, NULL, 'u'},
											 {"key", required_argument, NULL, 'k'},
											 {"captures", required_argument, NULL, 'c'},
											 {"ledger", required_argument, NULL, 'l'},
											 {"pids", required_argument, NULL, 'p'},
											 {"rate", required_argument, NULL, 'r'},
											 {"seconds", required_argument, NULL, 's'},
											 {"visitors", required_argument, NULL, 'v'},
											 {"connections", required_argument, NULL, 'C'},
											 {"sessions", required_argument, NULL, 'S'},
											 {"size", required_argument, NULL, 'z'},
											 {"listen", required_argument, NULL, 'L'},
											 {"to", required_argument, NULL, 'T'},
											 {"now", no_argument, NULL, 'n'},
											 {"retry", no_argument, NULL, 't'},
											 {"help", no_argument, NULL, 'h'},
											 {NULL, 0, NULL, 0}};

static double
read_number(const char *name, const char *text, double min, double max)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= min && value <= max))
		fail("--%s wants a number from %g to %g, not \"%s\"", name, min, max, text);
	return value;
}

static const char *
environment(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && *value ? value : otherwise;
}

static void
read_options(int argc, char **argv, Options *options)
{
	int letter;

	while ((letter = getopt_long(argc, argv, "", long_options, NULL)) != -1)
	{
		switch (letter)
		{
			case 'u':
				options->url = optarg;
				break;
			case 'k':
				options->key = optarg;
				break;
			case 'c':
				options->captures = optarg;
				break;
			case 'l':
				options->ledger = optarg;
				break;
			case 'p':
				options->pids = optarg;
				break;
			case 'r':
				options->rate = strcmp(optarg, "max") == 0 ? 0 : read_number("rate", optarg, 0.1, 1e6);
				break;
			case 's':
				options->seconds = read_number("seconds", optarg, 0.1, 1e6);
				break;
			case 'v':
				options->visitors = (int) read_number("visitors", optarg, 1, 50000);
				break;
			case 'C':
				options->connections = (int) read_number("connections", optarg, 1, 50000);
				break;
			case 'S':
				options->sessions = (int) read_number("sessions", optarg, 1, 1e6);
				break;
			case 'z':
				options->size = (int) read_number("size", optarg, 256, 1e6);
				break;
			case 'L':
				options->listen_port = (int) read_number("listen", optarg, 1, 65535);
				break;
			case 'T':
				options->target_port = (int) read_number("to", optarg, 1, 65535);
				break;
			case 'n':
				options->now = true;
				break;
			case 't':
				options->retry = true;
				break;
			case 'h':
				fputs(usage_text, stdout);
				exit(0);
			default:
				fputs(usage_text, stderr);
				exit(2);
		}
	}
}

/* A connection a visitor. */
static void
allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
	{
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static const char *
captures_dir(const Options *options)
{
	const char *dir = options->captures ? options->captures : bundled_captures();

	if (dir == NULL)
		fail("no captures beside this program: tell where they are with --captures DIR");
	return dir;
}

static int
run_play(const Options *options, const char *capture_dir)
{
	PlayOptions play_options = {.capture_dir = capture_dir,
								.url = options->url,
								.key = options->key,
								.ledger = options->ledger,
								.now = options->now};

	return play(&play_options);
}

static int
run_load_command(const Options *options)
{
	LoadOptions load_options = {.url = options->url,
								.key = options->key,
								.captures = captures_dir(options),
								.ledger = options->ledger,
								.visitors = options->visitors,
								.rate = options->rate,
								.seconds = options->seconds,
								.retry = options->retry};

	return load(&load_options);
}

static int
run_bench_command(const Options *options)
{
	BenchOptions bench_options = {.url = options->url,
								  .key = options->key,
								  .captures = captures_dir(options),
								  .ledger = options->ledger,
								  .pids = options->pids,
								  .size = options->size,
								  .connections = options->connections,
								  .sessions = options->sessions,
								  .rate = options->rate,
								  .seconds = options->seconds};

	return bench(&bench_options);
}

int
main(int argc, char **argv)
{
	Options options = {.url = environment("INGEST_URL", "http://127.0.0.1:8080"),
					   .key = environment("PROJECT_KEY", NULL),
					   .seconds = 10,
					   .visitors = 100,
					   .connections = 64,
					   .sessions = 256,
					   .size = 8192};
	const char *command;
	const char *argument;

	signal(SIGPIPE, SIG_IGN);
	allow_many_files();
	read_options(argc, argv, &options);
	command = optind < argc ? argv[optind] : "";
	argument = optind + 1 < argc ? argv[optind + 1] : NULL;

	if (strcmp(command, "verify") == 0)
	{
		if (options.ledger == NULL)
			fail("verify wants --ledger FILE");
		return verify(options.ledger);
	}
	if (strcmp(command, "relay") == 0)
	{
		if (options.listen_port == 0 || options.target_port == 0)
			fail("relay wants --listen PORT --to PORT");
		return relay(options.listen_port, options.target_port);
	}
	if (strcmp(command, "play") != 0 && strcmp(command, "load") != 0 && strcmp(command, "bench") != 0)
	{
		fputs(usage_text, stderr);
		return 2;
	}
	if (options.key == NULL)
		fail("which project? --key PROJECT_KEY or $PROJECT_KEY");
	if (strcmp(command, "load") == 0)
		return run_load_command(&options);
	if (strcmp(command, "bench") == 0)
		return run_bench_command(&options);
	if (argument == NULL)
		fail("play wants the folder of a capture");
	return run_play(&options, argument);
}
