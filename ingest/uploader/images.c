/*
 * images.c - canvas frames and screenshots as archives
 *
 * One archive a canvas, <recording>_<canvas>.tar.zst, and one of a phone's screen, replay.tar.zst: players fetch them
 * whole.  An archive is made anew from all images that are here, and where batches are gone from those that it had, so
 * that what comes late extends it.  Its origin tells of each image when it came: of those with one name the last
 * counts.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uploader/compressor.h"
#include "uploader/job.h"
#include "uploader/session_data.h"
#include "uploader/stored_object.h"
#include "uploader/tar.h"
#include "wire/image_records.h"

#define ARRIVAL_SIZE 24 /* bytes of one in an archive's origin: numbers of 8, 4, 8 and 4 bytes, little-endian */

/* When an image came, in the order of these. */
typedef struct Arrival
{
	int64_t received_at; /* us */
	int32_t server_id;
	int64_t seq;
	uint32_t position; /* in its entry */
} Arrival;

typedef struct PackedImage
{
	Image image;
	bool screenshots;
	Arrival arrival;
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
compare_arrivals(const Arrival *a, const Arrival *b)
{
	int result = compare_numbers(a->received_at, b->received_at);

	if (result == 0)
		result = compare_numbers(a->server_id, b->server_id);
	if (result == 0)
		result = compare_numbers(a->seq, b->seq);
	return result != 0 ? result : compare_numbers(a->position, b->position);
}

static int
compare_images(const void *a, const void *b)
{
	const PackedImage *x = a;
	const PackedImage *y = b;
	int result = compare_archives(x, y);

	if (result == 0)
		result = compare_names(x, y);
	return result != 0 ? result : compare_arrivals(&x->arrival, &y->arrival);
}

/* Into the order of archives and, within, of time; of those with one name the last that came stays. */
static size_t
sort_images(PackedImage *images, size_t count)
{
	size_t kept = 0;

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

static size_t
collect_images(const SessionData *data, PackedImage *images)
{
	size_t count = 0;

	for (size_t i = 0; i < data->nimages; i++)
	{
		const ImageEntry *entry = &data->images[i];
		ImageReader reader = read_images(entry->body, entry->len);
		uint32_t position = 0;

		while (next_image(&reader, &images[count].image))
		{
			images[count].screenshots = entry->screenshots;
			images[count].arrival = (Arrival){entry->received_at, entry->server_id, entry->seq, position++};
			count++;
		}
	}
	return sort_images(images, count);
}

/* ---- arrivals ---- */

static void
put_number(uint8_t **out, uint64_t number, int size)
{
	for (int i = 0; i < size; i++)
		*(*out)++ = (uint8_t) (number >> (8 * i));
}

static uint64_t
get_number(const uint8_t **in, int size)
{
	uint64_t number = 0;

	for (int i = 0; i < size; i++)
		number |= (uint64_t) * (*in)++ << (8 * i);
	return number;
}

static void
encode_arrival(const Arrival *arrival, uint8_t out[ARRIVAL_SIZE])
{
	put_number(&out, (uint64_t) arrival->received_at, 8);
	put_number(&out, (uint32_t) arrival->server_id, 4);
	put_number(&out, (uint64_t) arrival->seq, 8);
	put_number(&out, arrival->position, 4);
}

static Arrival
decode_arrival(const uint8_t *in)
{
	Arrival arrival;

	arrival.received_at = (int64_t) get_number(&in, 8);
	arrival.server_id = (int32_t) get_number(&in, 4);
	arrival.seq = (int64_t) get_number(&in, 8);
	arrival.position = (uint32_t) get_number(&in, 4);
	return arrival;
}

/* ---- an archive ---- */

static void
name_archive(const PackedImage *image, char *name, size_t size)
{
	if (image->screenshots)
		snprintf(name, size, "replay.tar.zst");
	else
		snprintf(name, size, "%" PRId64 "_%" PRId64 ".tar.zst", image->image.name.recording_ms,
				 image->image.name.canvas_id);
}

static bool
put_archive(Job *job, int64_t session_id, const char *name, const PackedImage *images, size_t count)
{
	int level = (int) job->settings->compression_level;
	Compressor compressor;
	Compressor origin;
	uint64_t size = TAR_END_SIZE;
	bool ok;

	for (size_t i = 0; i < count; i++)
		size += tar_entry_size(images[i].image.size);
	open_compressor(&compressor, level, size);
	open_compressor(&origin, level, count * ARRIVAL_SIZE);
	for (size_t i = 0; i < count; i++)
	{
		const Image *image = &images[i].image;
		char entry[IMAGE_NAME_SIZE];
		uint8_t header[TAR_BLOCK_SIZE];
		uint8_t arrival[ARRIVAL_SIZE];

		format_image_name(&image->name, entry);
		make_tar_header(header, entry, image->size, image->name.taken_ms / 1000);
		compress_bytes(&compressor, header, sizeof(header));
		compress_bytes(&compressor, image->bytes, image->size);
		compress_bytes(&compressor, tar_zeros, tar_padding(image->size));
		encode_arrival(&images[i].arrival, arrival);
		compress_bytes(&origin, arrival, sizeof(arrival));
	}
	compress_bytes(&compressor, tar_zeros, TAR_END_SIZE);
	ok = put_object(job, session_id, name, &compressor, &origin, size);
	close_compressor(&compressor);
	close_compressor(&origin);
	return ok;
}

/* The images of a stored archive, each with its arrival; false when it is not what was stored. */
static bool
unpack_archive(const StoredObject *object, bool screenshots, PackedImage *images, size_t count)
{
	TarReader reader = read_tar(object->content, object->len);

	for (size_t i = 0; i < count; i++)
	{
		TarEntry entry;

		if (!next_tar_entry(&reader, &entry) || entry.size > UINT32_MAX ||
			!parse_image_name(entry.name, strlen(entry.name), &images[i].image.name))
			return false;
		images[i].image.bytes = entry.content;
		images[i].image.size = (uint32_t) entry.size;
		images[i].screenshots = screenshots;
		images[i].arrival = decode_arrival(object->origin + i * ARRIVAL_SIZE);
	}
	return reader.pos + TAR_END_SIZE == object->len;
}

/* Puts an archive of these images and those that it has in storage. */
static bool
merge_archive(Job *job, int64_t session_id, const char *name, const PackedImage *images, size_t count, size_t max)
{
	StoredObject object;
	StorageAnswer answer = get_object(job, session_id, name, max, &object);
	size_t nstored = object.origin_len / ARRIVAL_SIZE;
	PackedImage *all = malloc((count + nstored) * sizeof(PackedImage));
	bool ok = answer != STORAGE_FAILED;

	if (ok && all == NULL)
	{
		snprintf(job->error, sizeof(job->error), "out of memory for %zu images", count + nstored);
		ok = false;
	}
	if (ok && (object.origin_len % ARRIVAL_SIZE != 0 ||
			   (answer == STORAGE_THERE && !unpack_archive(&object, images->screenshots, all, nstored))))
	{
		snprintf(job->error, sizeof(job->error),
				 "images that came late cannot be added to %" PRId64 "/%s, as it is not what was stored", session_id,
				 name);
		job->permanent = true;
		ok = false;
	}
	if (ok)
	{
		memcpy(all + nstored, images, count * sizeof(PackedImage));
		ok = put_archive(job, session_id, name, all, sort_images(all, nstored + count));
	}
	free(all);
	free_object(&object);
	return ok;
}

bool
store_images(Job *job, int64_t session_id, const SessionData *data, bool merge)
{
	size_t limit = (size_t) job->settings->session_size_limit;
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
		char name[IMAGE_NAME_SIZE + 16];

		while (next < count && compare_archives(&images[first], &images[next]) == 0)
			next++;
		name_archive(&images[first], name, sizeof(name));
		ok = merge ? merge_archive(job, session_id, name, &images[first], next - first,
								   limit > data->bytes ? limit - data->bytes : 1)
				   : put_archive(job, session_id, name, &images[first], next - first);
		first = next;
	}
	free(images);
	return ok;
}
