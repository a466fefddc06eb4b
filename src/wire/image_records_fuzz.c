/*
 * image_records_fuzz.c - any bytes as records and as frames: reading stays within them, ends, and what it gives can be
 * written and read again
 */
#include <stdlib.h>
#include <string.h>

#include "wire/image_records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_again(const Image *image)
{
	uint8_t header[IMAGE_HEADER_SIZE];
	size_t len = write_image_header(&image->name, 0, header);
	ImageReader reader = read_images(header, len);
	Image again;

	if (len > sizeof(header) || !next_image(&reader, &again) || again.size != 0 ||
		again.name.recording_ms != image->name.recording_ms || again.name.canvas_id != image->name.canvas_id ||
		again.name.taken_ms != image->name.taken_ms || strcmp(again.name.type, image->name.type) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ImageReader reader = read_images(data, size);
	Image image;

	while (next_image(&reader, &image))
	{
		if (image.bytes < data || image.size > (size_t) (data + size - image.bytes))
			abort();
		write_again(&image);
	}
	reader = read_images(data, size);
	while (next_frame(&reader, &image))
	{
		if (image.bytes < data || image.size > (size_t) (data + size - image.bytes))
			abort();
		image.name.type = sniff_image_type(image.bytes, image.size);
		if (image.name.type != NULL)
			write_again(&image);
	}
	parse_frames_name((const char *) data, size, &image.name);
	return 0;
}
