/*
 * config.c - reads settings
 *
 * File lines are KEY=VALUE; blanks around both are dropped, and one pair of quotes around the value.  '#' starts a
 * comment only at the start of a line, because secrets and connection strings may hold it.
 */
#include "common/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ORIGIN_SIZE 512

static bool
parse_bool(const char *text, bool *value)
{
	static const char *const yes[] = {"true", "on", "yes", "1"};
	static const char *const no[] = {"false", "off", "no", "0"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
	{
		if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0)
		{
			*value = strcasecmp(text, yes[i]) == 0;
			return true;
		}
	}
	return false;
}

/* origin says where the text came from, for the message. */
static bool
set_key(const ConfigKey *key, const char *text, const char *origin, void *settings, char *error, size_t error_size)
{
	char *field = (char *) settings + key->offset;

	switch (key->type)
	{
		case CONFIG_TEXT:
		{
			char *copy = strdup(text);

			if (copy == NULL)
			{
				snprintf(error, error_size, "out of memory");
				return false;
			}
			free(*(char **) field);
			*(char **) field = copy;
			return true;
		}
		case CONFIG_INT:
		case CONFIG_SECONDS:
		{
			char *end;
			long long value;

			errno = 0;
			value = strtoll(text, &end, 10);
			if (key->type == CONFIG_SECONDS && end != text && strcmp(end, "s") == 0)
				end++;
			if (errno != 0 || end == text || *end != '\0' || value < key->min || value > key->max)
			{
				snprintf(error, error_size, "%s: \"%s\" is not a whole number from %lld to %lld (%s)", key->name, text,
						 (long long) key->min, (long long) key->max, origin);
				return false;
			}
			*(int64_t *) field = value;
			return true;
		}
		case CONFIG_BOOL:
			if (!parse_bool(text, (bool *) field))
			{
				snprintf(error, error_size, "%s: \"%s\" is neither true nor false (%s)", key->name, text, origin);
				return false;
			}
			return true;
	}
	return false;
}

static const ConfigKey *
find_key(const ConfigKey *keys, size_t nkeys, const char *name)
{
	for (size_t i = 0; i < nkeys; i++)
	{
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	return NULL;
}

/* Cuts blanks off both ends, in place. */
static char *
trim(char *text)
{
	char *end;

	while (isspace((unsigned char) *text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char) end[-1]))
		end--;
	*end = '\0';
	return text;
}

static bool
read_line(const ConfigKey *keys, size_t nkeys, char *line, const char *origin, void *settings, char *error,
		  size_t error_size)
{
	char *name = trim(line);
	char *equals;
	char *value;
	size_t len;
	const ConfigKey *key;

	if (*name == '\0' || *name == '#')
		return true;
	equals = strchr(name, '=');
	if (equals == NULL)
	{
		/* not shown: it may be a line of a secret */
		snprintf(error, error_size, "not of the form KEY=VALUE (%s)", origin);
		return false;
	}
	*equals = '\0';
	name = trim(name);
	value = trim(equals + 1);
	len = strlen(value);
	if (len >= 2 && (value[0] == '"' || value[0] == '\'') && value[len - 1] == value[0])
	{
		value[len - 1] = '\0';
		value++;
	}

	key = find_key(keys, nkeys, name);
	if (key == NULL)
	{
		snprintf(error, error_size, "unknown key %s (%s)", name, origin);
		return false;
	}
	return *value == '\0' || set_key(key, value, origin, settings, error, error_size);
}

static bool
read_config_file(const ConfigKey *keys, size_t nkeys, const char *path, void *settings, char *error, size_t error_size)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	unsigned number = 0;
	bool ok = true;

	if (file == NULL)
	{
		snprintf(error, error_size, "cannot open configuration file %s: %s", path, strerror(errno));
		return false;
	}
	while (ok && getline(&line, &size, file) >= 0)
	{
		char origin[ORIGIN_SIZE];

		snprintf(origin, sizeof(origin), "line %u of %s", ++number, path);
		ok = read_line(keys, nkeys, line, origin, settings, error, error_size);
	}
	if (ok && ferror(file))
	{
		snprintf(error, error_size, "cannot read configuration file %s: %s", path, strerror(errno));
		ok = false;
	}
	free(line);
	fclose(file);
	return ok;
}

bool
load_config(const ConfigKey *keys, size_t nkeys, const char *path, void *settings, char *error, size_t error_size)
{
	for (size_t i = 0; i < nkeys; i++)
	{
		if (keys[i].type == CONFIG_TEXT)
			*(char **) ((char *) settings + keys[i].offset) = NULL;
		if (!set_key(&keys[i], keys[i].initial, "default", settings, error, error_size))
			return false;
	}
	if (path != NULL && !read_config_file(keys, nkeys, path, settings, error, error_size))
		return false;
	for (size_t i = 0; i < nkeys; i++)
	{
		const char *value = getenv(keys[i].name);

		if (value != NULL && *value != '\0' && !set_key(&keys[i], value, "environment", settings, error, error_size))
			return false;
	}
	return true;
}

void
free_config(const ConfigKey *keys, size_t nkeys, void *settings)
{
	for (size_t i = 0; i < nkeys; i++)
	{
		if (keys[i].type == CONFIG_TEXT)
		{
			char **field = (char **) ((char *) settings + keys[i].offset);

			free(*field);
			*field = NULL;
		}
	}
}
