/*
 * spool_test.c - records cut anywhere, segments after a crash, a full disk, readers at their own pace
 */
#include "server/spool.c"
#include "server/spool_open.c"
#include "server/spool_read.c"
#include "server/spool_record.c"

#include <signal.h>
#include <sys/resource.h>

#include "check.h"

#define LIMIT (1 << 20)
#define NO_READERS 2

static char folder[] = "/tmp/openreplay-spool-test-XXXXXX";
static char error[400];
static uint8_t bytes[300000];

static SpoolRecord
make_record(int64_t seq, uint8_t shard, size_t body_len)
{
	return (SpoolRecord){.seq = seq,
						 .session_id = UINT64_C(0xfedcba9876543210) ^ (uint64_t) seq,
						 .received_us = 1700000000000000 + (seq & 0xffff),
						 .size_bytes = (uint32_t) body_len * 3,
						 .shard = shard,
						 .kind = 'w',
						 .body_len = (uint32_t) body_len,
						 .body = bytes};
}

static bool
same_record(const SpoolRecord *a, const SpoolRecord *b)
{
	return a->seq == b->seq && a->session_id == b->session_id && a->received_us == b->received_us &&
		   a->size_bytes == b->size_bytes && a->shard == b->shard && a->kind == b->kind && a->body_len == b->body_len &&
		   memcmp(a->body, b->body, a->body_len) == 0;
}

static void
remove_folder(void)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf %s/spool", folder);
	CHECK_INT(system(command), 0);
}

static Spool *
open_it(SpoolFound *found)
{
	Spool *spool = open_spool(folder, LIMIT, NO_READERS, found, error, sizeof(error));

	if (spool == NULL)
		fprintf(stderr, "%s\n", error);
	CHECK(spool != NULL);
	return spool;
}

/* A group of records with numbers from .. to; returns how many were taken. */
static int
append(Spool *spool, int64_t from, int64_t to, uint8_t shard, size_t body_len)
{
	int taken = 0;

	spool_begin(spool);
	for (int64_t seq = from; seq <= to; seq++)
	{
		SpoolRecord record = make_record(seq, shard, body_len);

		taken += spool_put(spool, &record, error);
	}
	return spool_end(spool, error) ? taken : -1;
}

/* Reads to the end; the number of records, which have to follow each other from first on, or -1. */
static int64_t
read_all(Spool *spool, unsigned reader, int64_t first)
{
	SpoolRecord record;
	SpoolRead read;
	int64_t count = 0;

	while ((read = spool_next(spool, reader, &record, error)) == SPOOL_RECORD)
	{
		if (record.seq != first + count || memcmp(record.body, bytes, record.body_len) != 0)
			return -1;
		count++;
	}
	return read == SPOOL_END ? count : -1;
}

static void
test_records(void)
{
	static const size_t lens[] = {0, 1, 37, 5000};
	uint8_t *data = malloc(RECORD_HEADER_SIZE + 5000);
	SpoolRecord back;
	size_t size;

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
	{
		SpoolRecord record = make_record(INT64_MAX - (int64_t) i, (uint8_t) (i * 21), lens[i]);
		size_t whole = RECORD_HEADER_SIZE + lens[i];
		int wrong = 0;

		write_record_header(&record, data);
		memcpy(data + RECORD_HEADER_SIZE, bytes, lens[i]);
		CHECK_INT(read_record(data, whole, &back, &size), RECORD_WHOLE);
		CHECK_INT(size, whole);
		CHECK(same_record(&record, &back));
		/* with what follows it, and with every part of it alone, in memory that ends there */
		for (size_t cut = 0; cut < whole; cut++)
		{
			uint8_t *part = malloc(cut + 1);

			memcpy(part, data, cut);
			wrong += read_record(part, cut, &back, &size) != RECORD_SHORT || size <= cut || size > whole;
			free(part);
		}
		/* no bit of it may be another */
		for (size_t bit = 0; bit < 8 * whole; bit++)
		{
			data[bit / 8] ^= (uint8_t) (1 << bit % 8);
			wrong += read_record(data, whole, &back, &size) == RECORD_WHOLE;
			data[bit / 8] ^= (uint8_t) (1 << bit % 8);
		}
		CHECK_INT(wrong, 0);
	}
	memset(data, 0, RECORD_HEADER_SIZE);
	CHECK_INT(read_record(data, RECORD_HEADER_SIZE, &back, &size), RECORD_BROKEN);
	free(data);
}

