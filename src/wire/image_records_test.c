/*
 * image_records_test.c - names, records and frames of images
 */
#include <string.h>

#include "check.h"
#include "wire/image_records.h"

static bool
is_name(const char *text, ImageName *name)
{
	return parse_image_name(text, strlen(text), name);
}

static void
test_names(void)
{
	static const char *const wrong[] = {
		"",
		"1",
		"1_2_3",
		"1_2_3.",
		"1_2_3.gif",
		"1_2_3.webp.exe",
		"1_2_3.WEBP",
		"1_2.webp",
		"1_2_3_4.webp",
		"_2_3.webp",
		"-1_2_3.webp",
		"+1_2_3.webp",
		" 1_2_3.webp",
		"1_2_3.webp ",
		"../1_2_3.webp",
		"a/1_2_3.webp",
		"12345678901234567_2_3.webp",
	};
	ImageName name;
	char text[IMAGE_NAME_SIZE];

	CHECK(is_name("1760000000123_42_1760000001123.webp", &name));
	CHECK_INT(name.recording_ms, INT64_C(1760000000123));
	CHECK_INT(name.canvas_id, 42);
	CHECK_INT(name.taken_ms, INT64_C(1760000001123));
	CHECK_TEXT(name.type, "webp");
	CHECK(is_name("007_01_0.jpg", &name));
	CHECK_INT(format_image_name(&name, text), strlen("7_1_0.jpeg"));
	CHECK_TEXT(text, "7_1_0.jpeg");
	CHECK(is_name("9999999999999999_9999999999999999_9999999999999999.jpeg", &name));
	CHECK(format_image_name(&name, text) < IMAGE_NAME_SIZE);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(!is_name(wrong[i], &name));
	CHECK(!parse_image_name("1_2_3.webp\0", 11, &name));

	CHECK(parse_frames_name("1760000000123_42.webp.frames", 28, &name));
	CHECK_INT(name.recording_ms, INT64_C(1760000000123));
	CHECK_INT(name.canvas_id, 42);
	CHECK_TEXT(name.type, "webp");
	CHECK(!parse_frames_name("1760000000123_42.webp", 21, &name));
	CHECK(!parse_frames_name("1_2_3.webp.frames", 17, &name));
	CHECK(!parse_frames_name(".frames", 7, &name));
}

static void
test_records(void)
{
	static const uint8_t expected[] = "\x0a\0"
									  "1_2_3.webp"
									  "\4\0\0\0"
									  "\xde\xad\xbe\xef";
	ImageName name = {1, 2, 3, "webp"};
	uint8_t data[200];
	size_t len = write_image_header(&name, 4, data);
	ImageReader reader;
	Image image;

	memcpy(data + len, "\xde\xad\xbe\xef", 4);
	len += 4;
	CHECK_INT(len, sizeof(expected) - 1);
	CHECK(memcmp(data, expected, len) == 0);
	name.taken_ms = 4;
	len += write_image_header(&name, 0, data + len);

	reader = read_images(data, len);
	CHECK(next_image(&reader, &image));
	CHECK_INT(image.name.taken_ms, 3);
	CHECK_INT(image.size, 4);
	CHECK(memcmp(image.bytes, "\xde\xad\xbe\xef", 4) == 0);
	CHECK(next_image(&reader, &image));
	CHECK_INT(image.name.taken_ms, 4);
	CHECK_INT(image.size, 0);
	CHECK(!next_image(&reader, &image) && !reader.torn);

	/* cut anywhere inside, what was whole is still read */
	for (size_t cut = 1; cut < len; cut++)
	{
		size_t whole = 0;

		reader = read_images(data, cut);
		while (next_image(&reader, &image))
			whole++;
		CHECK_INT(whole, cut >= sizeof(expected) - 1);
		CHECK_INT(reader.torn, cut != sizeof(expected) - 1);
	}
}

static void
test_frames(void)
{
	static const uint8_t frame[] = {0xe8, 0xc3, 0x2c, 0xc8, 0x99, 0x01, 0, 0, 4, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef};
	static const uint8_t late[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};
	ImageReader reader = read_images(frame, sizeof(frame));
	Image image;

	CHECK(next_frame(&reader, &image));
	CHECK_INT(image.name.taken_ms, INT64_C(1760000001000));
	CHECK_INT(image.size, 4);
	CHECK(image.bytes == frame + 12);
	CHECK(!next_frame(&reader, &image) && !reader.torn);
	reader = read_images(frame, sizeof(frame) - 1);
	CHECK(!next_frame(&reader, &image) && reader.torn);
	reader = read_images(late, sizeof(late));
	CHECK(!next_frame(&reader, &image) && reader.torn);
}

static void
test_types(void)
{
	CHECK_TEXT(sniff_image_type((const uint8_t *) "\xff\xd8\xff\xe0", 4), "jpeg");
	CHECK_TEXT(sniff_image_type((const uint8_t *) "\x89PNG\r\n\x1a\n", 8), "png");
	CHECK_TEXT(sniff_image_type((const uint8_t *) "RIFF\1\2\3\4WEBP", 12), "webp");
	CHECK_TEXT(sniff_image_type((const uint8_t *) "\0\0\0\x20"
												  "ftypavif",
								12),
			   "avif");
	CHECK(sniff_image_type((const uint8_t *) "GIF89a", 6) == NULL);
	CHECK(sniff_image_type((const uint8_t *) "\xff\xd8", 2) == NULL);
}

int
main(void)
{
	test_names();
	test_records();
	test_frames();
	test_types();
	return check_summary("image_records");
}
