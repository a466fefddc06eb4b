/*
 * courier.c - the thread that delivers messages: hooks, chat, mail
 *
 * One thread has all of them under way at the same time, by libcurl's multi interface, so that a receiver that is slow
 * or silent takes nobody's time but its own; recordings, which may take minutes each, are other threads' business.  The
 * database gives away one message of a receiver at a time, so that their order is kept by whoever delivers them.
 *
 * A courier that has lost its connection cannot tell what became of what is under way.  It ends all of it and puts it
 * back: some of it is then delivered twice, with the same idempotency key.
 */
#include "uploader/courier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/pq.h"
#include "uploader/deliver.h"

#define LOOK_MS 5000 /* between two looks when nothing is announced: retries come due by time; it is the beat, too */
#define RECONNECT_MS 1000
#define GRACE_MS 5000 /* for what is under way at the end */
#define MAILS 4		  /* at the same time: all of them go to one server */
#define ERROR_SIZE 512

typedef struct Bag
{
	Courier *courier;
	const Settings *settings;
	CURLM *multi;
	PGconn *conn;
	PqWait wait;
	Delivery **under_way; /* as many as are allowed; NULL: free */
	size_t size;
	size_t hooks;
	size_t mails;
	int64_t next_look_ms;
} Bag;

/* ---- the database ---- */

/* A statement about this courier; logs its failure.  To be cleared. */
static PGresult *
ask(Bag *bag, const char *sql, int nparams, const char *const *params)
{
	char error[ERROR_SIZE];
	PGresult *result = pq_query(bag->conn, sql, nparams, params, &bag->wait, error, sizeof(error));

	if (result == NULL)
		log_error("the database refused worker=%s statement=\"%.60s\" error=\"%s\"", bag->courier->name, sql, error);
	return result;
}

static bool
tell(Bag *bag, const char *id, const char *receiver, const Outcome *outcome)
{
	const char *params[] = {id, bag->courier->name, outcome->error, outcome->permanent ? "true" : "false"};
	PGresult *result = outcome->done
						   ? ask(bag, "SELECT openreplay.finish_outbox($1::bigint, $2)", 2, params)
						   : ask(bag, "SELECT openreplay.fail_outbox($1::bigint, $2, $3, $4::boolean)", 4, params);
	bool told = result != NULL;

	if (outcome->done)
	{
		ADD_METRIC(bag->courier->uploader->metrics->deliveries, 1);
		log_debug("delivered id=%s receiver=\"%s\"", id, receiver);
	}
	else
	{
		ADD_METRIC(bag->courier->uploader->metrics->failures, 1);
		log_error("not delivered id=%s receiver=\"%s\" given_up=%s error=\"%s\"", id, receiver,
				  outcome->permanent ? "yes" : "no", outcome->error);
	}
	PQclear(result);
	return told;
}

static bool
connect_courier(Bag *bag)
{
	const char *params[] = {bag->courier->name};
	char error[ERROR_SIZE];
	PGresult *result;

	bag->conn = pq_connect(bag->settings->database_url, "openreplay-uploader", &bag->wait, error, sizeof(error));
	if (bag->conn == NULL)
	{
		log_error("cannot connect to the database error=\"%s\"", error);
		return false;
	}
	result = ask(bag, "LISTEN openreplay_outbox", 0, NULL);
	PQclear(result);
	if (result != NULL)
	{
		result = ask(bag, "SELECT openreplay.release_outbox($1)", 1, params);
		PQclear(result);
	}
	bag->next_look_ms = 0;
	return result != NULL;
}

/* ---- what is under way ---- */

/* While the database lets us wait. */
static void
go_on(void *argument)
{
	int running;

	curl_multi_perform(argument, &running);
}

static void
remove_delivery(Bag *bag, Delivery *delivery)
{
	for (size_t i = 0; i < bag->size; i++)
		if (bag->under_way[i] == delivery)
			bag->under_way[i] = NULL;
	if (delivery->is_mail)
		bag->mails--;
	else
		bag->hooks--;
	curl_multi_remove_handle(bag->multi, delivery->curl);
	free_delivery(delivery);
}

