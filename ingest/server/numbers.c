/*
 * numbers.c - the bound, in STATE_DIR/lane_numbers
 *
 * It is raised long before it is reached, so that a disk that is full for a while stops nothing.
 */
#include "server/numbers.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/files.h"
#include "common/log.h"

#define PATH_SIZE 4096
#define STEP ((int64_t) 1 << 24)
#define GROUP ((int64_t) 1 << 16) /* more than ever are given at once */

struct Numbers
{
	char path[PATH_SIZE];
	pthread_mutex_t lock; /* held while the file is written */
	atomic_llong bound;
};

Numbers *
open_numbers(const Settings *settings, char *error, size_t error_size)
{
	Numbers *numbers = calloc(1, sizeof(*numbers));
	int64_t bound = 0;
	char *content;
	char *end;
	size_t len;

	if (numbers == NULL)
	{
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	snprintf(numbers->path, sizeof(numbers->path), "%s/lane_numbers", settings->state_dir);
	content = read_small_file(numbers->path, 100, &len);
	if (content != NULL)
	{
		bound = strtoll(content, &end, 10);
		if (end == content || *end != '\n' || bound <= 0)
			bound = -1;
		free(content);
	}
	else if (errno != ENOENT)
		bound = -1;
	if (bound < 0)
	{
		snprintf(error, error_size,
				 "%.400s is unreadable: remove it while the database is up, and the numbers are asked for there",
				 numbers->path);
		free(numbers);
		return NULL;
	}
	atomic_init(&numbers->bound, bound);
	pthread_mutex_init(&numbers->lock, NULL);
	return numbers;
}

void
close_numbers(Numbers *numbers)
{
	pthread_mutex_destroy(&numbers->lock);
	free(numbers);
}

int64_t
numbers_bound(Numbers *numbers)
{
	return atomic_load(&numbers->bound);
}

/* The caller holds lock. */
static bool
raise_bound(Numbers *numbers, int64_t last)
{
	char content[32];
	int64_t bound = last + STEP;

	snprintf(content, sizeof(content), "%" PRId64 "\n", bound);
	if (!write_small_file(numbers->path, content))
		return false;
	atomic_store(&numbers->bound, bound);
	return true;
}

bool
reserve_numbers(Numbers *numbers, int64_t last)
{
	bool raised = true;

	if (last + STEP / 2 < atomic_load(&numbers->bound))
		return true;
	pthread_mutex_lock(&numbers->lock);
	if (last + STEP / 2 >= atomic_load(&numbers->bound))
		raised = raise_bound(numbers, last);
	pthread_mutex_unlock(&numbers->lock);
	return raised || last + GROUP < atomic_load(&numbers->bound);
}
