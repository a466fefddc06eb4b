/*
 * captures.c - reads data/captures; included by the tests that need it, linked by nothing else
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <zlib.h>

#include "wire/testing/captures.h"

const char *const capture_names[CAPTURE_COUNT] = {
	"s1-browse-short", "s2-checkout-full", "s3-frustration", "s4-multipage",
	"s5-heavy-dom",	   "s6-three-tabs",	   "s7-idle",		 "s8-widgets",
};

static void
give_up(const char *what, const char *path)
{
	fprintf(stderr, "cannot %s %s\n", what, path);
	exit(2);
}

static uint8_t *
read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data;

	if (file == NULL)
		give_up("open", path);
	fseek(file, 0, SEEK_END);
	*len = (size_t) ftell(file);
	rewind(file);
	data = malloc(*len + 1);
	if (fread(data, 1, *len, file) != *len)
		give_up("read", path);
	fclose(file);
	return data;
}

static uint8_t *
inflate_body(uint8_t *data, size_t *len)
{
	size_t size = 64 * *len + 65536;
	uint8_t *out = malloc(size);
	z_stream stream = {.next_in = data, .avail_in = (uInt) *len, .next_out = out, .avail_out = (uInt) size};

	if (inflateInit2(&stream, 15 + 16) != Z_OK || inflate(&stream, Z_FINISH) != Z_STREAM_END)
		give_up("inflate", "a captured body");
	*len = stream.total_out;
	inflateEnd(&stream);
	free(data);
	return out;
}

static void
add_batch(Capture *capture, const uint8_t *data, size_t len)
{
	struct CapturedBatch *batch = &capture->batches[capture->nbatches++];

	/* exactly sized, so that a read past the end is seen by AddressSanitizer */
	batch->data = malloc(len);
	memcpy(batch->data, data, len);
	batch->len = len;
	capture->bytes += len;
}

static void
load_request(Capture *capture, json_t *request)
{
	const char *path = json_string_value(json_object_get(request, "path"));
	const char *body = json_string_value(json_object_get(request, "body"));
	json_t *headers = json_object_get(request, "headers");
	const char *split_text;
	char file[256];
	uint8_t *data;
	size_t len;
	size_t split = 0;

	if (body == NULL || strstr(path, "/v1/web/i?") == NULL ||
		json_integer_value(json_object_get(request, "status")) != 200)
		return;
	snprintf(file, sizeof(file), "data/captures/%s/bodies/%s", capture->name, body);
	data = read_file(file, &len);
	if (json_object_get(headers, "Content-Encoding") != NULL)
		data = inflate_body(data, &len);
	split_text = strstr(path, "split=");
	if (split_text != NULL)
		split = strtoul(split_text + 6, NULL, 10);
	if (split > 0 && split < len)
		add_batch(capture, data, split);
	add_batch(capture, data + split, len - split);
	free(data);
}

void
load_capture(const char *name, Capture *capture)
{
	char path[256];
	char *line = NULL;
	size_t size = 0;
	FILE *file;

	memset(capture, 0, sizeof(*capture));
	capture->name = name;
	snprintf(path, sizeof(path), "data/captures/%s/requests.ndjson", name);
	file = fopen(path, "r");
	if (file == NULL)
		give_up("open", path);
	while (getline(&line, &size, file) > 0)
	{
		json_t *request = json_loads(line, 0, NULL);

		load_request(capture, request);
		json_decref(request);
	}
	free(line);
	fclose(file);
}

void
free_capture(Capture *capture)
{
	for (int i = 0; i < capture->nbatches; i++)
		free(capture->batches[i].data);
}
