/*
 * storage_dir.c - objects as files of a directory
 *
 * STORAGE_DIR/<bucket>/<key>.  A file is written under another name in STORAGE_DIR/.partial, fsynced, renamed to its
 * place, and the directory fsynced: whoever reads sees the old object or the new one.  What a killed uploader left in
 * .partial is removed when the next one starts and finds it old.
 */
#include "uploader/storage_driver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

#define PATH_SIZE 4096
#define PARTIAL ".partial"
#define ABANDONED_S 86400 /* no put takes a day */

typedef struct Directory
{
	char *dir;
	char *bucket;
	char *name; /* of the uploader */
	atomic_uint_fast64_t
		written; /* from the time of the start on: two never write one partial file, whatever their names */
} Directory;

/* ---- paths ---- */

static bool
make_path(char *path, char *error, size_t error_size, const char *format, ...)
{
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vsnprintf(path, PATH_SIZE, format, arguments);
	va_end(arguments);
	if (len >= 0 && len < PATH_SIZE)
		return true;
	snprintf(error, error_size, "a path of more than %d bytes", PATH_SIZE);
	return false;
}

static bool
fail(char *error, size_t error_size, const char *what, const char *path)
{
	int saved_errno = errno;

	snprintf(error, error_size, "cannot %s %s: %s", what, path, strerror(saved_errno));
	return false;
}

static bool
sync_directory(const char *path, char *error, size_t error_size)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (!ok)
		fail(error, error_size, "fsync", path);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Makes a directory whose parent is there, durably. */
static bool
make_directory(char *path, char *error, size_t error_size)
{
	char *slash;
	bool ok;

	if (mkdir(path, 0750) != 0)
		return errno == EEXIST || fail(error, error_size, "make", path);
	slash = strrchr(path, '/');
	*slash = '\0';
	ok = sync_directory(path, error, error_size);
	*slash = '/';
	return ok;
}

