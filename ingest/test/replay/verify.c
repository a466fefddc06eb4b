/*
 * verify.c - the ledger against SQL: nothing that was acknowledged is missing, nothing is there twice
 *
 * Bodies are compared by the hash of their inflated bytes within their session.  Rows are read once, by a binary
 * cursor, so memory grows with the ledger only.  A batch that was stored twice because its first answer got lost is
 * gone once the workers have recognised it, so verify after they are done.
 */
#include "replay.h"

#include <arpa/inet.h>
#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>
#include <zstd.h>

#define LISTED_FAULTS 10
#define START_HASH UINT64_C(0)

typedef struct Entry
{
	uint64_t session_id; /* 0: free slot */
	uint64_t hash;		 /* START_HASH for a start */
	uint64_t page_no;
	uint64_t first_index;
	uint32_t seen;
	char kind;
} Entry;

typedef struct Expected
{
	Entry *slots;
	size_t size; /* a power of two */
	size_t count;
	size_t repeated; /* acknowledged more than once: a resend */
} Expected;

typedef struct Tally
{
	uint64_t rows;
	uint64_t unacknowledged; /* stored, but the answer did not arrive or belongs to another ledger */
	uint64_t unreadable;
	uint64_t lost;
	uint64_t doubled;
} Tally;

static Entry *
find_slot(const Expected *expected, uint64_t session_id, uint64_t hash, char kind)
{
	size_t i = (size_t) ((session_id * UINT64_C(0x9e3779b97f4a7c15)) ^ hash ^ (uint64_t) kind) & (expected->size - 1);

	while (expected->slots[i].session_id != 0 && (expected->slots[i].session_id != session_id ||
												  expected->slots[i].hash != hash || expected->slots[i].kind != kind))
		i = (i + 1) & (expected->size - 1);
	return &expected->slots[i];
}

static void
grow(Expected *expected)
{
	Expected old = *expected;

	expected->size = old.size ? old.size * 2 : 1024;
	expected->slots = need(calloc(expected->size, sizeof(Entry)));
	for (size_t i = 0; i < old.size; i++)
	{
		if (old.slots[i].session_id != 0)
			*find_slot(expected, old.slots[i].session_id, old.slots[i].hash, old.slots[i].kind) = old.slots[i];
	}
	free(old.slots);
}

static void
add_expected(Expected *expected, const Entry *entry)
{
	Entry *slot;

	if (expected->count * 3 >= expected->size * 2)
		grow(expected);
	slot = find_slot(expected, entry->session_id, entry->hash, entry->kind);
	if (slot->session_id != 0)
	{
		expected->repeated++;
		return;
	}
	*slot = *entry;
	expected->count++;
}

static void
read_ledger(Expected *expected, const char *path)
{
	FILE *file = fopen(path, "r");
	char line[256];
	uint64_t number = 0;

	if (file == NULL)
		fail("cannot read the ledger %s", path);
	while (fgets(line, sizeof(line), file))
	{
		Entry entry = {.kind = line[0]};
		bool ok;

		number++;
		if (line[0] == 'r')
			continue;
		if (line[0] == 's')
			ok = sscanf(line, "s %" SCNu64, &entry.session_id) == 1;
		else
			ok = sscanf(line, "w %" SCNu64 " %" SCNx64 " %*u %" SCNu64 " %" SCNu64, &entry.session_id, &entry.hash,
						&entry.page_no, &entry.first_index) == 4;
		if (!ok || entry.session_id == 0)
			fail("%s:%" PRIu64 ": not a line of a ledger", path, number);
		add_expected(expected, &entry);
	}
	fclose(file);
}

static PGresult *
run_sql(PGconn *connection, const char *sql, ExecStatusType wanted)
{
	PGresult *result = PQexecParams(connection, sql, 0, NULL, NULL, NULL, NULL, 1);

	if (PQresultStatus(result) != wanted)
		fail("%s: %s", sql, PQerrorMessage(connection));
	return result;
}

