/*
 * tags.c - what SQL asks about tags
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "flags/selector.h"

PG_FUNCTION_INFO_V1(openreplay_selector_fault);

/* The character (from 1) where a selector stops making sense; NULL when it is one. */
Datum
openreplay_selector_fault(PG_FUNCTION_ARGS)
{
	text *selector = PG_GETARG_TEXT_PP(0);
	const char *data = VARDATA_ANY(selector);
	size_t fault;

	if (is_css_selector(data, VARSIZE_ANY_EXHDR(selector), &fault))
		PG_RETURN_NULL();
	PG_RETURN_INT32(pg_mbstrlen_with_len(data, (int) fault) + 1);
}
