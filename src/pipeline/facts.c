/*
 * facts.c - what detectors find becomes rows
 *
 * Issues go where the issues that trackers report themselves go; a project's tags may say that clicks on an element are
 * none.  Two issues may begin with one message, so their occurrences are told apart by the issue as well.
 */
#include "postgres.h"

#include "pipeline/events.h"
#include "pipeline/issues.h"

bool
is_ignored(const Project *project, const Fact *fact)
{
	bool rage = fact->type != NULL && strcmp(fact->type, "click_rage") == 0;
	bool dead = fact->type != NULL && strcmp(fact->type, "dead_click") == 0;

	if ((!rage && !dead) || fact->selector == 0)
		return false;
	for (int i = 0; i < project->ntags; i++)
		if (project->tags[i].selector == fact->selector &&
			(rage ? project->tags[i].ignore_click_rage : project->tags[i].ignore_dead_click))
			return true;
	return false;
}

static void
put_percent_spread(Rows *rows, Spread spread)
{
	put_int16(rows, spread.min);
	put_int16(rows, spread.avg);
	put_int16(rows, spread.max);
}

static void
put_bytes_spread(Rows *rows, Spread spread)
{
	put_int64(rows, spread.min);
	put_int64(rows, spread.avg);
	put_int64(rows, spread.max);
}

/* A summary is of no message: its key is the middle of its time, as it always was, in its tab. */
static void
put_summary_key(BatchContext *context, int64 start_ms, int64 end_ms)
{
	Rows *rows = context->pass->rows;
	int64 middle = start_ms + (end_ms - start_ms) / 2;

	put_int64(rows, context->session->session_id);
	put_int64(rows, (int64) (((uint64) middle + ((uint64) context->tab << 48)) & PG_INT64_MAX));
	put_int64(rows, middle);
}

static void
write_performance(BatchContext *context, const PerformanceSummary *summary)
{
	Rows *rows = context->pass->rows;

	row_start(rows, ROWS_PERFORMANCE);
	put_summary_key(context, summary->start_ms, summary->end_ms);
	put_percent_spread(rows, summary->fps);
	put_percent_spread(rows, summary->cpu);
	put_bytes_spread(rows, summary->total_heap);
	put_bytes_spread(rows, summary->used_heap);
}

static void
write_app_performance(BatchContext *context, const AppPerformanceSummary *summary)
{
	Rows *rows = context->pass->rows;

	row_start(rows, ROWS_APP_PERFORMANCE);
	put_summary_key(context, summary->start_ms, summary->end_ms);
	for (int i = 0; i < APP_METRICS; i++)
	{
		if (!summary->measured[i])
		{
			put_null(rows);
			put_null(rows);
			put_null(rows);
		}
		else if (i == APP_MEMORY)
			put_bytes_spread(rows, summary->spreads[i]);
		else
			put_percent_spread(rows, summary->spreads[i]);
	}
}

void
write_fact(const Fact *fact, void *arg)
{
	BatchContext *context = arg;

	if (fact->performance != NULL)
		write_performance(context, fact->performance);
	else if (fact->app_performance != NULL)
		write_app_performance(context, fact->app_performance);
	else if (!is_ignored(context->project, fact))
		write_issue(context, fact->type, fact->context, fact->timestamp, (int64) fact->message_id,
					wire_string(fact->payload, strlen(fact->payload)));
}

void
flush_detectors(Pass *pass, LiveSession *session)
{
	BatchContext context = {.pass = pass, .session = session, .project = find_project(pass, session->project_id)};

	if (pass->fact_sink == NULL && !context.project->active)
		return; /* nothing is written of a project that was switched off */
	for (int i = 0; i < session->ntabs; i++)
	{
		const char *location = session->tabs[i].location;
		Detection detection = {
			.thresholds = &context.project->thresholds,
			.sink = pass->fact_sink ? pass->fact_sink : write_fact,
			.sink_arg = pass->fact_sink ? pass->fact_sink_arg : &context,
			.url = location ? wire_string(location, strlen(location)) : wire_string("", 0),
		};

		context.tab = i;
		if (session->tabs[i].detectors != NULL)
			detectors_flush(session->tabs[i].detectors, &detection);
	}
}