/* The inflated body's hash.  False when it is no zstd frame. */
static bool
hash_frame(const char *frame, size_t len, uint64_t *hash)
{
	static uint8_t *inflated;
	static size_t room;
	unsigned long long size = ZSTD_getFrameContentSize(frame, len);
	size_t result;

	if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > WIRE_BODY_MAX)
		return false;
	if (size + 1 > room)
	{
		room = (size_t) size + 1;
		inflated = need(realloc(inflated, room));
	}
	result = ZSTD_decompress(inflated, room, frame, len);
	if (ZSTD_isError(result))
		return false;
	*hash = hash_bytes(inflated, result);
	return true;
}

static void
match_row(const Expected *expected, Tally *tally, const PGresult *rows, int row)
{
	uint64_t session_id;
	uint64_t hash = START_HASH;
	char kind = *PQgetvalue(rows, row, 1);
	Entry *slot;

	memcpy(&session_id, PQgetvalue(rows, row, 0), sizeof(session_id));
	session_id = be64toh(session_id);
	tally->rows++;
	if (kind != 's' && !hash_frame(PQgetvalue(rows, row, 2), (size_t) PQgetlength(rows, row, 2), &hash))
	{
		tally->unreadable++;
		return;
	}
	slot = expected->size ? find_slot(expected, session_id, hash, kind) : NULL;
	if (slot && slot->session_id != 0)
		slot->seen++;
	else
		tally->unacknowledged++;
}

static void
read_rows(const Expected *expected, Tally *tally)
{
	PGconn *connection = PQconnectdb("");
	int count;

	if (PQstatus(connection) != CONNECTION_OK)
		fail("%s", PQerrorMessage(connection));
	PQclear(run_sql(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", PGRES_COMMAND_OK));
	PQclear(run_sql(connection,
					"DECLARE rows NO SCROLL CURSOR FOR"
					" SELECT session_id, kind, CASE WHEN kind <> 's' THEN body END FROM openreplay.batches",
					PGRES_COMMAND_OK));
	do
	{
		PGresult *rows = run_sql(connection, "FETCH 200 FROM rows", PGRES_TUPLES_OK);

		count = PQntuples(rows);
		for (int i = 0; i < count; i++)
			match_row(expected, tally, rows, i);
		PQclear(rows);
	} while (count > 0);
	PQfinish(connection);
}

static void
judge(const Expected *expected, Tally *tally)
{
	for (size_t i = 0; i < expected->size; i++)
	{
		const Entry *entry = &expected->slots[i];

		if (entry->session_id == 0 || entry->seen == 1)
			continue;
		if (entry->seen == 0)
			tally->lost++;
		else
			tally->doubled++;
		if (tally->lost + tally->doubled <= LISTED_FAULTS)
			printf("%s: %s of session %" PRIu64 ", page %" PRIu64 ", first index %" PRIu64 ", hash %016" PRIx64 "\n",
				   entry->seen == 0 ? "lost" : "doubled", entry->kind == 's' ? "start" : "batch", entry->session_id,
				   entry->page_no, entry->first_index, entry->hash);
	}
}

int
verify(const char *ledger_path)
{
	Expected expected = {0};
	Tally tally = {0};

	read_ledger(&expected, ledger_path);
	read_rows(&expected, &tally);
	judge(&expected, &tally);
	printf("verify: %zu acknowledged starts and batches (%zu of them resent), %" PRIu64 " rows: %" PRIu64
		   " lost, %" PRIu64 " doubled; %" PRIu64 " stored without acknowledgement, %" PRIu64 " unreadable\n",
		   expected.count, expected.repeated, tally.rows, tally.lost, tally.doubled, tally.unacknowledged,
		   tally.unreadable);
	free(expected.slots);
	return tally.lost + tally.doubled + tally.unreadable > 0;
}
