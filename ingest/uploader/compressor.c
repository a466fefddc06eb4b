/*
 * compressor.c - a zstd frame growing in memory
 */
#include "uploader/compressor.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define FIRST_SIZE 65536

void
open_compressor(Compressor *compressor, int level, uint64_t size)
{
	compressor->context = ZSTD_createCCtx();
	compressor->data = NULL;
	compressor->len = compressor->size = compressor->npending = 0;
	compressor->failed = compressor->context == NULL ||
						 ZSTD_isError(ZSTD_CCtx_setParameter(compressor->context, ZSTD_c_compressionLevel, level)) ||
						 ZSTD_isError(ZSTD_CCtx_setParameter(compressor->context, ZSTD_c_checksumFlag, 1)) ||
						 ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(compressor->context, size));
}

static void
run(Compressor *compressor, const void *data, size_t len, ZSTD_EndDirective directive)
{
	ZSTD_inBuffer in = {data, len, 0};
	size_t left = 1;

	while (!compressor->failed && (in.pos < in.size || (directive == ZSTD_e_end && left > 0)))
	{
		ZSTD_outBuffer out;

		if (compressor->size - compressor->len < 1024)
		{
			size_t size = compressor->size == 0 ? FIRST_SIZE : 2 * compressor->size;
			uint8_t *larger = realloc(compressor->data, size);

			if (larger == NULL)
			{
				compressor->failed = true;
				return;
			}
			compressor->data = larger;
			compressor->size = size;
		}
		out = (ZSTD_outBuffer){compressor->data, compressor->size, compressor->len};
		left = ZSTD_compressStream2(compressor->context, &out, &in, directive);
		compressor->len = out.pos;
		if (ZSTD_isError(left))
			compressor->failed = true;
	}
}

static void
flush(Compressor *compressor, ZSTD_EndDirective directive)
{
	run(compressor, compressor->pending, compressor->npending, directive);
	compressor->npending = 0;
}

void
compress_bytes(Compressor *compressor, const void *data, size_t len)
{
	if (len > COMPRESSOR_PENDING - compressor->npending)
		flush(compressor, ZSTD_e_continue);
	if (len > COMPRESSOR_PENDING)
	{
		run(compressor, data, len, ZSTD_e_continue);
		return;
	}
	memcpy(compressor->pending + compressor->npending, data, len);
	compressor->npending += len;
}

bool
finish_compressor(Compressor *compressor)
{
	flush(compressor, ZSTD_e_end);
	return !compressor->failed;
}

void
close_compressor(Compressor *compressor)
{
	ZSTD_freeCCtx(compressor->context);
	free(compressor->data);
	compressor->context = NULL;
	compressor->data = NULL;
}
