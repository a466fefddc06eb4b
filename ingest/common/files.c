/*
 * files.c - small files read and written whole
 */
#include "common/files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096

char *
read_small_file(const char *path, size_t max, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *content;
	size_t used = 0;

	if (fd < 0)
		return NULL;
	content = malloc(max + 2);
	while (content != NULL && used <= max)
	{
		ssize_t got = read(fd, content + used, max + 1 - used);

		if (got > 0)
			used += (size_t) got;
		else if (got == 0)
			break;
		else if (errno != EINTR)
		{
			free(content);
			content = NULL;
		}
	}
	close(fd);
	if (content != NULL && used > max)
	{
		free(content);
		errno = EFBIG;
		return NULL;
	}
	if (content != NULL)
	{
		content[used] = '\0';
		*len = used;
	}
	return content;
}

static bool
write_all(int fd, const char *text, size_t len)
{
	while (len > 0)
	{
		ssize_t written = write(fd, text, len);

		if (written < 0 && errno != EINTR)
			return false;
		if (written > 0)
		{
			text += written;
			len -= (size_t) written;
		}
	}
	return true;
}

bool
write_small_file(const char *path, const char *text)
{
	char beside[PATH_SIZE];
	char folder[PATH_SIZE];
	int fd;
	bool ok;

	if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int) sizeof(beside))
	{
		errno = ENAMETOOLONG;
		return false;
	}
	snprintf(folder, sizeof(folder), "%s", path);

	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return false;
	ok = write_all(fd, text, strlen(text)) && fsync(fd) == 0;
	if (close(fd) != 0 || !ok || rename(beside, path) != 0)
	{
		int saved_errno = errno;

		unlink(beside);
		errno = saved_errno;
		return false;
	}

	/* The rename itself must survive a crash as well. */
	fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
	{
		fsync(fd);
		close(fd);
	}
	return true;
}