static void
test_readers(void)
{
	SpoolFound found;
	Spool *spool = open_it(&found);

	CHECK_INT(found.entries, 0);
	CHECK_INT(spool_bytes(spool), 0);
	spool_join(spool, 0);
	CHECK_INT(append(spool, 1, 10, 5, 100), 10);
	spool_join(spool, 1);
	CHECK_INT(append(spool, 11, 20, 40, 70000), 10);
	CHECK_INT(spool_entries(spool), 20);
	CHECK_INT(spool->nsegments, 2);

	/* each from where it joined, and what comes later */
	CHECK_INT(read_all(spool, 0, 1), 20);
	CHECK_INT(read_all(spool, 1, 11), 10);
	CHECK_INT(append(spool, 21, 22, 5, 0), 2);
	CHECK_INT(read_all(spool, 0, 21), 2);
	CHECK_INT(read_all(spool, 1, 21), 2);

	/* what both have done with goes, and not before */
	spool_forget(spool, 0, 12);
	CHECK_INT(spool->segments[0].number, 2);
	CHECK_INT(spool_entries(spool), 10);
	spool_leave(spool, 0);
	CHECK(spool->nsegments > 0);
	spool_forget(spool, 1, 10);
	spool_leave(spool, 1);
	CHECK_INT(spool->nsegments, 0);
	CHECK_INT(spool_bytes(spool), 0);
	CHECK_INT(spool_entries(spool), 0);

	/* and again */
	spool_join(spool, 1);
	CHECK_INT(append(spool, 1, 3, 5, 10), 3);
	CHECK_INT(read_all(spool, 1, 1), 3);
	close_spool(spool);
	remove_folder();
}

/* What one group took back leaves no trace. */
static void
test_cancel(void)
{
	SpoolRecord record = make_record(100, 1, 50);
	SpoolFound found;
	Spool *spool = open_it(&found);

	spool_join(spool, 0);
	CHECK_INT(append(spool, 1, 5, 1, 50), 5);
	spool_begin(spool);
	CHECK(spool_put(spool, &record, error));
	spool_cancel(spool);
	CHECK_INT(append(spool, 6, 7, 1, 50), 2);
	CHECK_INT(read_all(spool, 0, 1), 7);
	close_spool(spool);

	spool = open_it(&found);
	CHECK_INT(found.entries, 7);
	CHECK_INT(found.last_seq[1], 7);
	CHECK_INT(found.last_seq[2], 0);
	CHECK_INT(found.oldest_us, 1700000000000001);
	CHECK_INT(found.newest_us, 1700000000000007);
	CHECK_INT(read_all(spool, 0, 1), 7);
	CHECK_INT(read_all(spool, 1, 1), 7);
	close_spool(spool);
	remove_folder();
}

/* A crash may leave any part of the last group: what was whole stays, and it can be written on. */
static void
test_torn_tail(void)
{
	const off_t group = SEGMENT_HEADER_SIZE + 3 * (RECORD_HEADER_SIZE + 20);
	char path[SPOOL_PATH_SIZE];
	int wrong = 0;

	for (off_t len = 0; len <= group + RECORD_HEADER_SIZE + 20; len++)
	{
		int64_t whole = len < SEGMENT_HEADER_SIZE ? 0 : (len - SEGMENT_HEADER_SIZE) / (RECORD_HEADER_SIZE + 20);
		SpoolFound found;
		Spool *spool = open_spool(folder, LIMIT, NO_READERS, &found, error, sizeof(error));

		spool_join(spool, 0);
		append(spool, 1, 4, 1, 20);
		segment_path(spool, 1, "", path);
		close_spool(spool);
		/* cut, or of its full length with nothing but zeros in place of what was not written */
		wrong += truncate(path, len) != 0 || (len % 2 == 1 && len > SEGMENT_HEADER_SIZE && truncate(path, 1000) != 0);

		spool = open_spool(folder, LIMIT, NO_READERS, &found, error, sizeof(error));
		wrong += spool == NULL || (int64_t) found.entries != whole || found.last_seq[1] != whole;
		if (whole == 0)
			spool_join(spool, 0);
		wrong += append(spool, whole + 1, whole + 2, 1, 20) != 2 || read_all(spool, 0, 1) != whole + 2;
		close_spool(spool);

		spool = open_spool(folder, LIMIT, NO_READERS, &found, error, sizeof(error));
		wrong += spool == NULL || (int64_t) found.entries != whole + 2 || read_all(spool, 0, 1) != whole + 2;
		close_spool(spool);
		remove_folder();
	}
	CHECK_INT(wrong, 0);
}

