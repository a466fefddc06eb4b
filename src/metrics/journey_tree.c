/*
 * journey_tree.c - a journey as a tree, for the sunburst
 *
 * Each node is one way to get where it is; its value, the number of sessions that did, is the sum of its children's.
 * Paths that are shorter than the journey end in a DROP.  The children of most sessions are shown by themselves, as
 * many as the journey has rows, the others as one without children; so is what is less than a thousandth of all, which
 * bounds the tree.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "metrics/journey.h"

#define LEAST_SHARE 1000

typedef struct Path
{
	int n; /* elements: types and values in turn */
	Datum *elements;
	int64 sessions;
} Path;

/* Paths that begin alike; they are neighbours. */
typedef struct Branch
{
	int first;
	int n;
	int64 sessions;
} Branch;

typedef struct Tree
{
	const Journey *journey;
	Path *paths;
	int64 least;
	StringInfoData json;
} Tree;

static void add_branches(Tree *tree, int first, int n, int depth);

static bool
same_element(const Path *a, const Path *b, int i)
{
	text *x = DatumGetTextPP(a->elements[i]), *y = DatumGetTextPP(b->elements[i]);

	return VARSIZE_ANY_EXHDR(x) == VARSIZE_ANY_EXHDR(y) &&
		   memcmp(VARDATA_ANY(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(x)) == 0;
}

static int
compare_branches(const void *a, const void *b)
{
	const Branch *x = a, *y = b;

	if (x->sessions != y->sessions)
		return x->sessions > y->sessions ? -1 : 1;
	return x->first - y->first;
}

/* The branches of paths that go on at a depth, those of most sessions first; ended gets the sessions of the others. */
static Branch *
get_branches(const Tree *tree, int first, int n, int depth, int *nbranches, int64 *ended)
{
	Branch *branches = palloc(Max(n, 1) * sizeof(Branch));
	const Path *before = NULL;

	*nbranches = 0;
	*ended = 0;
	for (int i = first; i < first + n; i++)
	{
		const Path *path = &tree->paths[i];

		if (path->n <= 2 * depth)
		{
			*ended += path->sessions;
			continue;
		}
		if (before == NULL || !same_element(before, path, 2 * depth) || !same_element(before, path, 2 * depth + 1))
			branches[(*nbranches)++] = (Branch){.first = i};
		branches[*nbranches - 1].n++;
		branches[*nbranches - 1].sessions += path->sessions;
		before = path;
	}
	qsort(branches, *nbranches, sizeof(Branch), compare_branches);
	return branches;
}

static void
begin_node(Tree *tree, bool comma, const char *type, const char *name, int depth, int64 sessions)
{
	appendStringInfoString(&tree->json, comma ? ", {\"name\": " : "{\"name\": ");
	escape_json(&tree->json, name);
	appendStringInfoString(&tree->json, ", \"type\": ");
	escape_json(&tree->json, type);
	appendStringInfo(&tree->json, ", \"depth\": %d, \"value\": " INT64_FORMAT ", \"children\": ", depth, sessions);
}

static void
add_leaf(Tree *tree, bool comma, const char *type, int depth, int64 sessions)
{
	begin_node(tree, comma, type, "", depth, sessions);
	appendStringInfoString(&tree->json, "[]}");
}

/* Appends the list of what follows at a depth in paths that are the same until there. */
static void
add_branches(Tree *tree, int first, int n, int depth)
{
	int nbranches;
	int64 ended, others = 0;
	Branch *branches = get_branches(tree, first, n, depth, &nbranches, &ended);
	bool comma = false;

	appendStringInfoChar(&tree->json, '[');
	for (int i = 0; i < nbranches; i++)
	{
		const Branch *branch = &branches[i];
		const Path *path = &tree->paths[branch->first];

		if (i >= tree->journey->rows || branch->sessions < tree->least)
		{
			others += branch->sessions;
			continue;
		}
		begin_node(tree, comma, TextDatumGetCString(path->elements[2 * depth]),
				   TextDatumGetCString(path->elements[2 * depth + 1]), depth, branch->sessions);
		if (depth + 1 < tree->journey->nsteps)
			add_branches(tree, branch->first, branch->n, depth + 1);
		else
			appendStringInfoString(&tree->json, "[]");
		appendStringInfoChar(&tree->json, '}');
		comma = true;
	}
	if (others > 0)
		add_leaf(tree, comma, JOURNEY_OTHER, depth, others);
	if (ended > 0)
		add_leaf(tree, comma || others > 0, JOURNEY_DROP, depth, ended);
	appendStringInfoChar(&tree->json, ']');
	pfree(branches);
}

char *
get_journey_tree(const Journey *journey)
{
	Tree tree = {.journey = journey};
	Sql *sql = sql_new();
	int64 total = 0;

	plan_by_month(sql, journey->card);
	add_journey_paths(sql, journey);
	sql_run(sql);
	tree.paths = palloc_extended(Max(SPI_processed, 1) * sizeof(Path), MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Path *path = &tree.paths[i];
		bool isnull;
		Datum array = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &path->elements, NULL, &path->n);
		path->sessions = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull));
		total += path->sessions;
	}
	tree.least = total / LEAST_SHARE;
	initStringInfo(&tree.json);
	add_branches(&tree, 0, (int) SPI_processed, 0);
	return tree.json.data;
}
