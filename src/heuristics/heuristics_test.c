/*
 * heuristics_test.c - worked examples: ids of issues and errors, page views
 */
#include <stdlib.h>

#include "check.h"
#include "heuristics/identity.h"
#include "heuristics/page_view.h"

#define T INT64_C(1700000000000)

/* ---- ids ---- */

static const char *
issue_id(uint32_t project_id, const char *type, const char *context)
{
	static char id[IDENTITY_SIZE];
	Identity identity;

	identity_start(&identity);
	identity_add(&identity, type, strlen(type));
	identity_add(&identity, context, strlen(context));
	identity_finish(&identity, project_id, id);
	return id;
}

static void
test_identities(void)
{
	Identity identity;
	char id[IDENTITY_SIZE];

	CHECK_TEXT(issue_id(1, "click_rage", "Buy now"), "1bf4e724199fd9c56b193cda47325ea5f");
	CHECK_TEXT(issue_id(42, "custom", "signup"), "2a13209013a12adc88795324c2979f854e");
	CHECK_TEXT(issue_id(12, "click_rage", "Buy now"), "cbf4e724199fd9c56b193cda47325ea5f");
	CHECK_TEXT(issue_id(12, "dead_click", "Buy now"), "cf09291423c1f1b9bc21e4aba84decdf0");
	CHECK_TEXT(issue_id(255, "bad_request", "https://api.acme.test/v1/cart"), "ffcf3729cfe1c8d963d27d05a3a377a02e");
	CHECK_TEXT(issue_id(1, "tap_rage", "Pay"), "10b95796657b5858c0cae8566222d61f0");

	identity_start(&identity);
	identity_add(&identity, "mouse_trashing", 14);
	identity_add_number(&identity, INT64_C(7000000001));
	identity_add_number(&identity, INT64_C(1700000005000));
	identity_finish(&identity, 12, id);
	CHECK_TEXT(id, "c1aefeb2e2315b0bd69ca3d9899458a2c");

	identity_start(&identity);
	identity_add(&identity, "mouse_trashing", 14);
	identity_add_number(&identity, INT64_C(1234567890123));
	identity_add_number(&identity, INT64_C(1732372000000));
	identity_finish(&identity, 42, id);
	CHECK_TEXT(id, "2ab9f8e042364736193644e7df7b7e5b65");

	identity_start(&identity);
	identity_add(&identity, "js_exceptionTypeErrorx is undefinedhttps://app.example.com/main.js", 66);
	identity_add_number(&identity, 12);
	identity_add_number(&identity, 345);
	identity_finish(&identity, 42, id);
	CHECK_TEXT(id, "2ace151eb47207a20f88296f389eadef0d");
}

/* ---- page views ---- */

typedef struct Story
{
	PageView view;
	PageView previous;
	int n;
} Story;

static unsigned
load(Story *story, uint64_t page_no, uint64_t id, int64_t at, bool real)
{
	WireMessage message = {.type = MSG_SetPageLocation};
	WireValue values[WIRE_MAX_FIELDS] = {[SetPageLocation_NavigationStart].u = real ? 1 : 0};

	return page_view_feed(&story->view, &message, values, page_no, id, T + at, &story->previous);
}

static unsigned
load_timing(Story *story, uint64_t page_no, int64_t at, uint64_t request_start, uint64_t load_end)
{
	WireMessage message = {.type = MSG_PageLoadTiming};
	WireValue values[WIRE_MAX_FIELDS] = {
		[PageLoadTiming_RequestStart].u = request_start,
		[PageLoadTiming_ResponseStart].u = 9,
		[PageLoadTiming_LoadEventEnd].u = load_end,
	};

	return page_view_feed(&story->view, &message, values, page_no, 0, T + at, &story->previous);
}

static unsigned
render_timing(Story *story, uint64_t page_no, int64_t at)
{
	WireMessage message = {.type = MSG_PageRenderTiming};
	WireValue values[WIRE_MAX_FIELDS] = {
		[PageRenderTiming_SpeedIndex].u = 610,
		[PageRenderTiming_VisuallyComplete].u = 1200,
		[PageRenderTiming_TimeToInteractive].u = 1300,
	};

	return page_view_feed(&story->view, &message, values, page_no, 0, T + at, &story->previous);
}

