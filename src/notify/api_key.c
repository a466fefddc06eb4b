/*
 * api_key.c - random keys for projects, tenants and users
 *
 * Every character is equally likely: random bytes from the largest multiple of the alphabet's size up are thrown away,
 * since folding them in would make the first characters more frequent.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#define API_KEY_MAX_LENGTH 4096

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#define ALPHABET_SIZE (sizeof(alphabet) - 1)
#define FAIR_BYTES (256 / ALPHABET_SIZE * ALPHABET_SIZE)

PG_FUNCTION_INFO_V1(generate_api_key);

/* length: 0 to 4096 characters. */
Datum
generate_api_key(PG_FUNCTION_ARGS)
{
	int32 length = PG_GETARG_INT32(0);
	char key[API_KEY_MAX_LENGTH];
	uint8 bytes[64];
	int32 written = 0;

	if (length < 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("Given length cannot be less than 0"));
	if (length > API_KEY_MAX_LENGTH)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("Given length cannot be more than %d", API_KEY_MAX_LENGTH));

	while (written < length)
	{
		if (!pg_strong_random(bytes, sizeof(bytes)))
			ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values"));
		for (size_t i = 0; i < sizeof(bytes) && written < length; i++)
			if (bytes[i] < FAIR_BYTES)
				key[written++] = alphabet[bytes[i] % ALPHABET_SIZE];
	}
	PG_RETURN_TEXT_P(cstring_to_text_with_len(key, length));
}
