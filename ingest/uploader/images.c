/*
 * images.c - canvas frames and screenshots as archives
 *
 * One archive a canvas, <recording>_<canvas>.tar.zst, and one of a phone's screen, replay.tar.zst: players fetch them
 * whole.  An archive is made anew from all images that are here, so that what comes late extends it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uploader/compressor.h"
#include "uploader/job.h"
#include "uploader/session_data.h"
#include "uploader/tar.h"
#include "wire/image_records.h"

typedef struct PackedImage
{
	Image image;
	bool screenshots;
	size_t arrival;
} PackedImage;

static int
compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* Whether two images are of one archive: below, equal, above 0 in the order of archives. */
static int
compare_archives(const PackedImage *a, const PackedImage *b)
{
	if (a->screenshots != b->screenshots)
		return a->screenshots ? 1 : -1;
	if (a->screenshots)
		return 0;
	if (a->image.name.recording_ms != b->image.name.recording_ms)
		return compare_numbers(a->image.name.recording_ms, b->image.name.recording_ms);
	return compare_numbers(a->image.name.canvas_id, b->image.name.canvas_id);
}

static int
compare_names(const PackedImage *a, const PackedImage *b)
{
	int result = compare_numbers(a->image.name.taken_ms, b->image.name.taken_ms);

	if (result == 0)
		result = compare_numbers(a->image.name.recording_ms, b->image.name.recording_ms);
	if (result == 0)
		result = compare_numbers(a->image.name.canvas_id, b->image.name.canvas_id);
	return result != 0 ? result : strcmp(a->image.name.type, b->image.name.type);
}

static int
compare_images(const void *a, const void *b)
{
	const PackedImage *x = a;
	const PackedImage *y = b;
	int result = compare_archives(x, y);

	if (result == 0)
		result = compare_names(x, y);
	return result != 0 ? result : (x->arrival > y->arrival) - (x->arrival < y->arrival);
}

static size_t
count_images(const SessionData *data)
{
	size_t count = 0;
	Image image;

	for (size_t i = 0; i < data->nimages; i++)
	{
		ImageReader reader = read_images(data->images[i].body, data->images[i].len);

		while (next_image(&reader, &image))
			count++;
	}
	return count;
}

/* All images in the order of archives and, within, of time; of those with one name the last that came. */
static size_t
collect_images(const SessionData *data, PackedImage *images)
{
	size_t count = 0;
	size_t kept = 0;

	for (size_t i = 0; i < data->nimages; i++)
	{
		ImageReader reader = read_images(data->images[i].body, data->images[i].len);

		while (next_image(&reader, &images[count].image))
		{
			images[count].screenshots = data->images[i].screenshots;
			images[count].arrival = count;
			count++;
		}
	}
	qsort(images, count, sizeof(PackedImage), compare_images);
	for (size_t i = 0; i < count; i++)
	{
		if (kept > 0 && compare_archives(&images[kept - 1], &images[i]) == 0 &&
			compare_names(&images[kept - 1], &images[i]) == 0)
			kept--;
		images[kept++] = images[i];
	}
	return kept;
}

static bool
store_archive(Job *job, int64_t session_id, const PackedImage *images, size_t count)
{
	Compressor compressor;
	char name[IMAGE_NAME_SIZE + 16] = "replay.tar.zst";
	uint64_t size = TAR_END_SIZE;
	bool ok;

	if (!images[0].screenshots)
		snprintf(name, sizeof(name), "%" PRId64 "_%" PRId64 ".tar.zst", images[0].image.name.recording_ms,
				 images[0].image.name.canvas_id);
	for (size_t i = 0; i < count; i++)
		size += tar_entry_size(images[i].image.size);
	open_compressor(&compressor, (int) job->settings->compression_level, size);
	for (size_t i = 0; i < count; i++)
	{
		const Image *image = &images[i].image;
		char entry[IMAGE_NAME_SIZE];
		uint8_t header[TAR_BLOCK_SIZE];

		format_image_name(&image->name, entry);
		make_tar_header(header, entry, image->size, image->name.taken_ms / 1000);
		compress_bytes(&compressor, header, sizeof(header));
		compress_bytes(&compressor, image->bytes, image->size);
		compress_bytes(&compressor, tar_zeros, tar_padding(image->size));
	}
	compress_bytes(&compressor, tar_zeros, TAR_END_SIZE);
	ok = put_object(job, session_id, name, &compressor, size);
	close_compressor(&compressor);
	return ok;
}

bool
store_images(Job *job, int64_t session_id, const SessionData *data)
{
	size_t count = count_images(data);
	PackedImage *images = malloc((count + 1) * sizeof(PackedImage));
	bool ok = images != NULL;

	if (!ok)
		snprintf(job->error, sizeof(job->error), "out of memory for %zu images", count);
	else
		count = collect_images(data, images);
	for (size_t first = 0; ok && first < count;)
	{
		size_t next = first + 1;

		while (next < count && compare_archives(&images[first], &images[next]) == 0)
			next++;
		ok = store_archive(job, session_id, &images[first], next - first);
		first = next;
	}
	free(images);
	return ok;
}
