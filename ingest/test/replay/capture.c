/*
 * capture.c - reading recorded visits
 *
 * A capture is a folder of requests.ndjson, meta.json and bodies/ (data/captures/README.md).  What a server need not
 * see again is left out here: preflights, requests that were refused on purpose (the same bytes follow), product
 * analytics.
 */
#include "replay.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define INGEST_PREFIX "/ingest"

static char *
join_path(const char *dir, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		fail("out of memory");
	return path;
}

static const char *
header_text(json_t *headers, const char *wanted)
{
	const char *name;
	json_t *value;

	json_object_foreach(headers, name, value)
	{
		if (strcasecmp(name, wanted) == 0)
			return json_string_value(value);
	}
	return NULL;
}

static char *
copy_or_null(const char *text)
{
	return text ? need(strdup(text)) : NULL;
}

static size_t
split_of(const char *path)
{
	const char *split = strstr(path, "&split=");

	return split ? strtoul(split + 7, NULL, 10) : 0;
}

static void
read_part(CaptureRequest *request, size_t offset, size_t len, const Capture *capture)
{
	BatchPart *part = &request->parts[request->nparts++];
	WireHeader header;
	WireError error =
		find_times(request->body + offset, len, offset, capture->start_ms, &request->marks, &header, request->counts);

	if (error != WIRE_OK)
		fail("%s, %s: %s", capture->name, request->path, wire_error_text(error));
	*part = (BatchPart){.offset = offset, .len = len, .page_no = header.page_no, .first_index = header.first_index};
}

static void
read_batch(CaptureRequest *request, const Capture *capture)
{
	size_t split = request->data_type && strcmp(request->data_type, "visual") == 0 ? split_of(request->path) : 0;

	if (request->gzip)
	{
		uint8_t *packed = request->body;

		request->body = inflate_gzip(packed, request->len, &request->len);
		free(packed);
		if (request->body == NULL)
			fail("%s, %s: not gzip", capture->name, request->path);
	}
	if (split > 0 && split < request->len)
	{
		read_part(request, 0, split, capture);
		read_part(request, split, request->len - split, capture);
	}
	else
		read_part(request, 0, request->len, capture);
}

/* False when the request is not to be played. */
static bool
read_request(json_t *line, const char *dir, const Capture *capture, CaptureRequest *request)
{
	const char *path = json_string_value(json_object_get(line, "path"));
	const char *method = json_string_value(json_object_get(line, "method"));
	const char *body = json_string_value(json_object_get(line, "body"));
	json_t *headers = json_object_get(line, "headers");
	const char *encoding = header_text(headers, "Content-Encoding");

	if (path == NULL || method == NULL)
		fail("%s: a request without method or path", capture->name);
	if (strncmp(path, INGEST_PREFIX "/", sizeof(INGEST_PREFIX)) == 0)
		path += sizeof(INGEST_PREFIX) - 1;
	if (strcmp(method, "OPTIONS") == 0 || json_integer_value(json_object_get(line, "status")) >= 400 ||
		strncmp(path, "/v1/sdk/", 8) == 0)
		return false;

	*request = (CaptureRequest){.kind = REQUEST_OTHER,
								.method = need(strdup(method)),
								.path = need(strdup(path)),
								.data_type = copy_or_null(header_text(headers, "DataType")),
								.content_type = copy_or_null(header_text(headers, "Content-Type")),
								.gzip = encoding && strcmp(encoding, "gzip") == 0};
	if (body)
	{
		char *folder = join_path(dir, "bodies");
		char *file = join_path(folder, body);

		request->body = read_whole_file(file, &request->len);
		if (request->body == NULL)
			fail("cannot read %s", file);
		free(file);
		free(folder);
	}
	if (strcmp(path, "/v1/web/start") == 0)
	{
		request->kind = REQUEST_START;
		request->start = json_loadb((const char *) request->body, request->len, 0, NULL);
		if (!json_is_object(request->start))
			fail("%s: a start body that is not a JSON object", capture->name);
	}
	else if (strncmp(path, "/v1/web/i?", 10) == 0 && request->body)
	{
		request->kind = REQUEST_BATCH;
		read_batch(request, capture);
	}
	return true;
}

