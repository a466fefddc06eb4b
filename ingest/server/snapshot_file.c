/*
 * snapshot_file.c - the projects as an earlier run of this server knew them
 *
 * A line for each project, the key last because it may hold anything but a line's end; at the end their number, by
 * which a whole file is known.
 */
#include "server/snapshot_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/files.h"
#include "common/log.h"

#define PATH_SIZE 4096
#define FILE_MAX ((size_t) 64 << 20)

static const char heading[] = "projects 1\n";
static const char ending[] = "end ";

static void
projects_path(const char *state_dir, char *path)
{
	snprintf(path, PATH_SIZE, "%s/projects", state_dir);
}

void
keep_projects(const char *state_dir, const Project *projects, size_t nprojects)
{
	char path[PATH_SIZE];
	size_t kept_len = 0;
	size_t nkept = 0;
	Buffer text;
	char *kept;

	init_buffer(&text, FILE_MAX);
	put_text(&text, heading);
	for (size_t i = 0; i < nprojects; i++)
	{
		const Project *project = &projects[i];

		if (strchr(project->key, '\n') != NULL)
			continue;
		nkept++;
		put_format(&text, "%" PRId32 " %" PRId32 " %" PRId64 " %" PRId64 " %s %s\n", project->id, project->sample_rate,
				   project->max_session_duration_ms, project->beacon_size, project->platform, project->key);
	}
	put_format(&text, "%s%zu\n", ending, nkept);
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
read_line(char *line, Project *project)
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

/* The projects of a whole file; NULL when it is none. */
static Project *
read_projects(char *content, size_t *nprojects)
{
	Project *projects = NULL;
	size_t size = 0;
	char *line = content;
	char *end;

	*nprojects = 0;
	if (strncmp(content, heading, strlen(heading)) != 0)
		return NULL;
	while ((end = strchr(line, '\n')) != NULL)
	{
		*end = '\0';
		if (line != content && strncmp(line, ending, strlen(ending)) == 0)
		{
			if (strtoull(line + strlen(ending), NULL, 10) == *nprojects && projects != NULL)
				return projects;
			break;
		}
		if (*nprojects == size)
		{
			Project *larger = realloc(projects, (size = 2 * size + 64) * sizeof(*projects));

			if (larger == NULL)
				break;
			projects = larger;
		}
		if (line != content && !read_line(line, &projects[(*nprojects)++]))
			break;
		line = end + 1;
	}
	free(projects);
	return NULL;
}

Project *
recall_projects(const char *state_dir, size_t *nprojects)
{
	char path[PATH_SIZE];
	size_t len;
	char *content;
	Project *projects;

	projects_path(state_dir, path);
	content = read_small_file(path, FILE_MAX, &len);
	if (content == NULL)
	{
		if (errno != ENOENT)
			log_warning("cannot read the projects of an earlier run file=%s error=\"%m\"", path);
		return NULL;
	}
	projects = read_projects(content, nprojects);
	if (projects == NULL)
		log_warning("the projects of an earlier run are unreadable file=%s", path);
	free(content);
	return projects;
}
