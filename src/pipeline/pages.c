/*
 * pages.c - rows of page views
 *
 * A page view also tells where the visitor came from (referrer, utm parameters) and is offered for autocompletion.
 */
#include "postgres.h"

#include "assets/url.h"
#include "pipeline/pass.h"

static WireString
wire_of(UrlText text)
{
	return wire_string(text.data, text.len);
}

static WireString
wire_of_cstring(const char *text)
{
	return text ? wire_string(text, strlen(text)) : wire_string("", 0);
}

/*
 * Noted when the page is told of, not when its row is written: a real load's row waits for timings, and a navigation
 * inside the page would come first.
 */
void
note_page_source(Pass *pass, LiveSession *session, WireString url, WireString referrer)
{
	static const struct
	{
		const char *name;
		IdentityField field;
	} parameters[] = {
		{"utm_source", IDENTITY_UTM_SOURCE},
		{"utm_medium", IDENTITY_UTM_MEDIUM},
		{"utm_campaign", IDENTITY_UTM_CAMPAIGN},
	};
	UrlParts parts;
	char *value;

	if (!split_url(url.data, url.len, MemoryContextAlloc(pass->entry_context, URL_BUFFER_SIZE(url.len)), &parts))
		return;
	value = MemoryContextAlloc(pass->entry_context, parts.query.len + 1);
	for (int i = 0; i < lengthof(parameters); i++)
	{
		size_t len = query_parameter(parts.query, parameters[i].name, value);

		if (len > 0)
			note_identity(pass, session->session_id, parameters[i].field, wire_string(value, len));
	}
	if (referrer.len > 0)
		note_identity(pass, session->session_id, IDENTITY_REFERRER, referrer);
}

/* later - earlier, 0 when negative or not known */
static int64
span(const PageView *page, PageTiming earlier, PageTiming later)
{
	return page->timings[later] > page->timings[earlier] ? (int64) (page->timings[later] - page->timings[earlier]) : 0;
}

static void
put_timings(Rows *rows, const PageView *page)
{
	char vitals[PAGE_VIEW_VITALS_TEXT_SIZE];

	put_int32_or_null(rows, span(page, PAGE_RESPONSE_END, PAGE_DOM_CONTENT_LOADED_START));
	put_int32_or_null(rows, page->timings[PAGE_DOM_CONTENT_LOADED_END]);
	put_int32_or_null(rows, page->timings[PAGE_LOAD_END]);
	put_int32_or_null(rows, page->timings[PAGE_FIRST_PAINT]);
	put_int32_or_null(rows, page->timings[PAGE_FIRST_CONTENTFUL_PAINT]);
	put_int32_or_null(rows, page->timings[PAGE_SPEED_INDEX]);
	put_int32_or_null(rows, page->timings[PAGE_VISUALLY_COMPLETE]);
	put_int32_or_null(rows, page->timings[PAGE_TIME_TO_INTERACTIVE]);
	put_int64_or_null(rows, span(page, PAGE_RESPONSE_START, PAGE_RESPONSE_END));
	put_int64_or_null(rows, page->timings[PAGE_RESPONSE_END]);
	put_int32_or_null(rows, span(page, PAGE_REQUEST_START, PAGE_RESPONSE_START));
	if (page_view_vitals_text(page, vitals) > 0)
		put_cstring(rows, vitals);
	else
		put_null(rows);
}

static void
write_page(Pass *pass, LiveSession *session, const PageView *page, WireString url, WireString referrer)
{
	Rows *rows = pass->rows;
	UrlParts parts;
	UrlText base_referrer = strip_query(referrer.data, referrer.len);

	if (!split_url(url.data, url.len, MemoryContextAlloc(pass->entry_context, URL_BUFFER_SIZE(url.len)), &parts))
		return;
	row_start(rows, ROWS_PAGES);
	put_int64(rows, session->session_id);
	put_int64(rows, (int64) page->message_id);
	put_int64(rows, page->timestamp);
	put_text(rows, wire_of(parts.host), 300);
	put_text(rows, wire_of(parts.path), 2000);
	put_text_or_null(rows, wire_of(parts.query), 8000);
	put_text_or_null(rows, referrer, 8000);
	put_text_or_null(rows, wire_of(base_referrer), 8000);
	put_timings(rows, page);

	suggest(pass, session->project_id, "LOCATION", wire_of(parts.path));
	suggest(pass, session->project_id, "REFERRER", wire_of(base_referrer));
}

void
write_navigation(Pass *pass, LiveSession *session, int64 message_id, int64 timestamp, WireString url,
				 WireString referrer)
{
	PageView page = {.message_id = (uint64) message_id, .timestamp = timestamp};

	write_page(pass, session, &page, url, referrer);
}

static void
write_vitals(Pass *pass, LiveSession *session, const PageView *page)
{
	char vitals[PAGE_VIEW_VITALS_TEXT_SIZE];

	page_view_vitals_text(page, vitals);
	row_start(pass->rows, ROWS_PAGE_VITALS);
	put_int64(pass->rows, session->session_id);
	put_int64(pass->rows, (int64) page->message_id);
	put_cstring(pass->rows, vitals);
}

void
write_pages(Pass *pass, LiveSession *session, LiveTab *tab, const PageView *previous, unsigned todo)
{
	if (todo & PAGE_VIEW_SHOW_PREVIOUS)
		write_page(pass, session, previous, wire_of_cstring(tab->url), wire_of_cstring(tab->referrer));
	if (todo & PAGE_VIEW_UPDATE_PREVIOUS)
		write_vitals(pass, session, previous);
	if (todo & PAGE_VIEW_SHOW)
		write_page(pass, session, &tab->page, wire_of_cstring(tab->url), wire_of_cstring(tab->referrer));
}

void
flush_pages(Pass *pass, LiveSession *session)
{
	for (int i = 0; i < session->ntabs; i++)
	{
		PageView previous;
		unsigned todo = page_view_flush(&session->tabs[i].page, &previous);

		write_pages(pass, session, &session->tabs[i], &previous, todo);
	}
}
