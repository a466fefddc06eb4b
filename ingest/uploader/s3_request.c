/*
 * s3_request.c - one signed request to an S3-compatible storage
 *
 * libcurl signs (AWS_SIGV4); the hash of every body is part of what is signed, so that the server refuses what was
 * changed on its way.  A request that failed for a reason that may pass is made again, a few times with growing pauses;
 * what then still fails is the outbox's to repeat.
 */
#include "uploader/s3_request.h"

#include <ctype.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/log.h"

#define URL_SIZE 6144 /* a key has 1024 bytes at most, and each may be escaped */
#define TRIES 4
#define FIRST_PAUSE_MS INT64_C(250)
#define LONGEST_PAUSE_MS 10000 /* whatever the storage asks for */
#define CONNECT_TIMEOUT_S 10
#define STALLED_S 60 /* a transfer that moves nothing for so long is over */

/* ---- opening ---- */

static void
close_handle(void *handle)
{
	curl_easy_cleanup(handle);
}

void
close_s3(S3 *s3)
{
	if (s3 == NULL)
		return;
	close_handle(pthread_getspecific(s3->handle));
	pthread_key_delete(s3->handle);
	free(s3->url);
	free(s3);
}

static char *
make_bucket_url(const Settings *settings)
{
	const char *endpoint = settings->aws_endpoint;
	bool path = strcmp(settings->s3_addressing, "path") == 0 ||
				(strcmp(settings->s3_addressing, "auto") == 0 && endpoint[0] != '\0');
	char amazon[256];
	const char *host;
	char url[URL_SIZE];
	int len;

	if (endpoint[0] == '\0')
	{
		snprintf(amazon, sizeof(amazon), "https://s3.%s.amazonaws.com", settings->aws_region);
		endpoint = amazon;
	}
	host = strstr(endpoint, "://") + 3;
	len = (int) strlen(endpoint);
	while (len > 0 && endpoint[len - 1] == '/')
		len--;
	if (path)
		snprintf(url, sizeof(url), "%.*s/%s", len, endpoint, settings->bucket_name);
	else
		snprintf(url, sizeof(url), "%.*s%s.%.*s", (int) (host - endpoint), endpoint, settings->bucket_name,
				 len - (int) (host - endpoint), host);
	return strdup(url);
}

S3 *
open_s3(const Settings *settings, char *error, size_t error_size)
{
	S3 *s3 = calloc(1, sizeof(S3));

	snprintf(error, error_size, "out of memory");
	if (s3 == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
		pthread_key_create(&s3->handle, close_handle) != 0)
	{
		free(s3);
		return NULL;
	}
	s3->settings = settings;
	s3->url = make_bucket_url(settings);
	snprintf(s3->sigv4, sizeof(s3->sigv4), "aws:amz:%.100s:s3", settings->aws_region);
	if (s3->url != NULL)
		return s3;
	close_s3(s3);
	return NULL;
}

/* ---- one request ---- */

static size_t
take_body(char *data, size_t size, size_t count, void *argument)
{
	Answer *answer = argument;

	(void) size;
	put_bytes(&answer->body, data, count);
	return answer->body.failed ? 0 : count;
}

/* The value of a header, if this line is that header. */
static void
find_header(const char *line, size_t len, const char *name, char *value, size_t size)
{
	size_t from = strlen(name);

	if (len <= from || strncasecmp(line, name, from) != 0)
		return;
	while (from < len && line[from] == ' ')
		from++;
	while (len > from && strchr("\r\n ", line[len - 1]) != NULL)
		len--;
	snprintf(value, size, "%.*s", (int) (len - from), line + from);
}

static size_t
take_header(char *line, size_t size, size_t count, void *argument)
{
	Answer *answer = argument;

	(void) size;
	find_header(line, count, "etag:", answer->etag, sizeof(answer->etag));
	find_header(line, count, "retry-after:", answer->retry_after, sizeof(answer->retry_after));
	return count;
}

/* Adds "name: value" unless value is empty. */
static bool
add_header(struct curl_slist **headers, const char *name, const char *value)
{
	char line[4096];
	struct curl_slist *longer;

	if (value == NULL || value[0] == '\0')
		return true;
	if (snprintf(line, sizeof(line), "%s: %s", name, value) >= (int) sizeof(line))
		return false;
	longer = curl_slist_append(*headers, line);
	if (longer != NULL)
		*headers = longer;
	return longer != NULL;
}

