/*
 * project_set.c - the active projects at one moment, with what their trackers are told
 */
#include "server/project_set.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

ProjectSet *
make_project_set(void)
{
	return calloc(1, sizeof(ProjectSet));
}

static void
free_known_project(KnownProject *known)
{
	free((char *) known->lists.tags);
	free((char *) known->lists.web_conditions);
	free((char *) known->lists.mobile_conditions);
	for (size_t i = 0; i < known->nrates; i++)
		free(known->rates[i].name);
	free(known->rates);
}

void
free_project_set(ProjectSet *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->count; i++)
		free_known_project(&set->projects[i]);
	free(set->projects);
	free(set->by_id);
	free(set);
}

/* What cannot be read as a condition with name and rate has none. */
static bool
read_rates(KnownProject *known)
{
	json_t *conditions = json_loads(known->lists.web_conditions, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
	json_t *condition;
	size_t n;
	bool ok = true;

	if (json_array_size(conditions) > 0)
	{
		known->rates = calloc(json_array_size(conditions), sizeof(*known->rates));
		ok = known->rates != NULL;
	}
	json_array_foreach(conditions, n, condition)
	{
		const char *name = json_string_value(json_object_get(condition, "name"));
		double rate = json_real_value(json_object_get(condition, "capture_rate"));
		char *copy;

		if (!ok || name == NULL || !(rate >= 0 && rate <= 100))
			continue;
		copy = strdup(name);
		if (copy != NULL)
			known->rates[known->nrates++] = (ConditionRate){copy, (int) rate};
		else
			ok = false;
	}
	json_decref(conditions);
	return ok;
}

bool
add_project(ProjectSet *set, const Project *project, const ProjectLists *lists)
{
	KnownProject known = {.project = *project};

	if (set->count == set->size)
	{
		size_t size = 2 * set->size + 64;
		KnownProject *larger = realloc(set->projects, size * sizeof(*larger));

		if (larger == NULL)
			return false;
		set->projects = larger;
		set->size = size;
	}
	known.lists.tags = strdup(lists->tags);
	known.lists.web_conditions = strdup(lists->web_conditions);
	known.lists.mobile_conditions = strdup(lists->mobile_conditions);
	if (known.lists.tags != NULL && known.lists.web_conditions != NULL && known.lists.mobile_conditions != NULL &&
		read_rates(&known))
	{
		set->projects[set->count++] = known;
		return true;
	}
	free_known_project(&known);
	return false;
}

static int
compare_keys(const void *a, const void *b)
{
	return strcmp(((const KnownProject *) a)->project.key, ((const KnownProject *) b)->project.key);
}

static int
compare_ids(const void *a, const void *b)
{
	int32_t id_a = (*(const KnownProject *const *) a)->project.id;
	int32_t id_b = (*(const KnownProject *const *) b)->project.id;

	return (id_a > id_b) - (id_a < id_b);
}

bool
order_project_set(ProjectSet *set)
{
	set->by_id = calloc(set->count + 1, sizeof(KnownProject *));
	if (set->by_id == NULL)
		return false;
	if (set->count == 0)
		return true;
	qsort(set->projects, set->count, sizeof(KnownProject), compare_keys);
	for (size_t i = 0; i < set->count; i++)
		set->by_id[i] = &set->projects[i];
	qsort(set->by_id, set->count, sizeof(KnownProject *), compare_ids);
	return true;
}

const KnownProject *
project_by_key(const ProjectSet *set, const char *key)
{
	KnownProject wanted;

	if (set->count == 0 || strlen(key) >= sizeof(wanted.project.key))
		return NULL;
	memcpy(wanted.project.key, key, strlen(key) + 1);
	return bsearch(&wanted, set->projects, set->count, sizeof(KnownProject), compare_keys);
}

const KnownProject *
project_by_id(const ProjectSet *set, int32_t id)
{
	KnownProject wanted = {.project = {.id = id}};
	const KnownProject *key = &wanted;
	const KnownProject **found =
		set->count == 0 ? NULL : bsearch(&key, set->by_id, set->count, sizeof(KnownProject *), compare_ids);

	return found == NULL ? NULL : *found;
}

int
rate_of_condition(const KnownProject *project, const char *name)
{
	for (size_t i = 0; i < project->nrates; i++)
	{
		if (strcmp(project->rates[i].name, name) == 0)
			return project->rates[i].rate;
	}
	return -1;
}
