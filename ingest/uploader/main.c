/*
 * main.c - openreplay-uploader: what must leave the database, leaves
 *
 * Starts the workers and their heart, waits for a signal (or, with --once, for the workers), and says what was done.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/log.h"
#include "uploader/courier.h"
#include "uploader/heart.h"
#include "uploader/page.h"

#define ERROR_SIZE 1024

static void
show_usage(void)
{
	puts("openreplay-uploader stores the recordings of ended sessions, removes those of deleted ones, and delivers\n"
		 "what alerts have to say to hooks, chats and mailboxes.\n"
		 "\n"
		 "  openreplay-uploader [--config FILE] [--once]\n"
		 "\n"
		 "FILE has KEY=VALUE lines; the same keys in the environment win.  Required: STORAGE_DIR, or\n"
		 "AWS_ACCESS_KEY_ID and what goes with it.  All keys are described in ingest/uploader/README.md.\n"
		 "\n"
		 "--once does what there is to do and ends: exit code 0 if all of it succeeded.  SIGTERM ends after the\n"
		 "recordings under way.");
}

static void
stop_workers(Uploader *uploader)
{
	atomic_store(&uploader->stopping, true);
	eventfd_write(uploader->wake_fd, 1);
}

/* Returns when all workers shall be joined. */
static void
await_end(Uploader *uploader, const sigset_t *signals)
{
	int number;

	if (uploader->once)
		return;
	log_info("ready name=%s workers=%lld storage=%s", uploader->settings->uploader_name,
			 (long long) uploader->settings->workers,
			 uploader->settings->storage_dir[0] != '\0' ? uploader->settings->storage_dir
														: uploader->settings->bucket_name);
	sigwait(signals, &number);
	log_info("stopping");
	stop_workers(uploader);
}

/* With --once a signal only asks the workers to end early. */
static void *
watch_signals(void *argument)
{
	Uploader *uploader = argument;
	sigset_t signals;
	int number;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (sigwait(&signals, &number) == 0)
		stop_workers(uploader);
	return NULL;
}

static bool
run(Uploader *uploader, const sigset_t *signals)
{
	unsigned nworkers = (unsigned) uploader->settings->workers;
	Worker *workers = calloc(nworkers, sizeof(Worker));
	Heart heart = {0};
	Courier courier = {0};
	Page page = {0};
	Status status;
	char error[ERROR_SIZE] = "cannot start threads";
	pthread_t watcher;
	bool ok = workers != NULL;

	open_status(&status, uploader, workers, nworkers);
	/* one that comes and goes is watched by its exit code and METRICS_FILE */
	ok = ok && (uploader->once || open_page(&page, &status, error, sizeof(error)));
	for (unsigned i = 0; ok && i < nworkers; i++)
		ok = start_worker(&workers[i], uploader, i + 1);
	ok = ok && start_courier(&courier, uploader) && start_heart(&heart, &status);
	if (uploader->once && pthread_create(&watcher, NULL, watch_signals, uploader) == 0)
		pthread_detach(watcher);
	if (ok)
		await_end(uploader, signals);
	else
	{
		log_error("%s", error);
		stop_workers(uploader);
	}
	for (unsigned i = 0; workers != NULL && i < nworkers; i++)
	{
		join_worker(&workers[i]);
		ok = ok && !workers[i].unreachable;
	}
	join_courier(&courier);
	ok = ok && !courier.unreachable;
	stop_heart(&heart);
	close_page(&page);
	close_status(&status);
	free(workers);
	return ok;
}

/* For cron and for tests. */
static void
show_summary(const Metrics *metrics)
{
	if (GET_METRIC(metrics->deliveries) > 0)
		printf("delivered %llu messages\n", GET_METRIC(metrics->deliveries));
	if (GET_METRIC(metrics->assets) > 0)
		printf("copied %llu assets\n", GET_METRIC(metrics->assets));
	printf("stored %llu recordings in %llu files, %llu bytes as %llu; removed %llu; %llu failed\n",
		   GET_METRIC(metrics->recordings), GET_METRIC(metrics->files), GET_METRIC(metrics->file_bytes),
		   GET_METRIC(metrics->stored_bytes), GET_METRIC(metrics->removals), GET_METRIC(metrics->failures));
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
											{"once", no_argument, NULL, 'o'},
											{"help", no_argument, NULL, 'h'},
											{NULL, 0, NULL, 0}};
	static Metrics metrics;
	const char *config_path = NULL;
	char error[ERROR_SIZE];
	Settings settings;
	Settings assets_settings;
	char assets_name[200];
	Uploader uploader = {.settings = &settings, .metrics = &metrics};
	sigset_t signals;
	int option;
	bool ok;

	while ((option = getopt_long(argc, argv, "c:oh", options, NULL)) != -1)
	{
		if (option == 'c')
			config_path = optarg;
		else if (option == 'o')
			uploader.once = true;
		else
		{
			show_usage();
			return option == 'h' ? 0 : 2;
		}
	}
	if (!load_settings(&settings, config_path, error, sizeof(error)))
	{
		log_error("configuration: %s", error);
		return 2;
	}
	set_log_level(settings.log_level);

	/* All threads inherit this mask. */
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);

	uploader.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uploader.storage = open_storage(&settings, error, sizeof(error));
	assets_settings = settings;
	assets_settings.bucket_name = settings.assets_bucket;
	assets_settings.s3_tags = settings.assets_s3_tags;
	/* two storages of one name would write the same partial files */
	snprintf(assets_name, sizeof(assets_name), "%s.assets", settings.uploader_name);
	assets_settings.uploader_name = assets_name;
	if (uploader.storage != NULL)
		uploader.assets_storage = open_storage(&assets_settings, error, sizeof(error));
	if (uploader.storage == NULL || uploader.assets_storage == NULL)
		log_error("the storage cannot be used error=\"%s\"", error);
	ok = uploader.storage != NULL && uploader.assets_storage != NULL && uploader.wake_fd >= 0 &&
		 run(&uploader, &signals);
	close_storage(uploader.storage);
	close_storage(uploader.assets_storage);
	if (uploader.once && ok)
		show_summary(&metrics);
	free_settings(&settings);
	return ok && (!uploader.once || GET_METRIC(metrics.failures) == 0) ? 0 : 1;
}
