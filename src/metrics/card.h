/*
 * card.h - a card, parsed once, and what the kinds of cards share
 *
 * A card is a question (metricType and metricOf) asked of one or more series, each a filter.  parse_card() reads the
 * JSON of either generation and makes of it what every kind of card needs: the range, the series with their filters,
 * the options, all checked.  A kind of card is rows of cards.list.h and one function beside it that appends a query.
 *
 *		Card *card = parse_card(project_id, json, viewer_id);
 *		Sql *sql = sql_new();
 *
 *		SPI_connect();
 *		card->type->add_chart(sql, card);
 *		sql_run(sql);		-- one row, one column: the chart, jsonb
 */
#ifndef OPENREPLAY_METRICS_CARD_H
#define OPENREPLAY_METRICS_CARD_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "metrics/filter.h"
#include "metrics/sql.h"

/* What a card counts; metricFormat. */
typedef enum CardFormat
{
	CARD_SESSIONS = 1 << 0,
	CARD_USERS = 1 << 1,
	CARD_EVENTS = 1 << 2,
	CARD_RESOLUTIONS = 1 << 3
} CardFormat;

/* What holds for a kind of card. */
#define CARD_PREDEFINED (1 << 0)   /* a fixed formula: series, filters and values are not looked at */
#define CARD_FIRST_SERIES (1 << 1) /* series after the first are not looked at */
#define CARD_VALUES (1 << 2)	   /* metricValue means something */
#define CARD_BREAKDOWNS (1 << 3)   /* can be broken down */
#define CARD_JOURNEY (1 << 4)	   /* density is a number of steps */

typedef struct Card Card;

/* A row of cards.list.h. */
typedef struct CardType
{
	int generation;		/* FILTER_GENERATION_FIRST or _SECOND: the matrix and the shape of the answer */
	const char *type;	/* metricType */
	const char *metric; /* metricOf */
	const char *views;	/* viewTypes that are allowed, by spaces; the first is the default */
	int formats;		/* CardFormats that are allowed */
	int traits;
	/*
	 * Appends a query that returns the chart: one row of one jsonb.  Called within an SPI connection; it may run
	 * queries of its own before.
	 */
	void (*add_chart)(Sql *sql, Card *card);
} CardType;

typedef struct CardSeries
{
	int32 series_id;  /* 0: not saved */
	const char *name; /* never empty, no two alike */
	Jsonb *json;	  /* the filter, with those of the card merged in */
	Filter *filter;	  /* the same, with the card's range, from_ts to to_ts included */
} CardSeries;

struct Card
{
	int32 project_id;
	bool has_viewer;
	int32 viewer_id; /* who asks */
	int generation;
	const CardType *type;
	const char *view;
	const char *name; /* "": none */
	CardFormat format;
	int nvalues;
	char **values; /* metricValue */
	int64 from_ts; /* epoch milliseconds */
	int64 to_ts;   /* whether it is included is the matter of the kind */
	int density;   /* points of a chart, steps of a journey */
	int limit;
	int page; /* from 1 */
	int nseries;
	CardSeries *series;
	int nbreakdowns;
	char **breakdowns;	  /* as written, of breakdowns.list.h */
	int sample_rate;	  /* percent of the sessions whose events are read; 100: all */
	bool explained;		  /* not the chart is wanted but the query it is made from */
	JsonbContainer *root; /* the whole, for options that only one kind of card has */
};

/*
 * Reads a card; palloc'd in the context that was current.  Raises invalid_parameter_value for what is unknown or not
 * allowed, naming it and listing what is, and what parse_filter() raises.  May be called with or without SPI.
 * viewer_id is NULL when nobody is known to ask.
 */
extern Card *parse_card(int32 project_id, Jsonb *json, const int32 *viewer_id);

/* An option of a card that is a number within bounds. */
extern int64 get_card_number(JsonbContainer *object, const char *name, int64 otherwise, int64 least, int64 most);

/* The filter of all sessions in the card's range, and the first series', which is that if there are no series. */
extern Filter *all_sessions(const Card *card);
extern Filter *first_filter(const Card *card);

/* The width of a bucket, at least 1 ms: the range over density, or over density - 1, as the kind of card has it. */
extern int64 card_step(const Card *card, bool one_less);

/* Appends the query for the chart of a card of any kind; called without SPI.  Raises what only the kind can be wrong
 * about. */
extern void add_card_chart(Sql *sql, Card *card);

/* metricFormat. */
extern const char *card_format_name(CardFormat format);

/* Appends the condition that r.place, from 1 on, is on the card's page. */
extern void add_page_condition(Sql *sql, const Card *card);

/* For the functions that return rows: arguments 0 and 1 are project_id and card; false when one of them is NULL. */
extern Card *get_card_argument(FunctionCallInfo fcinfo);

/* The first series; raises invalid_parameter_value when there is none. */
extern const CardSeries *require_series(const Card *card);

/* Chooses sql->by_month for queries on the card's series. */
extern void plan_by_month(Sql *sql, const Card *card);

/* Runs a query of one row of one jsonb, without SPI; palloc'd, 0 for NULL. */
extern Datum run_chart(Sql *sql);

/* Raises invalid_parameter_value unless the card is of that metricType. */
extern void check_card_type(const Card *card, const char *type);

/* ---- kinds ------------------------------------------------------------------------------------------------------- */

#define CARD(generation, type, metric, views, formats, traits, chart) extern void chart(Sql *sql, Card *card);
#include "metrics/cards.list.h"
#undef CARD

#endif /* OPENREPLAY_METRICS_CARD_H */
