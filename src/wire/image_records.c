/*
 * image_records.c - images of a session as they are stored
 */
#include "wire/image_records.h"

#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 16 /* ms until the year 300,000 */
#define FRAME_HEADER_SIZE 12

static const char *const types[] = {"jpeg", "png", "webp", "avif"};

/* A number without sign at *text, which is moved behind it. */
static bool
parse_number(const char **text, const char *end, int64_t *number)
{
	const char *start = *text;

	*number = 0;
	for (; *text < end && **text >= '0' && **text <= '9'; (*text)++)
	{
		if (*text - start == DIGITS_MAX)
			return false;
		*number = *number * 10 + (**text - '0');
	}
	return *text > start;
}

static bool
parse_char(const char **text, const char *end, char c)
{
	return *text < end && *(*text)++ == c;
}

/* The type that the text is, NULL for none. */
static const char *
parse_type(const char *text, size_t len)
{
	if (len == 3 && memcmp(text, "jpg", 3) == 0)
		return types[0];
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
	{
		if (strlen(types[i]) == len && memcmp(types[i], text, len) == 0)
			return types[i];
	}
	return NULL;
}

bool
parse_image_name(const char *text, size_t len, ImageName *name)
{
	const char *end = text + len;

	if (!parse_number(&text, end, &name->recording_ms) || !parse_char(&text, end, '_') ||
		!parse_number(&text, end, &name->canvas_id) || !parse_char(&text, end, '_') ||
		!parse_number(&text, end, &name->taken_ms) || !parse_char(&text, end, '.'))
		return false;
	name->type = parse_type(text, (size_t) (end - text));
	return name->type != NULL;
}

bool
parse_frames_name(const char *text, size_t len, ImageName *name)
{
	static const char ending[] = ".frames";
	const size_t ending_len = sizeof(ending) - 1;
	const char *end = text + len;

	if (len < ending_len || memcmp(end - ending_len, ending, ending_len) != 0)
		return false;
	end -= ending_len;
	if (!parse_number(&text, end, &name->recording_ms) || !parse_char(&text, end, '_') ||
		!parse_number(&text, end, &name->canvas_id) || !parse_char(&text, end, '.'))
		return false;
	name->taken_ms = 0;
	name->type = parse_type(text, (size_t) (end - text));
	return name->type != NULL;
}

size_t
format_image_name(const ImageName *name, char text[IMAGE_NAME_SIZE])
{
	return (size_t) snprintf(text, IMAGE_NAME_SIZE, "%lld_%lld_%lld.%s", (long long) name->recording_ms,
							 (long long) name->canvas_id, (long long) name->taken_ms, name->type);
}

const char *
sniff_image_type(const uint8_t *bytes, size_t size)
{
	if (size >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0)
		return "jpeg";
	if (size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
		return "png";
	if (size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0)
		return "webp";
	if (size >= 12 && memcmp(bytes + 4, "ftypavif", 8) == 0)
		return "avif";
	return NULL;
}

/* ---- numbers ---- */

static void
put_little(uint8_t *at, uint64_t value, int nbytes)
{
	for (int i = 0; i < nbytes; i++)
		at[i] = (uint8_t) (value >> (8 * i));
}

static uint64_t
get_little(const uint8_t *at, int nbytes)
{
	uint64_t value = 0;

	for (int i = 0; i < nbytes; i++)
		value |= (uint64_t) at[i] << (8 * i);
	return value;
}

/* ---- records ---- */

size_t
write_image_header(const ImageName *name, uint32_t size, uint8_t header[IMAGE_HEADER_SIZE])
{
	char text[IMAGE_NAME_SIZE];
	size_t len = format_image_name(name, text);

	put_little(header, len, 2);
	memcpy(header + 2, text, len);
	put_little(header + 2 + len, size, 4);
	return 2 + len + 4;
}

static bool
tear(ImageReader *reader)
{
	reader->torn = true;
	reader->pos = reader->len;
	return false;
}

bool
next_image(ImageReader *reader, Image *image)
{
	const uint8_t *at = reader->data + reader->pos;
	size_t left = reader->len - reader->pos;
	size_t name_len;
	uint64_t size;

	if (left == 0)
		return false;
	if (left < 2)
		return tear(reader);
	name_len = get_little(at, 2);
	if (left < 2 + name_len + 4 || !parse_image_name((const char *) at + 2, name_len, &image->name))
		return tear(reader);
	size = get_little(at + 2 + name_len, 4);
	if (size > left - (2 + name_len + 4))
		return tear(reader);
	image->bytes = at + 2 + name_len + 4;
	image->size = (uint32_t) size;
	reader->pos += 2 + name_len + 4 + size;
	return true;
}

bool
next_frame(ImageReader *reader, Image *image)
{
	const uint8_t *at = reader->data + reader->pos;
	size_t left = reader->len - reader->pos;
	uint64_t time;
	uint64_t size;

	if (left == 0)
		return false;
	if (left < FRAME_HEADER_SIZE)
		return tear(reader);
	time = get_little(at, 8);
	size = get_little(at + 8, 4);
	if (size > left - FRAME_HEADER_SIZE || time > INT64_C(9999999999999999))
		return tear(reader);
	image->name = (ImageName){.taken_ms = (int64_t) time};
	image->bytes = at + FRAME_HEADER_SIZE;
	image->size = (uint32_t) size;
	reader->pos += FRAME_HEADER_SIZE + size;
	return true;
}