/* A segment in the middle that a disk has damaged costs what is behind the damage in it, and is kept for a look. */
static void
test_damage(void)
{
	char path[SPOOL_PATH_SIZE];
	char aside[SPOOL_PATH_SIZE];
	SpoolFound found;
	Spool *spool = open_it(&found);
	SpoolRecord record;
	int fd;

	spool_join(spool, 0);
	append(spool, 1, 4, 1, 20);
	spool_join(spool, 1);
	append(spool, 5, 6, 1, 20);
	segment_path(spool, 1, "", path);
	segment_path(spool, 1, ".damaged", aside);
	close_spool(spool);
	fd = open(path, O_WRONLY);
	CHECK_INT(pwrite(fd, "x", 1, SEGMENT_HEADER_SIZE + 2 * (RECORD_HEADER_SIZE + 20) + 50), 1);
	close(fd);

	spool = open_it(&found);
	CHECK_INT(found.entries, 4);
	CHECK_INT(spool_next(spool, 0, &record, error), SPOOL_RECORD);
	CHECK_INT(record.seq, 1);
	CHECK_INT(spool_next(spool, 0, &record, error), SPOOL_RECORD);
	CHECK_INT(record.seq, 2);
	CHECK_INT(read_all(spool, 0, 5), 2);
	spool_leave(spool, 0);
	CHECK_INT(read_all(spool, 1, 0), -1);
	spool_leave(spool, 1);
	CHECK_INT(access(path, F_OK), -1);
	CHECK_INT(access(aside, F_OK), 0);
	close_spool(spool);
	remove_folder();
}

static void
test_limits(void)
{
	struct rlimit none;
	struct rlimit small;
	SpoolFound found;
	Spool *spool = open_it(&found);
	int64_t at;

	/* what does not fit is refused, what does is not, and room comes back */
	spool_join(spool, 0);
	at = append(spool, 1, 20, 1, 100000);
	CHECK_INT(at, 10);
	CHECK_TEXT(error, "SPOOL_LIMIT is reached");
	CHECK_INT(append(spool, at + 1, at + 1, 1, 100), 1);
	CHECK(spool_bytes(spool) <= LIMIT);
	CHECK_INT(read_all(spool, 0, 1), at + 1);
	spool_forget(spool, 0, (size_t) at + 1);
	spool_leave(spool, 0);
	CHECK_INT(spool_bytes(spool), 0);

	/* a disk that takes a part of a record: what it had before stays */
	spool_join(spool, 0);
	CHECK_INT(append(spool, 1, 2, 1, 1000), 2);
	signal(SIGXFSZ, SIG_IGN);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &none), 0);
	small = none;
	small.rlim_cur = SEGMENT_HEADER_SIZE + 3 * (RECORD_HEADER_SIZE + 1000) + 500;
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
	CHECK_INT(append(spool, 3, 6, 1, 1000), 1);
	CHECK_TEXT(error, "cannot write to the spool: File too large");
	/* nor a new segment */
	spool_join(spool, 1);
	small.rlim_cur = 5;
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
	CHECK_INT(append(spool, 4, 4, 1, 10), 0);
	CHECK_TEXT(error, "cannot write a segment: File too large");
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &none), 0);
	CHECK_INT(append(spool, 4, 5, 1, 1000), 2);
	CHECK_INT(read_all(spool, 0, 1), 5);
	CHECK_INT(read_all(spool, 1, 4), 2);
	close_spool(spool);

	spool = open_it(&found);
	CHECK_INT(found.entries, 5);
	close_spool(spool);
	remove_folder();

	/* records larger than any buffer */
	spool = open_it(&found);
	spool_join(spool, 0);
	CHECK_INT(append(spool, 1, 3, 1, sizeof(bytes)), 3);
	CHECK_INT(read_all(spool, 0, 1), 3);
	close_spool(spool);
	remove_folder();
}

/* A file of another version is nobody's to throw away. */
static void
test_versions(void)
{
	uint8_t header[SEGMENT_HEADER_SIZE];
	char path[SPOOL_PATH_SIZE];
	SpoolFound found;
	Spool *spool = open_it(&found);
	int fd;

	CHECK_INT(read_segment_header((const uint8_t *) "ORSPOOL", 7), 0);
	spool_join(spool, 0);
	append(spool, 1, 1, 1, 1);
	segment_path(spool, 1, "", path);
	close_spool(spool);
	write_segment_header(header);
	header[8] = 2;
	fd = open(path, O_WRONLY);
	CHECK_INT(pwrite(fd, header, sizeof(header), 0), sizeof(header));
	close(fd);
	CHECK(open_spool(folder, LIMIT, NO_READERS, &found, error, sizeof(error)) == NULL);
	CHECK(strstr(error, "was written by another version (2) of openreplay-ingest") != NULL);
	remove_folder();
}

int
main(void)
{
	CHECK(mkdtemp(folder) != NULL);
	set_log_level(LOG_ERROR);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t) (i * i >> 5);
	test_records();
	test_readers();
	test_cancel();
	test_torn_tail();
	test_damage();
	test_limits();
	test_versions();
	rmdir(folder);
	return check_summary("spool");
}
