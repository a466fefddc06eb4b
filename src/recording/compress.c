/*
 * compress.c - bodies as they are stored
 */
#include "postgres.h"

#include <zstd.h>

#include "fmgr.h"

#include "recording/compress.h"
#include "wire/wire.h"

PG_FUNCTION_INFO_V1(openreplay_compress_body);
PG_FUNCTION_INFO_V1(openreplay_decompress_body);

const uint8 *
inflate_whole_body(const bytea *body, size_t *len, const char **fault)
{
	const char *data = VARDATA_ANY(body);
	size_t size = VARSIZE_ANY_EXHDR(body);
	unsigned long long inflated = ZSTD_getFrameContentSize(data, size);
	uint8 *out;
	size_t result;

	if (inflated == ZSTD_CONTENTSIZE_ERROR || inflated == ZSTD_CONTENTSIZE_UNKNOWN || inflated > WIRE_BODY_MAX)
	{
		*len = size;
		return (const uint8 *) data;
	}
	out = palloc(Max(inflated, 1));
	result = ZSTD_decompress(out, inflated, data, size);
	if (ZSTD_isError(result))
	{
		*fault = ZSTD_getErrorName(result);
		pfree(out);
		return NULL;
	}
	*len = result;
	return out;
}

const uint8 *
inflate_body(const bytea *body, size_t *len)
{
	const char *fault;
	const uint8 *data = inflate_whole_body(body, len, &fault);

	if (data == NULL)
		ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED), errmsg("the body is a damaged zstd frame: %s", fault));
	return data;
}

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

Datum
openreplay_decompress_body(PG_FUNCTION_ARGS)
{
	size_t len;
	const uint8 *data = inflate_body(PG_GETARG_BYTEA_PP(0), &len);
	bytea *result = palloc(VARHDRSZ + len);

	memcpy(VARDATA(result), data, len);
	SET_VARSIZE(result, VARHDRSZ + len);
	PG_RETURN_BYTEA_P(result);
}
