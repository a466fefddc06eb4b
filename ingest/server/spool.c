/*
 * spool.c - segments on disk: made, appended to, removed
 *
 * The hard idea: there is no file that says how far the spool was drained.  Each record carries the number it will have
 * in its lane, and the database knows the last number of every lane, so a record that is read again after a crash is
 * recognised there.  What is durable is therefore only ever appended or, a segment at a time, removed.
 *
 * A failed write or fsync takes the whole group back: the file is cut to where the group began and never written again,
 * because after a failed fsync the kernel no longer says which of its pages are on disk.
 */
#include "server/spool_files.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/log.h"

void
segment_path(const Spool *spool, uint64_t number, const char *suffix, char path[SPOOL_PATH_SIZE])
{
	int len = snprintf(path, SPOOL_PATH_SIZE, "%s/%016" PRIx64 SEGMENT_SUFFIX "%s", spool->folder, number, suffix);

	assert(len < SPOOL_PATH_SIZE);
	(void) len;
}

bool
add_segment(Spool *spool, uint64_t number, uint64_t size)
{
	if (spool->nsegments == spool->segments_size)
	{
		size_t segments_size = spool->segments_size > 0 ? 2 * spool->segments_size : 64;
		Segment *segments = realloc(spool->segments, segments_size * sizeof(*segments));

		if (segments == NULL)
			return false;
		spool->segments = segments;
		spool->segments_size = segments_size;
	}
	spool->segments[spool->nsegments++] = (Segment){.number = number, .size = size};
	spool->bytes += size;
	return true;
}

/* ---- removing -----------------------------------------------------------------------------------------------------
 */

void
stop_writing_segment(Spool *spool)
{
	if (spool->fd >= 0)
		close(spool->fd);
	spool->fd = -1;
	pthread_mutex_lock(&spool->lock);
	spool->writing = 0;
	pthread_mutex_unlock(&spool->lock);
}

/* Should a crash bring a file back, its records are recognised by their numbers. */
void
remove_segments(Spool *spool)
{
	uint64_t needed = UINT64_MAX;
	size_t gone = 0;
	char path[SPOOL_PATH_SIZE];
	char aside[SPOOL_PATH_SIZE];

	for (unsigned i = 0; i < spool->nreaders; i++)
	{
		if (spool->readers[i].joined && spool->readers[i].kept < needed)
			needed = spool->readers[i].kept;
	}
	for (; gone < spool->nsegments && spool->segments[gone].number < needed; gone++)
	{
		const Segment *segment = &spool->segments[gone];

		if (segment->number == spool->writing)
			break;
		spool->bytes -= segment->size;
		segment_path(spool, segment->number, "", path);
		segment_path(spool, segment->number, ".damaged", aside);
		if ((segment->damaged ? rename(path, aside) : unlink(path)) != 0)
			log_warning("cannot remove a segment of the spool file=%s error=\"%m\"", path);
	}
	if (gone > 0)
		memmove(spool->segments, spool->segments + gone, (spool->nsegments - gone) * sizeof(Segment));
	spool->nsegments -= gone;
}

void
spool_join(Spool *spool, unsigned number)
{
	SpoolReader *reader = &spool->readers[number];

	/* A new segment, so that the reader begins at the beginning of one. */
	pthread_mutex_lock(&spool->append_lock);
	stop_writing_segment(spool);
	pthread_mutex_lock(&spool->lock);
	assert(!reader->joined);
	reader->joined = true;
	reader->kept = spool->next;
	place_reader(reader, spool->next);
	pthread_mutex_unlock(&spool->lock);
	pthread_mutex_unlock(&spool->append_lock);
}

void
spool_forget(Spool *spool, unsigned number, size_t entries)
{
	SpoolReader *reader = &spool->readers[number];

	pthread_mutex_lock(&spool->lock);
	assert(reader->joined && spool->entries >= entries);
	spool->entries -= entries;
	if (reader->kept != reader->segment)
	{
		reader->kept = reader->segment;
		remove_segments(spool);
	}
	pthread_mutex_unlock(&spool->lock);
}

void
spool_leave(Spool *spool, unsigned number)
{
	SpoolReader *reader = &spool->readers[number];
	bool empty = true;

	pthread_mutex_lock(&spool->append_lock);
	pthread_mutex_lock(&spool->lock);
	reader->joined = false;
	for (unsigned i = 0; i < spool->nreaders; i++)
		empty = empty && !spool->readers[i].joined;
	pthread_mutex_unlock(&spool->lock);
	if (empty)
		stop_writing_segment(spool);
	pthread_mutex_lock(&spool->lock);
	remove_segments(spool);
	if (empty)
		spool->entries = 0; /* none of them was anybody's */
	pthread_mutex_unlock(&spool->lock);
	pthread_mutex_unlock(&spool->append_lock);
	free_reader(reader);
}

/* ---- appending ----------------------------------------------------------------------------------------------------
 */

static bool
describe(char *error, const char *what)
{
	snprintf(error, SPOOL_ERROR_SIZE, "%s: %s", what, strerror(errno));
	return false;
}

