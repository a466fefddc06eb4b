/*
 * rows.c - bulk writes: rows are collected by table and written with one statement each
 *
 * One INSERT ... SELECT FROM unnest(arrays) per table and transaction: one plan, one snapshot, one trip through the
 * executor for thousands of rows, and ON CONFLICT for those that are there already.  Distinct things (errors, issues,
 * autocomplete) are written in the order of their keys, so that two workers never wait for each other in a circle.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pipeline/injection.h"
#include "pipeline/json.h"
#include "pipeline/rows.h"
#include "pipeline/tables.h"
#include "visit/visit.h"

typedef struct ColumnValues
{
	Datum *values;
	bool *nulls;
} ColumnValues;

typedef struct TableRows
{
	int count;
	int allocated;
	ColumnValues columns[MAX_COLUMNS];
} TableRows;

struct Rows
{
	MemoryContext context;
	TableRows tables[ROW_TABLES];
	RowTable current;
	int column; /* of the row being put */
};

/* ---- collecting ---- */

static int
count_columns(const TableSpec *spec)
{
	int n = 0;

	while (n < MAX_COLUMNS && spec->columns[n].name != NULL)
		n++;
	return n;
}

Rows *
create_rows(MemoryContext context)
{
	Rows *rows = MemoryContextAllocZero(context, sizeof(Rows));

	rows->context = context;
	return rows;
}

int
rows_waiting(const Rows *rows, RowTable table)
{
	return rows->tables[table].count;
}

void
row_start(Rows *rows, RowTable table)
{
	TableRows *t = &rows->tables[table];

	rows->current = table;
	rows->column = 0;
	if (t->count == t->allocated)
	{
		int n = count_columns(&row_tables[table]);
		int size = t->allocated ? t->allocated * 2 : 16;

		for (int i = 0; i < n; i++)
		{
			ColumnValues *c = &t->columns[i];

			if (t->allocated == 0)
			{
				c->values = MemoryContextAlloc(rows->context, size * sizeof(Datum));
				c->nulls = MemoryContextAlloc(rows->context, size * sizeof(bool));
			}
			else
			{
				c->values = repalloc(c->values, size * sizeof(Datum));
				c->nulls = repalloc(c->nulls, size * sizeof(bool));
			}
		}
		t->allocated = size;
	}
	t->count++;
}

static void
put(Rows *rows, Datum value, bool null)
{
	TableRows *t = &rows->tables[rows->current];
	ColumnValues *c = &t->columns[rows->column];

	Assert(row_tables[rows->current].columns[rows->column].name != NULL);
	c->values[t->count - 1] = value;
	c->nulls[t->count - 1] = null;
	rows->column++;
}

void
put_null(Rows *rows)
{
	put(rows, (Datum) 0, true);
}

void
put_int64(Rows *rows, int64 value)
{
	put(rows, Int64GetDatum(value), false);
}

void
put_int32(Rows *rows, int64 value)
{
	put(rows, Int32GetDatum((int32) Max(Min(value, PG_INT32_MAX), PG_INT32_MIN)), false);
}

void
put_int16(Rows *rows, int64 value)
{
	put(rows, Int16GetDatum((int16) Max(Min(value, PG_INT16_MAX), PG_INT16_MIN)), false);
}

void
put_bool(Rows *rows, bool value)
{
	put(rows, BoolGetDatum(value), false);
}

void
put_float4(Rows *rows, float value)
{
	put(rows, Float4GetDatum(value), false);
}

void
put_timestamp(Rows *rows, int64 value)
{
	put(rows, TimestampTzGetDatum(value), false);
}

void
put_bytes(Rows *rows, const void *data, size_t len)
{
	bytea *value = MemoryContextAlloc(rows->context, VARHDRSZ + len);

	SET_VARSIZE(value, VARHDRSZ + len);
	memcpy(VARDATA(value), data, len);
	put(rows, PointerGetDatum(value), false);
}

void
put_cstring(Rows *rows, const char *value)
{
	MemoryContext old = MemoryContextSwitchTo(rows->context);

	put(rows, CStringGetTextDatum(value), false);
	MemoryContextSwitchTo(old);
}

/* Plain ASCII of legal length, which nearly everything is, needs no cleaning. */
static bool
is_clean(WireString value, int max_chars)
{
	if (max_chars > 0 && value.len > (uint32_t) max_chars)
		return false;
	for (uint32_t i = 0; i < value.len; i++)
		if ((signed char) value.data[i] <= 0)
			return false;
	return true;
}

text *
clean_client_text(WireString value, int max_chars)
{
	text *result;
	size_t len;

	if (is_clean(value, max_chars))
		return cstring_to_text_with_len(value.data, (int) value.len);
	result = palloc(VARHDRSZ + 3 * (size_t) value.len + 1);
	len = clean_text(value.data, value.len, (size_t) max_chars, VARDATA(result));
	SET_VARSIZE(result, VARHDRSZ + len);
	return result;
}

void
put_text(Rows *rows, WireString value, int max_chars)
{
	MemoryContext old = MemoryContextSwitchTo(rows->context);

	put(rows, PointerGetDatum(clean_client_text(value, max_chars)), false);
	MemoryContextSwitchTo(old);
}

