/*
 * buffer.c - growing texts
 */
#include "common/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 512

void
init_buffer(Buffer *buffer, size_t max)
{
	*buffer = (Buffer){.max = max};
}

void
free_buffer(Buffer *buffer)
{
	free(buffer->data);
	*buffer = (Buffer){.max = buffer->max};
}

/* Room for len more bytes and a NUL. */
static bool
make_room(Buffer *buffer, size_t len)
{
	size_t wanted = buffer->len + len + 1;
	size_t size = buffer->size > 0 ? buffer->size : FIRST_SIZE;
	char *data;

	if (buffer->failed)
		return false;
	if (wanted <= buffer->size)
		return true;
	if (wanted > buffer->max || wanted < len)
	{
		buffer->failed = true;
		return false;
	}
	while (size < wanted)
		size *= 2;
	data = realloc(buffer->data, size);
	if (data == NULL)
	{
		buffer->failed = true;
		return false;
	}
	buffer->data = data;
	buffer->size = size;
	return true;
}

void
put_bytes(Buffer *buffer, const void *data, size_t len)
{
	if (!make_room(buffer, len))
		return;
	memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
	buffer->data[buffer->len] = '\0';
}

void
put_text(Buffer *buffer, const char *text)
{
	put_bytes(buffer, text, strlen(text));
}

void
put_format(Buffer *buffer, const char *format, ...)
{
	va_list arguments;
	va_list again;
	int len;

	va_start(arguments, format);
	va_copy(again, arguments);
	len = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (len < 0)
		buffer->failed = true;
	else if (make_room(buffer, (size_t) len))
	{
		vsnprintf(buffer->data + buffer->len, (size_t) len + 1, format, again);
		buffer->len += (size_t) len;
	}
	va_end(again);
}

void
put_json_string(Buffer *buffer, const char *text)
{
	const char *plain = text; /* start of what needs no escape and is not written yet */

	put_bytes(buffer, "\"", 1);
	for (; *text != '\0'; text++)
	{
		unsigned char c = (unsigned char) *text;

		if (c >= ' ' && c != '"' && c != '\\')
			continue;
		put_bytes(buffer, plain, (size_t) (text - plain));
		plain = text + 1;
		if (c == '"' || c == '\\')
			put_format(buffer, "\\%c", c);
		else
			put_format(buffer, "\\u%04x", c);
	}
	put_bytes(buffer, plain, (size_t) (text - plain));
	put_bytes(buffer, "\"", 1);
}
