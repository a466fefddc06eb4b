/*
 * compress.c - bodies as they are stored
 */
#include "postgres.h"

#include <zstd.h>

#include "fmgr.h"

PG_FUNCTION_INFO_V1(openreplay_compress_body);

Datum
openreplay_compress_body(PG_FUNCTION_ARGS)
{
	bytea *body = PG_GETARG_BYTEA_PP(0);
	size_t bound = ZSTD_compressBound(VARSIZE_ANY_EXHDR(body));
	bytea *result = palloc(VARHDRSZ + bound);
	size_t len = ZSTD_compress(VARDATA(result), bound, VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body), 1);

	if (ZSTD_isError(len))
		ereport(ERROR, errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				errmsg("cannot compress a body: %s", ZSTD_getErrorName(len)));
	SET_VARSIZE(result, VARHDRSZ + len);
	PG_RETURN_BYTEA_P(result);
}
