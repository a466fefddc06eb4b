/*
 * journey_graph.c - a journey as nodes and links
 *
 * The generations show different things.  In the first, only the links that were kept are there.  In the second, all
 * that happens is there: the names of most sessions at each step, the others as one node, and those whose path has
 * ended flow on as DROP to the last step.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/json.h"

#include "metrics/journey.h"

PG_FUNCTION_INFO_V1(openreplay_journey);

/* Those that were added for what had ended before. */
#define ADDED_NAME "None"

/* In the order of a depth. */
#define RANK_NAME 0
#define RANK_OTHER 1
#define RANK_DROP 2

/* A row of add_journey_links(). */
typedef struct LinkRow
{
	int step;
	char *type;
	char *value;
	char *next_type; /* NULL: the path ends */
	char *next_value;
	int64 sessions;
	bool has_gap;
	double gap;
} LinkRow;

/* ---- what was found ---------------------------------------------------------------------------------------------- */

static LinkRow
get_row(uint64 i)
{
	HeapTuple tuple = SPI_tuptable->vals[i];
	TupleDesc row = SPI_tuptable->tupdesc;
	LinkRow link;
	bool isnull;
	Datum gap;

	link.step = DatumGetInt32(SPI_getbinval(tuple, row, 1, &isnull));
	link.type = SPI_getvalue(tuple, row, 2);
	link.value = SPI_getvalue(tuple, row, 3);
	link.next_type = SPI_getvalue(tuple, row, 4);
	link.next_value = SPI_getvalue(tuple, row, 5);
	link.sessions = DatumGetInt64(SPI_getbinval(tuple, row, 6, &isnull));
	gap = SPI_getbinval(tuple, row, 7, &isnull);
	link.has_gap = !isnull;
	link.gap = isnull ? 0 : DatumGetFloat8(gap);
	return link;
}

static int
find_node(const JourneyGraph *graph, int depth, const char *type, const char *name)
{
	for (int i = 0; i < graph->nnodes; i++)
		if (graph->nodes[i].depth == depth && strcmp(graph->nodes[i].type, type) == 0 &&
			strcmp(graph->nodes[i].name, name) == 0)
			return i;
	return -1;
}

static int
add_node(JourneyGraph *graph, int depth, const char *type, const char *name)
{
	JourneyNode *node;

	if ((graph->nnodes & (graph->nnodes - 1)) == 0)
		graph->nodes = graph->nodes == NULL ? palloc(sizeof(JourneyNode))
											: repalloc(graph->nodes, 2 * graph->nnodes * sizeof(JourneyNode));
	node = &graph->nodes[graph->nnodes++];
	memset(node, 0, sizeof(*node));
	node->depth = depth;
	node->type = type;
	node->name = name;
	node->starting = depth == 0;
	node->rank = name[0] != '\0' ? RANK_NAME : RANK_OTHER;
	return graph->nnodes - 1;
}

static int
get_node(JourneyGraph *graph, int depth, const char *type, const char *name)
{
	int node = find_node(graph, depth, type, name);

	return node >= 0 ? node : add_node(graph, depth, type, name);
}

static JourneyLink *
add_link(JourneyGraph *graph, int source, int target, int64 sessions)
{
	JourneyLink *link;

	if ((graph->nlinks & (graph->nlinks - 1)) == 0)
		graph->links = graph->links == NULL ? palloc(sizeof(JourneyLink))
											: repalloc(graph->links, 2 * graph->nlinks * sizeof(JourneyLink));
	link = &graph->links[graph->nlinks++];
	memset(link, 0, sizeof(*link));
	link->source = source;
	link->target = target;
	link->sessions = sessions;
	graph->nodes[target].sessions += sessions;
	if (graph->nodes[source].depth == 0)
		graph->nodes[source].sessions += sessions;
	return link;
}

static void
add_row_link(JourneyGraph *graph, const LinkRow *row, int source)
{
	int target = get_node(graph, row->step, row->next_type, row->next_value);
	JourneyLink *link = add_link(graph, source, target, row->sessions);

	link->has_gap = row->has_gap;
	link->gap = row->gap;
}

/* ---- the first generation ---------------------------------------------------------------------------------------- */

static void
take_kept_links(JourneyGraph *graph)
{
	int64 total = 0;

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		LinkRow row = get_row(i);

		if (row.step == 1)
			total += row.sessions;
		/* those whose path ends take a place, and are not shown */
		if (row.next_type != NULL)
			add_row_link(graph, &row, get_node(graph, row.step - 1, row.type, row.value));
	}
	for (int i = 0; i < graph->nlinks; i++)
		graph->links[i].value = 100.0 * graph->links[i].sessions / total;
}

/* ---- the second generation --------------------------------------------------------------------------------------- */

