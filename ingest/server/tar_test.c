/*
 * tar_test.c - archives as phones pack them, and as nobody should
 */
#include "server/tar.c"

#include <stdio.h>

#include "check.h"

static uint8_t archive[16 * BLOCK];
static size_t archive_len;

/* Appends a file; size is what the header tells, len what is really there. */
static void
add_file(const char *name, char type, const char *size, const char *bytes, size_t len)
{
	uint8_t *header = archive + archive_len;
	unsigned sum = 0;

	memset(header, 0, 2 * BLOCK);
	memcpy(header, name, strnlen(name, NAME_SIZE));
	memcpy(header + SIZE_AT, size, strlen(size));
	memset(header + CHECKSUM_AT, ' ', CHECKSUM_DIGITS);
	header[TYPE_AT] = (uint8_t) type;
	for (size_t i = 0; i < BLOCK; i++)
		sum += header[i];
	snprintf((char *) header + CHECKSUM_AT, CHECKSUM_DIGITS, "%06o", sum);
	memcpy(header + BLOCK, bytes, len);
	archive_len += BLOCK + (len + BLOCK - 1) / BLOCK * BLOCK;
}

static TarReader
start_over(void)
{
	archive_len = 0;
	return (TarReader){.data = archive};
}

/* "name:bytes " of all files, with "!" when the archive is broken. */
static const char *
listing(TarReader reader)
{
	static char text[1000];
	size_t len = 0;
	TarFile file;

	reader.len = archive_len;
	while (next_tar_file(&reader, &file))
		len += (size_t) snprintf(text + len, sizeof(text) - len, "%.*s:%.*s ", (int) file.name_len, file.name,
								 (int) file.size, (const char *) file.bytes);
	snprintf(text + len, sizeof(text) - len, "%s", reader.broken ? "!" : "");
	return text;
}

static void
test_files(void)
{
	TarReader reader = start_over();
	char long_name[101];

	add_file("./", '5', "00000000000", "", 0);
	add_file("./a.jpeg", '0', "00000000003", "abc", 3);
	add_file("../../etc/passwd", '\0', "3", "xyz", 3); /* old archives have no type */
	add_file("x\\y\\b.png", '0', "        2 ", "de", 2);
	add_file("link", '2', "0", "", 0);
	add_file("PaxHeader/c", 'x', "7", "7 a=bc\n", 7);
	memset(long_name, 'n', 100);
	long_name[100] = '\0';
	add_file(long_name, '0', "0", "", 0);
	CHECK(is_tar(archive, archive_len));
	CHECK(strncmp(listing(reader), "a.jpeg:abc passwd:xyz b.png:de nnnn", 34) == 0);
	CHECK(strstr(listing(reader), "n: ") != NULL && strchr(listing(reader), '!') == NULL);

	/* a block of zeros ends it, whatever comes then */
	reader = start_over();
	add_file("a", '0', "1", "x", 1);
	memset(archive + archive_len, 0, BLOCK);
	archive_len += BLOCK;
	add_file("b", '0', "1", "y", 1);
	CHECK_TEXT(listing(reader), "a:x ");
}

static void
test_broken(void)
{
	TarReader reader = start_over();

	CHECK_TEXT(listing(reader), "");
	CHECK(!is_tar(archive, 0));

	add_file("a", '0', "1", "x", 1);
	archive[0] = 'b';
	CHECK(!is_tar(archive, archive_len));
	CHECK_TEXT(listing(reader), "!");

	/* more than there is; a size of no octal number; the binary form */
	reader = start_over();
	add_file("a", '0', "1", "x", 1);
	add_file("b", '0', "1001", "y", 1);
	CHECK_TEXT(listing(reader), "a:x !");
	reader = start_over();
	add_file("a", '0', "9", "x", 1);
	CHECK_TEXT(listing(reader), "!");
	reader = start_over();
	add_file("a", '0', "\x80", "x", 1);
	CHECK_TEXT(listing(reader), "!");
	reader = start_over();
	add_file("a", '0', "777777777777", "x", 1);
	CHECK_TEXT(listing(reader), "!");

	/* cut: the last file's padding may be missing, a header may not */
	reader = start_over();
	add_file("a", '0', "1", "x", 1);
	archive_len = BLOCK + 1;
	CHECK_TEXT(listing(reader), "a:x ");
	reader = start_over();
	add_file("a", '0', "1", "x", 1);
	add_file("b", '0', "1", "y", 1);
	archive_len -= BLOCK + 1;
	CHECK_TEXT(listing(reader), "a:x !");
}

int
main(void)
{
	test_files();
	test_broken();
	return check_summary("tar");
}
