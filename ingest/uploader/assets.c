/*
 * assets.c - copies of the style sheets and fonts that recordings name
 *
 * Whoever can record a visit chooses what is fetched here, so every answer is held to limits (bytes after
 * decompression, seconds, redirections, type) and every connection to the addresses of outside.c, which are judged when
 * they are connected to: neither a name that resolves elsewhere the second time nor a redirection gets past.
 *
 * What a style sheet names is fetched before the sheet is stored, because only then is it known which of the URLs in it
 * have a copy; the others stay those of the site.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assets/rewrite.h"
#include "common/buffer.h"
#include "common/clock.h"
#include "common/log.h"
#include "uploader/job.h"
#include "uploader/outside.h"

#define REDIRECTS_MAX 10
#define DEPTH_MAX 5			 /* sheets that name sheets */
#define NESTED_MAX 100		 /* assets fetched for one sheet, at any depth */
#define JOB_US 60000000		 /* after this nothing more is begun for one sheet */
#define TRIES 5				 /* of the outbox, for what may pass */
#define SHEET_MAX (10 << 20) /* bytes of a style sheet, which is held while what it names is fetched */
#define HEADERS_MAX 262144	 /* bytes of an answer's headers, those of redirections included */
#define TYPE_SIZE 128
#define FILE_NAME_MAX 255 /* of a key that becomes a file */
#define CACHE_CONTROL "max-age=2628000, immutable, private"
#define USER_AGENT "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:98.0) Gecko/20100101 Firefox/98.0"

typedef struct Copying
{
	Job *job;
	CURL *curl;
	AssetRules rules; /* but for scratch, and context */
	json_t *seen;	  /* by key: whether there is a copy; false also while it is being fetched */
	int nested;
	int64_t end_us;
	char pending[256]; /* why something a sheet names is not there yet, though it may come; "": nothing is missing so */
} Copying;

/* What became of one asset. */
typedef struct Fetched
{
	Buffer body;
	char *url; /* behind all redirections: where what it names is relative to */
	size_t header_bytes;
	char type[TYPE_SIZE];
	AssetFailure failure;
	bool may_pass;
	char reason[256];
} Fetched;

/* A style sheet whose text is rewritten. */
typedef struct Sheet
{
	Copying *copying;
	int depth;
} Sheet;

static bool copy_asset(Copying *copying, const char *url, const char *key, int depth, Fetched *fetched);

static bool
fail(Fetched *fetched, AssetFailure failure, bool may_pass, const char *reason)
{
	fetched->failure = failure;
	fetched->may_pass = may_pass;
	snprintf(fetched->reason, sizeof(fetched->reason), "%.250s", reason);
	return false;
}

/* ---- fetching ---- */

static size_t
take_body(char *data, size_t size, size_t count, void *argument)
{
	Buffer *body = argument;

	put_bytes(body, data, size * count);
	return body->failed ? 0 : size * count;
}

static size_t
take_header(char *line, size_t size, size_t count, void *argument)
{
	Fetched *fetched = argument;

	(void) line;
	fetched->header_bytes += size * count;
	return fetched->header_bytes > HEADERS_MAX ? 0 : size * count;
}

static bool
judge_answer(CURL *curl, CURLcode result, bool refused, Fetched *fetched)
{
	char reason[256];
	long status = 0;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (refused)
		return fail(fetched, ASSET_ADDRESS, false,
					"its address is loopback, private or reserved, or its port another protocol's");
	if (result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_URL_MALFORMAT || result == CURLE_TOO_MANY_REDIRECTS)
		return fail(fetched, ASSET_ADDRESS, false, "it leads to what is no http, or on and on");
	if (fetched->header_bytes > HEADERS_MAX)
		return fail(fetched, ASSET_SIZE, false, "its headers are too large");
	if (status >= 400)
	{
		snprintf(reason, sizeof(reason), "status %ld", status);
		return fail(fetched, ASSET_STATUS, status == 403 || status == 408 || status == 429 || status >= 500, reason);
	}
	if (fetched->body.failed || result == CURLE_FILESIZE_EXCEEDED)
		return fail(fetched, ASSET_SIZE, false, "it is too large");
	if (result == CURLE_OPERATION_TIMEDOUT)
		return fail(fetched, ASSET_TIME, true, "it takes too long");
	if (result != CURLE_OK)
		return fail(fetched, ASSET_NETWORK, true, curl_easy_strerror(result));
	return true;
}

