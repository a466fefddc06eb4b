/*
 * detectors_fuzz.c - any sequence of valid messages: facts make sense, and a restart changes none
 *
 * Input that begins as a batch is read as one, so that recorded batches are seeds.  Any other is read as instructions:
 * which message, how far the clock moves (also back), what its fields are.  Two detectors are fed alike; one of them is
 * moved to other memory now and then.  Both must find the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heuristics/detectors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define START INT64_C(1700000000000)
#define MAX_LABEL 700

#define DAY_MS INT64_C(86400000)

typedef struct Found
{
	uint64_t hash; /* of all facts so far */
	int64_t latest;
	uint64_t fed; /* messages so far; their ids are 1 ... fed */
	unsigned count;
} Found;

#define must(condition) \
	do \
	{ \
		if (!(condition)) \
		{ \
			fprintf(stderr, "line %d: not %s\n", __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

static void
mix(Found *found, const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		found->hash = (found->hash ^ ((const uint8_t *) data)[i]) * UINT64_C(0x100000001b3);
}

static void
check_spread(Spread spread)
{
	must(spread.min >= 0 && spread.max >= 0 && spread.avg >= 0);
	must(spread.min <= spread.max);
}

/* Nothing, or {"Name":123,"Name":123}: what all payloads look like, and valid JSON. */
static void
check_payload(const char *json)
{
	size_t letters;
	size_t digits;

	if (*json == '\0')
		return;
	must(*json == '{');
	do
	{
		must(*++json == '"');
		letters = strspn(++json, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
		json += letters;
		must(letters > 0 && json[0] == '"' && json[1] == ':');
		json += 2;
		digits = strspn(json, "0123456789");
		must(digits > 0 && (json[0] != '0' || digits == 1));
		json += digits;
	} while (*json == ',');
	must(json[0] == '}' && json[1] == '\0');
}

static void
check_performance(const PerformanceSummary *summary, const Found *found)
{
	must(summary->start_ms < summary->end_ms && summary->end_ms <= found->latest);
	check_spread(summary->fps);
	check_spread(summary->cpu);
	must(summary->cpu.max <= 100 && summary->cpu.avg <= 100);
	check_spread(summary->total_heap);
	check_spread(summary->used_heap);
}

static void
check_app_performance(const AppPerformanceSummary *summary, Found *found)
{
	bool any = false;

	must(summary->start_ms <= summary->end_ms && summary->end_ms <= found->latest);
	for (int i = 0; i < APP_METRICS; i++)
	{
		any = any || summary->measured[i];
		check_spread(summary->spreads[i]);
		must(summary->spreads[i].min <= summary->spreads[i].avg && summary->spreads[i].avg <= summary->spreads[i].max);
		mix(found, &summary->spreads[i], sizeof(Spread));
	}
	must(any);
}

static void
note_fact(const Fact *fact, void *arg)
{
	Found *found = arg;

	must(fact->detector != NULL && fact->timestamp > 0);
	must((fact->type != NULL) + (fact->performance != NULL) + (fact->app_performance != NULL) == 1);
	check_payload(fact->payload);
	if (fact->performance != NULL)
	{
		check_performance(fact->performance, found);
		mix(found, fact->performance, sizeof(*fact->performance));
	}
	else if (fact->app_performance != NULL)
		check_app_performance(fact->app_performance, found);
	else
	{
		must(detectors_find(fact->type, strlen(fact->type)));
		must(fact->message_id >= 1 && fact->message_id <= found->fed);
		/* only a request tells its own time, which may be ahead for a clock that is set wrong */
		must(fact->timestamp <= found->latest + (strcmp(fact->type, "bad_request") == 0 ? DAY_MS : 0));
		mix(found, fact->type, strlen(fact->type));
	}
	mix(found, &fact->timestamp, sizeof(fact->timestamp));
	mix(found, &fact->message_id, sizeof(fact->message_id));
	mix(found, &fact->selector, sizeof(fact->selector));
	mix(found, fact->context.data, fact->context.len);
	mix(found, fact->payload, strlen(fact->payload));
	found->count++;
}

/* ---- the two that must agree ---- */

typedef struct Pair
{
	WirePlatform platform;
	DetectorState steady;
	DetectorState *moving;
	Thresholds thresholds;
	Detection detection;
	Found found[2];
} Pair;

static void
start_pair(Pair *pair, WirePlatform platform)
{
	memset(pair, 0, sizeof(*pair));
	pair->platform = platform;
	pair->moving = malloc(sizeof(*pair->moving));
	pair->detection = (Detection){.thresholds = &pair->thresholds, .sink = note_fact};
	default_thresholds(&pair->thresholds);
	detectors_start(&pair->steady, platform);
	detectors_start(pair->moving, platform);
}

static void
must_agree(const Pair *pair)
{
	must(pair->found[0].hash == pair->found[1].hash && pair->found[0].count == pair->found[1].count);
	must(memcmp(&pair->steady, pair->moving, sizeof(pair->steady)) == 0);
}

static void
restart(Pair *pair)
{
	DetectorState *moved = malloc(sizeof(*moved));

	memcpy(moved, pair->moving, sizeof(*moved));
	memset(pair->moving, 0x55, sizeof(*moved));
	free(pair->moving);
	pair->moving = moved;
}

static void
feed(Pair *pair, int which, const WireMessage *message, const WireValue *values, unsigned stream)
{
	DetectorState *state = which == 0 ? &pair->steady : pair->moving;
	DetectorBits bits =
		detectors_step(state, detector_interests(pair->platform), message->type, message->timestamp, stream);

	pair->detection.sink_arg = &pair->found[which];
	if (bits != 0)
		detectors_feed(state, bits, message, detectors_want_values(bits) ? values : NULL, stream, &pair->detection);
}

static void
feed_both(Pair *pair, const WireMessage *message, const WireValue *values, unsigned stream, bool restarted)
{
	pair->detection.message_id++;
	for (int which = 0; which < 2; which++)
	{
		Found *found = &pair->found[which];

		found->fed++;
		if (message->timestamp > found->latest)
			found->latest = message->timestamp;
	}
	feed(pair, 0, message, values, stream);
	if (restarted)
		restart(pair);
	feed(pair, 1, message, values, stream);
	must_agree(pair);
}

static void
end_pair(Pair *pair)
{
	unsigned told;

	for (int which = 0; which < 2; which++)
	{
		pair->detection.sink_arg = &pair->found[which];
		detectors_flush(which == 0 ? &pair->steady : pair->moving, &pair->detection);
	}
	must_agree(pair);
	told = pair->found[0].count;
	pair->detection.sink_arg = &pair->found[0];
	detectors_flush(&pair->steady, &pair->detection);
	must(pair->found[0].count == told); /* the end is told once */
	free(pair->moving);
}

/* ---- a recorded batch ---- */

/* Whether it was one. */
static bool
run_batch(const uint8_t *data, size_t size)
{
	WirePlatform platform = size > 0 && data[0] == MSG_MobileBatchMeta ? WIRE_MOBILE : WIRE_WEB;
	WireBatch batch;
	WireMessage message;
	WireValue values[WIRE_MAX_FIELDS];
	Pair pair;

	if (size == 0 || (data[0] != MSG_BatchMetadata && data[0] != MSG_MobileBatchMeta) ||
		wire_batch_open(&batch, data, size, platform, wire_string("", 0)) != WIRE_OK)
		return false;
	start_pair(&pair, platform);
	while (wire_batch_next(&batch, &message))
	{
		if (message.timestamp <= 0)
			continue;
		wire_decode(&message, values);
		pair.detection.url = message.url;
		feed_both(&pair, &message, values, detector_stream(&batch.header), (message.body_len & 3) == 0);
	}
	pair.detection.url = wire_string("https://x/", 10);
	end_pair(&pair);
	return true;
}

/* ---- instructions ---- */

typedef struct Source
{
	const uint8_t *data;
	size_t left;
} Source;

static uint64_t
take(Source *source, unsigned bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0 && source->left > 0)
	{
		value = value << 8 | *source->data++;
		source->left--;
	}
	return value;
}

/* Small numbers mostly, huge ones now and then. */
static uint64_t
take_number(Source *source)
{
	uint64_t shape = take(source, 1);

	if (shape < 200)
		return shape;
	if (shape < 240)
		return take(source, 3);
	return shape < 250 ? take(source, 8) : UINT64_MAX - take(source, 1);
}

static WireString
take_text(Source *source)
{
	static char letters[MAX_LABEL];
	uint64_t shape = take(source, 1);

	letters[0] = (char) ('A' + shape % 4);
	memset(letters + 1, shape & 8 ? 0xC3 : 'x', sizeof(letters) - 1);
	return wire_string(letters, shape < 16 ? 0 : shape < 240 ? 1 : shape * 3 - 100);
}

static WireString
take_metric(Source *source)
{
	static const char *const names[] = {"fps", "mainThreadCPU", "memoryUsage", "batteryLevel", "background"};
	const char *name = names[take(source, 1) % 5];

	return wire_string(name, strlen(name));
}

static void
take_values(Source *source, unsigned type, WireValue *values)
{
	const WireType *catalogue = wire_type(type);

	memset(values, 0, WIRE_MAX_FIELDS * sizeof(WireValue));
	for (unsigned i = 0; i < catalogue->nfields; i++)
		switch (catalogue->fields[i].kind)
		{
			case WIRE_STRING:
				values[i].s = type == MSG_MobilePerformanceEvent ? take_metric(source) : take_text(source);
				break;
			case WIRE_BOOLEAN:
				values[i].b = take(source, 1) & 1;
				break;
			default:
				values[i].u = take_number(source);
		}
}

/* Messages that detectors look at, and some they do not. */
static const uint8_t web_types[16] = {
	MSG_MouseClick,		 MSG_MouseClick,		MSG_SetInputTarget,
	MSG_CreateDocument,	 MSG_CreateElementNode, MSG_SetNodeAttributeURLBased,
	MSG_SetPageLocation, MSG_PerformanceTrack,	MSG_PerformanceTrack,
	MSG_NetworkRequest,	 MSG_JSException,		MSG_UnbindNodes,
	MSG_SetInputValue,	 MSG_SetPageVisibility, MSG_MouseMove,
	MSG_SessionEnd,
};
static const uint8_t app_types[16] = {
	MSG_MobileClickEvent,
	MSG_MobileClickEvent,
	MSG_MobileClickEvent,
	MSG_MobileInputEvent,
	MSG_MobileInputEvent,
	MSG_MobilePerformanceEvent,
	MSG_MobilePerformanceEvent,
	MSG_MobilePerformanceEvent,
	MSG_MobilePerformanceEvent,
	MSG_MobileSwipeEvent,
	MSG_MobileNetworkCall,
	MSG_MobileLog,
	MSG_MobileCrash,
	MSG_MouseClick,
	MSG_MobileEvent,
	MSG_MobileSessionEnd,
};

static void
run_instructions(Source *source)
{
	uint64_t settings = take(source, 1);
	WirePlatform platform = settings & 1 ? WIRE_MOBILE : WIRE_WEB;
	bool streams = platform == WIRE_WEB && (settings & 2) != 0; /* trackers of apps have one */
	int64_t time = START;
	Pair pair;

	start_pair(&pair, platform);
	pair.detection.url = wire_string("https://x/", 10);
	for (uint64_t n = take(source, 1); n < 2 * THRESHOLD_COUNT; n++)
		change_threshold(&pair.thresholds, threshold_infos[n % THRESHOLD_COUNT].name, (int64_t) take_number(source));
	while (source->left > 0)
	{
		uint64_t choice = take(source, 1);
		WireMessage message = {.type = (platform == WIRE_MOBILE ? app_types : web_types)[choice & 15]};
		WireValue values[WIRE_MAX_FIELDS];
		unsigned stream = streams ? (unsigned) (choice >> 4 & 3) : 0;
		uint64_t step = take_number(source);

		time += step < UINT32_MAX ? (int64_t) step * (choice & 0x80 ? 10 : 1) : -5000;
		if (time <= 0)
			time = START;
		message.timestamp = time;
		take_values(source, message.type, values);
		feed_both(&pair, &message, values, stream, (choice & 0x40) != 0);
	}
	end_pair(&pair);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Source source = {data, size};

	if (!run_batch(data, size))
		run_instructions(&source);
	return 0;
}
