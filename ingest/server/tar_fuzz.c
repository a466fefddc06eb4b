/*
 * tar_fuzz.c - any bytes as an archive: reading stays within them and ends
 */
#define FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#include "server/tar.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TarReader reader = {.data = data, .len = size};
	const uint8_t *end = data + size;
	TarFile file;

	is_tar(data, size);
	while (next_tar_file(&reader, &file))
	{
		if (file.bytes < data || file.size > (size_t) (end - file.bytes) || (const uint8_t *) file.name < data ||
			(const uint8_t *) file.name + file.name_len > end || memchr(file.name, '/', file.name_len) != NULL)
			abort();
	}
	return 0;
}
