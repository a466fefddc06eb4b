/*
 * tables.h - what a pass writes into: the list's shape
 */
#ifndef OPENREPLAY_TABLES_H
#define OPENREPLAY_TABLES_H

#include "postgres.h"

#include "pipeline/rows.h"

#define MAX_COLUMNS 40

typedef struct Column
{
	const char *name;
	Oid type;
	const char *expression; /* what is inserted, when not the value itself */
} Column;

typedef struct TableSpec
{
	const char *name;	   /* INSERT INTO name; NULL: statement is given */
	const char *statement; /* text around the unnest() call, marked by %s */
	const char *order;	   /* ORDER BY, for tables shared between sessions */
	bool is_event;		   /* counted as rows written */
	Column columns[MAX_COLUMNS];
} TableSpec;

/* By RowTable; in the order in which they are written. */
extern const TableSpec row_tables[ROW_TABLES];

#endif /* OPENREPLAY_TABLES_H */
