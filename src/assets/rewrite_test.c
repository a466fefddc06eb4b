/*
 * rewrite_test.c - URLs and style sheets as they stand in recordings
 */
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "assets/rewrite.h"

#define PAGE "https://app.example.com/p/index.html"
#define ORIGIN "https://or.example.com/sessions-assets"

/* An id of a session that began on 23 November 2024, 14:26:40. */
#define SESSION ((UINT64_C(1732372000000) - UINT64_C(1550000000000)) << 24)

static UrlText
text(const char *string)
{
	return (UrlText){string, strlen(string)};
}

static const char *
shown(WireWriter *out)
{
	if (out->overflow)
		return "(overflow)";
	out->data[out->len] = 0;
	return (const char *) out->data;
}

static const char *
resolved(const char *base_text, const char *raw)
{
	static uint8_t bytes[4096];
	WireWriter out = {.data = bytes, .size = sizeof(bytes) - 1};
	static UrlBase base;

	open_base(text(base_text), &base);
	resolve_url(&base, text(raw), &out);
	return shown(&out);
}

static void
test_resolve(void)
{
	/* RFC 3986, 5.4 */
	static const char *const rfc[][2] = {
		{"g:h", "g:h"},
		{"g", "http://a/b/c/g"},
		{"./g", "http://a/b/c/g"},
		{"g/", "http://a/b/c/g/"},
		{"/g", "http://a/g"},
		{"//g", "http://g"},
		{"?y", "http://a/b/c/d;p?y"},
		{"g?y", "http://a/b/c/g?y"},
		{"g#s", "http://a/b/c/g#s"},
		{"g?y#s", "http://a/b/c/g?y#s"},
		{";x", "http://a/b/c/;x"},
		{"g;x", "http://a/b/c/g;x"},
		{".", "http://a/b/c/"},
		{"./", "http://a/b/c/"},
		{"..", "http://a/b/"},
		{"../", "http://a/b/"},
		{"../g", "http://a/b/g"},
		{"../..", "http://a/"},
		{"../../", "http://a/"},
		{"../../g", "http://a/g"},
		{"../../../g", "http://a/g"},
		{"../../../../g", "http://a/g"},
		{"/./g", "http://a/g"},
		{"/../g", "http://a/g"},
		{"g.", "http://a/b/c/g."},
		{".g", "http://a/b/c/.g"},
		{"g..", "http://a/b/c/g.."},
		{"..g", "http://a/b/c/..g"},
		{"./../g", "http://a/b/g"},
		{"./g/.", "http://a/b/c/g/"},
		{"g/./h", "http://a/b/c/g/h"},
		{"g/../h", "http://a/b/c/h"},
		{"g;x=1/../y", "http://a/b/c/y"},
		{"g?y/../x", "http://a/b/c/g?y/../x"},
		{"g#s/../x", "http://a/b/c/g#s/../x"},
	};

	for (size_t i = 0; i < sizeof(rfc) / sizeof(rfc[0]); i++)
		CHECK_TEXT(resolved("http://a/b/c/d;p?q", rfc[i][0]), rfc[i][1]);

	CHECK_TEXT(resolved(PAGE, "../static/main.css?v=3"), "https://app.example.com/static/main.css?v=3");
	CHECK_TEXT(resolved(PAGE, "logo.svg"), "https://app.example.com/p/logo.svg");
	CHECK_TEXT(resolved(PAGE, "  logo.svg\n"), "https://app.example.com/p/logo.svg");
	CHECK_TEXT(resolved(PAGE, "#top"), "#top");
	CHECK_TEXT(resolved(PAGE, ""), "");
	CHECK_TEXT(resolved(PAGE, "a b.png"), "https://app.example.com/p/a%20b.png");
	CHECK_TEXT(resolved(PAGE, "caf\xc3\xa9.png?n=\xc3\xa9"), "https://app.example.com/p/caf%C3%A9.png?n=%C3%A9");
	CHECK_TEXT(resolved(PAGE, "a%20b.png"), "https://app.example.com/p/a%20b.png");
	CHECK_TEXT(resolved(PAGE, "/a?discount=100%"), "https://app.example.com/a?discount=100%");
	CHECK_TEXT(resolved("https://app.example.com/?q=100%#frag%", "x.css"), "https://app.example.com/x.css");
	CHECK_TEXT(resolved("https://app.example.com", "x.css"), "https://app.example.com/x.css");
	CHECK_TEXT(resolved("/only/a/path", "x.css"), "/only/a/x.css");
	CHECK_TEXT(resolved(PAGE, "HTTPS://Other.test/a/../b"), "HTTPS://Other.test/b");
	CHECK_TEXT(resolved(PAGE, "//cdn.test"), "https://cdn.test");
	CHECK_TEXT(resolved("https://user:pw@h/x", "y"), "https://user:pw@h/y");
	CHECK_TEXT(resolved("https://[::1]:8080/x", "y"), "https://[::1]:8080/y");

	/* schemes without a place, byte for byte, whatever they hold */
	CHECK_TEXT(resolved(PAGE, "data:image/svg+xml;utf8,<svg a='1 %'/>"), "data:image/svg+xml;utf8,<svg a='1 %'/>");
	CHECK_TEXT(resolved(PAGE, "blob:https://app.example.com/1-2"), "blob:https://app.example.com/1-2");
	CHECK_TEXT(resolved(PAGE, "about:blank"), "about:blank");
	CHECK_TEXT(resolved(PAGE, "javascript:void (0)"), "javascript:void (0)");

	/* what is no URL, or has no base, stays as it is */
	CHECK_TEXT(resolved(PAGE, "100%.png"), "100%.png");
	CHECK_TEXT(resolved(PAGE, "a\x01"), "a\x01");
	CHECK_TEXT(resolved(PAGE, ":x"), ":x");
	CHECK_TEXT(resolved(PAGE, "https://h:80a/x"), "https://h:80a/x");
	CHECK_TEXT(resolved("", "x.css"), "x.css");
	CHECK_TEXT(resolved("about:blank", "x.css"), "x.css");
	CHECK_TEXT(resolved("relative/base", "x.css"), "x.css");
}

