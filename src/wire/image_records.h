/*
 * image_records.h - images of a session as they are stored
 *
 * The body of an image entry is records, one behind the other:
 *
 *	[uint16 length of name][name][uint32 size][bytes of the image]		little-endian
 *
 * A name is <recording>_<canvas>_<taken>.<type>, in exactly one spelling: when the canvas was first seen (for
 * screenshots: the zero of their times) and when the image was taken, both unix ms, the number of the canvas (1 for
 * screenshots), and jpeg, png, webp or avif.  Trackers that pack images send frames instead: [uint64 ms][uint32
 * size][bytes], little-endian.
 *
 * Nothing here allocates; what is read are slices of the data.
 */
#ifndef OPENREPLAY_IMAGE_RECORDS_H
#define OPENREPLAY_IMAGE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

#define IMAGE_NAME_SIZE 80				/* buffer for the longest name and its NUL */
#define IMAGE_RECORDS_MAX WIRE_BODY_MAX /* bytes of all records of an entry; writers hold to it, readers may */

typedef struct ImageName
{
	int64_t recording_ms;
	int64_t canvas_id;
	int64_t taken_ms;
	const char *type; /* a constant: "jpeg", "png", "webp", "avif" */
} ImageName;

/* The name of an image, "jpg" read as jpeg.  False for anything else, whatever is around it. */
extern bool parse_image_name(const char *text, size_t len, ImageName *name);

/* <recording>_<canvas>.<type>.frames, as a file of frames is called; taken_ms is set to 0. */
extern bool parse_frames_name(const char *text, size_t len, ImageName *name);

/* The one spelling, NUL-terminated; returns its length. */
extern size_t format_image_name(const ImageName *name, char text[IMAGE_NAME_SIZE]);

/* The type by an image's first bytes; NULL when they are of none that we know. */
extern const char *sniff_image_type(const uint8_t *bytes, size_t size);

/* ---- writing ---- */

/* What comes before an image's bytes; returns its length, at most IMAGE_HEADER_SIZE. */
#define IMAGE_HEADER_SIZE (2 + IMAGE_NAME_SIZE + 4)
extern size_t write_image_header(const ImageName *name, uint32_t size, uint8_t header[IMAGE_HEADER_SIZE]);

/* ---- reading ---- */

typedef struct ImageReader
{
	const uint8_t *data;
	size_t len;
	size_t pos;
	bool torn; /* the data ended inside a record, or held a name that is none: reading stopped there */
} ImageReader;

typedef struct Image
{
	ImageName name;
	const uint8_t *bytes;
	uint32_t size;
} Image;

static inline ImageReader
read_images(const void *data, size_t len)
{
	return (ImageReader){.data = data, .len = len};
}

/* The next record; false at the end, or when torn. */
extern bool next_image(ImageReader *reader, Image *image);

/* The next frame: of the name only taken_ms is set. */
extern bool next_frame(ImageReader *reader, Image *image);

#endif /* OPENREPLAY_IMAGE_RECORDS_H */