static int
get_drop(JourneyGraph *graph, int depth, const char *name)
{
	int node;

	for (node = 0; node < graph->nnodes; node++)
		if (graph->nodes[node].depth == depth && graph->nodes[node].rank == RANK_DROP)
			return node;
	node = add_node(graph, depth, JOURNEY_DROP, name);
	graph->nodes[node].rank = RANK_DROP;
	return node;
}

/* What has ended goes on to the last step. */
static void
prolong_drops(JourneyGraph *graph, int nsteps, const int64 *dropped, int64 total)
{
	int64 sum = 0;

	for (int depth = 1; depth < nsteps - 1; depth++)
	{
		int source, target;

		sum += dropped[depth];
		if (sum == 0)
			continue;
		source = get_drop(graph, depth, "");
		target = get_drop(graph, depth + 1, dropped[depth + 1] > 0 ? "" : ADDED_NAME);
		add_link(graph, source, target, sum)->value = 100.0 * sum / total;
	}
}

static void
take_all_links(JourneyGraph *graph, const Journey *journey)
{
	int64 *dropped = palloc0((journey->nsteps + 1) * sizeof(int64));
	int64 total = 0;

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		LinkRow row = get_row(i);
		int source = get_node(graph, row.step - 1, row.type, row.value);

		if (row.step == 1)
			total += row.sessions;
		if (row.next_type != NULL)
		{
			add_row_link(graph, &row, source);
			continue;
		}
		dropped[row.step] += row.sessions;
		add_link(graph, source, get_drop(graph, row.step, ""), row.sessions);
	}
	for (int i = 0; i < graph->nlinks; i++)
	{
		graph->links[i].value = 100.0 * graph->links[i].sessions / total;
		graph->links[i].whole = true;
	}
	prolong_drops(graph, journey->nsteps, dropped, total);
}

/* ---- in order ---------------------------------------------------------------------------------------------------- */

static int
compare_nodes(const void *a, const void *b, void *argument)
{
	const JourneyNode *nodes = argument;
	const JourneyNode *x = &nodes[*(const int *) a], *y = &nodes[*(const int *) b];
	int order;

	if (x->depth != y->depth)
		return x->depth - y->depth;
	if (x->rank != y->rank)
		return x->rank - y->rank;
	if (x->sessions != y->sessions)
		return x->sessions > y->sessions ? -1 : 1;
	order = strcmp(x->type, y->type);
	return order != 0 ? order : strcmp(x->name, y->name);
}

static int
compare_links(const void *a, const void *b)
{
	const JourneyLink *x = a, *y = b;

	return x->source != y->source ? x->source - y->source : x->target - y->target;
}

/* Links go from earlier to later, and so do depths. */
static void
turn_around(JourneyGraph *graph)
{
	int deepest = 0;

	for (int i = 0; i < graph->nnodes; i++)
		deepest = Max(deepest, graph->nodes[i].depth);
	for (int i = 0; i < graph->nnodes; i++)
		graph->nodes[i].depth = deepest - graph->nodes[i].depth;
	for (int i = 0; i < graph->nlinks; i++)
	{
		int source = graph->links[i].source;

		graph->links[i].source = graph->links[i].target;
		graph->links[i].target = source;
	}
}

static void
sort_graph(JourneyGraph *graph)
{
	int *order = palloc((graph->nnodes + 1) * sizeof(int));
	int *places = palloc((graph->nnodes + 1) * sizeof(int));
	JourneyNode *sorted = palloc((graph->nnodes + 1) * sizeof(JourneyNode));

	for (int i = 0; i < graph->nnodes; i++)
		order[i] = i;
	qsort_arg(order, graph->nnodes, sizeof(int), compare_nodes, graph->nodes);
	for (int i = 0; i < graph->nnodes; i++)
	{
		sorted[i] = graph->nodes[order[i]];
		places[order[i]] = i;
	}
	graph->nodes = sorted;
	for (int i = 0; i < graph->nlinks; i++)
	{
		graph->links[i].source = places[graph->links[i].source];
		graph->links[i].target = places[graph->links[i].target];
	}
	if (graph->nlinks > 0)
		qsort(graph->links, graph->nlinks, sizeof(JourneyLink), compare_links);
}

JourneyGraph *
get_journey_graph(const Journey *journey)
{
	JourneyGraph *graph = palloc0(sizeof(JourneyGraph));
	Sql *sql = sql_new();

	plan_by_month(sql, journey->card);
	add_journey_links(sql, journey);
	sql_run(sql);
	if (journey->card->generation == FILTER_GENERATION_FIRST)
		take_kept_links(graph);
	else
		take_all_links(graph, journey);
	if (journey->backwards)
		turn_around(graph);
	sort_graph(graph);
	return graph;
}

/* ---- charts ------------------------------------------------------------------------------------------------------ */

static void
add_number(StringInfo json, double number)
{
	appendStringInfoString(json, float8out_internal(number));
}

