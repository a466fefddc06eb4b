/*
 * snapshot_file_test.c - projects kept on disk come back whole or not at all
 */
#include "server/project_set.c"
#include "server/snapshot_file.c"

#include <unistd.h>

#include "check.h"

static const char tags[] = "[{\"id\": 1, \"selector\": \"#a \\n b\"}]";
static const char conditions[] = "[{\"name\": \"b\", \"capture_rate\": 50}, {\"name\": \"b\", \"capture_rate\": 60}, "
								 "{\"name\": 5}, 7, {\"name\": \"z\", \"capture_rate\": 1e300}]";

static char dir[] = "/tmp/snapshot_file_test.XXXXXX";
static char path[PATH_SIZE];

static void
add(ProjectSet *set, int32_t id, const char *key, const ProjectLists *lists)
{
	Project project = {.id = id, .platform = "web", .sample_rate = id % 101, .max_session_duration_ms = 7200000};

	snprintf(project.key, sizeof(project.key), "%s", key);
	CHECK(add_project(set, &project, lists));
}

static void
keep_three(void)
{
	static const ProjectLists none = {"[]", "[]", "[]"};
	static const ProjectLists some = {tags, conditions, "[7]"};
	ProjectSet *set = make_project_set();

	add(set, 30, "b key with blanks", &some);
	add(set, 10, "c", &none);
	add(set, 20, "a", &none);
	CHECK(order_project_set(set));
	keep_projects(dir, set);
	free_project_set(set);
}

static void
check_whole(void)
{
	ProjectSet *set = recall_projects(dir);
	const KnownProject *known;

	CHECK(set != NULL && set->count == 3);
	known = project_by_id(set, 30);
	CHECK(known != NULL && known == project_by_key(set, "b key with blanks"));
	CHECK_TEXT(known->lists.tags, tags);
	CHECK_TEXT(known->lists.web_conditions, conditions);
	CHECK_TEXT(known->lists.mobile_conditions, "[7]");
	CHECK_INT(known->project.sample_rate, 30);
	CHECK_INT(known->project.max_session_duration_ms, 7200000);
	CHECK_INT(rate_of_condition(known, "b"), 50);
	CHECK_INT(rate_of_condition(known, "z"), -1);
	CHECK_INT(rate_of_condition(known, "B"), -1);
	CHECK(project_by_id(set, 11) == NULL && project_by_key(set, "") == NULL);
	free_project_set(set);
}

/* Every byte counts: no file that lacks one, or has another one instead, is believed. */
static void
check_damage(void)
{
	size_t len = 0;
	char *content = read_small_file(path, FILE_MAX, &len);
	char *copy = malloc(len + 1);
	int believed = 0;

	for (size_t at = 0; at < len; at++)
	{
		ProjectSet *set;

		memcpy(copy, content, len + 1);
		copy[at] = '\0';
		set = read_projects(copy, at);
		believed += set != NULL;
		free_project_set(set);
		memcpy(copy, content, len + 1);
		copy[at] ^= 4;
		set = read_projects(copy, len);
		believed += set != NULL;
		free_project_set(set);
	}
	CHECK_INT(believed, 0);
	free(copy);
	free(content);
}

static void
check_other_versions(void)
{
	CHECK(write_small_file(path, "projects 1\n1 100 7200000 0 web someKey\nend 1\n"));
	CHECK(recall_projects(dir) == NULL);
	CHECK(write_small_file(path, ""));
	CHECK(recall_projects(dir) == NULL);
	CHECK(unlink(path) == 0 && recall_projects(dir) == NULL);
}

int
main(void)
{
	CHECK(mkdtemp(dir) != NULL);
	projects_path(dir, path);
	set_log_level(LOG_ERROR);
	keep_three();
	check_whole();
	check_damage();
	check_other_versions();
	rmdir(dir);
	return check_summary("snapshot_file");
}