static unsigned
vital(Story *story, uint64_t page_no, const char *name, const char *value)
{
	WireMessage message = {.type = MSG_WebVitals};
	WireValue values[WIRE_MAX_FIELDS] = {
		[WebVitals_Name].s = wire_string(name, strlen(name)),
		[WebVitals_Value].s = wire_string(value, strlen(value)),
	};

	return page_view_feed(&story->view, &message, values, page_no, 0, T, &story->previous);
}

static void
test_page_views(void)
{
	{
		/* G1: complete with the second timing; a load end over 30 s is no measurement */
		Story story = {0};

		CHECK_INT(load(&story, 0, 1, 0, true), PAGE_VIEW_OPENED);
		CHECK_INT(load_timing(&story, 0, 900, 5, 30001), 0);
		CHECK_INT(render_timing(&story, 0, 4000), PAGE_VIEW_SHOW);
		CHECK_INT(story.view.timestamp, T);
		CHECK_INT(story.view.timings[PAGE_LOAD_END], 0);
		CHECK_INT(story.view.timings[PAGE_REQUEST_START], 5);
		CHECK_INT(story.view.timings[PAGE_VISUALLY_COMPLETE], 1200);
		CHECK_INT(page_view_flush(&story.view, &story.previous), 0);
	}
	{
		/* G2: in-app navigations at once */
		Story story = {0};

		CHECK_INT(load(&story, 0, 1, 0, false), PAGE_VIEW_SHOW_NAVIGATION);
		CHECK_INT(load(&story, 0, 5, 1000, false), PAGE_VIEW_SHOW_NAVIGATION);
		CHECK_INT(page_view_flush(&story.view, &story.previous), 0);
	}
	{
		/* G3: not at 60 s sharp, but after */
		Story story = {0};

		load(&story, 0, 1, 0, true);
		CHECK_INT(page_view_tick(&story.view, T + 60000), 0);
		CHECK_INT(page_view_tick(&story.view, T + 60001), PAGE_VIEW_SHOW);
		CHECK_INT(page_view_tick(&story.view, T + 70000), 0);
	}
	{
		/* G4: the next load closes the page before, the end closes the last */
		Story story = {0};

		load(&story, 0, 1, 0, true);
		CHECK_INT(load(&story, 0, 2, 500, false), PAGE_VIEW_SHOW_NAVIGATION);
		CHECK_INT(load(&story, 1, 3, 3000, true), PAGE_VIEW_SHOW_PREVIOUS | PAGE_VIEW_OPENED);
		CHECK_INT(story.previous.message_id, 1);
		CHECK_INT(page_view_flush(&story.view, &story.previous), PAGE_VIEW_SHOW_PREVIOUS);
		CHECK_INT(story.previous.message_id, 3);
		CHECK_INT(page_view_flush(&story.view, &story.previous), 0);
	}
	{
		/* G5: the second timing of either kind completes, and copies all nine fields anew */
		Story story = {0};

		load(&story, 0, 1, 0, true);
		CHECK_INT(load_timing(&story, 0, 100, 30000, 0), 0);
		CHECK_INT(load_timing(&story, 0, 200, 0, 0), PAGE_VIEW_SHOW);
		CHECK_INT(story.view.timings[PAGE_REQUEST_START], 0);
		CHECK_INT(story.view.timings[PAGE_RESPONSE_START], 9);
	}
	{
		/* G6: a timing alone shows nothing */
		Story story = {0};

		CHECK_INT(load_timing(&story, 0, 100, 1, 2), 0);
		CHECK_INT(page_view_flush(&story.view, &story.previous), 0);
	}
	{
		/* timings that arrive before the location of their page belong to it all the same */
		Story story = {0};

		CHECK_INT(load_timing(&story, 0, 100, 1, 2), 0);
		CHECK_INT(render_timing(&story, 0, 100), 0);
		CHECK_INT(load(&story, 0, 1, 0, true), PAGE_VIEW_OPENED | PAGE_VIEW_SHOW);
		CHECK_INT(story.view.timings[PAGE_LOAD_END], 2);
	}
	{
		/* G1: 30 s sharp is a time, rendering has no limit, and each of the nine fields has its own */
		Story story = {0};
		WireMessage message = {.type = MSG_PageLoadTiming};
		WireValue values[WIRE_MAX_FIELDS] = {{0}};

		load(&story, 0, 1, 0, true);
		for (int i = 0; i < PAGE_SPEED_INDEX; i++)
			values[i].u = i % 2 ? 30000 : 30001;
		CHECK_INT(page_view_feed(&story.view, &message, values, 0, 2, T + 10, &story.previous), 0);
		for (int i = 0; i < PAGE_SPEED_INDEX; i++)
			CHECK_INT(story.view.timings[i], i % 2 ? 30000 : 0);
		message.type = MSG_PageRenderTiming;
		values[PageRenderTiming_SpeedIndex].u = 30001;
		values[PageRenderTiming_VisuallyComplete].u = 90000;
		CHECK_INT(page_view_feed(&story.view, &message, values, 0, 3, T + 20, &story.previous), PAGE_VIEW_SHOW);
		CHECK_INT(story.view.timings[PAGE_SPEED_INDEX], 30001);
		CHECK_INT(story.view.timings[PAGE_VISUALLY_COMPLETE], 90000);
		CHECK_INT(story.view.message_id, 1);
	}
	{
		/* what comes after the page was shown for its time is no part of the row, and shows it no second time */
		Story story = {0};

		load(&story, 0, 1, 0, true);
		CHECK_INT(load_timing(&story, 0, 60000, 5, 100), 0);
		CHECK_INT(page_view_tick(&story.view, T + 60001), PAGE_VIEW_SHOW);
		CHECK_INT(story.view.timings[PAGE_LOAD_END], 100);
		CHECK_INT(render_timing(&story, 0, 60002), 0);
		CHECK_INT(load_timing(&story, 0, 60003, 5, 100), 0);
		CHECK_INT(page_view_tick(&story.view, T + 90000), 0);
		CHECK_INT(page_view_flush(&story.view, &story.previous), 0);
	}
	{
		/* an application of one page: a real load, then navigations that leave it waiting for its timings */
		Story story = {0};

		load(&story, 0, 1, 0, true);
		CHECK_INT(load(&story, 0, 5, 500, false), PAGE_VIEW_SHOW_NAVIGATION);
		CHECK_INT(load_timing(&story, 0, 600, 5, 100), 0);
		CHECK_INT(load(&story, 0, 9, 700, false), PAGE_VIEW_SHOW_NAVIGATION);
		CHECK_INT(render_timing(&story, 0, 800), PAGE_VIEW_SHOW);
		CHECK_INT(story.view.message_id, 1);
		CHECK_INT(load(&story, 0, 12, 900, false), PAGE_VIEW_SHOW_NAVIGATION);
		CHECK_INT(page_view_flush(&story.view, &story.previous), 0);
	}
	{
		/* two loads, each with timings: the first page's do not complete the second */
		Story story = {0};

		load(&story, 0, 1, 0, true);
		load_timing(&story, 0, 100, 5, 100);
		CHECK_INT(load(&story, 1, 2, 200, true), PAGE_VIEW_SHOW_PREVIOUS | PAGE_VIEW_OPENED);
		CHECK_INT(story.previous.timings[PAGE_LOAD_END], 100);
		CHECK_INT(load_timing(&story, 1, 300, 5, 300), 0);
		CHECK_INT(render_timing(&story, 1, 400), PAGE_VIEW_SHOW);
		CHECK_INT(story.view.message_id, 2);
		CHECK_INT(story.view.timings[PAGE_LOAD_END], 300);
	}
	{
		/* a load that is told twice under one page number is two pages */
		Story story = {0};

		load(&story, 0, 1, 0, true);
		CHECK_INT(load(&story, 0, 8, 100, true), PAGE_VIEW_SHOW_PREVIOUS | PAGE_VIEW_OPENED);
		CHECK_INT(story.previous.message_id, 1);
		CHECK_INT(page_view_flush(&story.view, &story.previous), PAGE_VIEW_SHOW_PREVIOUS);
		CHECK_INT(story.previous.message_id, 8);
	}
	{
		/* a vital that comes after the page was left is lost, and none of the next page */
		Story story = {0};

		load(&story, 0, 1, 0, true);
		load(&story, 1, 2, 1000, true);
		CHECK_INT(vital(&story, 0, "CLS", "0.1"), 0);
		CHECK_INT(story.view.vitals_changed, 0);
	}
	{
		/* late timings of the page before do not touch this one */
		Story story = {0};

		load(&story, 0, 1, 0, true);
		load(&story, 1, 2, 1000, true);
		CHECK_INT(load_timing(&story, 0, 1100, 1, 2), 0);
		CHECK_INT(story.view.timings_seen, 0);
	}
	{
		/* vitals come with the row, or update it once when it is left */
		Story story = {0};
		char text[PAGE_VIEW_VITALS_TEXT_SIZE];

		load(&story, 0, 1, 0, true);
		vital(&story, 0, "TTFB", "12.5");
		load_timing(&story, 0, 1, 1, 1);
		CHECK_INT(render_timing(&story, 0, 2), PAGE_VIEW_SHOW);
		page_view_vitals_text(&story.view, text);
		CHECK_TEXT(text, "{\"TTFB\":\"12.5\"}");
		CHECK_INT(vital(&story, 0, "LCP", "800"), 0);
		CHECK_INT(vital(&story, 0, "LCP", "8\"00"), 0);
		CHECK_INT(vital(&story, 0, "FOO", "1"), 0);
		CHECK_INT(load(&story, 1, 2, 5000, true), PAGE_VIEW_UPDATE_PREVIOUS | PAGE_VIEW_OPENED);
		page_view_vitals_text(&story.previous, text);
		CHECK_TEXT(text, "{\"LCP\":\"800\",\"TTFB\":\"12.5\"}");
		/* and the next page starts without them */
		CHECK_INT(page_view_vitals_text(&story.view, text), 0);
	}
}