/* Makes the directories of a path from behind STORAGE_DIR on, which itself has to be there. */
static bool
make_directories(const Directory *storage, char *path, char *error, size_t error_size)
{
	for (char *slash = strchr(path + strlen(storage->dir) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/'))
	{
		bool ok;

		*slash = '\0';
		ok = make_directory(path, error, error_size);
		*slash = '/';
		if (!ok)
			return false;
	}
	return true;
}

/* ---- opening ---- */

static void
remove_abandoned(const Directory *storage)
{
	char path[PATH_SIZE];
	char ignored[256];
	time_t now = time(NULL);
	struct dirent *entry;
	DIR *dir;

	if (!make_path(path, ignored, sizeof(ignored), "%s/" PARTIAL, storage->dir) || (dir = opendir(path)) == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
	{
		struct stat status;

		if (fstatat(dirfd(dir), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
			now - status.st_mtime > ABANDONED_S && unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			log_info("removed an abandoned file name=%s", entry->d_name);
	}
	closedir(dir);
}

static void
close_directory(void *state)
{
	Directory *storage = state;

	if (storage == NULL)
		return;
	free(storage->dir);
	free(storage->bucket);
	free(storage->name);
	free(storage);
}

static void *
open_directory(const Settings *settings, char *error, size_t error_size)
{
	Directory *storage = calloc(1, sizeof(Directory));
	char path[PATH_SIZE];
	size_t len;

	snprintf(error, error_size, "out of memory");
	if (storage == NULL || (storage->dir = strdup(settings->storage_dir)) == NULL ||
		(storage->bucket = strdup(settings->bucket_name)) == NULL ||
		(storage->name = strdup(settings->uploader_name)) == NULL)
	{
		close_directory(storage);
		return NULL;
	}
	for (len = strlen(storage->dir); len > 1 && storage->dir[len - 1] == '/'; len--)
		storage->dir[len - 1] = '\0';
	if (!make_path(path, error, error_size, "%s/" PARTIAL, storage->dir) || !make_directory(path, error, error_size))
	{
		close_directory(storage);
		return NULL;
	}
	atomic_init(&storage->written, (uint64_t) wall_us());
	remove_abandoned(storage);
	return storage;
}

/* ---- objects ---- */

static bool
write_file(const char *path, const StorageObject *object, char *error, size_t error_size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	const char *data = object->data;
	size_t left = object->len;
	bool ok = fd >= 0;

	while (ok && left > 0)
	{
		ssize_t written = write(fd, data, left);

		if (written > 0)
		{
			data += written;
			left -= (size_t) written;
		}
		else
			ok = written < 0 && errno == EINTR;
	}
	ok = ok && fsync(fd) == 0;
	if (!ok)
		fail(error, error_size, "write", path);
	if (fd >= 0 && close(fd) != 0 && ok)
		ok = fail(error, error_size, "close", path);
	return ok;
}

static bool
put_file(void *state, const StorageObject *object, char *error, size_t error_size)
{
	Directory *storage = state;
	char partial[PATH_SIZE];
	char path[PATH_SIZE];
	uint64_t number = atomic_fetch_add(&storage->written, 1);
	bool ok;

	if (!make_path(path, error, error_size, "%s/%s/%s", storage->dir, storage->bucket, object->key) ||
		!make_path(partial, error, error_size, "%s/" PARTIAL "/%s.%" PRIu64, storage->dir, storage->name, number) ||
		!make_directories(storage, path, error, error_size))
		return false;
	ok = write_file(partial, object, error, error_size);
	if (ok && rename(partial, path) != 0)
		ok = fail(error, error_size, "rename a file to", path);
	if (!ok)
	{
		unlink(partial);
		return false;
	}
	*strrchr(path, '/') = '\0';
	return sync_directory(path, error, error_size);
}

/* As much of an open file as it had when it was opened. */
static bool
read_whole(int fd, uint8_t *data, size_t len)
{
	size_t at = 0;

	while (at < len)
	{
		ssize_t got = read(fd, data + at, len - at);

		if (got > 0)
			at += (size_t) got;
		else if (got == 0 || errno != EINTR)
		{
			if (got == 0)
				errno = EIO; /* nobody shortens a file here */
			return false;
		}
	}
	return true;
}

static StorageAnswer
get_file(void *state, const char *key, size_t max, void **data, size_t *len, char *error, size_t error_size)
{
	const Directory *storage = state;
	char path[PATH_SIZE];
	struct stat status;
	bool ok = false;
	int fd;

	if (!make_path(path, error, error_size, "%s/%s/%s", storage->dir, storage->bucket, key))
		return STORAGE_FAILED;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
	{
		bool missing = errno == ENOENT;

		fail(error, error_size, "open", path);
		return missing ? STORAGE_MISSING : STORAGE_FAILED;
	}
	if (fstat(fd, &status) != 0)
		fail(error, error_size, "read", path);
	else if ((uint64_t) status.st_size > max)
		snprintf(error, error_size, "%s has more than %zu bytes", path, max);
	else if ((*data = malloc((size_t) status.st_size + 1)) == NULL)
		snprintf(error, error_size, "out of memory for %s", path);
	else if (!read_whole(fd, *data, (size_t) status.st_size))
		fail(error, error_size, "read", path);
	else
		ok = true;
	close(fd);
	*len = ok ? (size_t) status.st_size : 0;
	if (!ok)
	{
		free(*data);
		*data = NULL;
	}
	return ok ? STORAGE_THERE : STORAGE_FAILED;
}

static bool
remove_file(void *state, const char *key, char *error, size_t error_size)
{
	const Directory *storage = state;
	char path[PATH_SIZE];

	if (!make_path(path, error, error_size, "%s/%s/%s", storage->dir, storage->bucket, key))
		return false;
	if (unlink(path) != 0)
		return errno == ENOENT || fail(error, error_size, "remove", path);
	*strrchr(path, '/') = '\0';
	return sync_directory(path, error, error_size);
}

static bool
remove_files(void *state, const char *folder, char *error, size_t error_size)
{
	const Directory *storage = state;
	char path[PATH_SIZE];
	struct dirent *entry;
	bool ok = true;
	DIR *dir;

	if (!make_path(path, error, error_size, "%s/%s/%s", storage->dir, storage->bucket, folder))
		return false;
	dir = opendir(path);
	if (dir == NULL)
		return errno == ENOENT || fail(error, error_size, "open", path);
	while (ok && (entry = readdir(dir)) != NULL)
	{
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) != 0 && errno != ENOENT)
			ok = fail(error, error_size, "remove a file of", path);
	}
	closedir(dir);
	/* another uploader may be doing the same */
	if (ok && rmdir(path) != 0 && errno != ENOENT && errno != ENOTEMPTY)
		ok = fail(error, error_size, "remove", path);
	return ok;
}

const StorageDriver directory_driver = {
	.open = open_directory,
	.close = close_directory,
	.put = put_file,
	.get = get_file,
	.remove = remove_file,
	.remove_folder = remove_files,
};
