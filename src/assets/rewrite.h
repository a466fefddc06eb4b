/*
 * rewrite.h - URLs of assets in recorded messages, made such that a player elsewhere finds what they name
 *
 * A page's URLs are relative to the page; in a recording they are made absolute, and those of style sheets and fonts
 * may point to copies, because what a site serves next week is not what the visitor saw.  Rules are those of the
 * servers that stock players were written for, so that copies are found under the keys they look for.
 *
 * Plain C, no allocation: results go through a WireWriter of the caller's, whose overflow means that the text is left
 * as it was.
 */
#ifndef OPENREPLAY_REWRITE_H
#define OPENREPLAY_REWRITE_H

#include "assets/url.h"
#include "wire/wire.h"

#define ASSET_KEY_LIMIT 1024 /* bytes; object stores refuse longer keys, so such an asset is not copied */

#define ASSETS_OF_RECORDING_MAX 20000 /* looked up for one; what comes after keeps the site's URL */

typedef struct AssetRules
{
	UrlText origin; /* where copies are served: "https://host/bucket"; empty: nothing is copied, URLs become absolute */
	unsigned day;	/* of the month in which the session began (UTC), part of each key */
	/* hosts whose style sheets are left as they are, separated by commas or blanks; ".x" stands for all below x */
	UrlText left_hosts;

	/* Told each URL that a copy is wanted of; false: there is none, name the original.  May be NULL. */
	bool (*wanted)(void *context, UrlText url, UrlText key);
	void *context;

	/* Where rewritten texts of one message are built, until the next. */
	uint8_t *scratch;
	size_t scratch_size;
} AssetRules;

/* Where relative URLs start: a page's or a style sheet's own URL, taken apart once. */
#define URL_BASE_LIMIT 8192 /* bytes; a longer URL, or one that is not absolute, is no base */

typedef struct UrlBase
{
	bool usable;
	UrlText scheme;	   /* data NULL: a path on some host */
	UrlText authority; /* data NULL: none */
	UrlText path;
	UrlText directory; /* of the path, with its last slash */
	char bytes[URL_BASE_LIMIT];
} UrlBase;

extern void open_base(UrlText url, UrlBase *base);

/* The day that the keys of a session's assets end with, 1 to 31. */
extern unsigned asset_day(uint64_t session_id);

/*
 * raw seen from base, by RFC 3986.  Written as it is when it is empty, a fragment, of a scheme that has no place
 * (data:, blob:, about:, javascript:) or no URL, or when base is not absolute.  Bytes that no URL has are escaped.
 */
extern void resolve_url(const UrlBase *base, UrlText raw, WireWriter *out);

/* Whether a copy of an absolute URL is made: http(s), nobody's password, a style sheet or a font by its name. */
extern bool is_cacheable(UrlText url);

/* The object key of a copy: "https!3A!2F!2Fhost!2Fa.css.23".  False if it is too long; then nothing is written. */
extern bool asset_key(UrlText url, unsigned day, WireWriter *out);

/* What stands in a recording for a URL: resolved, and the copy's URL if there shall be one. */
extern void rewrite_url(const AssetRules *rules, const UrlBase *base, UrlText raw, WireWriter *out);

/* A style sheet with every url(...) and @import rewritten, and :hover and :focus as the classes that players set. */
extern void rewrite_css(const AssetRules *rules, const UrlBase *base, UrlText css, WireWriter *out);

/*
 * RecordingOptions.rewrite, with an AssetRules as context: SetNodeAttributeURLBased becomes SetNodeAttribute and so on.
 * A style of a left host, an attribute that holds no URL, and what does not fit into the scratch stay as they are.
 */
extern unsigned rewrite_message(void *rules, unsigned type, WireValue *values);

#endif /* OPENREPLAY_REWRITE_H */