/* By the name, where the site says nothing. */
static const char *
guess_type(const char *url)
{
	static const char *const types[][2] = {
		{".css", "text/css"}, {".woff", "font/woff"}, {".woff2", "font/woff2"},
		{".ttf", "font/ttf"}, {".otf", "font/otf"},	  {".eot", "application/vnd.ms-fontobject"},
	};
	size_t len = strcspn(url, "?#");

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		size_t ending = strlen(types[i][0]);

		if (len > ending && strncmp(url + len - ending, types[i][0], ending) == 0)
			return types[i][1];
	}
	return "application/octet-stream";
}

/* What the asset is, by what the site says or else by its name; web pages are what sites answer for what is gone. */
static bool
judge_type(CURL *curl, const char *url, Fetched *fetched)
{
	const char *told = NULL;

	curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &told);
	snprintf(fetched->type, sizeof(fetched->type), "%s", told != NULL && told[0] != '\0' ? told : guess_type(url));
	for (const char *pos = fetched->type; *pos != '\0'; pos++)
		if (*pos < ' ' || *pos > '~')
			return fail(fetched, ASSET_TYPE, false, "its type is no text");
	if (strncasecmp(fetched->type, "text/html", 9) == 0 || strncasecmp(fetched->type, "application/xhtml", 17) == 0)
		return fail(fetched, ASSET_TYPE, false, "it is a web page");
	return true;
}

static bool
fetch(Copying *copying, const char *url, Fetched *fetched)
{
	const Settings *settings = copying->job->settings;
	CURL *curl = copying->curl;
	const char *effective = NULL;
	bool refused = false;
	CURLcode result;

	curl_easy_reset(curl); /* connections stay */
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long) REDIRECTS_MAX);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long) settings->assets_timeout_s);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, USER_AGENT);
	curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
	curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) settings->assets_size_limit);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, fetched);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &fetched->body);
	if (!settings->assets_private_addresses)
		keep_outside(curl, &refused);
	result = curl_easy_perform(curl);
	if (!judge_answer(curl, result, refused, fetched) || !judge_type(curl, url, fetched))
		return false;
	curl_easy_getinfo(curl, CURLINFO_EFFECTIVE_URL, &effective);
	fetched->url = strdup(effective != NULL ? effective : url); /* the handle is used for what a sheet names */
	return fetched->url != NULL || fail(fetched, ASSET_NETWORK, true, "out of memory");
}

/* ---- what the database knows ---- */

/* NULL when it failed, with the error in the job; to be cleared. */
static PGresult *
ask(Job *job, const char *sql, int nparams, const char *const *params)
{
	return pq_query(job->conn, sql, nparams, params, &job->wait, job->error, sizeof(job->error));
}

static bool
is_copied(Job *job, const char *key, const char *within)
{
	const char *params[] = {key, within};
	PGresult *result = ask(job, "SELECT openreplay.is_copied($1, $2::interval)", 2, params);
	bool copied = result != NULL && PQgetvalue(result, 0, 0)[0] == 't';

	PQclear(result);
	return copied;
}

/* reason NULL: it is stored. */
static bool
note(Job *job, const char *key, const char *url, const char *reason)
{
	const char *params[] = {key, url, reason};
	PGresult *result = ask(job, "SELECT openreplay.note_asset($1, $2, $3)", 3, params);

	PQclear(result);
	return result != NULL;
}

bool
is_asset_copied(void *context, UrlText url, UrlText key)
{
	CopiedAssets *assets = context;
	char name[ASSET_KEY_LIMIT + 1];
	json_t *known;

	(void) url;
	snprintf(name, sizeof(name), "%.*s", (int) key.len, key.data);
	known = json_object_get(assets->known, name);
	/* what was answered once is the answer: a recording's files are made twice, and must be the same */
	if (known != NULL || json_object_size(assets->known) >= ASSETS_OF_RECORDING_MAX)
		return json_is_true(known);
	known = json_boolean(is_copied(assets->job, name, "40 days"));
	return json_object_set_new(assets->known, name, known) == 0 && json_is_true(known);
}

