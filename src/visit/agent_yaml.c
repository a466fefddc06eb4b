/*
 * agent_yaml.c - reads uap-core's files: a mapping of lists of flat records
 *
 * The rules and uap-core's own tests share that shape, so both are read here.  Works on libyaml's events, one record at
 * a time: the whole document is never in memory.
 */
#include "agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

typedef enum ReaderPlace
{
	PLACE_OUTSIDE, /* before the top mapping and after it */
	PLACE_LISTS,   /* a list's key is next */
	PLACE_LIST,	   /* its value is next */
	PLACE_RECORDS,
	PLACE_KEYS,
	PLACE_VALUE
} ReaderPlace;

typedef struct YamlReader
{
	ReaderPlace place;
	size_t line; /* of the record or event in hand, for errors */
	char *list;
	YamlRecord record;
	YamlVisitor visit;
	void *context;
	char *error;
	size_t error_size;
} YamlReader;

const char *
yaml_value(const YamlRecord *record, const char *key)
{
	for (int i = 0; i < record->count; i++)
	{
		if (strcmp(record->keys[i], key) == 0)
			return record->values[i];
	}
	return NULL;
}

static void
clear_record(YamlRecord *record)
{
	for (int i = 0; i < YAML_RECORD_MAX; i++)
	{
		free(record->keys[i]);
		free(record->values[i]);
		record->keys[i] = record->values[i] = NULL;
	}
	record->count = 0;
}

static bool
refuse(YamlReader *reader, const char *why)
{
	snprintf(reader->error, reader->error_size, "%s", why);
	return false;
}

static bool
take_scalar(YamlReader *reader, const char *value)
{
	YamlRecord *record = &reader->record;
	char *copy = strdup(value);

	if (copy == NULL)
		return refuse(reader, "out of memory");
	switch (reader->place)
	{
		case PLACE_LISTS:
			free(reader->list);
			reader->list = copy;
			reader->place = PLACE_LIST;
			return true;
		case PLACE_LIST: /* a key with a plain value is none of our lists */
			free(copy);
			reader->place = PLACE_LISTS;
			return true;
		case PLACE_KEYS:
			if (record->count == YAML_RECORD_MAX)
			{
				free(copy);
				return refuse(reader, "too many keys in one record");
			}
			record->keys[record->count] = copy;
			reader->place = PLACE_VALUE;
			return true;
		case PLACE_VALUE:
			record->values[record->count++] = copy;
			reader->place = PLACE_KEYS;
			return true;
		default:
			free(copy);
			return refuse(reader, "a text where a list or record was expected");
	}
}

static bool
take_event(YamlReader *reader, const yaml_event_t *event)
{
	switch (event->type)
	{
		case YAML_SCALAR_EVENT:
			return take_scalar(reader, (const char *) event->data.scalar.value);
		case YAML_MAPPING_START_EVENT:
			if (reader->place == PLACE_OUTSIDE)
				reader->place = PLACE_LISTS;
			else if (reader->place == PLACE_RECORDS)
			{
				reader->record.line = event->start_mark.line + 1;
				reader->place = PLACE_KEYS;
			}
			else
				return refuse(reader, "unexpected mapping");
			return true;
		case YAML_SEQUENCE_START_EVENT:
			if (reader->place != PLACE_LIST)
				return refuse(reader, "unexpected list");
			reader->place = PLACE_RECORDS;
			return true;
		case YAML_SEQUENCE_END_EVENT:
			reader->place = PLACE_LISTS;
			return true;
		case YAML_MAPPING_END_EVENT:
			if (reader->place == PLACE_LISTS)
			{
				reader->place = PLACE_OUTSIDE;
				return true;
			}
			reader->record.list = reader->list;
			reader->line = reader->record.line;
			if (!reader->visit(reader->context, &reader->record, reader->error, reader->error_size))
				return false;
			clear_record(&reader->record);
			reader->place = PLACE_RECORDS;
			return true;
		case YAML_ALIAS_EVENT:
			return refuse(reader, "aliases are not supported");
		default:
			return true;
	}
}

static bool
read_events(YamlReader *reader, yaml_parser_t *parser)
{
	bool ok = true;
	bool ended = false;

	while (ok && !ended)
	{
		yaml_event_t event;

		if (!yaml_parser_parse(parser, &event))
		{
			reader->line = parser->problem_mark.line + 1;
			return refuse(reader, parser->problem ? parser->problem : "not readable as YAML");
		}
		reader->line = event.start_mark.line + 1;
		ok = take_event(reader, &event);
		ended = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	return ok;
}

bool
read_yaml_records(const char *path, YamlVisitor visit, void *context, char *error, size_t error_size)
{
	char why[256] = "";
	YamlReader reader = {.visit = visit, .context = context, .error = why, .error_size = sizeof(why)};
	yaml_parser_t parser;
	FILE *file = fopen(path, "rb");
	bool ok;

	if (file == NULL)
	{
		snprintf(error, error_size, "could not open \"%s\": %m", path);
		return false;
	}
	if (!yaml_parser_initialize(&parser))
	{
		fclose(file);
		snprintf(error, error_size, "out of memory");
		return false;
	}
	yaml_parser_set_input_file(&parser, file);
	ok = read_events(&reader, &parser);
	if (!ok)
		snprintf(error, error_size, "\"%s\" line %zu: %s", path, reader.line, why);
	yaml_parser_delete(&parser);
	fclose(file);
	clear_record(&reader.record);
	free(reader.list);
	return ok;
}
