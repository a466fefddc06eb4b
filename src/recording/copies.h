/*
 * copies.h - which assets a recording may name by their copies
 */
#ifndef OPENREPLAY_RECORDING_COPIES_H
#define OPENREPLAY_RECORDING_COPIES_H

#include "assets/rewrite.h"
#include "utils/hsearch.h"

/* What was looked up for one recording, by key. */
typedef struct Copies
{
	HTAB *known;
	MemoryContext context;
} Copies;

/* In the current memory context, which also gets the keys. */
extern void open_copies(Copies *copies);

/* AssetRules.wanted, with a Copies as context; needs SPI. */
extern bool is_asset_copied(void *copies, UrlText url, UrlText key);

#endif /* OPENREPLAY_RECORDING_COPIES_H */
