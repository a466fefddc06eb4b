/*
 * spool_read.c - going through the spool
 *
 * A reader goes no further than what is durable, and reads by pread() into a buffer of its own, because a disk's error
 * shall be an error and not a signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "server/spool_files.h"

#define CHUNK ((size_t) 1 << 20)

void
place_reader(SpoolReader *reader, uint64_t number)
{
	if (reader->fd >= 0)
		close(reader->fd);
	reader->fd = -1;
	reader->segment = number;
	reader->offset = 0;
	reader->buffer_len = 0;
	reader->buffer_at = 0;
}

void
free_reader(SpoolReader *reader)
{
	place_reader(reader, 0);
	free(reader->buffer);
	reader->buffer = NULL;
	reader->buffer_size = 0;
}

/* The first segment from that number on; false when there is none.  *last: it is being written or the newest. */
static bool
look_up_segment(Spool *spool, uint64_t number, Segment *segment, bool *last)
{
	bool found = false;

	pthread_mutex_lock(&spool->lock);
	for (size_t i = 0; i < spool->nsegments && !found; i++)
	{
		if (spool->segments[i].number < number)
			continue;
		*segment = spool->segments[i];
		*last = i == spool->nsegments - 1;
		found = true;
	}
	pthread_mutex_unlock(&spool->lock);
	return found;
}

static bool
open_segment(Spool *spool, SpoolReader *reader, const Segment *segment, char *error)
{
	char path[SPOOL_PATH_SIZE];

	place_reader(reader, segment->number);
	segment_path(spool, segment->number, "", path);
	reader->fd = open(path, O_RDONLY | O_CLOEXEC);
	reader->offset = SEGMENT_HEADER_SIZE;
	if (reader->fd < 0)
		snprintf(error, SPOOL_ERROR_SIZE, "cannot open segment %016llx: %s", (unsigned long long) segment->number,
				 strerror(errno));
	return reader->fd >= 0;
}

/* At least so many bytes more than there are behind buffer_at, of which the segment has to have enough. */
static bool
fill_buffer(SpoolReader *reader, const Segment *segment, size_t wanted, char *error)
{
	size_t there = reader->buffer_len - reader->buffer_at;
	uint64_t left = segment->size - reader->offset;
	size_t target = wanted > CHUNK ? wanted : CHUNK;

	if (there > 0)
		memmove(reader->buffer, reader->buffer + reader->buffer_at, there);
	reader->buffer_at = 0;
	reader->buffer_len = there;
	if (target > left)
		target = (size_t) left;
	/* A large buffer is not kept for small records. */
	if (reader->buffer_size < target || (reader->buffer_size > CHUNK && target <= CHUNK))
	{
		uint8_t *buffer = realloc(reader->buffer, target > CHUNK ? target : CHUNK);

		if (buffer == NULL)
		{
			snprintf(error, SPOOL_ERROR_SIZE, "out of memory");
			return false;
		}
		reader->buffer = buffer;
		reader->buffer_size = target > CHUNK ? target : CHUNK;
	}
	while (reader->buffer_len < target)
	{
		ssize_t got = pread(reader->fd, reader->buffer + reader->buffer_len, target - reader->buffer_len,
							(off_t) (reader->offset + reader->buffer_len));

		if (got > 0)
			reader->buffer_len += (size_t) got;
		else if (got == 0 || errno != EINTR)
		{
			snprintf(error, SPOOL_ERROR_SIZE, "cannot read segment %016llx: %s", (unsigned long long) segment->number,
					 got == 0 ? "it is shorter than it was" : strerror(errno));
			return false;
		}
	}
	return true;
}

/* The segment ends before what cannot be read.  False while it is being written, when others rely on its size. */
static bool
cut_segment(Spool *spool, SpoolReader *reader, const Segment *segment)
{
	bool cut = false;

	pthread_mutex_lock(&spool->lock);
	for (size_t i = 0; i < spool->nsegments && spool->writing != segment->number; i++)
	{
		if (spool->segments[i].number != segment->number)
			continue;
		spool->bytes -= spool->segments[i].size - reader->offset;
		spool->segments[i].size = reader->offset;
		spool->segments[i].damaged = true;
		cut = true;
	}
	pthread_mutex_unlock(&spool->lock);
	reader->buffer_len = 0;
	reader->buffer_at = 0;
	if (cut)
		log_warning("no records of the spool from here on segment=%016llx offset=%llu bytes=%llu",
					(unsigned long long) segment->number, (unsigned long long) reader->offset,
					(unsigned long long) (segment->size - reader->offset));
	return cut;
}

SpoolRead
spool_next(Spool *spool, unsigned number, SpoolRecord *record, char *error)
{
	SpoolReader *reader = &spool->readers[number];

	for (;;)
	{
		size_t there = reader->buffer_len - reader->buffer_at;
		RecordState state;
		Segment segment;
		size_t size;
		bool last;

		state = reader->fd >= 0 ? read_record(reader->buffer + reader->buffer_at, there, record, &size) : RECORD_SHORT;
		if (state == RECORD_WHOLE)
		{
			reader->buffer_at += size;
			reader->offset += size;
			return SPOOL_RECORD;
		}

		if (!look_up_segment(spool, reader->segment, &segment, &last))
			return SPOOL_END;
		if (reader->fd < 0 || segment.number != reader->segment)
		{
			if (!open_segment(spool, reader, &segment, error))
				return SPOOL_FAILED;
		}
		else if (reader->offset == segment.size)
		{
			if (last)
				return SPOOL_END;
			place_reader(reader, reader->segment + 1);
		}
		else if (state == RECORD_BROKEN || segment.size - reader->offset < size)
		{
			if (!cut_segment(spool, reader, &segment))
			{
				snprintf(error, SPOOL_ERROR_SIZE, "a record of segment %016llx at %llu is broken",
						 (unsigned long long) segment.number, (unsigned long long) reader->offset);
				return SPOOL_FAILED;
			}
		}
		else if (!fill_buffer(reader, &segment, size, error))
			return SPOOL_FAILED;
	}
}
