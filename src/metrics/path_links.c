/*
 * path_links.c - the aggregate openreplay.path_links(): how many paths go from which value to which at each step
 *
 * Takes paths of openreplay.sequence_path(), values and times in turn, and counts them in one hash table: a row a
 * session and step would be sorted and grouped for several times as long.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/array.h"

#define NO_VALUE (-1) /* the path has ended */

typedef struct LinkKey
{
	int64 step; /* from 1 on */
	int64 value;
	int64 next;
} LinkKey;

typedef struct LinkEntry
{
	LinkKey key;
	int64 paths;
	int64 gap; /* ms, of all paths */
	char status;
} LinkEntry;

static uint32
hash_link(LinkKey key)
{
	/* a kind is in the upper half, a number in the lower one */
	uint32 value = murmurhash32((uint32) (key.value ^ key.value >> 21));

	return hash_combine(value, murmurhash32((uint32) (key.next ^ key.next >> 21) * 64 + (uint32) key.step));
}

#define SH_PREFIX links
#define SH_ELEMENT_TYPE LinkEntry
#define SH_KEY_TYPE LinkKey
#define SH_KEY key
#define SH_HASH_KEY(table, key) hash_link(key)
#define SH_EQUAL(table, a, b) ((a).step == (b).step && (a).value == (b).value && (a).next == (b).next)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

PG_FUNCTION_INFO_V1(openreplay_add_path);
PG_FUNCTION_INFO_V1(openreplay_path_links);

/* add_path(state internal, path bigint[], steps integer); links of the last step lead nowhere and are none */
Datum
openreplay_add_path(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	links_hash *table;
	ArrayType *path;
	const int64 *elements;
	int n;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "add_path is called by its aggregate only");
	table = PG_ARGISNULL(0) ? links_create(context, 1024, NULL) : (links_hash *) PG_GETARG_POINTER(0);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_POINTER(table);
	path = PG_GETARG_ARRAYTYPE_P(1);
	if (ARR_HASNULL(path))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a path has no nulls"));
	elements = (const int64 *) ARR_DATA_PTR(path);
	n = ArrayGetNItems(ARR_NDIM(path), ARR_DIMS(path)) / 2;
	for (int i = 0; i < n && i < PG_GETARG_INT32(2) - 1; i++)
	{
		bool ends = i == n - 1, found;
		LinkEntry *entry =
			links_insert(table, (LinkKey){i + 1, elements[2 * i], ends ? NO_VALUE : elements[2 * i + 2]}, &found);

		if (!found)
			entry->paths = entry->gap = 0;
		entry->paths++;
		if (!ends)
			entry->gap += Abs(elements[2 * i + 3] - elements[2 * i + 1]);
	}
	PG_RETURN_POINTER(table);
}

/* A list of (step, value, next or -1, paths, sum of the times in between). */
Datum
openreplay_path_links(PG_FUNCTION_ARGS)
{
	links_hash *table;
	links_iterator iterator;
	LinkEntry *entry;
	ArrayType *list;
	int dimensions[2], bounds[2] = {1, 1};
	int64 *out;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	table = (links_hash *) PG_GETARG_POINTER(0);
	dimensions[0] = (int) table->members;
	dimensions[1] = 5;
	if (table->members == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(INT8OID));
	list = palloc0(ARR_OVERHEAD_NONULLS(2) + (Size) table->members * 5 * sizeof(int64));
	SET_VARSIZE(list, ARR_OVERHEAD_NONULLS(2) + (Size) table->members * 5 * sizeof(int64));
	list->ndim = 2;
	list->elemtype = INT8OID;
	memcpy(ARR_DIMS(list), dimensions, sizeof(dimensions));
	memcpy(ARR_LBOUND(list), bounds, sizeof(bounds));
	out = (int64 *) ARR_DATA_PTR(list);
	links_start_iterate(table, &iterator);
	while ((entry = links_iterate(table, &iterator)) != NULL)
	{
		*out++ = entry->key.step;
		*out++ = entry->key.value;
		*out++ = entry->key.next;
		*out++ = entry->paths;
		*out++ = entry->gap;
	}
	PG_RETURN_ARRAYTYPE_P(list);
}