static void
test_cacheable(void)
{
	static const char *const copied[] = {
		"https://h/a.css",		  "http://h/a.b.woff2?v=1", "https://h:8080/x/y.ttf#iefix",
		"https://h/f.eot?#iefix", "HTTPS://h/a.otf",		"https://h/a.ashx",
		"https://h/a.woff",
	};
	static const char *const not_copied[] = {
		"https://h/a.CSS",		 "https://h/a.css/", "https://h/css",	  "https://h/a.js",
		"https://u@h/a.css",	 "ftp://h/a.css",	 "file:///a.css",	  "//h/a.css",
		"https://h/a.css/b.png", "https:///a.css",	 "data:x/.css,a.css", "https://h?a.css",
	};

	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
		check_report(is_cacheable(text(copied[i])), __FILE__, __LINE__, "is_cacheable: ", copied[i]);
	for (size_t i = 0; i < sizeof(not_copied) / sizeof(not_copied[0]); i++)
		check_report(!is_cacheable(text(not_copied[i])), __FILE__, __LINE__, "!is_cacheable: ", not_copied[i]);
}

static void
test_keys(void)
{
	uint8_t bytes[2048];
	WireWriter out = {.data = bytes, .size = sizeof(bytes) - 1};
	char longest[400];

	CHECK_INT(asset_day(SESSION), 23);
	/* the last and the first millisecond of a month's days, and a leap day */
	CHECK_INT(asset_day((UINT64_C(1709251199999) - UINT64_C(1550000000000)) << 24), 29);
	CHECK_INT(asset_day((UINT64_C(1709251200000) - UINT64_C(1550000000000)) << 24), 1);
	CHECK_INT(asset_day(0), 12);

	CHECK(asset_key(text("https://app.example.com/static/main.css?v=3"), 23, &out));
	CHECK_TEXT(shown(&out), "https!3A!2F!2Fapp.example.com!2Fstatic!2Fmain.css!3Fv!3D3.23");
	out.len = 0;
	CHECK(asset_key(text("https://h/a%20b~_-.css"), 5, &out));
	CHECK_TEXT(shown(&out), "https!3A!2F!2Fh!2Fa!2520b~_-.css.5");

	/* 1,024 bytes are a key, one more is none */
	memset(longest, '/', sizeof(longest));
	out.len = 0;
	CHECK(asset_key((UrlText){longest, 340}, 23, &out));
	CHECK_INT(out.len, 3 * 340 + 3);
	out.len = 0;
	CHECK(!asset_key((UrlText){longest, 341}, 23, &out));
	CHECK_INT(out.len, 0);
}

typedef struct Told
{
	int count;
	char last_url[256];
	char last_key[256];
	bool answer;
} Told;

