/*
 * storage_driver.h - one kind of storage; private to storage*.c
 *
 * The functions are those of storage.h, with the driver's own state.
 */
#ifndef OPENREPLAY_STORAGE_DRIVER_H
#define OPENREPLAY_STORAGE_DRIVER_H

#include "uploader/storage.h"

typedef struct StorageDriver
{
	void *(*open)(const Settings *settings, char *error, size_t error_size);
	void (*close)(void *state);
	bool (*put)(void *state, const StorageObject *object, char *error, size_t error_size);
	StorageAnswer (*get)(void *state, const char *key, size_t max, void **data, size_t *len, char *error,
						 size_t error_size);
	bool (*remove)(void *state, const char *key, char *error, size_t error_size);
	bool (*remove_folder)(void *state, const char *folder, char *error, size_t error_size);
} StorageDriver;

extern const StorageDriver directory_driver;
extern const StorageDriver s3_driver;

#endif /* OPENREPLAY_STORAGE_DRIVER_H */
