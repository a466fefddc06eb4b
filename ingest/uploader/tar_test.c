/*
 * tar_test.c - archives are read back as they were written, and nothing else is read
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "uploader/tar.c"

#define ENTRIES 3

static const char *const names[ENTRIES] = {"1_1_1.png", "1760000000000_12_1760000001000.jpeg", "empty"};
static const size_t sizes[ENTRIES] = {700, 512, 0};

static size_t
write_archive(uint8_t *archive)
{
	size_t len = 0;

	for (int i = 0; i < ENTRIES; i++)
	{
		make_tar_header(archive + len, names[i], sizes[i], 1760000000 + i);
		memset(archive + len + TAR_BLOCK_SIZE, 'a' + i, sizes[i]);
		memcpy(archive + len + TAR_BLOCK_SIZE + sizes[i], tar_zeros, tar_padding(sizes[i]));
		len += tar_entry_size(sizes[i]);
	}
	memcpy(archive + len, tar_zeros, TAR_END_SIZE);
	return len + TAR_END_SIZE;
}

/* How many entries are read, all of which must be as they were written. */
static int
read_archive(const uint8_t *data, size_t len)
{
	TarReader reader = read_tar(data, len);
	TarEntry entry;
	int count = 0;

	while (next_tar_entry(&reader, &entry))
	{
		CHECK(count < ENTRIES && strcmp(entry.name, names[count]) == 0 && entry.size == sizes[count]);
		for (size_t i = 0; i < entry.size; i++)
			CHECK(entry.content[i] == 'a' + count);
		count++;
	}
	return count;
}

int
main(void)
{
	static uint8_t archive[8192];
	size_t len = write_archive(archive);
	size_t ends[ENTRIES];
	size_t end = 0;

	CHECK_INT(read_archive(archive, len), ENTRIES);
	for (int i = 0; i < ENTRIES; i++)
		ends[i] = end += tar_entry_size(sizes[i]);
	for (size_t cut = 0; cut < len; cut += 7)
	{
		uint8_t *copy = malloc(cut > 0 ? cut : 1); /* AddressSanitizer watches its end */
		int whole = 0;

		while (whole < ENTRIES && ends[whole] <= cut)
			whole++;
		memcpy(copy, archive, cut);
		CHECK_INT(read_archive(copy, cut), whole);
		free(copy);
	}
	/* a size that no file here has, and one that is no number */
	memcpy(archive + 124, "77777777777", 11);
	CHECK_INT(read_archive(archive, len), 0);
	memcpy(archive + 124, "0000000127 ", 11);
	CHECK_INT(read_archive(archive, len), 0);
	return check_summary("tar");
}
