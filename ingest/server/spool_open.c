/*
 * spool_open.c - what an earlier run left in the spool
 *
 * All of it is read once at start: that finds the end of what was durable, and what the lanes have to go on from.
 */
#include "server/spool_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"

#define SEGMENT_BYTES_MAX ((uint64_t) 16 << 20)
#define SEGMENTS_LEAST 8 /* a small limit has small segments, so that draining makes room early */

static int
compare_segments(const void *a, const void *b)
{
	uint64_t left = ((const Segment *) a)->number;
	uint64_t right = ((const Segment *) b)->number;

	return left < right ? -1 : left > right;
}

/* Adds a file to the segments if it is one.  False with a message when it cannot be told. */
static bool
look_at_file(Spool *spool, const char *name, char *error, size_t error_size)
{
	uint8_t header[SEGMENT_HEADER_SIZE];
	char path[SPOOL_PATH_SIZE];
	char *end;
	uint64_t number = strtoull(name, &end, 16);
	struct stat status;
	uint32_t version;
	ssize_t got;
	int fd;

	if (end - name != 16 || strcmp(end, SEGMENT_SUFFIX) != 0 || number == 0 || number == UINT64_MAX)
		return true;
	segment_path(spool, number, "", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) != 0 || (got = pread(fd, header, sizeof(header), 0)) < 0)
	{
		snprintf(error, error_size, "cannot read %.300s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	close(fd);
	if (number >= spool->next)
		spool->next = number + 1;
	version = read_segment_header(header, (size_t) got);
	if (version == SEGMENT_VERSION)
		return add_segment(spool, number, (uint64_t) status.st_size);
	if (version != 0)
	{
		snprintf(error, error_size, "%.300s was written by another version (%u) of openreplay-ingest", path, version);
		return false;
	}
	/* A crash while it was made leaves one without a header, and nothing else in it was ever durable. */
	if (status.st_size > SEGMENT_HEADER_SIZE)
		log_error("not a segment of the spool, left alone file=%s", path);
	else
		unlink(path);
	return true;
}

static bool
find_segments(Spool *spool, char *error, size_t error_size)
{
	DIR *folder = opendir(spool->folder);
	struct dirent *file;
	bool ok = folder != NULL;

	if (!ok)
		snprintf(error, error_size, "cannot read %.300s: %s", spool->folder, strerror(errno));
	while (ok && (file = readdir(folder)) != NULL)
		ok = look_at_file(spool, file->d_name, error, error_size);
	if (folder != NULL)
		closedir(folder);
	if (spool->nsegments > 0)
		qsort(spool->segments, spool->nsegments, sizeof(Segment), compare_segments);
	return ok;
}

/* The last segment may end in what a crash left of a group nobody was told about: it goes. */
static void
cut_tail(Spool *spool)
{
	Segment *segment = &spool->segments[spool->nsegments - 1];
	char path[SPOOL_PATH_SIZE];
	int fd;

	segment->damaged = false;
	segment_path(spool, segment->number, "", path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t) segment->size) != 0 || fsync(fd) != 0)
		log_error("cannot cut the end of the spool file=%s error=\"%m\"", path);
	if (fd >= 0)
		close(fd);
}

/* Reads all of it once: what it holds, and where it ends. */
static bool
survey(Spool *spool, SpoolFound *found, char *error, size_t error_size)
{
	char why[SPOOL_ERROR_SIZE] = "";
	SpoolRecord record;
	SpoolRead read;

	*found = (SpoolFound){.oldest_us = INT64_MAX, .newest_us = INT64_MIN};
	place_reader(&spool->readers[0], 0);
	while ((read = spool_next(spool, 0, &record, why)) == SPOOL_RECORD)
	{
		found->entries++;
		if (record.seq > found->last_seq[record.shard])
			found->last_seq[record.shard] = record.seq;
		if (record.received_us < found->oldest_us)
			found->oldest_us = record.received_us;
		if (record.received_us > found->newest_us)
			found->newest_us = record.received_us;
	}
	free_reader(&spool->readers[0]);
	if (read == SPOOL_FAILED)
	{
		snprintf(error, error_size, "the spool cannot be read: %s", why);
		return false;
	}
	if (spool->nsegments > 0 && spool->segments[spool->nsegments - 1].damaged)
		cut_tail(spool);
	spool->entries = found->entries;
	for (unsigned i = 0; i < spool->nreaders; i++)
		spool->readers[i].joined = found->entries > 0;
	if (found->entries == 0)
		remove_segments(spool);
	return true;
}

Spool *
open_spool(const char *state_dir, int64_t limit, unsigned nreaders, SpoolFound *found, char *error, size_t error_size)
{
	Spool *spool = calloc(1, sizeof(*spool) + nreaders * sizeof(SpoolReader));

	if (spool == NULL)
	{
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&spool->append_lock, NULL);
	pthread_mutex_init(&spool->lock, NULL);
	spool->limit = (uint64_t) limit;
	spool->segment_bytes =
		spool->limit / SEGMENTS_LEAST < SEGMENT_BYTES_MAX ? spool->limit / SEGMENTS_LEAST : SEGMENT_BYTES_MAX;
	spool->fd = -1;
	spool->next = 1;
	spool->nreaders = nreaders;
	for (unsigned i = 0; i < nreaders; i++)
		spool->readers[i].fd = -1;
	/* Room for the names of the segments. */
	if (snprintf(spool->folder, sizeof(spool->folder), "%s/spool", state_dir) > (int) sizeof(spool->folder) - 64)
		errno = ENAMETOOLONG;
	else if (mkdir(spool->folder, 0700) == 0 || errno == EEXIST)
	{
		spool->folder_fd = open(spool->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (spool->folder_fd >= 0)
		{
			if (find_segments(spool, error, error_size) && survey(spool, found, error, error_size))
				return spool;
			close_spool(spool);
			return NULL;
		}
	}
	snprintf(error, error_size, "cannot open %.300s: %s", spool->folder, strerror(errno));
	spool->folder_fd = -1;
	close_spool(spool);
	return NULL;
}

void
close_spool(Spool *spool)
{
	stop_writing_segment(spool);
	for (unsigned i = 0; i < spool->nreaders; i++)
		free_reader(&spool->readers[i]);
	if (spool->folder_fd >= 0)
		close(spool->folder_fd);
	pthread_mutex_destroy(&spool->append_lock);
	pthread_mutex_destroy(&spool->lock);
	free(spool->segments);
	free(spool);
}
