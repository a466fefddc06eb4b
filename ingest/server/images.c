/*
 * images.c - POST /v1/web/images, POST /v1/mobile/images
 *
 * Trackers send images in four forms: a canvas one file each or as frames, screenshots as a packed archive or as packed
 * frames.  All become image records (wire/image_records.h), and those of a request one entry on the session's lane, so
 * that whoever reads them knows one form.  A name that is none is nobody's image and is left out.
 */
#include <stdlib.h>
#include <string.h>

#include "server/memory.h"
#include "server/pack.h"
#include "server/routes.h"
#include "server/tar.h"
#include "server/upload.h"
#include "wire/image_records.h"

#define IMAGES_MAX 2000		 /* in a request: at its smallest an image has some hundred bytes */
#define SCREENSHOT_CANVAS 1	 /* the number that stands for the screen */
#define ARCHIVE_FACTOR 4	 /* images do not shrink: an archive that grows more than so is a trap */
#define FALLBACK_TYPE "jpeg" /* what mobile trackers make */

typedef struct Images
{
	const Request *request;
	Buffer records;
	size_t taken; /* from the memory budget */
	unsigned count;
	size_t inflated;  /* bytes that its archives were, all of them */
	AnswerId refusal; /* when a visitor stopped; ANSWER_BUSY unless it said more */
} Images;

/* ---- records ------------------------------------------------------------------------------------------------------
 */

static bool
refuse(Images *images, AnswerId refusal)
{
	images->refusal = refusal;
	return false;
}

/* False: the request has too many or the server too little memory. */
static bool
add_image(Images *images, const ImageName *name, const uint8_t *bytes, size_t size)
{
	uint8_t header[IMAGE_HEADER_SIZE];
	size_t header_len;

	if (size == 0)
		return true;
	header_len = write_image_header(name, (uint32_t) size, header);
	if (images->count == IMAGES_MAX || images->records.len + header_len + size > IMAGE_RECORDS_MAX)
		return refuse(images, ANSWER_TOO_MANY_IMAGES);
	if (!take_memory(header_len + size))
		return refuse(images, ANSWER_BUSY);
	images->taken += header_len + size;
	images->count++;
	put_bytes(&images->records, header, header_len);
	put_bytes(&images->records, bytes, size);
	return !images->records.failed || refuse(images, ANSWER_BUSY);
}

/* The images of a canvas or screen as frames; what is torn off at the end is left out. */
static bool
add_frames(Images *images, const ImageName *recording, const uint8_t *data, size_t len)
{
	ImageReader frames = read_images(data, len);
	Image frame;

	while (next_frame(&frames, &frame))
	{
		ImageName name = *recording;
		const char *type = sniff_image_type(frame.bytes, frame.size);

		name.taken_ms = frame.name.taken_ms;
		if (type != NULL)
			name.type = type;
		if (!add_image(images, &name, frame.bytes, frame.size))
			return false;
	}
	return true;
}

/* ---- the entry ----------------------------------------------------------------------------------------------------
 */

/* Whoever is told to send again shall not be counted twice: phones ask for as long as an outage lasts. */
static void
tell_busy(Request *request)
{
	const size_t *bytes = request->work;

	give_session_bytes(request->server->sessions, request->token.session_id, *bytes);
	answer(request, ANSWER_BUSY);
}

static void
after_commit(Request *request)
{
	if (request->lane_waiter.committed)
		answer(request, ANSWER_OK);
	else
		tell_busy(request);
}

static void
store_images(Request *request, Images *images, char kind)
{
	const Settings *settings = &request->server->settings;
	uint64_t session_id = request->token.session_id;
	size_t *bytes = malloc(sizeof(*bytes));
	const void *frame;
	size_t frame_len;
	Entry *entry = NULL;

	if (bytes == NULL)
	{
		answer(request, ANSWER_BUSY);
		return;
	}
	*bytes = images->records.len;
	request->work = bytes;
	request->free_work = free;
	if (!take_session_bytes(request->server->sessions, session_id, *bytes, (size_t) settings->session_images_limit))
	{
		answer(request, ANSWER_TOO_MANY_IMAGES);
		return;
	}
	if (pack_body(images->records.data, *bytes, &frame, &frame_len))
		entry = make_entry(session_id, kind, (uint32_t) *bytes, frame, frame_len);
	if (entry != NULL)
		store_entries(request, &entry, 1, after_commit);
	else
		tell_busy(request);
}

