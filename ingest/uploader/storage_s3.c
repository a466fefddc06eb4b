/*
 * storage_s3.c - objects in an S3-compatible storage
 *
 * A large object goes in parts and appears when they are put together; parts of an upload that fails are given up.
 */
#include "uploader/storage_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uploader/s3_request.h"

#define LISTS_MAX 1000	/* of a thousand keys each */
#define PARTS_MAX 10000 /* S3's limit */

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
		.tags = s3->settings->s3_tags,
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
		.tags = s3->settings->s3_tags,
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

static bool
remove_s3_object(void *state, const char *key, char *error, size_t error_size)
{
	return remove_object(state, key, error, error_size);
}

static StorageAnswer
get_s3(void *state, const char *key, size_t max, void **data, size_t *len, char *error, size_t error_size)
{
	Request request = {.method = "GET", .key = key, .query = "", .answer_max = max};
	Answer answer;
	StorageAnswer result = STORAGE_FAILED;

	if (make_request(state, &request, &answer, error, error_size) && answer.body.len <= max)
	{
		*data = answer.body.data != NULL ? answer.body.data : calloc(1, 1);
		*len = answer.body.len;
		answer.body.data = NULL;
		result = STORAGE_THERE;
	}
	else if (answer.status / 100 == 2)
		snprintf(error, error_size, "%s has more than %zu bytes", key, max);
	else if (answer.status == 404 && strcmp(answer.code, "NoSuchKey") == 0)
		result = STORAGE_MISSING; /* and not the bucket */
	close_answer(&answer);
	return result;
}

/* A key as it stands in a list: with what XML cannot have written otherwise. */
static void
unescape_xml(char *text)
{
	static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
	char *to = text;

	while (*text != '\0')
	{
		size_t i = 0;
		char *end = text;

		while (i < 5 && strncmp(text, names[i], strlen(names[i])) != 0)
			i++;
		if (i < 5)
		{
			*to++ = "&<>\"'"[i];
			text += strlen(names[i]);
		}
		else if (text[0] == '&' && text[1] == '#')
		{
			long number = text[2] == 'x' ? strtol(text + 3, &end, 16) : strtol(text + 2, &end, 10);

			*to++ = number > 0 && number < 128 ? (char) number : '?'; /* others are written as they are */
			text = *end == ';' ? end + 1 : end;
		}
		else
			*to++ = *text++;
	}
	*to = '\0';
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
		unescape_xml(key);
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

static void *
open_driver(const Settings *settings, char *error, size_t error_size)
{
	return open_s3(settings, error, error_size);
}

static void
close_driver(void *state)
{
	close_s3(state);
}

const StorageDriver s3_driver = {
	.open = open_driver,
	.close = close_driver,
	.put = put_s3,
	.get = get_s3,
	.remove = remove_s3_object,
	.remove_folder = remove_s3,
};