static bool
tell(void *context, UrlText url, UrlText key)
{
	Told *told = context;

	told->count++;
	snprintf(told->last_url, sizeof(told->last_url), "%.*s", (int) url.len, url.data);
	snprintf(told->last_key, sizeof(told->last_key), "%.*s", (int) key.len, key.data);
	return told->answer;
}

static const char *
css(const AssetRules *rules, const char *sheet)
{
	static uint8_t bytes[65536];
	WireWriter out = {.data = bytes, .size = sizeof(bytes) - 1};
	static UrlBase base;

	open_base(text(PAGE), &base);
	rewrite_css(rules, &base, text(sheet), &out);
	return shown(&out);
}

static void
test_copies(void)
{
	Told told = {.answer = true};
	AssetRules rules = {.origin = text(ORIGIN), .day = 23, .wanted = tell, .context = &told};
	const char *copy = ORIGIN "/https%213A%212F%212Fapp.example.com%212Fstatic%212Fmain.css%213Fv%213D3.23";
	uint8_t bytes[4096];
	WireWriter out = {.data = bytes, .size = sizeof(bytes) - 1};
	static UrlBase base;
	char sheet[240];
	char expected[240];

	open_base(text(PAGE), &base);
	rewrite_url(&rules, &base, text("../static/main.css?v=3"), &out);
	CHECK_TEXT(shown(&out), copy);
	CHECK_INT(told.count, 1);
	CHECK_TEXT(told.last_url, "https://app.example.com/static/main.css?v=3");
	CHECK_TEXT(told.last_key, "https!3A!2F!2Fapp.example.com!2Fstatic!2Fmain.css!3Fv!3D3.23");

	/* an origin's last slash is its own */
	rules.origin = text(ORIGIN "/");
	out.len = 0;
	rewrite_url(&rules, &base, text("../static/main.css?v=3"), &out);
	CHECK_TEXT(shown(&out), copy);
	rules.origin = text(ORIGIN);
	told.count = 1;

	/* images are not copied and nobody is told of them */
	out.len = 0;
	rewrite_url(&rules, &base, text("logo.svg"), &out);
	CHECK_TEXT(shown(&out), "https://app.example.com/p/logo.svg");
	CHECK_INT(told.count, 1);

	/* an asset that could not be had: its own URL */
	told.answer = false;
	out.len = 0;
	rewrite_url(&rules, &base, text("../static/main.css?v=3"), &out);
	CHECK_TEXT(shown(&out), "https://app.example.com/static/main.css?v=3");
	told.answer = true;

	snprintf(sheet, sizeof(sheet), "@import \"../static/main.css?v=3\";");
	snprintf(expected, sizeof(expected), "@import \"%s\";", copy);
	CHECK_TEXT(css(&rules, sheet), expected);
}

static void
test_css(void)
{
	static const char *const sheets[][2] = {
		{"a:hover{background:url(bg.png)}", "a.-openreplay-hover{background:url(https://app.example.com/p/bg.png)}"},
		{"b{x:url(\"a.png\")}", "b{x:url(\"https://app.example.com/p/a.png\")}"},
		{"b{x:url('a.png')}", "b{x:url('https://app.example.com/p/a.png')}"},
		{"b{x:url( 'a.png' )}", "b{x:url('https://app.example.com/p/a.png')}"},
		{"b{x:url( a.png )}", "b{x:url(https://app.example.com/p/a.png)}"},
		{"b{x:url(\"a)b.png\")}", "b{x:url(\"https://app.example.com/p/a)b.png\")}"},
		{"@import \"a.css\";@import 'b.css' screen;",
		 "@import \"https://app.example.com/p/a.css\";@import 'https://app.example.com/p/b.css' screen;"},
		{"@import\n\t\"a.css\"", "@import\n\t\"https://app.example.com/p/a.css\""},
		{"@import url(a.css);", "@import url(https://app.example.com/p/a.css);"},
		{"@import url(\"a.css\") print;", "@import url(\"https://app.example.com/p/a.css\") print;"},
		{"a:focus,a:focus-within,a:hover::before{}",
		 "a.-openreplay-focus,a.-openreplay-focus-within,a.-openreplay-hover::before{}"},
		{"x{src:url(data:font/woff;base64,AA==),url(#f)}", "x{src:url(data:font/woff;base64,AA==),url(#f)}"},
		/* a data: URL is not looked into */
		{"x{b:url(\"data:image/svg+xml,<style>a:hover{}</style>\")}",
		 "x{b:url(\"data:image/svg+xml,<style>a:hover{}</style>\")}"},
		{"x{b:url()}", "x{b:url()}"},
		{"x{b:url(\"\")}", "x{b:url(\"\")}"},
		{"u", "u"},
		{"", ""},
		{"url", "url"},
		{"url(", "url("},
		{"url(a.png", "url(a.png"},
		{"url(\"a.png", "url(\"a.png"},
		/* unmatched quotes are part of a URL, as servers always took them */
		{"url('a.png\")", "url(https://app.example.com/p/'a.png%22)"},
		{"@import", "@import"},
		{"@import \"", "@import \""},
		{"@import \"a.css", "@import \"a.css"},
		{"@import  ", "@import  "},
		{":hove", ":hove"},
		{":", ":"},
	};
	AssetRules rules = {.origin = text("")};

	for (size_t i = 0; i < sizeof(sheets) / sizeof(sheets[0]); i++)
		CHECK_TEXT(css(&rules, sheets[i][0]), sheets[i][1]);
}