static void
drop_all(Bag *bag)
{
	for (size_t i = 0; i < bag->size; i++)
		if (bag->under_way[i] != NULL)
			remove_delivery(bag, bag->under_way[i]);
}

static const char *
column(const PGresult *result, int row, int number)
{
	return PQgetisnull(result, row, number) ? NULL : PQgetvalue(result, row, number);
}

/* Starts one that is claimed; false when the connection is of no use any more. */
static bool
start_delivery(Bag *bag, const PGresult *claimed, int row)
{
	Parcel parcel = {
		.id = column(claimed, row, 0),
		.kind = column(claimed, row, 1),
		.attempt = column(claimed, row, 2),
		.receiver = column(claimed, row, 3),
		.key = column(claimed, row, 4),
		.problem = column(claimed, row, 5),
		.endpoint = column(claimed, row, 6),
		.auth_header = column(claimed, row, 7),
		.body = column(claimed, row, 8),
		.to = column(claimed, row, 9),
		.subject = column(claimed, row, 10),
		.plain = column(claimed, row, 11),
		.html = column(claimed, row, 12),
	};
	Outcome outcome;
	Delivery *delivery = make_delivery(bag->settings, &parcel, &outcome);
	size_t place = 0;

	if (delivery == NULL)
		return tell(bag, parcel.id, parcel.receiver, &outcome);
	while (bag->under_way[place] != NULL)
		place++;
	bag->under_way[place] = delivery;
	if (delivery->is_mail)
		bag->mails++;
	else
		bag->hooks++;
	curl_multi_add_handle(bag->multi, delivery->curl);
	return true;
}

/* Claims up to room messages of these kinds.  *found: there may be more. */
static bool
claim(Bag *bag, const char *kinds, size_t room, bool *found)
{
	char max[24];
	const char *params[] = {bag->courier->name, kinds, max};
	PGresult *claimed;
	bool usable = true;

	snprintf(max, sizeof(max), "%zu", room);
	claimed = ask(bag,
				  "SELECT outbox_id, kind, attempts, receiver, idempotency_key, problem, endpoint, auth_header, body,"
				  " \"to\", subject, plain, html FROM openreplay.claim_deliveries($1, $2::text[], $3::integer)",
				  3, params);
	if (claimed == NULL)
		return false;
	for (int row = 0; usable && row < PQntuples(claimed); row++)
		usable = start_delivery(bag, claimed, row);
	*found = *found || PQntuples(claimed) > 0;
	PQclear(claimed);
	return usable;
}

/* Takes what there is and room for.  False when the connection is of no use any more. */
static bool
look(Bag *bag)
{
	size_t room = (size_t) bag->settings->deliveries - bag->hooks;
	const char *params[] = {bag->courier->name};
	bool found = false;
	bool usable = true;

	if (room > 0)
		usable = claim(bag, "{webhook,slack,msteams}", room, &found);
	else
	{
		PGresult *result = ask(bag, "SELECT openreplay.beat_outbox($1)", 1, params);

		usable = result != NULL;
		PQclear(result);
	}
	if (usable && bag->mails < MAILS)
		usable = claim(bag, "{email}", MAILS - bag->mails, &found);
	/* one that could not even be tried is gone already, and the next of its receiver may be there */
	bag->next_look_ms = found ? 0 : monotonic_ms() + LOOK_MS;
	return usable;
}

/* False when the connection is of no use any more. */
static bool
finish_deliveries(Bag *bag)
{
	CURLMsg *message;
	int left;
	bool usable = true;

	while (usable && (message = curl_multi_info_read(bag->multi, &left)) != NULL)
	{
		Delivery *delivery;
		Outcome outcome;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &delivery);
		judge_delivery(delivery, message->data.result, &outcome);
		usable = tell(bag, delivery->id, delivery->receiver, &outcome);
		remove_delivery(bag, delivery);
		bag->next_look_ms = 0; /* for the receiver's next one */
	}
	return usable;
}

