/*
 * snapshot_file.c - the projects as an earlier run of this server knew them
 *
 * Four lines for each project: its facts, the key last because it may hold anything but a line's end, then its tags,
 * its conditions for web and for mobile trackers, each a JSON array, in which PostgreSQL writes no line's end.  At the
 * end their number and a checksum of all before, by which a whole file is known.
 */
#include "server/snapshot_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/buffer.h"
#include "common/files.h"
#include "common/log.h"

#define PATH_SIZE 4096
#define FILE_MAX ((size_t) 64 << 20)

static const char heading[] = "projects 2\n";
static const char ending[] = "end ";

static void
projects_path(const char *state_dir, char *path)
{
	snprintf(path, PATH_SIZE, "%s/projects", state_dir);
}

static unsigned long
checksum(const char *text, size_t len)
{
	return crc32_z(crc32_z(0, NULL, 0), (const unsigned char *) text, len);
}

static void
put_project(Buffer *text, const KnownProject *known)
{
	const Project *project = &known->project;

	put_format(text, "%" PRId32 " %" PRId32 " %" PRId64 " %" PRId64 " %s ", project->id, project->sample_rate,
			   project->max_session_duration_ms, project->beacon_size, project->platform);
	put_text(text, project->key);
	put_text(text, "\n");
	put_text(text, known->lists.tags);
	put_text(text, "\n");
	put_text(text, known->lists.web_conditions);
	put_text(text, "\n");
	put_text(text, known->lists.mobile_conditions);
	put_text(text, "\n");
}

/* False for texts that would not be read back as they are. */
static bool
fits_lines(const KnownProject *known)
{
	return strchr(known->project.key, '\n') == NULL && strchr(known->lists.tags, '\n') == NULL &&
		   strchr(known->lists.web_conditions, '\n') == NULL && strchr(known->lists.mobile_conditions, '\n') == NULL;
}

void
keep_projects(const char *state_dir, const ProjectSet *set)
{
	char path[PATH_SIZE];
	size_t kept_len = 0;
	size_t nkept = 0;
	Buffer text;
	char *kept;

	init_buffer(&text, FILE_MAX);
	put_text(&text, heading);
	for (size_t i = 0; i < set->count; i++)
	{
		if (!fits_lines(&set->projects[i]))
			continue;
		put_project(&text, &set->projects[i]);
		nkept++;
	}
	if (!text.failed)
		put_format(&text, "%s%zu %08lx\n", ending, nkept, checksum(text.data, text.len));
	projects_path(state_dir, path);
	kept = read_small_file(path, FILE_MAX, &kept_len);
	if (text.failed || ((kept == NULL || strcmp(kept, text.data) != 0) && !write_small_file(path, text.data)))
		log_warning("cannot keep the projects file=%s error=\"%m\"", path);
	free(kept);
	free_buffer(&text);
}

/* Reads a number and the blank behind it. */
static bool
take_number(char **at, int64_t *number)
{
	char *end;

	*number = strtoll(*at, &end, 10);
	if (end == *at || *end != ' ')
		return false;
	*at = end + 1;
	return true;
}

static bool
read_facts(char *line, Project *project)
{
	int64_t id;
	int64_t rate;
	size_t len;

	memset(project, 0, sizeof(*project));
	if (!take_number(&line, &id) || !take_number(&line, &rate) ||
		!take_number(&line, &project->max_session_duration_ms) || !take_number(&line, &project->beacon_size))
		return false;
	project->id = (int32_t) id;
	project->sample_rate = (int32_t) rate;
	len = strcspn(line, " ");
	if (line[len] != ' ' || len >= sizeof(project->platform) || strlen(line + len + 1) >= sizeof(project->key))
		return false;
	memcpy(project->platform, line, len);
	memcpy(project->key, line + len + 1, strlen(line + len + 1));
	return true;
}

/* The next line without its end; NULL at the end of the text. */
static char *
take_line(char **at)
{
	char *line = *at;
	char *end = strchr(line, '\n');

	if (end == NULL)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return line;
}

static bool
read_project(char *facts, char **at, ProjectSet *set)
{
	Project project;
	ProjectLists lists;

	lists.tags = take_line(at);
	lists.web_conditions = take_line(at);
	lists.mobile_conditions = lists.web_conditions != NULL ? take_line(at) : NULL;
	return lists.mobile_conditions != NULL && read_facts(facts, &project) && add_project(set, &project, &lists);
}

/* Where the last line begins, when its checksum is that of all before; NULL otherwise. */
static char *
find_ending(char *content, size_t len)
{
	char *last = content + len;
	char *sum;

	if (len == 0 || strlen(content) != len || last[-1] != '\n')
		return NULL;
	for (last--; last > content && last[-1] != '\n'; last--)
		;
	if (strncmp(last, ending, strlen(ending)) != 0)
		return NULL;
	sum = strchr(last + strlen(ending), ' ');
	if (sum == NULL || strtoul(sum, NULL, 16) != checksum(content, (size_t) (last - content)))
		return NULL;
	return last;
}

/* The projects of a whole file; NULL when it is none. */
static ProjectSet *
read_projects(char *content, size_t len)
{
	char *last = find_ending(content, len);
	char *at = content + strlen(heading);
	ProjectSet *set;
	bool ok;

	if (last == NULL || strncmp(content, heading, strlen(heading)) != 0)
		return NULL;
	set = make_project_set();
	ok = set != NULL;
	while (ok && at < last)
	{
		char *facts = take_line(&at);

		ok = facts != NULL && read_project(facts, &at, set);
	}
	if (ok && strtoull(last + strlen(ending), NULL, 10) == set->count && order_project_set(set))
		return set;
	free_project_set(set);
	return NULL;
}

ProjectSet *
recall_projects(const char *state_dir)
{
	char path[PATH_SIZE];
	size_t len = 0;
	char *content;
	ProjectSet *set;

	projects_path(state_dir, path);
	content = read_small_file(path, FILE_MAX, &len);
	if (content == NULL)
	{
		if (errno != ENOENT)
			log_warning("cannot read the projects of an earlier run file=%s error=\"%m\"", path);
		return NULL;
	}
	set = read_projects(content, len);
	if (set == NULL)
		log_warning("the projects of an earlier run are not used: damaged, or of another version file=%s", path);
	free(content);
	return set;
}