/* A file of its own for what comes next, whose name survives a crash. */
static bool
begin_segment(Spool *spool, char *error)
{
	uint8_t header[SEGMENT_HEADER_SIZE];
	char path[SPOOL_PATH_SIZE];
	bool ok;

	stop_writing_segment(spool);
	segment_path(spool, spool->next, "", path);
	write_segment_header(header);
	spool->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (spool->fd < 0)
		return describe(error, "cannot make a segment");
	ok = write(spool->fd, header, sizeof(header)) == sizeof(header) && fsync(spool->fd) == 0 &&
		 fsync(spool->folder_fd) == 0;
	if (!ok)
		describe(error, "cannot write a segment");
	pthread_mutex_lock(&spool->lock);
	ok = ok && add_segment(spool, spool->next, sizeof(header));
	if (ok)
		spool->writing = spool->next;
	pthread_mutex_unlock(&spool->lock);
	if (!ok)
	{
		close(spool->fd);
		spool->fd = -1;
		unlink(path);
		return false;
	}
	spool->next++;
	spool->written = sizeof(header);
	spool->group_from = spool->written;
	return true;
}

/* Header and body behind what is there; false with errno after the file may have grown by a part of it. */
static bool
write_record(int fd, uint64_t at, uint8_t *header, const SpoolRecord *record)
{
	struct iovec parts[2] = {{header, RECORD_HEADER_SIZE}, {(void *) record->body, record->body_len}};
	struct iovec *part = parts;

	while (part < parts + 2)
	{
		ssize_t written = pwritev(fd, part, (int) (parts + 2 - part), (off_t) at);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		at += (uint64_t) written;
		while (part < parts + 2 && (size_t) written >= part->iov_len)
			written -= (ssize_t) (part++)->iov_len;
		if (part < parts + 2)
		{
			part->iov_base = (uint8_t *) part->iov_base + written;
			part->iov_len -= (size_t) written;
		}
	}
	return true;
}

void
spool_begin(Spool *spool)
{
	pthread_mutex_lock(&spool->append_lock);
	if (spool->written >= spool->segment_bytes)
		stop_writing_segment(spool);
	spool->group_count = 0;
	spool->group_from = spool->written;
}

bool
spool_put(Spool *spool, const SpoolRecord *record, char *error)
{
	uint8_t header[RECORD_HEADER_SIZE];
	uint64_t size = RECORD_HEADER_SIZE + (uint64_t) record->body_len;
	uint64_t pending = spool->fd >= 0 ? spool->written - spool->group_from : SEGMENT_HEADER_SIZE;

	if (spool_bytes(spool) + pending + size > spool->limit || record->body_len > RECORD_BODY_MAX)
	{
		snprintf(error, SPOOL_ERROR_SIZE, "SPOOL_LIMIT is reached");
		return false;
	}
	if (spool->fd < 0 && !begin_segment(spool, error))
		return false;
	write_record_header(record, header);
	if (!write_record(spool->fd, spool->written, header, record))
	{
		describe(error, "cannot write to the spool");
		if (ftruncate(spool->fd, (off_t) spool->written) != 0)
			log_error("cannot cut a segment of the spool error=\"%m\""); /* the next record overwrites it */
		return false;
	}
	spool->written += size;
	spool->group_count++;
	return true;
}

/* The segment ends where the group began. */
static void
take_back(Spool *spool)
{
	if (spool->fd < 0)
		return;
	if (ftruncate(spool->fd, (off_t) spool->group_from) != 0 || fdatasync(spool->fd) != 0)
		log_error("cannot take refused records back from the spool error=\"%m\"");
	stop_writing_segment(spool);
}

void
spool_cancel(Spool *spool)
{
	if (spool->group_count > 0)
		take_back(spool);
	pthread_mutex_unlock(&spool->append_lock);
}

bool
spool_end(Spool *spool, char *error)
{
	bool ok = true;

	if (spool->group_count > 0 && fdatasync(spool->fd) != 0)
	{
		ok = describe(error, "cannot make the spool durable");
		take_back(spool);
	}
	else if (spool->group_count > 0)
	{
		pthread_mutex_lock(&spool->lock);
		assert(spool->segments[spool->nsegments - 1].number == spool->writing);
		spool->segments[spool->nsegments - 1].size = spool->written;
		spool->bytes += spool->written - spool->group_from;
		spool->entries += spool->group_count;
		pthread_mutex_unlock(&spool->lock);
	}
	pthread_mutex_unlock(&spool->append_lock);
	return ok;
}

uint64_t
spool_entries(Spool *spool)
{
	uint64_t entries;

	pthread_mutex_lock(&spool->lock);
	entries = spool->entries;
	pthread_mutex_unlock(&spool->lock);
	return entries;
}

uint64_t
spool_bytes(Spool *spool)
{
	uint64_t bytes;

	pthread_mutex_lock(&spool->lock);
	bytes = spool->bytes;
	pthread_mutex_unlock(&spool->lock);
	return bytes;
}