/* Mean over all that came to the node; false when nothing did. */
static bool
get_node_gap(const JourneyGraph *graph, int node, double *gap)
{
	double sum = 0;
	int64 sessions = 0;

	for (int i = 0; i < graph->nlinks; i++)
		if (graph->links[i].target == node && graph->links[i].has_gap)
		{
			sum += graph->links[i].gap * graph->links[i].sessions;
			sessions += graph->links[i].sessions;
		}
	*gap = sessions > 0 ? sum / sessions : 0;
	return sessions > 0;
}

static void
add_first_node(StringInfo json, const JourneyGraph *graph, int i)
{
	double gap;

	appendStringInfoString(json, "{\"name\": ");
	escape_json(json, graph->nodes[i].name);
	appendStringInfoString(json, ", \"eventType\": ");
	escape_json(json, graph->nodes[i].type);
	appendStringInfoString(json, ", \"avgTimeFromPrevious\": ");
	if (get_node_gap(graph, i, &gap))
		add_number(json, gap);
	else
		appendStringInfoString(json, "null");
	appendStringInfoChar(json, '}');
}

static void
add_second_node(StringInfo json, const JourneyGraph *graph, int i)
{
	const JourneyNode *node = &graph->nodes[i];

	appendStringInfo(json, "{\"depth\": %d, \"id\": %d, \"startingNode\": %s, \"name\": ", node->depth, i,
					 node->starting ? "true" : "false");
	escape_json(json, node->name);
	appendStringInfoString(json, ", \"eventType\": ");
	escape_json(json, node->type);
	appendStringInfoChar(json, '}');
}

static void
add_link_json(StringInfo json, const JourneyGraph *graph, const JourneyLink *link, bool with_gap)
{
	appendStringInfoString(json, "{\"eventType\": ");
	escape_json(json, graph->nodes[link->source].type);
	appendStringInfo(json, ", \"sessionsCount\": " INT64_FORMAT ", \"source\": %d, \"target\": %d, \"value\": ",
					 link->sessions, link->source, link->target);
	add_number(json, link->whole ? trunc(link->value) : link->value);
	if (with_gap)
	{
		appendStringInfoString(json, ", \"avgTimeFromPrevious\": ");
		add_number(json, link->gap);
	}
	appendStringInfoChar(json, '}');
}

static char *
graph_json(const JourneyGraph *graph, bool first)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"nodes\": [");
	for (int i = 0; i < graph->nnodes; i++)
	{
		if (i > 0)
			appendStringInfoChar(&json, ',');
		if (first)
			add_first_node(&json, graph, i);
		else
			add_second_node(&json, graph, i);
	}
	appendStringInfoString(&json, "], \"links\": [");
	for (int i = 0; i < graph->nlinks; i++)
	{
		if (i > 0)
			appendStringInfoChar(&json, ',');
		add_link_json(&json, graph, &graph->links[i], first);
	}
	appendStringInfoString(&json, "]}");
	return json.data;
}

void
add_journey_chart(Sql *sql, Card *card)
{
	const Journey *journey = get_journey(card);

	if (card->explained)
	{
		add_journey_links(sql, journey);
		return;
	}
	sql_add(sql, "SELECT ");
	if (strcmp(card->view, "sunburst") == 0)
		sql_text(sql, get_journey_tree(journey));
	else
		sql_text(sql, graph_json(get_journey_graph(journey), card->generation == FILTER_GENERATION_FIRST));
	sql_add(sql, "::jsonb");
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static void
put_link(ReturnSetInfo *result, const JourneyGraph *graph, const JourneyLink *link)
{
	const JourneyNode *source = &graph->nodes[link->source], *target = &graph->nodes[link->target];
	Datum values[8];
	bool nulls[8] = {false};

	values[0] = Int32GetDatum(source->depth + 1);
	values[1] = CStringGetTextDatum(source->type);
	values[2] = CStringGetTextDatum(source->name);
	values[3] = CStringGetTextDatum(target->type);
	values[4] = CStringGetTextDatum(target->name);
	values[5] = Int64GetDatum(link->sessions);
	values[6] = Float8GetDatum(link->value);
	values[7] = Float8GetDatum(link->gap);
	nulls[7] = !link->has_gap;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* journey(project_id integer, card jsonb) */
Datum
openreplay_journey(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const JourneyGraph *graph;
	Card *card;

	InitMaterializedSRF(fcinfo, 0);
	card = get_card_argument(fcinfo);
	if (card == NULL)
		return (Datum) 0;
	check_card_type(card, "pathAnalysis");
	SPI_connect();
	graph = get_journey_graph(get_journey(card));
	for (int i = 0; i < graph->nlinks; i++)
		put_link(result, graph, &graph->links[i]);
	SPI_finish();
	return (Datum) 0;
}