static bool
make_headers(const S3 *s3, const Request *request, struct curl_slist **headers)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	char hex[2 * SHA256_DIGEST_LENGTH + 1];

	SHA256(request->body != NULL ? request->body : (const unsigned char *) "", request->len, hash);
	for (int i = 0; i < SHA256_DIGEST_LENGTH; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	/* a header without value, by which libcurl leaves one of its own out, would be signed and not sent */
	return add_header(headers, "x-amz-content-sha256", hex) &&
		   add_header(headers, "x-amz-security-token", s3->settings->aws_session_token) &&
		   add_header(headers, "x-amz-tagging", request->tags) &&
		   add_header(headers, "Content-Type", request->content_type) &&
		   add_header(headers, "Cache-Control", request->cache_control);
}

static CURL *
thread_handle(S3 *s3)
{
	CURL *curl = pthread_getspecific(s3->handle);

	if (curl == NULL)
	{
		curl = curl_easy_init();
		if (curl != NULL)
			pthread_setspecific(s3->handle, curl);
	}
	else
		curl_easy_reset(curl); /* connections stay */
	return curl;
}

static void
set_options(const S3 *s3, CURL *curl, const Request *request, Answer *answer, char *curl_error)
{
	const Settings *settings = s3->settings;

	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, curl_error);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, s3->sigv4);
	curl_easy_setopt(curl, CURLOPT_USERNAME, settings->aws_access_key_id);
	curl_easy_setopt(curl, CURLOPT_PASSWORD, settings->aws_secret_access_key);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long) CONNECT_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long) settings->s3_timeout_s);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long) STALLED_S);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, settings->skip_ssl_validation ? 0L : 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, settings->skip_ssl_validation ? 0L : 2L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer);
	if (request->body != NULL)
	{
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->len);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
	}
	else if (strcmp(request->method, "POST") == 0)
	{
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) 0);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static void
open_answer(Answer *answer, const Request *request)
{
	*answer = (Answer){0};
	/* a refusal is text in any case */
	init_buffer(&answer->body, request->answer_max > ANSWER_MAX ? request->answer_max + 1 : ANSWER_MAX);
}

void
close_answer(Answer *answer)
{
	free_buffer(&answer->body);
}

bool
find_element(const char **pos, const char *name, char *text, size_t text_size)
{
	char tag[64];
	const char *start;
	const char *end;

	snprintf(tag, sizeof(tag), "<%s>", name);
	start = *pos != NULL ? strstr(*pos, tag) : NULL;
	if (start == NULL)
		return false;
	start += strlen(tag);
	end = strchr(start, '<');
	if (end == NULL || (size_t) (end - start) >= text_size)
		return false;
	memcpy(text, start, (size_t) (end - start));
	text[end - start] = '\0';
	*pos = end;
	return true;
}

static void
describe_refusal(const Request *request, Answer *answer, char *error, size_t error_size)
{
	const char *code_at = answer->body.data;
	const char *message_at = answer->body.data;
	char message[256] = "";

	find_element(&code_at, "Code", answer->code, sizeof(answer->code));
	find_element(&message_at, "Message", message, sizeof(message));
	snprintf(error, error_size, "the storage answered %s %s with %ld%s%s%s%s", request->method, request->key,
			 answer->status, answer->code[0] ? " " : "", answer->code, message[0] ? ": " : "", message);
}

/* Whether what was refused may be accepted when it is sent again: it was too much, came damaged, or broke off. */
static bool
may_pass(const Answer *answer)
{
	static const char *const codes[] = {"RequestTimeout", "XAmzContentSHA256Mismatch", "BadDigest",
										"IncompleteBody", "OperationAborted",		   "ConditionalRequestConflict"};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(answer->code, codes[i]) == 0)
			return true;
	/* a redirection is another region's storage; an error after 2xx, an upload in parts that failed at its end */
	return answer->status >= 500 || answer->status / 100 == 2 || answer->status == 408 || answer->status == 429;
}