/* Sheets made to be slow are as fast as others: four megabytes take no noticeable time, or this test never ends. */
static void
test_hostile_css(void)
{
	static const char *const patterns[] = {"url(",		"url(\"",  "url('",	 "@import \"x",
										   "@import '", "url(\"'", ":hover", "url(a)"};
	size_t size = 4 << 20;
	char *sheet = malloc(size);
	uint8_t *bytes = malloc(16 << 20);
	AssetRules rules = {.origin = text("")};
	static UrlBase base;
	static char long_base[URL_BASE_LIMIT];

	/* a long base of which nothing remains: it is read once, not for every URL */
	memcpy(long_base, "https://h/", 10);
	for (size_t i = 10; i + 5 < sizeof(long_base); i += 5)
		memcpy(long_base + i, "a/../", 6);
	open_base(text(long_base), &base);
	CHECK(base.usable && base.directory.len == 1);
	for (size_t p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++)
	{
		WireWriter out = {.data = bytes, .size = 16 << 20};
		size_t len = strlen(patterns[p]);

		for (size_t i = 0; i < size; i++)
			sheet[i] = patterns[p][i % len];
		rewrite_css(&rules, &base, (UrlText){sheet, size}, &out);
		CHECK(out.overflow || out.len >= size);
	}
	/* a base beyond the limit is none */
	memset(sheet, 'a', URL_BASE_LIMIT + 20);
	memcpy(sheet, "https://h/", 10);
	open_base((UrlText){sheet, URL_BASE_LIMIT + 20}, &base);
	CHECK(!base.usable);
	free(bytes);
	free(sheet);
}

static WireString
wire(const char *string)
{
	return wire_string(string, strlen(string));
}

static bool
is(WireString actual, const char *expected)
{
	return actual.len == strlen(expected) && memcmp(actual.data, expected, actual.len) == 0;
}

static unsigned
rewrite_attribute(AssetRules *rules, const char *name, const char *value, WireValue *values)
{
	values[SetNodeAttributeURLBased_ID].u = 7;
	values[SetNodeAttributeURLBased_Name].s = wire(name);
	values[SetNodeAttributeURLBased_Value].s = wire(value);
	values[SetNodeAttributeURLBased_BaseURL].s = wire(PAGE);
	return rewrite_message(rules, MSG_SetNodeAttributeURLBased, values);
}

