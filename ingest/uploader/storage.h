/*
 * storage.h - where objects go
 *
 * An object is there under its key entirely or not at all, and storage_put() returns true only when it will survive a
 * crash of this machine.  Putting it again replaces it.  All functions may be called by several threads at once.
 */
#ifndef OPENREPLAY_STORAGE_H
#define OPENREPLAY_STORAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "uploader/settings.h"

typedef struct Storage Storage;

typedef struct StorageObject
{
	const char *key; /* "<session>/dom.mobs": parts of letters, digits, "!" and the like, separated by slashes */
	const void *data;
	size_t len;
	const char *content_type;
	const char *cache_control;
} StorageObject;

/* NULL with a message in error when it cannot be used at all. */
extern Storage *open_storage(const Settings *settings, char *error, size_t error_size);
extern void close_storage(Storage *storage);

/* False with a message in error; trying again later may help. */
extern bool storage_put(Storage *storage, const StorageObject *object, char *error, size_t error_size);

typedef enum StorageAnswer
{
	STORAGE_THERE,
	STORAGE_MISSING,
	STORAGE_FAILED
} StorageAnswer;

/*
 * Reads an object, as it was put last, into *data, to be freed; an object of more than max bytes is a failure.  error
 * is set unless it is there; whether trying again may help after STORAGE_FAILED is not known.
 */
extern StorageAnswer storage_get(Storage *storage, const char *key, size_t max, void **data, size_t *len, char *error,
								 size_t error_size);

/* Removes an object; that it is not there is no error. */
extern bool storage_remove(Storage *storage, const char *key, char *error, size_t error_size);

/* Removes all objects whose keys begin with folder and a slash; that there are none is no error. */
extern bool storage_remove_folder(Storage *storage, const char *folder, char *error, size_t error_size);

#endif /* OPENREPLAY_STORAGE_H */