/* ---- style sheets ---- */

static bool
is_last_try(const Job *job)
{
	return job->attempt >= TRIES;
}

/*
 * Fetches what a sheet names, and notes how that ended.  What may come with the next try is not noted, nor is a sheet
 * of which something is missing so: both are fetched again then.
 */
static bool
fetch_nested(Copying *copying, const char *url, const char *key, int depth)
{
	Job *job = copying->job;
	char before[sizeof(copying->pending)];
	Fetched fetched;
	bool copied;

	memcpy(before, copying->pending, sizeof(before));
	copying->pending[0] = '\0';
	copied = copy_asset(copying, url, key, depth, &fetched);
	if (!copied && fetched.may_pass)
		memcpy(copying->pending, fetched.reason, sizeof(fetched.reason));
	if (copying->pending[0] == '\0' || is_last_try(job))
		copied = note(job, key, url, copied ? NULL : fetched.reason) && copied;
	if (before[0] != '\0')
		memcpy(copying->pending, before, sizeof(before));
	return copied;
}

/* AssetRules.wanted, for what a style sheet names. */
static bool
copy_nested(void *context, UrlText url, UrlText key)
{
	const Sheet *sheet = context;
	Copying *copying = sheet->copying;
	char name[ASSET_KEY_LIMIT + 1];
	char *text;
	json_t *seen;
	bool copied;

	snprintf(name, sizeof(name), "%.*s", (int) key.len, key.data);
	seen = json_object_get(copying->seen, name);
	if (seen != NULL)
		return json_is_true(seen);
	copied = is_copied(copying->job, name, "1 day");
	if (!copied && (sheet->depth <= 0 || copying->nested >= NESTED_MAX ||
					json_object_set_new(copying->seen, name, json_false()) != 0))
		return false;
	if (!copied && monotonic_us() > copying->end_us)
	{
		snprintf(copying->pending, sizeof(copying->pending), "what it names takes too long");
		return false;
	}
	if (!copied)
	{
		copying->nested++;
		text = strndup(url.data, url.len);
		copied = text != NULL && fetch_nested(copying, text, name, sheet->depth - 1);
		free(text);
	}
	return json_object_set_new(copying->seen, name, json_boolean(copied)) == 0 && copied;
}

/* Replaces a style sheet's text by that with the URLs of copies. */
static bool
rewrite_sheet(Copying *copying, int depth, Fetched *fetched)
{
	Sheet sheet = {copying, depth};
	AssetRules rules = copying->rules;
	size_t size = 4 * fetched->body.len + (1 << 20);
	WireWriter out = {.data = malloc(size), .size = size};
	UrlBase *base = malloc(sizeof(UrlBase));
	bool ok;

	rules.wanted = copy_nested;
	rules.context = &sheet;
	if (fetched->body.len > SHEET_MAX)
		ok = fail(fetched, ASSET_SIZE, false, "it is too large for a style sheet");
	else if (out.data == NULL || base == NULL)
		ok = fail(fetched, ASSET_NETWORK, true, "out of memory");
	else
	{
		open_base((UrlText){fetched->url, strlen(fetched->url)}, base);
		rewrite_css(&rules, base, (UrlText){fetched->body.data, fetched->body.len}, &out);
		ok = !out.overflow || fail(fetched, ASSET_SIZE, false, "it is too large with absolute URLs");
	}
	if (ok)
	{
		free_buffer(&fetched->body);
		init_buffer(&fetched->body, size);
		put_bytes(&fetched->body, out.data, out.len);
		ok = !fetched->body.failed || fail(fetched, ASSET_NETWORK, true, "out of memory");
	}
	free(base);
	free(out.data);
	return ok;
}

/* ---- one asset ---- */