/* The path is written as it is signed: nothing but letters, digits, "-._~" and slashes stands for itself. */
static void
put_escaped(Buffer *text, const char *key)
{
	for (const char *pos = key; *pos != '\0'; pos++)
		if (isalnum((unsigned char) *pos) || strchr("-._~/", *pos) != NULL)
			put_bytes(text, pos, 1);
		else
			put_format(text, "%%%02X", (unsigned char) *pos);
}

static bool
make_url(char url[URL_SIZE], const S3 *s3, const Request *request)
{
	Buffer text;
	bool fits;

	init_buffer(&text, URL_SIZE);
	put_text(&text, s3->url);
	if (request->key[0] != '\0')
		put_text(&text, "/");
	put_escaped(&text, request->key);
	if (request->query[0] != '\0')
		put_format(&text, "?%s", request->query);
	fits = !text.failed && text.len < URL_SIZE;
	if (fits)
		memcpy(url, text.data, text.len + 1);
	free_buffer(&text);
	return fits;
}

/*
 * Makes a request once.  False with a message when it got no answer, or one of refusal; *again: trying again may help.
 */
static bool
request_once(S3 *s3, const Request *request, Answer *answer, bool *again, char *error, size_t error_size)
{
	CURL *curl = thread_handle(s3);
	struct curl_slist *headers = NULL;
	char curl_error[CURL_ERROR_SIZE] = "";
	char url[URL_SIZE];
	CURLcode result = CURLE_OUT_OF_MEMORY;

	*again = true;
	if (!make_url(url, s3, request))
	{
		*again = false;
		snprintf(error, error_size, "a URL of more than %d bytes", URL_SIZE);
		return false;
	}
	if (curl != NULL && make_headers(s3, request, &headers))
	{
		set_options(s3, curl, request, answer, curl_error);
		curl_easy_setopt(curl, CURLOPT_URL, url);
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		result = curl_easy_perform(curl);
	}
	curl_slist_free_all(headers);
	if (answer->body.failed)
	{
		*again = false;
		snprintf(error, error_size, "the answer to %s %s does not fit: it has more than %zu bytes, or memory is out",
				 request->method, request->key, answer->body.max);
		return false;
	}
	if (result != CURLE_OK)
	{
		snprintf(error, error_size, "no answer of the storage to %s %s: %s", request->method, request->key,
				 curl_error[0] ? curl_error : curl_easy_strerror(result));
		return false;
	}
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
	/* an upload in parts may fail after 200 was said */
	if (answer->status / 100 == 2 &&
		(request->answer_max > 0 || answer->body.data == NULL || strstr(answer->body.data, "<Error>") == NULL))
		return true;
	describe_refusal(request, answer, error, error_size);
	*again = may_pass(answer);
	return false;
}

/* Between half and one and a half of what it shall be, so that many do not come together, or as the storage asked. */
static int64_t
next_pause(int attempt, const Answer *answer)
{
	int64_t pause_ms = FIRST_PAUSE_MS << (attempt - 1);
	int64_t asked_ms = strtol(answer->retry_after, NULL, 10);

	pause_ms = pause_ms / 2 + monotonic_us() % pause_ms;
	if (asked_ms < 0)
		asked_ms = 0;
	asked_ms = asked_ms < LONGEST_PAUSE_MS / 1000 ? 1000 * asked_ms : LONGEST_PAUSE_MS;
	return asked_ms > pause_ms ? asked_ms : pause_ms;
}

bool
make_request(S3 *s3, const Request *request, Answer *answer, char *error, size_t error_size)
{
	for (int attempt = 1;; attempt++)
	{
		int64_t pause_ms;
		bool again;

		open_answer(answer, request);
		if (request_once(s3, request, answer, &again, error, error_size))
			return true;
		if (!again || attempt == TRIES)
			return false;
		pause_ms = next_pause(attempt, answer);
		log_debug("trying again attempt=%d pause_ms=%lld error=\"%s\"", attempt, (long long) pause_ms, error);
		close_answer(answer);
		sleep_ms(pause_ms);
	}
}

bool
tell_storage(S3 *s3, const Request *request, char *error, size_t error_size)
{
	Answer answer;
	bool ok = make_request(s3, request, &answer, error, error_size);

	close_answer(&answer);
	return ok;
}
