/*
 * images.c - images of canvases and screens in SQL
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "recording/compress.h"
#include "wire/image_records.h"

#define COLUMNS 4

PG_FUNCTION_INFO_V1(openreplay_decode_images);

static void
put_image(ReturnSetInfo *result, const Image *image)
{
	Datum values[COLUMNS];
	bool nulls[COLUMNS] = {0};
	char name[IMAGE_NAME_SIZE];
	bytea *bytes = palloc(VARHDRSZ + image->size);

	SET_VARSIZE(bytes, VARHDRSZ + image->size);
	memcpy(VARDATA(bytes), image->bytes, image->size);
	format_image_name(&image->name, name);
	values[0] = CStringGetTextDatum(name);
	values[1] = Int64GetDatum(image->name.taken_ms);
	values[2] = Int32GetDatum((int32) image->size);
	values[3] = PointerGetDatum(bytes);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
openreplay_decode_images(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bytea *body = PG_GETARG_BYTEA_PP(0);
	MemoryContext context;
	ImageReader reader;
	Image image;
	const uint8_t *data;
	size_t len;

	InitMaterializedSRF(fcinfo, 0);
	data = inflate_body(body, &len);
	reader = read_images(data, len);
	context = AllocSetContextCreate(CurrentMemoryContext, "openreplay image", ALLOCSET_DEFAULT_SIZES);
	while (next_image(&reader, &image))
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		put_image(result, &image);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	if (reader.torn)
		ereport(WARNING, errmsg("the images could not be read to their end"),
				errdetail("The images before the fault are returned."));
	return (Datum) 0;
}
