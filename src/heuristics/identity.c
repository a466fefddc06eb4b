/*
 * identity.c - FNV-1a, 128 bits, http://www.isthe.com/chongo/tech/comp/fnv/
 */
#include <inttypes.h>
#include <stdio.h>

#include "heuristics/identity.h"

#define HALVES(high, low) ((unsigned __int128) (high) << 64 | (low))
#define FNV_OFFSET HALVES(UINT64_C(0x6c62272e07bb0142), UINT64_C(0x62b821756295c58d))
#define FNV_PRIME HALVES(UINT64_C(0x0000000001000000), UINT64_C(0x000000000000013b))

void
identity_start(Identity *identity)
{
	identity->hash = FNV_OFFSET;
}

void
identity_add(Identity *identity, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		identity->hash = (identity->hash ^ bytes[i]) * FNV_PRIME;
}

void
identity_add_number(Identity *identity, int64_t number)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRId64, number);

	identity_add(identity, digits, (size_t) len);
}

void
identity_finish(const Identity *identity, uint32_t project_id, char *id)
{
	snprintf(id, IDENTITY_SIZE, "%" PRIx32 "%016" PRIx64 "%016" PRIx64, project_id, (uint64_t) (identity->hash >> 64),
			 (uint64_t) identity->hash);
}
