/*
 * storage.c - chooses where objects go
 */
#include "uploader/storage.h"

#include <stdio.h>
#include <stdlib.h>

#include "uploader/storage_driver.h"

struct Storage
{
	const StorageDriver *driver;
	void *state;
};

Storage *
open_storage(const Settings *settings, char *error, size_t error_size)
{
	Storage *storage = calloc(1, sizeof(Storage));

	if (storage == NULL)
	{
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	storage->driver = settings->storage_dir[0] != '\0' ? &directory_driver : &s3_driver;
	storage->state = storage->driver->open(settings, error, error_size);
	if (storage->state != NULL)
		return storage;
	free(storage);
	return NULL;
}

void
close_storage(Storage *storage)
{
	if (storage == NULL)
		return;
	storage->driver->close(storage->state);
	free(storage);
}

bool
storage_put(Storage *storage, const StorageObject *object, char *error, size_t error_size)
{
	return storage->driver->put(storage->state, object, error, error_size);
}

StorageAnswer
storage_get(Storage *storage, const char *key, size_t max, void **data, size_t *len, char *error, size_t error_size)
{
	*data = NULL;
	*len = 0;
	return storage->driver->get(storage->state, key, max, data, len, error, error_size);
}

bool
storage_remove(Storage *storage, const char *key, char *error, size_t error_size)
{
	return storage->driver->remove(storage->state, key, error, error_size);
}

bool
storage_remove_folder(Storage *storage, const char *folder, char *error, size_t error_size)
{
	return storage->driver->remove_folder(storage->state, folder, error, error_size);
}