/*
 * A visit of five pages, with the builder's bytes moved elsewhere before one message, or before each: what is asked for
 * stays the same.
 */
static void
test_restarts(void)
{
	static const uint8_t kinds[] = {MSG_SetPageLocation, MSG_PageLoadTiming, MSG_WebVitals, MSG_PageRenderTiming};
	char expected[200] = "";

	for (int restart_before = -2; restart_before < 20; restart_before++)
	{
		PageView *view = calloc(1, sizeof(*view));
		char told[200];
		size_t len = 0;

		for (int i = 0; i < 20; i++)
		{
			WireMessage message = {.type = kinds[i % 4]};
			WireValue values[WIRE_MAX_FIELDS] = {{0}};
			PageView previous;
			unsigned todo;

			if (message.type == MSG_SetPageLocation)
				values[SetPageLocation_NavigationStart].u = i != 8;
			else if (message.type == MSG_WebVitals)
				values[WebVitals_Name].s = wire_string("LCP", 3), values[WebVitals_Value].s = wire_string("8", 1);
			else
				values[0].u = (uint64_t) i;
			if (restart_before == i || restart_before == -1)
			{
				PageView *moved = malloc(sizeof(*moved));

				memcpy(moved, view, sizeof(*moved));
				memset(view, 0xAA, sizeof(*view));
				free(view);
				view = moved;
			}
			/* the fourth page never hears of its rendering, but of the time that passes */
			todo = i == 15 ? page_view_tick(view, T + 90000)
						   : page_view_feed(view, &message, values, (uint64_t) i / 4, (uint64_t) i, T + i, &previous);
			len += (size_t) snprintf(told + len, sizeof(told) - len, "%x/%d ", todo, (int) view->message_id);
		}
		free(view);
		if (restart_before == -2)
			strcpy(expected, told);
		CHECK_TEXT(told, expected);
	}
	/* a line of location, timing, vital, rendering for each page number; the third tells of a navigation only */
	CHECK_TEXT(expected,
			   "4/0 0/0 0/0 10/0 4/4 0/4 0/4 10/4 8/4 0/0 0/0 0/0 4/12 0/12 0/12 10/12 4/16 0/16 0/16 10/16 ");
}

int
main(void)
{
	test_identities();
	test_page_views();
	test_restarts();
	return check_summary("heuristics");
}
