/*
 * paths.c - request lines
 */
#include "server/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool
clean_path(const char *target, char *path)
{
	size_t len = 0;

	if (strncasecmp(target, "http://", 7) == 0 || strncasecmp(target, "https://", 8) == 0)
	{
		target = strstr(target, "//") + 2;
		target += strcspn(target, "/?");
	}
	for (; *target != '\0' && *target != '?'; target++)
	{
		if (*target == '/' && len > 0 && path[len - 1] == '/')
			continue;
		if (len >= CLEAN_PATH_SIZE - 1)
			return false;
		path[len++] = *target;
	}
	path[len] = '\0';
	if (strncmp(path, "/ingest", 7) == 0 && (path[7] == '/' || path[7] == '\0'))
		memmove(path, path + 7, len - 7 + 1);
	if (path[0] == '\0')
		memcpy(path, "/", 2);
	return true;
}

bool
match_path(const char *pattern, const char *path, char *parameter)
{
	size_t len = strlen(pattern) - 1;

	if (pattern[len] != '*')
		return strcmp(pattern, path) == 0;
	if (strncmp(pattern, path, len) != 0 || path[len] == '\0' || strchr(path + len, '/') != NULL)
		return false;
	snprintf(parameter, PATH_PARAMETER_SIZE, "%s", path + len);
	return true;
}

int32_t
read_parameter(const char *parameter)
{
	long long number = 0;

	for (; *parameter >= '0' && *parameter <= '9' && number <= INT32_MAX; parameter++)
		number = 10 * number + (*parameter - '0');
	return *parameter == '\0' && number <= INT32_MAX ? (int32_t) number : 0;
}

int64_t
find_split(const char *target)
{
	const char *part = strchr(target, '?');

	while (part != NULL)
	{
		part++;
		if (strncmp(part, "split=", 6) == 0 && part[6] >= '0' && part[6] <= '9')
		{
			char *end;
			long long value;

			errno = 0;
			value = strtoll(part + 6, &end, 10);
			if (errno == 0 && (*end == '\0' || *end == '&'))
				return value;
			return -1;
		}
		part = strchr(part, '&');
	}
	return -1;
}
