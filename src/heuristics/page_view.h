/*
 * page_view.h - page views: one row per SetPageLocation, with its timings
 *
 * A real load is told by SetPageLocation; how long it took is told later by PageLoadTiming and PageRenderTiming, and in
 * other batches by WebVitals, often after the page is already worth showing.  The builder waits for both timings, but
 * no longer than PAGE_VIEW_TIMEOUT_MS, the next load or the session's end.
 *
 * One builder per tab.  URL and referrer are the caller's to keep beside it: they belong to the same page from
 * PAGE_VIEW_OPENED on.
 */
#ifndef OPENREPLAY_PAGE_VIEW_H
#define OPENREPLAY_PAGE_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/wire.h"

#define PAGE_VIEW_TIMEOUT_MS 60000	  /* a page is shown without timings after this long (heuristics 4.8) */
#define PAGE_VIEW_MAX_TIMING_MS 30000 /* load timings beyond this are measuring errors */
#define PAGE_VIEW_VITALS 4			  /* CLS, INP, LCP, TTFB */
#define PAGE_VIEW_VITAL_SIZE 24		  /* a number as text and its NUL */

/* Positions in PageView.timings; all ms since navigation start, 0 = not known. */
typedef enum PageTiming
{
	PAGE_REQUEST_START,
	PAGE_RESPONSE_START,
	PAGE_RESPONSE_END,
	PAGE_DOM_CONTENT_LOADED_START,
	PAGE_DOM_CONTENT_LOADED_END,
	PAGE_LOAD_START,
	PAGE_LOAD_END,
	PAGE_FIRST_PAINT,
	PAGE_FIRST_CONTENTFUL_PAINT,
	PAGE_SPEED_INDEX,
	PAGE_VISUALLY_COMPLETE,
	PAGE_TIME_TO_INTERACTIVE,
	PAGE_TIMINGS
} PageTiming;

typedef struct PageView
{
	uint64_t page_no;	 /* batch header's; timings and vitals of another page number are another page's */
	uint64_t message_id; /* of its SetPageLocation */
	int64_t timestamp;	 /* clock at its SetPageLocation, ms */
	uint64_t timings[PAGE_TIMINGS];
	char vitals[PAGE_VIEW_VITALS][PAGE_VIEW_VITAL_SIZE];
	uint8_t timings_seen;
	bool known;			 /* page_no is set */
	bool located;		 /* its SetPageLocation has come */
	bool shown;			 /* its row has been asked for */
	bool vitals_changed; /* since the row was asked for */
} PageView;

/* What the caller must do, in this order of bits. */
#define PAGE_VIEW_SHOW_PREVIOUS 0x01   /* write the row of *previous */
#define PAGE_VIEW_UPDATE_PREVIOUS 0x02 /* update the vitals of *previous, whose row is written */
#define PAGE_VIEW_OPENED 0x04		   /* a real load: remember its URL and referrer */
#define PAGE_VIEW_SHOW_NAVIGATION 0x08 /* write a row without timings for this in-app navigation */
#define PAGE_VIEW_SHOW 0x10			   /* write the row of *view */

/*
 * Feeds one of SetPageLocation, PageLoadTiming, PageRenderTiming, WebVitals.  page_no is the batch header's, clock the
 * session's.  When a bit with PREVIOUS is set, *previous is the page that was closed.
 */
extern unsigned page_view_feed(PageView *view, const WireMessage *message, const WireValue *values, uint64_t page_no,
							   uint64_t message_id, int64_t clock, PageView *previous);

/* On any other message: PAGE_VIEW_SHOW once the timeout has passed, else 0. */
extern unsigned page_view_tick(PageView *view, int64_t clock);

/* At the end of the session: PAGE_VIEW_SHOW_PREVIOUS, PAGE_VIEW_UPDATE_PREVIOUS or 0; may be called again. */
extern unsigned page_view_flush(PageView *view, PageView *previous);

/* {"CLS":"0.1","LCP":"800"} of the vitals that came, into out; 0 and "" if none did. */
#define PAGE_VIEW_VITALS_TEXT_SIZE 192
extern size_t page_view_vitals_text(const PageView *view, char *out);

#endif /* OPENREPLAY_PAGE_VIEW_H */
