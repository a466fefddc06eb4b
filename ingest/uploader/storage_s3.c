/*
 * storage_s3.c - objects in an S3-compatible storage
 *
 * libcurl signs (AWS_SIGV4); the hash of every body is part of what is signed, so that the server refuses what was
 * changed on its way.  A large object goes in parts and appears when they are put together; parts of an upload that
 * fails are given up.  A request that failed for a reason that may pass is made again, a few times with growing pauses;
 * what then still fails is the outbox's to repeat.
 */
#include "uploader/storage_driver.h"

#include <curl/curl.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/log.h"

#define URL_SIZE 6144		 /* a key has 1024 bytes at most, and each may be escaped */
#define ANSWER_MAX (4 << 20) /* a list of a thousand keys has less than a megabyte */
#define LISTS_MAX 1000		 /* of a thousand keys each */
#define PARTS_MAX 10000		 /* S3's limit */
#define TRIES 4
#define FIRST_PAUSE_MS 250
#define CONNECT_TIMEOUT_S 10
#define STALLED_S 60 /* a transfer that moves nothing for so long is over */

typedef struct S3
{
	const Settings *settings;
	char *url; /* of the bucket, without a slash at the end */
	char sigv4[160];
	pthread_key_t handle; /* of each thread, which keeps its connection */
} S3;

typedef struct Request
{
	const char *method;
	const char *key;   /* "": the bucket itself */
	const char *query; /* sorted and escaped, as it is signed; "": none */
	const char *content_type;
	const char *cache_control;
	const void *body;
	size_t len;
} Request;

typedef struct Answer
{
	long status;
	Buffer body;
	char etag[128];
} Answer;

/* ---- opening ---- */

static void
close_handle(void *handle)
{
	curl_easy_cleanup(handle);
}