/* Reads the upload and stores what the visitor made of its files. */
static void
take_images(Request *request, const uint8_t *body, size_t len, FileVisitor visit, char kind)
{
	Images images = {.request = request, .refusal = ANSWER_BUSY};

	init_buffer(&images.records, IMAGE_RECORDS_MAX + 1);
	switch (read_upload(request, body, len, visit, &images))
	{
		case UPLOAD_READ:
			if (images.count > 0)
				store_images(request, &images, kind);
			else
				answer(request, ANSWER_OK);
			break;
		case UPLOAD_NOT_MULTIPART:
			answer(request, ANSWER_NOT_MULTIPART);
			break;
		case UPLOAD_BROKEN:
			answer(request, ANSWER_BROKEN_MULTIPART);
			break;
		case UPLOAD_STOPPED:
			answer(request, images.refusal);
			break;
	}
	free_buffer(&images.records);
	give_memory(images.taken);
}

/* ---- canvases -----------------------------------------------------------------------------------------------------
 */

static bool
take_canvas_file(void *context, const UploadedFile *file)
{
	Images *images = context;
	ImageName name;

	if (strcmp(file->field, "frames") == 0)
	{
		if (!parse_frames_name(file->name, strlen(file->name), &name))
			return refuse(images, ANSWER_NO_FRAMES);
		return add_frames(images, &name, file->bytes, file->size);
	}
	if (!parse_image_name(file->name, strlen(file->name), &name))
		return true;
	return add_image(images, &name, file->bytes, file->size);
}

void
take_canvas_images(Request *request, const uint8_t *body, size_t len)
{
	take_images(request, body, len, take_canvas_file, 'c');
}

/* ---- screenshots --------------------------------------------------------------------------------------------------
 */

static bool
add_archive(Images *images, const uint8_t *data, size_t len)
{
	TarReader archive = {.data = data, .len = len};
	TarFile file;
	ImageName name;

	while (next_tar_file(&archive, &file))
	{
		if (!parse_image_name(file.name, file.name_len, &name) || name.canvas_id != SCREENSHOT_CANVAS)
			continue;
		if (!add_image(images, &name, file.bytes, file.size))
			return false;
	}
	return !archive.broken || images->count > 0 || refuse(images, ANSWER_BROKEN_ARCHIVE);
}

/* Frames have times but no zero of theirs: it is when the session began. */
static bool
add_screen_frames(Images *images, const uint8_t *data, size_t len)
{
	ImageName screen = {
		.recording_ms = session_id_ms(images->request->token.session_id),
		.canvas_id = SCREENSHOT_CANVAS,
		.type = FALLBACK_TYPE,
	};

	if (!add_frames(images, &screen, data, len))
		return false;
	return images->count > 0 || refuse(images, ANSWER_BROKEN_ARCHIVE);
}

static bool
take_screenshot_file(void *context, const UploadedFile *file)
{
	Images *images = context;
	size_t max = (size_t) images->request->server->settings.file_size_limit * ARCHIVE_FACTOR;
	const uint8_t *data;
	size_t len;

	if (max > IMAGE_RECORDS_MAX)
		max = IMAGE_RECORDS_MAX;
	/* A form has room for hundreds of traps, and this thread serves others too. */
	if (!inflate_gzip(file->bytes, file->size, max - images->inflated, &data, &len))
		return refuse(images, ANSWER_BROKEN_ARCHIVE);
	images->inflated += len;
	return is_tar(data, len) ? add_archive(images, data, len) : add_screen_frames(images, data, len);
}

void
take_screenshots(Request *request, const uint8_t *body, size_t len)
{
	take_images(request, body, len, take_screenshot_file, 'i');
}
