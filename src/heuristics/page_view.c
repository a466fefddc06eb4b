/*
 * page_view.c - when a page view is complete enough to be written
 *
 * Batches of one page may arrive out of order, and with several streams its timings may come before its location.  So a
 * page is known by its page number, whichever message tells of it first.
 */
#include <stdio.h>
#include <string.h>

#include "heuristics/page_view.h"

static const char *const vital_names[PAGE_VIEW_VITALS] = {"CLS", "INP", "LCP", "TTFB"};

static unsigned
show(PageView *view)
{
	view->shown = true;
	view->vitals_changed = false;
	return PAGE_VIEW_SHOW;
}

unsigned
page_view_flush(PageView *view, PageView *previous)
{
	unsigned todo = 0;

	*previous = *view;
	if (view->located && !view->shown)
		todo = PAGE_VIEW_SHOW_PREVIOUS;
	else if (view->shown && view->vitals_changed)
		todo = PAGE_VIEW_UPDATE_PREVIOUS;
	view->shown = view->located;
	view->vitals_changed = false;
	return todo;
}

static unsigned
turn_to_page(PageView *view, uint64_t page_no, PageView *previous)
{
	unsigned todo = page_view_flush(view, previous);

	memset(view, 0, sizeof(*view));
	view->known = true;
	view->page_no = page_no;
	return todo;
}

static unsigned
feed_location(PageView *view, const WireValue *values, uint64_t page_no, uint64_t message_id, int64_t clock,
			  PageView *previous)
{
	unsigned todo = 0;

	if (values[SetPageLocation_NavigationStart].u == 0)
		return PAGE_VIEW_SHOW_NAVIGATION;
	if (!view->known || view->located || view->page_no != page_no)
		todo = turn_to_page(view, page_no, previous);
	view->located = true;
	view->message_id = message_id;
	view->timestamp = clock;
	todo |= PAGE_VIEW_OPENED;
	if (view->timings_seen >= 2)
		todo |= show(view);
	return todo;
}

static unsigned
feed_timing(PageView *view, const WireMessage *message, const WireValue *values)
{
	if (message->type == MSG_PageLoadTiming)
		for (int i = 0; i < PAGE_SPEED_INDEX; i++)
			view->timings[i] = values[i].u <= PAGE_VIEW_MAX_TIMING_MS ? values[i].u : 0;
	else
		for (int i = PAGE_SPEED_INDEX; i < PAGE_TIMINGS; i++)
			view->timings[i] = values[i - PAGE_SPEED_INDEX].u;

	if (view->timings_seen < 2)
		view->timings_seen++;
	return view->timings_seen == 2 && view->located && !view->shown ? show(view) : 0;
}

/* A vital is a number; what is not is dropped, so that the text below needs no escaping. */
static void
feed_vital(PageView *view, const WireValue *values)
{
	WireString name = values[WebVitals_Name].s;
	WireString value = values[WebVitals_Value].s;

	if (value.len == 0 || value.len >= PAGE_VIEW_VITAL_SIZE)
		return;
	for (uint32_t i = 0; i < value.len; i++)
		if (strchr("0123456789.-+eE", value.data[i]) == NULL || value.data[i] == '\0')
			return;
	for (int i = 0; i < PAGE_VIEW_VITALS; i++)
	{
		if (name.len != strlen(vital_names[i]) || memcmp(name.data, vital_names[i], name.len) != 0)
			continue;
		memcpy(view->vitals[i], value.data, value.len);
		view->vitals[i][value.len] = '\0';
		view->vitals_changed = true;
	}
}

unsigned
page_view_feed(PageView *view, const WireMessage *message, const WireValue *values, uint64_t page_no,
			   uint64_t message_id, int64_t clock, PageView *previous)
{
	unsigned todo = 0;

	if (message->type == MSG_SetPageLocation)
		return feed_location(view, values, page_no, message_id, clock, previous);

	/* what is late for its page is lost; what is early opens it */
	if (view->known && page_no < view->page_no)
		return 0;
	if (!view->known || page_no > view->page_no)
		todo = turn_to_page(view, page_no, previous);
	if (message->type == MSG_WebVitals)
		feed_vital(view, values);
	else
		todo |= feed_timing(view, message, values);
	return todo;
}

unsigned
page_view_tick(PageView *view, int64_t clock)
{
	if (view->located && !view->shown && view->timestamp + PAGE_VIEW_TIMEOUT_MS < clock)
		return show(view);
	return 0;
}

size_t
page_view_vitals_text(const PageView *view, char *out)
{
	size_t len = 0;

	out[0] = '\0';
	for (int i = 0; i < PAGE_VIEW_VITALS; i++)
	{
		if (view->vitals[i][0] == '\0')
			continue;
		len += (size_t) snprintf(out + len, PAGE_VIEW_VITALS_TEXT_SIZE - len, "%c\"%s\":\"%s\"", len ? ',' : '{',
								 vital_names[i], view->vitals[i]);
	}
	if (len > 0)
	{
		out[len++] = '}';
		out[len] = '\0';
	}
	return len;
}
