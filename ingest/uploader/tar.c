/*
 * tar.c - entries of an archive
 */
#include "uploader/tar.h"

#include <stdio.h>
#include <string.h>

const uint8_t tar_zeros[TAR_END_SIZE];

void
make_tar_header(uint8_t header[TAR_BLOCK_SIZE], const char *name, size_t size, int64_t mtime_s)
{
	size_t name_len = strlen(name);
	unsigned sum = 0;
	char number[24];

	memset(header, 0, TAR_BLOCK_SIZE);
	memcpy(header, name, name_len < TAR_NAME_SIZE ? name_len : TAR_NAME_SIZE - 1);
	memcpy(header + 100, "0000644", 7);
	memcpy(header + 108, "0000000", 7);
	memcpy(header + 116, "0000000", 7);
	snprintf(number, sizeof(number), "%011llo", (unsigned long long) size);
	memcpy(header + 124, number, 11);
	snprintf(number, sizeof(number), "%011llo",
			 (unsigned long long) (mtime_s < 0 || mtime_s > INT64_C(077777777777) ? 0 : mtime_s));
	memcpy(header + 136, number, 11);
	memset(header + 148, ' ', 8); /* the sum is taken with blanks in its place */
	header[156] = '0';			  /* an ordinary file */
	memcpy(header + 257, "ustar", 6);
	memcpy(header + 263, "00", 2);
	for (int i = 0; i < TAR_BLOCK_SIZE; i++)
		sum += header[i];
	snprintf(number, sizeof(number), "%06o", sum);
	memcpy(header + 148, number, 7);
}

/* An octal number of a header; false for anything else. */
static bool
read_octal(const uint8_t *digits, int count, uint64_t *number)
{
	*number = 0;
	for (int i = 0; i < count; i++)
	{
		if (digits[i] < '0' || digits[i] > '7')
			return false;
		*number = *number << 3 | (uint64_t) (digits[i] - '0');
	}
	return true;
}

bool
next_tar_entry(TarReader *reader, TarEntry *entry)
{
	const uint8_t *header = reader->data + reader->pos;
	size_t left = reader->len - reader->pos;
	uint64_t size;

	if (left < TAR_BLOCK_SIZE || header[0] == 0 || header[156] != '0' || memcmp(header + 257, "ustar", 6) != 0 ||
		!read_octal(header + 124, 11, &size) || size > left - TAR_BLOCK_SIZE ||
		tar_padding((size_t) size) > left - TAR_BLOCK_SIZE - size)
		return false;
	memcpy(entry->name, header, TAR_NAME_SIZE);
	entry->name[TAR_NAME_SIZE] = '\0';
	entry->content = header + TAR_BLOCK_SIZE;
	entry->size = (size_t) size;
	reader->pos += (size_t) tar_entry_size((size_t) size);
	return true;
}