static void
close_s3(void *state)
{
	S3 *s3 = state;

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

static void *
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

static size_t
take_header(char *line, size_t size, size_t count, void *argument)
{
	Answer *answer = argument;
	static const char name[] = "etag:";

	(void) size;
	if (count > sizeof(name) && strncasecmp(line, name, sizeof(name) - 1) == 0)
	{
		size_t from = sizeof(name) - 1;
		size_t to = count;

		while (from < to && line[from] == ' ')
			from++;
		while (to > from && (line[to - 1] == '\r' || line[to - 1] == '\n' || line[to - 1] == ' '))
			to--;
		snprintf(answer->etag, sizeof(answer->etag), "%.*s", (int) (to - from), line + from);
	}
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
open_answer(Answer *answer)
{
	*answer = (Answer){0};
	init_buffer(&answer->body, ANSWER_MAX);
}

static void
close_answer(Answer *answer)
{
	free_buffer(&answer->body);
}

/* The text of an element of the answer, as it is; false when there is none. */
static bool
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
describe_refusal(const Request *request, const Answer *answer, char *error, size_t error_size)
{
	const char *code_at = answer->body.data;
	const char *message_at = answer->body.data;
	char code[64] = "";
	char message[256] = "";

	find_element(&code_at, "Code", code, sizeof(code));
	find_element(&message_at, "Message", message, sizeof(message));
	snprintf(error, error_size, "the storage answered %s %s with %ld%s%s%s%s", request->method, request->key,
			 answer->status, code[0] ? " " : "", code, message[0] ? ": " : "", message);
}

/* A key has no other bytes that are escaped where URLs are signed than "!". */
static bool
make_url(char url[URL_SIZE], const S3 *s3, const Request *request)
{
	Buffer text;
	bool fits;

	init_buffer(&text, URL_SIZE);
	put_text(&text, s3->url);
	if (request->key[0] != '\0')
		put_text(&text, "/");
	for (const char *pos = request->key; *pos != '\0'; pos++)
		if (*pos == '!')
			put_text(&text, "%21");
		else
			put_bytes(&text, pos, 1);
	if (request->query[0] != '\0')
		put_format(&text, "?%s", request->query);
	fits = !text.failed && text.len < URL_SIZE;
	if (fits)
		memcpy(url, text.data, text.len + 1);
	free_buffer(&text);
	return fits;
}

/* Makes a request once.  False with a message when it got no answer, or one of refusal; *again: trying again may help.
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
	if (result != CURLE_OK)
	{
		snprintf(error, error_size, "no answer of the storage to %s %s: %s", request->method, request->key,
				 curl_error[0] ? curl_error : curl_easy_strerror(result));
		return false;
	}
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
	/* an upload in parts may fail after 200 was said */
	if (answer->status / 100 == 2 && (answer->body.data == NULL || strstr(answer->body.data, "<Error>") == NULL))
		return true;
	*again = answer->status / 100 != 4 || answer->status == 408 || answer->status == 429;
	describe_refusal(request, answer, error, error_size);
	return false;
}

/* The same, again and again while that may help.  The answer is to be closed in all cases. */
static bool
make_request(S3 *s3, const Request *request, Answer *answer, char *error, size_t error_size)
{
	int64_t pause_ms = FIRST_PAUSE_MS;

	for (int attempt = 1;; attempt++)
	{
		bool again;

		open_answer(answer);
		if (request_once(s3, request, answer, &again, error, error_size))
			return true;
		if (!again || attempt == TRIES)
			return false;
		log_debug("trying again attempt=%d error=\"%s\"", attempt, error);
		close_answer(answer);
		/* between half and one and a half of the pause, so that many do not come together */
		sleep_ms(pause_ms / 2 + monotonic_us() % pause_ms);
		pause_ms *= 2;
	}
}

/* A request of whose answer nothing is needed. */
static bool
tell_storage(S3 *s3, const Request *request, char *error, size_t error_size)
{
	Answer answer;
	bool ok = make_request(s3, request, &answer, error, error_size);

	close_answer(&answer);
	return ok;
}

/* ---- objects ---- */

static bool
begin_parts(S3 *s3, const StorageObject *object, char *upload_id, size_t size, char *error, size_t error_size)
{
	Request request = {
		.method = "POST",
		.key = object->key,
		.query = "uploads=",
		.content_type = object->content_type,
		.cache_control = object->cache_control,
	};
	Answer answer;
	bool ok = make_request(s3, &request, &answer, error, error_size);
	char id[1024];
	const char *pos = answer.body.data;
	char *escaped = NULL;

	if (ok && find_element(&pos, "UploadId", id, sizeof(id)))
		escaped = curl_easy_escape(NULL, id, 0);
	if (ok && (escaped == NULL || strlen(escaped) >= size))
	{
		snprintf(error, error_size, "the storage began an upload and told no usable UploadId");
		ok = false;
	}
	if (ok)
		snprintf(upload_id, size, "%s", escaped);
	curl_free(escaped);
	close_answer(&answer);
	return ok;
}

/* Sends the parts; the list of them, as the end of the upload wants it, goes into list. */
static bool
send_parts(S3 *s3, const StorageObject *object, const char *upload_id, Buffer *list, char *error, size_t error_size)
{
	size_t part_size = (size_t) s3->settings->s3_part_size;
	int number = 0;

	if (object->len / part_size >= PARTS_MAX)
		part_size = object->len / (PARTS_MAX - 1);
	put_text(list, "<CompleteMultipartUpload>");
	for (size_t at = 0; at < object->len; at += part_size)
	{
		char query[1280];
		Request request = {
			.method = "PUT",
			.key = object->key,
			.query = query,
			.content_type = object->content_type, /* else libcurl says that a form comes */
			.body = (const char *) object->data + at,
			.len = object->len - at < part_size ? object->len - at : part_size,
		};
		Answer answer;
		bool ok;

		snprintf(query, sizeof(query), "partNumber=%d&uploadId=%s", ++number, upload_id);
		ok = make_request(s3, &request, &answer, error, error_size);
		if (ok)
			put_format(list, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", number, answer.etag);
		close_answer(&answer);
		if (!ok)
			return false;
	}
	put_text(list, "</CompleteMultipartUpload>");
	if (list->failed)
		snprintf(error, error_size, "out of memory");
	return !list->failed;
}

static bool
put_in_parts(S3 *s3, const StorageObject *object, char *error, size_t error_size)
{
	char upload_id[1024];
	char query[1100];
	char ignored[256];
	Request request = {.key = object->key, .query = query};
	Buffer list;
	bool ok;

	if (!begin_parts(s3, object, upload_id, sizeof(upload_id), error, error_size))
		return false;
	snprintf(query, sizeof(query), "uploadId=%s", upload_id);
	init_buffer(&list, ANSWER_MAX);
	ok = send_parts(s3, object, upload_id, &list, error, error_size);
	if (ok)
	{
		request.method = "POST";
		request.content_type = "application/xml";
		request.body = list.data;
		request.len = list.len;
		ok = tell_storage(s3, &request, error, error_size);
	}
	if (!ok)
	{
		/* parts that nobody puts together would be paid for without an end */
		request = (Request){.method = "DELETE", .key = object->key, .query = query};
		tell_storage(s3, &request, ignored, sizeof(ignored));
	}
	free_buffer(&list);
	return ok;
}

static bool
put_s3(void *state, const StorageObject *object, char *error, size_t error_size)
{
	S3 *s3 = state;
	Request request = {
		.method = "PUT",
		.key = object->key,
		.query = "",
		.content_type = object->content_type,
		.cache_control = object->cache_control,
		.body = object->data,
		.len = object->len,
	};

	if (object->len > (size_t) s3->settings->s3_part_size)
		return put_in_parts(s3, object, error, error_size);
	return tell_storage(s3, &request, error, error_size);
}

/* That an object is gone already is no failure: another uploader, or a try whose answer was lost. */
static bool
remove_object(S3 *s3, const char *key, char *error, size_t error_size)
{
	Request request = {.method = "DELETE", .key = key, .query = ""};
	Answer answer;
	bool ok = make_request(s3, &request, &answer, error, error_size);

	ok = ok || (answer.status == 404 && answer.body.data != NULL && strstr(answer.body.data, "NoSuchKey") != NULL);
	close_answer(&answer);
	return ok;
}

/* Removes what a list names; false when one could not be. */
static bool
remove_listed(S3 *s3, const char *list, bool *any, char *error, size_t error_size)
{
	char key[1280];
	const char *pos = list;

	*any = false;
	while (find_element(&pos, "Key", key, sizeof(key)))
	{
		*any = true;
		if (!remove_object(s3, key, error, error_size))
			return false;
	}
	return true;
}

static bool
remove_s3(void *state, const char *folder, char *error, size_t error_size)
{
	S3 *s3 = state;
	char query[256];
	Request request = {.method = "GET", .key = "", .query = query};
	bool any = true;
	int lists = 0;

	snprintf(query, sizeof(query), "list-type=2&prefix=%s%%2F", folder);
	/* what was removed is not listed again, so each list is the first */
	while (any)
	{
		Answer answer;
		bool ok = make_request(s3, &request, &answer, error, error_size) &&
				  remove_listed(s3, answer.body.data, &any, error, error_size);

		close_answer(&answer);
		if (!ok)
			return false;
		if (++lists > LISTS_MAX)
		{
			snprintf(error, error_size, "the storage goes on listing %s/, whatever is removed", folder);
			return false;
		}
	}
	return true;
}

const StorageDriver s3_driver = {
	.open = open_s3,
	.close = close_s3,
	.put = put_s3,
	.remove_folder = remove_s3,
};
