/*
 * detectors_fuzz.c - any sequence of valid messages: facts make sense, and a restart changes none
 *
 * The input is read as instructions: which message, how far the clock moves (also back), what its fields are.  Two
 * detectors are fed alike; one of them is moved to other memory now and then.  Both must find the same.
 */
#include <stdlib.h>
#include <string.h>

#include "heuristics/detectors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define START INT64_C(1700000000000)
#define MAX_LABEL 700

typedef struct Found
{
	uint64_t hash; /* of all facts so far */
	int64_t latest;
	unsigned count;
} Found;

static void
must(bool condition)
{
	if (!condition)
		abort();
}

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

static void
note_fact(const Fact *fact, void *arg)
{
	Found *found = arg;

	must(fact->detector != NULL && fact->timestamp > 0);
	must(fact->payload[0] == '\0' || (fact->payload[0] == '{' && strchr(fact->payload, '-') == NULL));
	must((fact->type == NULL) == (fact->performance != NULL));
	if (fact->performance != NULL)
	{
		must(fact->performance->start_ms < fact->performance->end_ms);
		must(fact->performance->end_ms <= found->latest);
		check_spread(fact->performance->fps);
		check_spread(fact->performance->cpu);
		must(fact->performance->cpu.max <= 100 && fact->performance->cpu.avg <= 100);
		check_spread(fact->performance->total_heap);
		check_spread(fact->performance->used_heap);
		mix(found, fact->performance, sizeof(*fact->performance));
	}
	else
	{
		must(detectors_find(fact->type, strlen(fact->type)));
		mix(found, fact->type, strlen(fact->type));
	}
	mix(found, &fact->timestamp, sizeof(fact->timestamp));
	mix(found, &fact->message_id, sizeof(fact->message_id));
	mix(found, fact->context.data, fact->context.len);
	mix(found, fact->payload, strlen(fact->payload));
	found->count++;
}

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

static void
take_values(Source *source, unsigned type, WireValue *values)
{
	const WireType *catalogue = wire_type(type);

	memset(values, 0, WIRE_MAX_FIELDS * sizeof(WireValue));
	for (unsigned i = 0; i < catalogue->nfields; i++)
		switch (catalogue->fields[i].kind)
		{
			case WIRE_STRING:
				values[i].s = take_text(source);
				break;
			case WIRE_BOOLEAN:
				values[i].b = take(source, 1) & 1;
				break;
			default:
				values[i].u = take_number(source);
		}
}

/* Messages that detectors look at, and one they do not. */
static const uint8_t types[] = {
	MSG_MouseClick,		  MSG_MouseClick,		 MSG_SetInputTarget,
	MSG_CreateDocument,	  MSG_CreateElementNode, MSG_SetNodeAttributeURLBased,
	MSG_SetPageLocation,  MSG_PerformanceTrack,	 MSG_PerformanceTrack,
	MSG_NetworkRequest,	  MSG_JSException,		 MSG_UnbindNodes,
	MSG_MobileClickEvent, MSG_SetInputValue,	 MSG_MouseMove,
	MSG_SessionEnd,
};

static void
feed(DetectorState *state, WirePlatform platform, const WireMessage *message, const WireValue *values, unsigned stream,
	 Detection *detection)
{
	DetectorBits bits = detectors_step(state, detector_interests(platform), message->type, message->timestamp, stream);

	if (bits != 0)
		detectors_feed(state, bits, message, detectors_want_values(bits) ? values : NULL, stream, detection);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Source source = {data, size};
	uint64_t settings = take(&source, 1);
	WirePlatform platform = settings & 1 ? WIRE_MOBILE : WIRE_WEB;
	bool streams = (settings & 2) != 0;
	DetectorState steady;
	DetectorState *moving = malloc(sizeof(*moving));
	Thresholds thresholds;
	Found found[2] = {{0}, {0}};
	Detection detection = {.thresholds = &thresholds, .sink = note_fact, .url = wire_string("https://x/", 10)};
	int64_t time = START;

	default_thresholds(&thresholds);
	for (uint64_t n = take(&source, 1); n < 20; n++)
		change_threshold(&thresholds, threshold_infos[n % THRESHOLD_COUNT].name, (int64_t) take_number(&source));
	detectors_start(&steady, platform);
	detectors_start(moving, platform);
	while (source.left > 0)
	{
		uint64_t choice = take(&source, 1);
		WireMessage message = {.type = types[choice & 15]};
		WireValue values[WIRE_MAX_FIELDS];
		unsigned stream = streams ? (unsigned) (choice >> 4 & 3) : 0;
		uint64_t step = take_number(&source);

		time += step < UINT32_MAX ? (int64_t) step * (choice & 0x80 ? 10 : 1) : -5000;
		if (time <= 0)
			time = START;
		message.timestamp = time;
		take_values(&source, message.type, values);
		detection.message_id++;
		found[0].latest = found[1].latest = time > found[0].latest ? time : found[0].latest;

		detection.sink_arg = &found[0];
		feed(&steady, platform, &message, values, stream, &detection);
		if (choice & 0x40)
		{
			DetectorState *moved = malloc(sizeof(*moved));

			memcpy(moved, moving, sizeof(*moved));
			memset(moving, 0x55, sizeof(*moving));
			free(moving);
			moving = moved;
		}
		detection.sink_arg = &found[1];
		feed(moving, platform, &message, values, stream, &detection);
		must(found[0].hash == found[1].hash && found[0].count == found[1].count);
		must(memcmp(&steady, moving, sizeof(steady)) == 0);
	}
	detection.sink_arg = &found[0];
	detectors_flush(&steady, &detection);
	detection.sink_arg = &found[1];
	detectors_flush(moving, &detection);
	must(found[0].hash == found[1].hash && found[0].count == found[1].count);
	settings = found[0].count;
	detection.sink_arg = &found[0];
	detectors_flush(&steady, &detection);
	must(found[0].count == settings); /* the end is told once */
	free(moving);
	return 0;
}