static void
test_messages(void)
{
	uint8_t scratch[512];
	AssetRules rules = {.origin = text(""), .scratch = scratch, .scratch_size = sizeof(scratch)};
	WireValue values[WIRE_MAX_FIELDS];

	CHECK_INT(rewrite_attribute(&rules, "src", "/l.png", values), MSG_SetNodeAttribute);
	CHECK(is(values[SetNodeAttribute_Value].s, "https://app.example.com/l.png"));
	CHECK(is(values[SetNodeAttribute_Name].s, "src") && values[SetNodeAttribute_ID].u == 7);
	CHECK_INT(rewrite_attribute(&rules, "style", "color:red;background:url(a.png)", values), MSG_SetNodeAttribute);
	CHECK(is(values[SetNodeAttribute_Value].s, "color:red;background:url(https://app.example.com/p/a.png)"));
	/* the player resolves what is not understood here */
	CHECK_INT(rewrite_attribute(&rules, "srcset", "a.png 2x", values), MSG_SetNodeAttributeURLBased);
	CHECK(is(values[SetNodeAttributeURLBased_Value].s, "a.png 2x"));

	values[AdoptedSSInsertRuleURLBased_SheetID].u = 15;
	values[AdoptedSSInsertRuleURLBased_Rule].s = wire("a:focus{}");
	values[AdoptedSSInsertRuleURLBased_Index].u = 3;
	values[AdoptedSSInsertRuleURLBased_BaseURL].s = wire(PAGE);
	CHECK_INT(rewrite_message(&rules, MSG_AdoptedSSInsertRuleURLBased, values), MSG_AdoptedSSInsertRule);
	CHECK(is(values[AdoptedSSInsertRule_Rule].s, "a.-openreplay-focus{}") && values[AdoptedSSInsertRule_Index].u == 3);

	values[SetCSSDataURLBased_Data].s = wire("@import 'x.css'");
	values[SetCSSDataURLBased_BaseURL].s = wire(PAGE);
	CHECK_INT(rewrite_message(&rules, MSG_SetCSSDataURLBased, values), MSG_SetCSSData);
	CHECK(is(values[SetCSSData_Data].s, "@import 'https://app.example.com/p/x.css'"));

	/* hosts that are left: their style sheets, not their images */
	rules.left_hosts = text(".other.test, example.com");
	CHECK_INT(rewrite_attribute(&rules, "style", "x:url(a.png)", values), MSG_SetNodeAttributeURLBased);
	CHECK(is(values[SetNodeAttributeURLBased_Value].s, "x:url(a.png)"));
	CHECK_INT(rewrite_attribute(&rules, "src", "a.png", values), MSG_SetNodeAttribute);
	rules.left_hosts = text("pp.example.com,.app.example.com");
	CHECK_INT(rewrite_attribute(&rules, "style", "x:url(a.png)", values), MSG_SetNodeAttribute);
	rules.left_hosts = text("APP.example.com");
	CHECK_INT(rewrite_attribute(&rules, "style", "x:url(a.png)", values), MSG_SetNodeAttributeURLBased);

	/* no room: as it was sent */
	rules.left_hosts = text("");
	rules.scratch_size = 20;
	CHECK_INT(rewrite_attribute(&rules, "src", "/l.png", values), MSG_SetNodeAttributeURLBased);
	CHECK(is(values[SetNodeAttributeURLBased_Value].s, "/l.png"));
	CHECK_INT(rewrite_message(&rules, MSG_MouseClick, values), MSG_MouseClick);
}

/* What the pass queues: each message of each kind tells of its assets, and of nothing else. */
static void
test_told(void)
{
	static const struct
	{
		const char *name; /* of an attribute; NULL: a style sheet's text */
		const char *value;
		int count;
		const char *last;
	} cases[] = {
		{"href", "/a.css", 1, "https://app.example.com/a.css"},
		{"src", "a.woff2", 1, "https://app.example.com/p/a.woff2"},
		{"href", "#a.css", 0, ""},
		{"href", "a.png", 0, ""},
		{"data-href", "a.css", 0, ""},
		{"style", "src:url(a.ttf),url(b.ttf)", 2, "https://app.example.com/p/b.ttf"},
		{"style", "src:url(a.ttf),url(\"a.ttf\")", 2, "https://app.example.com/p/a.ttf"},
		{NULL, "@import 'a.css'; b{src:url(//cdn.test/b.eot?#iefix)}", 2, "https://cdn.test/b.eot?#iefix"},
		{NULL, "b{background:url(bg.png)}", 0, ""},
		{NULL, "@import url(ftp://h/a.css);", 0, ""},
		{NULL, "@import url(http://u:p@h/a.css);", 0, ""},
	};
	static uint8_t scratch[4096];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Told told = {.answer = true};
		AssetRules rules = {.origin = text(ORIGIN),
							.day = 23,
							.wanted = tell,
							.context = &told,
							.scratch = scratch,
							.scratch_size = sizeof(scratch)};
		WireValue values[WIRE_MAX_FIELDS] = {0};

		if (cases[i].name != NULL)
			rewrite_attribute(&rules, cases[i].name, cases[i].value, values);
		else
		{
			values[SetCSSDataURLBased_Data].s = wire(cases[i].value);
			values[SetCSSDataURLBased_BaseURL].s = wire(PAGE);
			rewrite_message(&rules, MSG_SetCSSDataURLBased, values);
		}
		CHECK_INT(told.count, cases[i].count);
		CHECK_TEXT(told.last_url, cases[i].last);
	}
}

int
main(void)
{
	test_resolve();
	test_cacheable();
	test_keys();
	test_copies();
	test_css();
	test_hostile_css();
	test_messages();
	test_told();
	return check_summary("rewrite");
}