static bool
store_copy(Copying *copying, const char *key, Fetched *fetched)
{
	Job *job = copying->job;
	StorageObject object = {
		.key = key,
		.data = fetched->body.len > 0 ? fetched->body.data : "",
		.len = fetched->body.len,
		.content_type = fetched->type,
		.cache_control = CACHE_CONTROL,
	};

	if (job->settings->storage_dir[0] != '\0' && strlen(key) > FILE_NAME_MAX)
		return fail(fetched, ASSET_KEY, false, "its key is too long for a file's name");
	if (!storage_put(job->assets_storage, &object, job->error, sizeof(job->error)))
		return fail(fetched, ASSET_NETWORK, true, job->error);
	ADD_METRIC(job->metrics->assets, 1);
	ADD_METRIC(job->metrics->asset_bytes, fetched->body.len);
	return true;
}

/* Fetches an asset and stores it; fetched tells how it failed. */
static bool
copy_asset(Copying *copying, const char *url, const char *key, int depth, Fetched *fetched)
{
	bool ok;

	*fetched = (Fetched){0};
	init_buffer(&fetched->body, (size_t) copying->job->settings->assets_size_limit);
	ok = fetch(copying, url, fetched) &&
		 (strncasecmp(fetched->type, "text/css", 8) != 0 || fetched->body.len == 0 ||
		  rewrite_sheet(copying, depth, fetched)) &&
		 store_copy(copying, key, fetched);
	free_buffer(&fetched->body);
	free(fetched->url);
	fetched->url = NULL;
	if (!ok)
	{
		ADD_METRIC(copying->job->metrics->asset_failures[fetched->failure], 1);
		log_info("no copy of an asset key=%s reason=\"%s\"", key, fetched->reason);
	}
	return ok;
}

/* The day that a key ends with. */
static unsigned
day_of(const char *key)
{
	const char *dot = strrchr(key, '.');

	return dot != NULL ? (unsigned) strtoul(dot + 1, NULL, 10) : 0;
}

static bool
is_what_it_says(const char *url, const char *key)
{
	uint8_t bytes[ASSET_KEY_LIMIT + 8];
	WireWriter made = {.data = bytes, .size = sizeof(bytes)};
	UrlText text = {url, strlen(url)};

	return is_cacheable(text) && asset_key(text, day_of(key), &made) && made.len == strlen(key) &&
		   memcmp(bytes, key, made.len) == 0;
}

/* The asset that was queued, with all it names.  False when another try may give more. */
static bool
copy_queued(Job *job, const char *url, const char *key)
{
	Copying copying = {.job = job, .end_us = monotonic_us() + JOB_US};
	Fetched fetched = {.may_pass = true, .reason = "out of memory"};
	bool copied;

	copying.rules.origin = (UrlText){job->assets_origin, strlen(job->assets_origin)};
	copying.rules.day = day_of(key);
	copying.curl = curl_easy_init();
	copying.seen = json_object();
	copied = copying.curl != NULL && copying.seen != NULL &&
			 json_object_set_new(copying.seen, key, json_false()) == 0 &&
			 copy_asset(&copying, url, key, DEPTH_MAX, &fetched);
	curl_easy_cleanup(copying.curl);
	json_decref(copying.seen);
	if (copied ? copying.pending[0] != '\0' && !is_last_try(job) : fetched.may_pass && !is_last_try(job))
	{
		/* a sheet is of use meanwhile, with the site's URLs in it */
		if (copied && !note(job, key, url, NULL))
			return false;
		snprintf(job->error, sizeof(job->error), "%s%s", copied ? "not all it names is there yet: " : "",
				 copied ? copying.pending : fetched.reason);
		return false;
	}
	return note(job, key, url, copied ? NULL : fetched.reason);
}

bool
store_asset(Job *job)
{
	const char *url = json_string_value(json_object_get(job->payload, "url"));
	const char *key = json_string_value(json_object_get(job->payload, "key"));

	if (url == NULL || key == NULL || !is_what_it_says(url, key))
	{
		snprintf(job->error, sizeof(job->error), "the payload is no asset: it needs a url that is copied, and its key");
		job->permanent = true;
		return false;
	}
	if (job->assets_origin[0] == '\0')
		return note(job, key, url, "openreplay.assets_origin is empty");
	/* a style sheet that names it was first */
	if (job->attempt == 1 && is_copied(job, key, "1 day"))
		return true;
	return copy_queued(job, url, key);
}
