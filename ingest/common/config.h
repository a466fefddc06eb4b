/*
 * config.h - settings from a KEY=VALUE file and the environment
 *
 * A program lists its keys once, as data: name, type, place in its settings struct, default and range.  The environment
 * wins over the file, so a container can override what a package installed.  Everything is checked before the program
 * does anything else, and an error says which key, what is wrong and where it came from.
 */
#ifndef OPENREPLAY_CONFIG_H
#define OPENREPLAY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ConfigType
{
	CONFIG_TEXT,	/* char *, never NULL after load_config() */
	CONFIG_INT,		/* int64_t between min and max */
	CONFIG_SECONDS, /* the same, a trailing "s" allowed */
	CONFIG_BOOL		/* bool: true/false, on/off, yes/no, 1/0 */
} ConfigType;

typedef struct ConfigKey
{
	const char *name;
	ConfigType type;
	size_t offset;		 /* of the field in the settings struct */
	const char *initial; /* text of the default */
	int64_t min;
	int64_t max;
} ConfigKey;

/*
 * Fills settings from defaults, then the file (path may be NULL), then the environment.  Empty values count as not
 * given. Unknown keys in the file are errors, so that a misspelt one is not silently ignored.  False, with a message in
 * error, when anything is wrong.  The texts are owned by settings until free_config().
 */
extern bool load_config(const ConfigKey *keys, size_t nkeys, const char *path, void *settings, char *error,
						size_t error_size);
extern void free_config(const ConfigKey *keys, size_t nkeys, void *settings);

#endif /* OPENREPLAY_CONFIG_H */
