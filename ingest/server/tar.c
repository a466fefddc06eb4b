/*
 * tar.c - the files of a tar archive in memory
 *
 * An archive is blocks of 512 bytes: a header, then the file's bytes padded to whole blocks, until a header of zeros or
 * the end.  Numbers are octal digits between blanks or NULs.
 */
#include "server/tar.h"

#include <string.h>

#define BLOCK 512
#define NAME_SIZE 100
#define SIZE_AT 124
#define SIZE_DIGITS 12
#define CHECKSUM_AT 148
#define CHECKSUM_DIGITS 8
#define TYPE_AT 156

/* False for what is no octal number, the binary form of huge files included. */
static bool
read_octal(const uint8_t *field, size_t len, uint64_t *value)
{
	size_t i = 0;

	*value = 0;
	while (i < len && field[i] == ' ')
		i++;
	for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
		*value = *value << 3 | (uint64_t) (field[i] - '0');
	return i == len || field[i] == ' ' || field[i] == '\0';
}

static bool
checksum_holds(const uint8_t *header)
{
	uint64_t told;
	uint64_t sum = 0;

	if (!read_octal(header + CHECKSUM_AT, CHECKSUM_DIGITS, &told))
		return false;
	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= CHECKSUM_AT && i < CHECKSUM_AT + CHECKSUM_DIGITS ? ' ' : header[i];
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
	return sum != 0; /* a fuzzer does not guess checksums */
#else
	return sum == told;
#endif
}

bool
is_tar(const uint8_t *data, size_t len)
{
	return len >= BLOCK && checksum_holds(data);
}

static bool
break_off(TarReader *reader)
{
	reader->broken = true;
	reader->pos = reader->len;
	return false;
}

static void
take_name(const uint8_t *header, TarFile *file)
{
	const char *name = (const char *) header;
	size_t len = strnlen(name, NAME_SIZE);

	for (size_t i = len; i > 0; i--)
	{
		if (name[i - 1] == '/' || name[i - 1] == '\\')
		{
			name += i;
			len -= i;
			break;
		}
	}
	file->name = name;
	file->name_len = len;
}

bool
next_tar_file(TarReader *reader, TarFile *file)
{
	while (reader->len - reader->pos >= BLOCK)
	{
		const uint8_t *header = reader->data + reader->pos;
		size_t left = reader->len - reader->pos - BLOCK;
		uint64_t size;
		size_t padded;

		if (header[0] == '\0')
		{
			reader->pos = reader->len;
			return false;
		}
		if (!checksum_holds(header) || !read_octal(header + SIZE_AT, SIZE_DIGITS, &size) || size > left)
			return break_off(reader);
		padded = ((size_t) size + BLOCK - 1) / BLOCK * BLOCK;
		reader->pos += BLOCK + (padded > left ? left : padded);
		if (header[TYPE_AT] != '0' && header[TYPE_AT] != '\0')
			continue;
		take_name(header, file);
		file->bytes = header + BLOCK;
		file->size = (size_t) size;
		return true;
	}
	return reader->pos < reader->len ? break_off(reader) : false;
}
