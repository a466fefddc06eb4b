/*
 * status_test.c - when an uploader says that it is well, and when not
 */
#include "uploader/metrics.c"
#include "uploader/status.c"

#include "check.h"

static Metrics metrics;
static Uploader uploader = {.metrics = &metrics};
static Worker workers[3];

static const char *
health(Status *status, bool expected)
{
	static char shown[1024];
	Buffer json;

	init_buffer(&json, sizeof(shown));
	CHECK(show_health(status, &json) == expected);
	snprintf(shown, sizeof(shown), "%s", json.data);
	free_buffer(&json);
	return shown;
}

static const char *
metric(Status *status, const char *name)
{
	static char shown[64];
	Buffer text;
	const char *at;

	init_buffer(&text, 1 << 20);
	show_metrics(status, &text);
	at = strstr(text.data, name);
	snprintf(shown, sizeof(shown), "%.*s", at != NULL ? (int) strcspn(at + strlen(name), "\n") : 0,
			 at != NULL ? at + strlen(name) : "");
	free_buffer(&text);
	return shown;
}

static void
test_health(void)
{
	static const char unheard[] =
		"{\"status\":\"fail\",\"checks\":{\"postgres\":[{\"status\":\"fail\",\"output\":\"the database does not hear "
		"of this uploader\"}],"
		"\"jobs\":[{\"status\":\"pass\",\"failures_in_a_row\":0}],\"outbox\":[{\"status\":\"pass\",\"given_up\":0}]}}";
	Status status;

	open_status(&status, &uploader, workers, 3);
	CHECK_TEXT(health(&status, false), unheard);
	CHECK_TEXT(metric(&status, "\nopenreplay_uploader_beat_age_seconds "), "-1");

	status.last_beat_ms = monotonic_ms();
	status.beat_ms = 1.25;
	CHECK_TEXT(health(&status, true),
			   "{\"status\":\"pass\",\"checks\":{\"postgres\":[{\"status\":\"pass\",\"time\":\"1.2ms\"}],\"jobs\":[{"
			   "\"status\":"
			   "\"pass\",\"failures_in_a_row\":0}],\"outbox\":[{\"status\":\"pass\",\"given_up\":0}]}}");
	atomic_store(&metrics.failures_in_a_row, 3);
	status.backlog[1].given_up = 2;
	status.backlog[BACKLOG_KINDS - 1].given_up = 5;
	CHECK_TEXT(health(&status, true),
			   "{\"status\":\"warn\",\"checks\":{\"postgres\":[{\"status\":\"pass\",\"time\":\"1.2ms\"}],\"jobs\":[{"
			   "\"status\":"
			   "\"warn\",\"failures_in_a_row\":3}],\"outbox\":[{\"status\":\"warn\",\"given_up\":7}]}}");
	atomic_store(&metrics.failures_in_a_row, 0);

	/* after a minute what it holds is given to others: it must have said so before */
	status.backlog[1].given_up = status.backlog[BACKLOG_KINDS - 1].given_up = 0;
	status.last_beat_ms = monotonic_ms() - 60000;
	CHECK_TEXT(health(&status, false), unheard);
	close_status(&status);
}

static void
test_metrics(void)
{
	Status status;

	open_status(&status, &uploader, workers, 3);
	CHECK_TEXT(metric(&status, "\nopenreplay_uploader_workers "), "3");
	CHECK_TEXT(metric(&status, "\nopenreplay_uploader_workers_busy "), "0");
	CHECK_TEXT(metric(&status, "\nopenreplay_uploader_busy_seconds "), "0");
	atomic_store(&workers[2].began_ms, monotonic_ms() - 1000);
	atomic_store(&workers[0].began_ms, monotonic_ms() - 500000);
	CHECK_TEXT(metric(&status, "\nopenreplay_uploader_workers_busy "), "2");
	CHECK(atof(metric(&status, "\nopenreplay_uploader_busy_seconds ")) >= 500);

	status.backlog[kind_number("slack")] = (Backlog){1, 2, 3, 4.5};
	CHECK_TEXT(metric(&status, "\nopenreplay_uploader_outbox_waiting{kind=\"slack\"} "), "1");
	CHECK_TEXT(metric(&status, "\nopenreplay_uploader_outbox_in_progress{kind=\"slack\"} "), "2");
	CHECK_TEXT(metric(&status, "\nopenreplay_uploader_outbox_given_up{kind=\"slack\"} "), "3");
	CHECK_TEXT(metric(&status, "\nopenreplay_uploader_outbox_age_seconds{kind=\"slack\"} "), "4.5");
	CHECK_TEXT(kinds[kind_number("\"}x")], "other");

	count_job(&metrics, JOB_ASSET, 10000);
	count_job(&metrics, JOB_ASSET, 10001);
	count_job(&metrics, JOB_ASSET, INT64_C(7200000000));
	CHECK_TEXT(metric(&status, "job_seconds_bucket{kind=\"asset\",le=\"0.01\"} "), "1");
	CHECK_TEXT(metric(&status, "job_seconds_bucket{kind=\"asset\",le=\"0.05\"} "), "2");
	CHECK_TEXT(metric(&status, "job_seconds_bucket{kind=\"asset\",le=\"1800\"} "), "2");
	CHECK_TEXT(metric(&status, "job_seconds_count{kind=\"asset\"} "), "3");
	CHECK_TEXT(metric(&status, "job_seconds_sum{kind=\"asset\"} "), "7200.020001");
	CHECK_TEXT(metric(&status, "job_seconds_count{kind=\"recording\"} "), "0");
	close_status(&status);
}

int
main(void)
{
	test_health();
	test_metrics();
	return check_summary("status");
}
