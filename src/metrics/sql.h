/*
 * sql.h - SQL text with the values it is about
 *
 * The one place where a value meets SQL: text of the code is appended, values become numbered parameters.  What a
 * client sent is never part of the text.
 */
#ifndef OPENREPLAY_METRICS_SQL_H
#define OPENREPLAY_METRICS_SQL_H

#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/execnodes.h"

/* Lives in the memory context that was current when it was made, as do its values. */
typedef struct Sql
{
	StringInfoData text;
	int nparameters;
	int room;
	Oid *types;
	Datum *values;
	bool by_month; /* months are joined one by one, which is quicker and, of many tables, takes long to plan */
} Sql;

extern Sql *sql_new(void);

/* Appends SQL of the code; the format is printf's and its arguments are never of a client. */
extern void sql_add(Sql *sql, const char *format, ...) pg_attribute_printf(2, 3);

/* Each binds a value and appends its parameter, as in "$3". */
extern void sql_text(Sql *sql, const char *value);
extern void sql_bigint(Sql *sql, int64 value);
extern void sql_integer(Sql *sql, int32 value);
extern void sql_numeric(Sql *sql, const char *digits); /* a decimal number; a whole one is bound as bigint */
extern void sql_datum(Sql *sql, Oid type, Datum value);

/*
 * Runs it within the caller's SPI connection, with the caller's snapshot and nothing written; results are in
 * SPI_tuptable.  The plan is made for these very values, so partitions and trigram indexes are chosen by them.
 */
extern void sql_run(Sql *sql);

/* Runs what gives one row of one jsonb, and returns that, palloc'd in the context. */
extern Datum sql_run_jsonb(Sql *sql, MemoryContext context, bool *isnull);

/* The same as sql_run(), with its rows as those that a function returns; columns have to be of the function's types. */
extern void sql_return(Sql *sql, ReturnSetInfo *result);
/* The same within an SPI connection of its own; what such a function returns after InitMaterializedSRF(). */
extern Datum sql_return_rows(Sql *sql, FunctionCallInfo fcinfo);

/* Opens a cursor on it, which sees what the transaction has done so far. */
extern Portal sql_open(Sql *sql);

/* For a statement that is no SELECT, as EXPLAIN is not. */
extern void sql_run_utility(Sql *sql);

#endif /* OPENREPLAY_METRICS_SQL_H */
