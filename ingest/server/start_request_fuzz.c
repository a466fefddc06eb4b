/*
 * start_request_fuzz.c - any bytes as the JSON of a start: nothing but storable text comes of them
 */
#include "server/client_json.c"
#include "server/start_request.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const char *text, size_t max_chars)
{
	size_t len = text != NULL ? strlen(text) : 0;
	char *clean;

	if (text == NULL)
		return;
	clean = malloc(3 * len + 1);
	if (clean_text(text, len, max_chars, clean) != len || memcmp(clean, text, len) != 0)
		abort();
	free(clean);
}

static void
check_number(int64_t number, int64_t least)
{
	if (number < least || number > (int64_t) SAFE_INTEGER)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (StartClient client = START_WEB; client <= START_SDK; client++)
	{
		StartRequest start;
		char why[256] = "";

		if (read_start_request(client, data, size, &start, why, sizeof(why)))
		{
			check_text(start.project_key, 200);
			check_text(start.user_id, 8000);
			check_text(start.condition, 255);
			check_text(start.os_version, 100);
			check_number(start.timestamp, -(int64_t) SAFE_INTEGER);
			check_number(start.buffer_diff, 0);
			check_number(start.width, 0);
			is_old_tracker(start.tracker_version);
			is_usable_mobile_tracker(start.tracker_version);
		}
		else if (why[0] == '\0')
			abort();
		free_start_request(&start);
	}
	return 0;
}