static void
read_requests(Capture *capture, const char *dir)
{
	char *path = join_path(dir, "requests.ndjson");
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t line_size = 0;
	size_t room = 0;
	ssize_t len;

	if (file == NULL)
		fail("cannot read %s", path);
	while ((len = getline(&line, &line_size, file)) > 0)
	{
		json_t *json = json_loadb(line, (size_t) len, 0, NULL);
		CaptureRequest request;

		if (json == NULL)
			fail("%s: a line that is not JSON", path);
		if (capture->user_agent == NULL)
			capture->user_agent = copy_or_null(header_text(json_object_get(json, "headers"), "User-Agent"));
		if (read_request(json, dir, capture, &request))
		{
			if (capture->nrequests == room)
			{
				room = room ? room * 2 : 64;
				capture->requests = need(realloc(capture->requests, room * sizeof(CaptureRequest)));
			}
			capture->requests[capture->nrequests++] = request;
		}
		json_decref(json);
	}
	free(line);
	fclose(file);
	free(path);
	if (capture->nrequests == 0 || capture->requests[0].kind != REQUEST_START)
		fail("%s: does not begin with a start", capture->name);
}

Capture *
open_capture(const char *dir)
{
	Capture *capture = need(calloc(1, sizeof(Capture)));
	char *path = join_path(dir, "meta.json");
	json_t *meta = json_load_file(path, 0, NULL);
	json_t *session = json_array_get(json_object_get(meta, "sessions"), 0);
	size_t dir_len = strlen(dir);
	const char *name;

	if (session == NULL)
		fail("%s: missing, or tells no session", path);
	while (dir_len > 1 && dir[dir_len - 1] == '/')
		dir_len--;
	name = memrchr(dir, '/', dir_len - 1);
	name = name ? name + 1 : dir;
	capture->name = need(strndup(name, dir_len - (size_t) (name - dir)));
	capture->token = copy_or_null(json_string_value(json_object_get(session, "token")));
	capture->start_ms = json_integer_value(json_object_get(session, "startTimestamp"));
	capture->duration_ms = json_integer_value(json_object_get(meta, "ended_ms")) - capture->start_ms;
	if (capture->token == NULL || capture->start_ms <= 0 || capture->duration_ms <= 0)
		fail("%s: no token, start or duration", path);
	json_decref(meta);
	free(path);
	read_requests(capture, dir);
	return capture;
}

void
close_capture(Capture *capture)
{
	for (size_t i = 0; i < capture->nrequests; i++)
	{
		CaptureRequest *request = &capture->requests[i];

		free(request->method);
		free(request->path);
		free(request->data_type);
		free(request->content_type);
		free(request->body);
		free(request->marks.items);
		json_decref(request->start);
	}
	free(capture->requests);
	free(capture->name);
	free(capture->user_agent);
	free(capture->token);
	free(capture);
}

void
close_captures(Capture **captures)
{
	for (size_t i = 0; captures[i]; i++)
		close_capture(captures[i]);
	free(captures);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp((*(Capture *const *) a)->name, (*(Capture *const *) b)->name);
}

Capture **
open_captures(const char *dir, size_t *count)
{
	DIR *folder = opendir(dir);
	Capture **captures = need(calloc(1, sizeof(Capture *)));
	struct dirent *entry;

	if (folder == NULL)
		fail("cannot open the folder of captures %s", dir);
	*count = 0;
	while ((entry = readdir(folder)) != NULL)
	{
		char *path = join_path(dir, entry->d_name);
		char *meta = join_path(path, "meta.json");

		if (entry->d_name[0] != '.' && access(meta, R_OK) == 0)
		{
			captures = need(realloc(captures, (*count + 2) * sizeof(Capture *)));
			captures[(*count)++] = open_capture(path);
			captures[*count] = NULL;
		}
		free(meta);
		free(path);
	}
	closedir(folder);
	if (*count == 0)
		fail("no capture in %s", dir);
	qsort(captures, *count, sizeof(Capture *), by_name);
	return captures;
}

const char *
bundled_captures(void)
{
	static char path[PATH_MAX + 32];
	char program[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *slash;

	if (len <= 0)
		return NULL;
	program[len] = '\0';
	slash = strrchr(program, '/');
	if (slash)
		*slash = '\0';
	snprintf(path, sizeof(path), "%s/data/captures", program);
	return access(path, R_OK) == 0 ? path : NULL;
}
