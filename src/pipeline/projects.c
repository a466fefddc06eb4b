/*
 * projects.c - settings of projects, read once per pass
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "pipeline/pass.h"

/* Numbers that are not in the catalogue, or no longer in range, count for nothing. */
static void
read_thresholds(Project *project)
{
	Oid types[] = {INT4OID};
	Datum arguments[] = {Int32GetDatum(project->project_id)};

	default_thresholds(&project->thresholds);
	SPI_execute_with_args("SELECT name, value FROM openreplay.detector_settings WHERE project_id = $1", 1, types,
						  arguments, NULL, false, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool isnull;
		char *name = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);

		change_threshold(&project->thresholds, name,
						 DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull)));
		pfree(name);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Those that ignore something. */
static void
read_tags(Pass *pass, Project *project)
{
	Oid types[] = {INT4OID};
	Datum arguments[] = {Int32GetDatum(project->project_id)};

	SPI_execute_with_args("SELECT selector, ignore_click_rage, ignore_dead_click FROM public.tags"
						  " WHERE project_id = $1 AND deleted_at IS NULL AND (ignore_click_rage OR ignore_dead_click)",
						  1, types, arguments, NULL, false, 0);
	project->ntags = (int) SPI_processed;
	project->tags = MemoryContextAlloc(pass->context, Max(project->ntags, 1) * sizeof(Tag));
	for (int i = 0; i < project->ntags; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;
		bool isnull;
		char *selector = SPI_getvalue(tuple, desc, 1);

		project->tags[i].selector = selector_hash(selector, strlen(selector));
		project->tags[i].ignore_click_rage = DatumGetBool(SPI_getbinval(tuple, desc, 2, &isnull));
		project->tags[i].ignore_dead_click = DatumGetBool(SPI_getbinval(tuple, desc, 3, &isnull));
		pfree(selector);
	}
	SPI_freetuptable(SPI_tuptable);
}

Project *
find_project(Pass *pass, int32 project_id)
{
	bool found;
	Project *project = hash_search(pass->projects, &project_id, HASH_ENTER, &found);
	Oid types[] = {INT4OID};
	Datum arguments[] = {Int32GetDatum(project_id)};

	if (found)
		return project;
	memset((char *) project + sizeof(int32), 0, sizeof(Project) - sizeof(int32));
	SPI_execute_with_args(
		"SELECT active, save_request_payloads, metadata_1, metadata_2, metadata_3, metadata_4, metadata_5,"
		" metadata_6, metadata_7, metadata_8, metadata_9, metadata_10"
		" FROM public.projects WHERE project_id = $1",
		1, types, arguments, NULL, false, 1);
	if (SPI_processed == 1)
	{
		HeapTuple tuple = SPI_tuptable->vals[0];
		TupleDesc desc = SPI_tuptable->tupdesc;
		bool isnull;

		project->known = true;
		project->active = DatumGetBool(SPI_getbinval(tuple, desc, 1, &isnull));
		project->save_payloads = DatumGetBool(SPI_getbinval(tuple, desc, 2, &isnull));
		for (int i = 0; i < 10; i++)
		{
			char *name = SPI_getvalue(tuple, desc, 3 + i);

			project->metadata[i] = name ? MemoryContextStrdup(pass->context, name) : NULL;
		}
	}
	SPI_freetuptable(SPI_tuptable);
	read_thresholds(project);
	read_tags(pass, project);
	return project;
}