void
put_text_or_null(Rows *rows, WireString value, int max_chars)
{
	if (value.len == 0)
		put_null(rows);
	else
		put_text(rows, value, max_chars);
}

void
put_int32_or_null(Rows *rows, int64 value)
{
	if (value <= 0)
		put_null(rows);
	else
		put_int32(rows, value);
}

void
put_int64_or_null(Rows *rows, int64 value)
{
	if (value <= 0)
		put_null(rows);
	else
		put_int64(rows, value);
}

void
put_json(Rows *rows, WireString value, const char *empty_as)
{
	MemoryContext old;

	if (value.len == 0)
	{
		if (empty_as == NULL)
			put_null(rows);
		else
			put_cstring(rows, empty_as);
		return;
	}
	old = MemoryContextSwitchTo(rows->context);
	put(rows, PointerGetDatum(json_from_client(value)), false);
	MemoryContextSwitchTo(old);
}

/* ---- writing ---- */

/* unnest($1::bigint[], ...) AS r (session_id, ...) */
static void
append_unnest(StringInfo sql, const TableSpec *spec, int n)
{
	appendStringInfoString(sql, "unnest(");
	for (int i = 0; i < n; i++)
		appendStringInfo(sql, "%s$%d", i ? ", " : "", i + 1);
	appendStringInfoString(sql, ") AS r (");
	for (int i = 0; i < n; i++)
		appendStringInfo(sql, "%s%s", i ? ", " : "", quote_identifier(spec->columns[i].name));
	appendStringInfoChar(sql, ')');
}

static char *
build_statement(const TableSpec *spec, int n)
{
	StringInfoData sql;
	StringInfoData unnest;

	initStringInfo(&sql);
	initStringInfo(&unnest);
	append_unnest(&unnest, spec, n);
	if (spec->statement != NULL)
	{
		const char *mark = strstr(spec->statement, "%s");

		appendBinaryStringInfo(&sql, spec->statement, (int) (mark - spec->statement));
		appendStringInfoString(&sql, unnest.data);
		appendStringInfoString(&sql, mark + 2);
		return sql.data;
	}
	appendStringInfo(&sql, "INSERT INTO %s (", spec->name);
	for (int i = 0; i < n; i++)
		appendStringInfo(&sql, "%s%s", i ? ", " : "", quote_identifier(spec->columns[i].name));
	appendStringInfoString(&sql, ") SELECT ");
	for (int i = 0; i < n; i++)
		appendStringInfo(&sql, "%s%s", i ? ", " : "",
						 spec->columns[i].expression ? spec->columns[i].expression
													 : quote_identifier(spec->columns[i].name));
	appendStringInfo(&sql, " FROM %s", unnest.data);
	if (spec->order != NULL)
		appendStringInfo(&sql, " ORDER BY %s", spec->order);
	appendStringInfoString(&sql, " ON CONFLICT DO NOTHING");
	return sql.data;
}

static SPIPlanPtr
plan_of(RowTable table, int n)
{
	static SPIPlanPtr plans[ROW_TABLES];

	if (plans[table] == NULL)
	{
		Oid types[MAX_COLUMNS];
		SPIPlanPtr plan;

		for (int i = 0; i < n; i++)
			types[i] = get_array_type(row_tables[table].columns[i].type);
		plan = SPI_prepare(build_statement(&row_tables[table], n), n, types);
		if (plan == NULL)
			elog(ERROR, "cannot prepare the statement for table %d: %s", (int) table,
				 SPI_result_code_string(SPI_result));
		SPI_keepplan(plan);
		plans[table] = plan;
	}
	return plans[table];
}

static int64
write_table(Rows *rows, RowTable table)
{
	const TableSpec *spec = &row_tables[table];
	TableRows *t = &rows->tables[table];
	int n = count_columns(spec);
	Datum arrays[MAX_COLUMNS];
	int result;

	for (int i = 0; i < n; i++)
	{
		int16 len;
		bool by_value;
		char align;
		int dims[1] = {t->count};
		int lower[1] = {1};

		get_typlenbyvalalign(spec->columns[i].type, &len, &by_value, &align);
		arrays[i] = PointerGetDatum(construct_md_array(t->columns[i].values, t->columns[i].nulls, 1, dims, lower,
													   spec->columns[i].type, len, by_value, align));
	}
	result = SPI_execute_plan(plan_of(table, n), arrays, NULL, false, 0);
	if (result < 0)
		elog(ERROR, "cannot write rows: %s", SPI_result_code_string(result));
	for (int i = 0; i < n; i++)
		pfree(DatumGetPointer(arrays[i]));
	return (int64) SPI_processed;
}

void
write_rows(Rows *rows, int64 *written, int64 *known)
{
	for (int table = 0; table < ROW_TABLES; table++)
	{
		TableRows *t = &rows->tables[table];
		int64 n;

		if (t->count == 0)
			continue;
		n = write_table(rows, table);
		CRASH_POINT("written");
		if (row_tables[table].is_event)
		{
			*written += n;
			*known += t->count - n;
		}
		t->count = 0;
	}
}
