/*
 * status.c - what an uploader tells of itself
 *
 * /health answers whoever restarts or watches it: does the database hear of it?  A storage that fails is a warning
 * only, as nothing is lost by it and no restart helps.
 */
#include "uploader/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

#define HEARD_MS 45000 /* three beats; after a minute what we hold goes to others */
#define ERROR_SIZE 512

/* The kinds of the outbox; whatever else may be in there comes last. */
static const char *const kinds[BACKLOG_KINDS] = {"recording", "asset",	 "remove", "webhook",
												 "slack",	  "msteams", "email",  "other"};

void
open_status(Status *status, const Uploader *uploader, const Worker *workers, unsigned nworkers)
{
	*status = (Status){.uploader = uploader, .workers = workers, .nworkers = nworkers};
	pthread_mutex_init(&status->lock, NULL);
}

void
close_status(Status *status)
{
	pthread_mutex_destroy(&status->lock);
}

static size_t
kind_number(const char *name)
{
	size_t i = 0;

	while (i < BACKLOG_KINDS - 1 && strcmp(kinds[i], name) != 0)
		i++;
	return i;
}

bool
note_beat(Status *status, PGconn *conn, const PqWait *wait, double ms)
{
	Backlog backlog[BACKLOG_KINDS] = {{0}};
	char error[ERROR_SIZE];
	PGresult *result = pq_query(conn,
								"SELECT kind, pending, in_progress, failed,"
								" coalesce(greatest(extract(epoch FROM clock_timestamp() - oldest_queued_at), 0), 0)"
								" FROM openreplay.outbox_status",
								0, NULL, wait, error, sizeof(error));
	bool read = result != NULL;

	for (int row = 0; read && row < PQntuples(result); row++)
	{
		Backlog *of_kind = &backlog[kind_number(PQgetvalue(result, row, 0))];
		double age_s = strtod(PQgetvalue(result, row, 4), NULL);

		of_kind->waiting += atoll(PQgetvalue(result, row, 1));
		of_kind->in_progress += atoll(PQgetvalue(result, row, 2));
		of_kind->given_up += atoll(PQgetvalue(result, row, 3));
		of_kind->age_s = age_s > of_kind->age_s ? age_s : of_kind->age_s;
	}
	PQclear(result);
	if (!read)
		log_error("the outbox cannot be read error=\"%s\"", error);
	pthread_mutex_lock(&status->lock);
	if (read)
		memcpy(status->backlog, backlog, sizeof(backlog));
	status->last_beat_ms = monotonic_ms();
	status->beat_ms = ms;
	pthread_mutex_unlock(&status->lock);
	return read;
}

/* ---- metrics ---- */

static void
put_gauge_head(Buffer *text, const char *name, const char *help)
{
	put_format(text, "# HELP openreplay_uploader_%s %s\n# TYPE openreplay_uploader_%s gauge\n", name, help, name);
}

static void
put_gauge(Buffer *text, const char *name, const char *help, double value)
{
	put_gauge_head(text, name, help);
	put_format(text, "openreplay_uploader_%s %.15g\n", name, value);
}

static void
put_backlog(Buffer *text, const Backlog *backlog)
{
	static const struct
	{
		const char *name;
		const char *help;
	} gauges[] = {
		{"outbox_waiting", "What waits in the outbox for any uploader, by kind."},
		{"outbox_in_progress", "What any uploader holds at the moment."},
		{"outbox_given_up", "What was given up, until somebody tries it again or deletes it."},
		{"outbox_age_seconds", "Since the oldest that is not given up was queued."},
	};

	for (size_t gauge = 0; gauge < sizeof(gauges) / sizeof(gauges[0]); gauge++)
	{
		put_gauge_head(text, gauges[gauge].name, gauges[gauge].help);
		for (size_t i = 0; i < BACKLOG_KINDS; i++)
		{
			double values[] = {(double) backlog[i].waiting, (double) backlog[i].in_progress,
							   (double) backlog[i].given_up, backlog[i].age_s};

			put_format(text, "openreplay_uploader_%s{kind=\"%s\"} %.15g\n", gauges[gauge].name, kinds[i],
					   values[gauge]);
		}
	}
}

static void
put_workers(Buffer *text, const Status *status)
{
	int64_t now_ms = monotonic_ms();
	int64_t longest_ms = 0;
	unsigned busy = 0;

	for (unsigned i = 0; i < status->nworkers; i++)
	{
		int64_t began_ms = atomic_load(&status->workers[i].began_ms);

		if (began_ms == 0)
			continue;
		busy++;
		longest_ms = now_ms - began_ms > longest_ms ? now_ms - began_ms : longest_ms;
	}
	put_gauge(text, "workers", "UPLOADER_WORKERS.", status->nworkers);
	put_gauge(text, "workers_busy", "Workers that do something at the moment.", busy);
	put_gauge(text, "busy_seconds", "How long the longest of these has been at it.", (double) longest_ms / 1000);
}

void
show_metrics(Status *status, Buffer *text)
{
	Backlog backlog[BACKLOG_KINDS];
	int64_t last_beat_ms;

	pthread_mutex_lock(&status->lock);
	memcpy(backlog, status->backlog, sizeof(backlog));
	last_beat_ms = status->last_beat_ms;
	pthread_mutex_unlock(&status->lock);

	write_metrics(text, status->uploader->metrics);
	put_workers(text, status);
	put_backlog(text, backlog);
	put_gauge(text, "beat_age_seconds",
			  "Since the database last heard of this uploader, and it of the outbox; -1: never.",
			  last_beat_ms == 0 ? -1 : (double) (monotonic_ms() - last_beat_ms) / 1000);
}

/* ---- health ---- */

bool
show_health(Status *status, Buffer *json)
{
	unsigned long long in_a_row = GET_METRIC(status->uploader->metrics->failures_in_a_row);
	long long given_up = 0;
	bool heard;
	double beat_ms;

	pthread_mutex_lock(&status->lock);
	heard = status->last_beat_ms != 0 && monotonic_ms() - status->last_beat_ms < HEARD_MS;
	beat_ms = status->beat_ms;
	for (size_t i = 0; i < BACKLOG_KINDS; i++)
		given_up += status->backlog[i].given_up;
	pthread_mutex_unlock(&status->lock);

	put_format(json, "{\"status\":\"%s\",\"checks\":{\"postgres\":[",
			   !heard						  ? "fail"
			   : in_a_row > 0 || given_up > 0 ? "warn"
											  : "pass");
	if (heard)
		put_format(json, "{\"status\":\"pass\",\"time\":\"%.1fms\"}", beat_ms);
	else
		put_text(json, "{\"status\":\"fail\",\"output\":\"the database does not hear of this uploader\"}");
	put_format(json,
			   "],\"jobs\":[{\"status\":\"%s\",\"failures_in_a_row\":%llu}],\"outbox\":[{\"status\":\"%s\",\"given_"
			   "up\":%lld}]}}",
			   in_a_row > 0 ? "warn" : "pass", in_a_row, given_up > 0 ? "warn" : "pass", given_up);
	return heard;
}
