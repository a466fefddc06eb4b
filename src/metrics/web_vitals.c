/*
 * web_vitals.c - how quick pages were for those who visited them, rated
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "metrics/card.h"
#include "metrics/vitals.h"

PG_FUNCTION_INFO_V1(openreplay_web_vitals);

#define RATED(column) \
	"CASE WHEN f." column " <= f.good THEN 'good' WHEN f." column " <= f.medium THEN 'medium' ELSE 'bad' END"

/* Rows (place, name, good, medium, n, min, avg, max, p50, p75, p90): one a vital, over the pages of the sessions. */
static void
add_vitals(Sql *sql, const Card *card)
{
	const Filter *filter = first_filter(card);

	sql_add(sql, "SELECT t.place, t.name, t.good, t.medium, a.f[t.place][1] AS n, a.f[t.place][2] AS min, "
				 "a.f[t.place][3] AS avg, a.f[t.place][4] AS max, a.f[t.place][5] AS p50, a.f[t.place][6] AS p75, "
				 "a.f[t.place][7] AS p90 FROM (SELECT openreplay.vitals(e.dom_building_time, e.ttfb, e.speed_index, "
				 "e.first_contentful_paint_time, e.web_vitals) AS f FROM ");
	add_sessions(sql, filter, false);
	sql_add(sql, " JOIN ");
	add_events(sql, EVENTS_PAGES);
	sql_add(sql, " ON e.session_id = s.session_id WHERE ");
	add_sessions_where(sql, filter);
	sql_add(sql, " AND ");
	add_event_where(sql, filter, &(FilterEvent){.kind = EVENTS_PAGES});
	sql_add(sql, ") AS a, unnest(ARRAY[");
#define VITAL(key, name, argument, scale, zero, good, medium) "'" key "', "
	sql_add(sql, "%.*s], ARRAY[", (int) sizeof(VITALS(VITAL)) - 3, VITALS(VITAL));
#undef VITAL
#define VITAL(key, name, argument, scale, zero, good, medium) #good ", "
	sql_add(sql, "%.*s], ARRAY[", (int) sizeof(VITALS(VITAL)) - 3, VITALS(VITAL));
#undef VITAL
#define VITAL(key, name, argument, scale, zero, good, medium) #medium ", "
	sql_add(sql, "%.*s]) WITH ORDINALITY AS t (name, good, medium, place)", (int) sizeof(VITALS(VITAL)) - 3,
			VITALS(VITAL));
#undef VITAL
}

void
add_web_vitals_chart(Sql *sql, Card *card)
{
	sql_add(sql, "SELECT jsonb_object_agg(f.name, jsonb_build_object('Min', f.min, 'MinStatus', " RATED(
					 "min") ", "
							"'Avg', f.avg, 'AvgStatus', " RATED("avg") ", 'Max', f.max, 'MaxStatus', " RATED(
								"max") ", "
									   "'P50', f.p50, 'P50Status', " RATED("p50") ", 'P75', f.p75, 'P75Status', " RATED(
										   "p75") ", "
												  "'P90', f.p90, 'P90Status', " RATED(
													  "p90") ", 'good', jsonb_build_array(0, f.good), "
															 "'medium', jsonb_build_array(f.good + 1, f.medium), "
															 "'bad', jsonb_build_array(f.medium + 1))) FROM (");
	add_vitals(sql, card);
	sql_add(sql, ") AS f");
}

/* web_vitals(project_id integer, card jsonb) */
Datum
openreplay_web_vitals(PG_FUNCTION_ARGS)
{
	Sql *sql = sql_new();
	Card *card;

	InitMaterializedSRF(fcinfo, 0);
	card = get_card_argument(fcinfo);
	if (card == NULL)
		return (Datum) 0;
	plan_by_month(sql, card);
	sql_add(sql, "SELECT f.name, f.n::bigint, f.min, f.avg, f.max, f.p50, f.p75, f.p90, CASE WHEN f.n > 0 THEN " RATED(
					 "p75") " END FROM (");
	add_vitals(sql, card);
	sql_add(sql, ") AS f ORDER BY f.place");
	return sql_return_rows(sql, fcinfo);
}