/* Until a transfer moves, something is announced, a time comes, or the end. */
static bool
await_work(Bag *bag)
{
	struct curl_waitfd others[] = {
		{.fd = PQsocket(bag->conn), .events = CURL_WAIT_POLLIN},
		{.fd = bag->courier->uploader->wake_fd, .events = CURL_WAIT_POLLIN},
	};
	int64_t pause_ms = bag->next_look_ms - monotonic_ms();
	bool stopping = atomic_load(&bag->courier->uploader->stopping);
	PGnotify *notify;

	if (stopping) /* wake_fd stays readable */
		pause_ms = 100;
	if (pause_ms > 0)
		curl_multi_poll(bag->multi, others, stopping ? 1 : 2, (int) pause_ms, NULL);
	if (!PQconsumeInput(bag->conn))
		return false;
	while ((notify = PQnotifies(bag->conn)) != NULL)
	{
		PQfreemem(notify);
		bag->next_look_ms = 0;
	}
	return true;
}

/* ---- the thread ---- */

/* From a fresh connection to its end, or to ours.  False when the connection is of no use any more. */
static bool
deliver(Bag *bag)
{
	Uploader *uploader = bag->courier->uploader;
	int64_t end_ms = INT64_MAX;

	for (;;)
	{
		bool stopping = atomic_load(&uploader->stopping);
		bool looked = !stopping && monotonic_ms() >= bag->next_look_ms;
		int running;

		if (stopping && end_ms == INT64_MAX)
			end_ms = monotonic_ms() + GRACE_MS;
		if (looked && !look(bag))
			return false;
		curl_multi_perform(bag->multi, &running);
		if (!finish_deliveries(bag))
			return false;
		if (bag->hooks + bag->mails == 0 && (stopping || (uploader->once && looked && bag->next_look_ms != 0)))
			return true;
		if (monotonic_ms() >= end_ms)
			return true;
		if (!await_work(bag))
			return false;
	}
}

static void
disconnect(Bag *bag, bool usable)
{
	const char *params[] = {bag->courier->name};

	drop_all(bag);
	if (bag->conn != NULL && usable)
		PQclear(ask(bag, "SELECT openreplay.release_outbox($1)", 1, params));
	PQfinish(bag->conn);
	bag->conn = NULL;
}

static void
run_courier(Bag *bag)
{
	Uploader *uploader = bag->courier->uploader;

	while (!atomic_load(&uploader->stopping))
	{
		bool usable = connect_courier(bag) && deliver(bag);

		disconnect(bag, usable);
		if (uploader->once)
		{
			bag->courier->unreachable = !usable;
			return;
		}
		if (!usable)
			sleep_ms(RECONNECT_MS);
	}
}

static void *
work(void *argument)
{
	Courier *courier = argument;
	const Settings *settings = courier->uploader->settings;
	Bag bag = {
		.courier = courier,
		.settings = settings,
		.multi = curl_multi_init(),
		.wait = {.timeout_ms = settings->database_timeout_s * 1000},
		.size = (size_t) settings->deliveries + MAILS,
	};

	bag.wait.tick = go_on;
	bag.wait.argument = bag.multi;
	bag.under_way = calloc(bag.size, sizeof(Delivery *));
	if (bag.multi != NULL && bag.under_way != NULL)
		run_courier(&bag);
	else
	{
		log_error("out of memory");
		courier->unreachable = true;
	}
	free(bag.under_way);
	curl_multi_cleanup(bag.multi);
	return NULL;
}

bool
start_courier(Courier *courier, Uploader *uploader)
{
	*courier = (Courier){.uploader = uploader};
	if (uploader->settings->deliveries == 0)
		return true;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return false;
	snprintf(courier->name, sizeof(courier->name), "%s/courier", uploader->settings->uploader_name);
	courier->started = pthread_create(&courier->thread, NULL, work, courier) == 0;
	return courier->started;
}

void
join_courier(Courier *courier)
{
	if (courier->started)
		pthread_join(courier->thread, NULL);
	courier->started = false;
}
