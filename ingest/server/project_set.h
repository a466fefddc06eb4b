/*
 * project_set.h - the active projects at one moment, with what their trackers are told
 *
 * Built by one thread, ordered once, read-only afterwards.
 */
#ifndef OPENREPLAY_PROJECT_SET_H
#define OPENREPLAY_PROJECT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROJECT_KEY_SIZE 64
#define PROJECT_PLATFORM_SIZE 16

typedef struct Project
{
	char key[PROJECT_KEY_SIZE];
	int32_t id;
	char platform[PROJECT_PLATFORM_SIZE]; /* "web", "ios", "android" */
	int32_t sample_rate;				  /* 0 .. 100 */
	int64_t max_session_duration_ms;
	int64_t beacon_size; /* bytes, 0: the server's */
} Project;

/* JSON arrays as endpoints answer them. */
typedef struct ProjectLists
{
	const char *tags;
	const char *web_conditions;
	const char *mobile_conditions;
} ProjectLists;

typedef struct ConditionRate
{
	char *name;
	int rate; /* 0 .. 100 */
} ConditionRate;

typedef struct KnownProject
{
	Project project;
	ProjectLists lists;
	ConditionRate *rates; /* of the web conditions, in their order */
	size_t nrates;
} KnownProject;

typedef struct ProjectSet
{
	KnownProject *projects; /* by key, once ordered */
	size_t count;
	size_t size;
	const KnownProject **by_id;
} ProjectSet;

extern ProjectSet *make_project_set(void);
extern void free_project_set(ProjectSet *set);

/* Adds a copy.  False without memory. */
extern bool add_project(ProjectSet *set, const Project *project, const ProjectLists *lists);

/* To be called once all projects are added.  False without memory. */
extern bool order_project_set(ProjectSet *set);

/* NULL when there is none. */
extern const KnownProject *project_by_key(const ProjectSet *set, const char *key);
extern const KnownProject *project_by_id(const ProjectSet *set, int32_t id);

/* The capture rate of the project's first condition with this name, -1 when there is none. */
extern int rate_of_condition(const KnownProject *project, const char *name);

#endif /* OPENREPLAY_PROJECT_SET_H */
