/*
 * dead_click.c - a click on something labelled after which the page shows nothing for a while
 *
 * What settles a click is the first reaction after it: a change of the page, a navigation, the page being left for one
 * that is not recorded or covered by a tab that the click opened (it is hidden then), or the next click.  In a tab
 * of one stream that is the first to come, and its coming decides at once.  In a tab of several streams an earlier one
 * may still be told by the assets' stream, and an input field by the analytics': such clicks stay open until the
 * player's clock is PATIENCE_MS ahead.  Trackers send all streams at least every 30 s, one after the other.
 *
 * Fields that take input are no buttons: they may have reacted before the click is told (a slider), or need not (a
 * text). Trackers once named them by SetInputTarget; those of today send none, but the value of each field when it
 * appears. Their nodes are remembered in a Bloom filter, which never forgets one: at worst a dead click is missed (one
 * in 1,000 on a page of 35 fields), none is invented.
 */
#include <string.h>

#include "heuristics/detector.h"

#define PATIENCE_MS 60000 /* two rounds of batches */
#define INPUT_BITS 1024
#define INPUT_HASHES 3

/* One in a tab of one stream.  Of more, or when their labels do not fit, the oldest is judged early. */
#define OPEN_CLICKS 3
#define OPEN_LABEL_BYTES 560

typedef struct OpenClick
{
	int64_t clock;
	int64_t reaction; /* first one, 0 when there was none yet */
	uint64_t message_id;
	uint64_t selector;
	uint64_t node;
	uint64_t label_len;
} OpenClick;

typedef struct DeadClick
{
	uint64_t inputs[INPUT_BITS / 64];
	uint64_t count;
	OpenClick clicks[OPEN_CLICKS];
	char labels[OPEN_LABEL_BYTES]; /* of all open clicks, one after the other */
} DeadClick;

_Static_assert(OPEN_LABEL_BYTES >= LABEL_BYTES, "any label fits when no other is there");

STATE_OF(dead_click, DeadClick);

/* ---- fields that take input ---- */

static uint64_t
mixed(uint64_t node)
{
	node = (node ^ node >> 33) * UINT64_C(0xff51afd7ed558ccd); /* MurmurHash3's finaliser */
	node = (node ^ node >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return node ^ node >> 33;
}

static void
add_input(DeadClick *state, uint64_t node)
{
	uint64_t hash = mixed(node);

	for (int i = 0; i < INPUT_HASHES; i++, hash >>= 20)
		state->inputs[hash % INPUT_BITS / 64] |= UINT64_C(1) << (hash % 64);
}

static bool
is_input(const DeadClick *state, uint64_t node)
{
	uint64_t hash = mixed(node);

	for (int i = 0; i < INPUT_HASHES; i++, hash >>= 20)
		if ((state->inputs[hash % INPUT_BITS / 64] & UINT64_C(1) << (hash % 64)) == 0)
			return false;
	return true;
}

/* ---- open clicks ---- */

static bool
has_streams(const Detection *detection)
{
	return (detection->state->streams & ~1) != 0;
}

static size_t
labels_before(const DeadClick *state, unsigned n)
{
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += state->clicks[i].label_len;
	return len;
}

static void
drop(DeadClick *state, unsigned n)
{
	size_t start = labels_before(state, n);
	size_t len = state->clicks[n].label_len;
	size_t rest = labels_before(state, (unsigned) state->count) - start - len;

	memmove(state->labels + start, state->labels + start + len, rest);
	memset(state->labels + start + rest, 0, len);
	state->count--;
	memmove(&state->clicks[n], &state->clicks[n + 1], (state->count - n) * sizeof(OpenClick));
	memset(&state->clicks[state->count], 0, sizeof(OpenClick));
}

/* Takes the oldest click out, and reports it if it was dead. */
static void
judge_oldest(DeadClick *state, Detection *detection)
{
	const OpenClick *click = &state->clicks[0];

	if (click->reaction != 0 && click->reaction - click->clock >= threshold(detection, DEAD_CLICK_SILENCE))
		report(detection, (Fact){.timestamp = click->clock,
								 .message_id = click->message_id,
								 .context = wire_string(state->labels, click->label_len),
								 .selector = click->selector});
	drop(state, 0);
}

/* Judges what can be judged, and asks for what is needed to judge the rest. */
static void
judge(DeadClick *state, Detection *detection)
{
	int64_t patience = has_streams(detection) ? PATIENCE_MS : 0;
	int64_t now = detection->state->clocks[0];
	bool unanswered;

	while (state->count > 0 && state->clicks[0].reaction != 0 && state->clicks[0].clock + patience <= now)
		judge_oldest(state, detection);
	unanswered = state->count > 0 && state->clicks[state->count - 1].reaction == 0;
	await_messages(detection, unanswered, state->count > 0);
	if (patience > 0 && state->count > 0 && state->clicks[0].reaction != 0)
		wake_at(detection, state->clicks[0].clock + patience);
}

static void
react(DeadClick *state, int64_t time)
{
	for (unsigned i = 0; i < state->count; i++)
	{
		OpenClick *click = &state->clicks[i];

		if (time >= click->clock && (click->reaction == 0 || time < click->reaction))
			click->reaction = time;
	}
}

static void
open_click(DeadClick *state, Detection *detection)
{
	const WireValue *values = detection->values;
	WireString label = values[MouseClick_Label].s;
	uint32_t len = label_len(label);
	OpenClick *click;

	while (state->count == OPEN_CLICKS || labels_before(state, (unsigned) state->count) + len > OPEN_LABEL_BYTES)
		judge_oldest(state, detection);
	memcpy(state->labels + labels_before(state, (unsigned) state->count), label.data, len);
	click = &state->clicks[state->count++];
	click->clock = detection->clock;
	click->message_id = detection->message_id;
	click->node = values[MouseClick_ID].u;
	click->selector = selector_hash(values[MouseClick_Selector].s.data, values[MouseClick_Selector].s.len);
	click->label_len = len;
}

/* A field made known after the click on it: its stream is behind. */
static void
note_input(DeadClick *state, Detection *detection)
{
	uint64_t node = detection->values[SetInputTarget_ID].u;

	add_input(state, node);
	if (detection->stream != 0)
		for (unsigned i = state->count; i-- > 0;)
			if (state->clicks[i].node == node && state->clicks[i].clock >= detection->clock)
				drop(state, i);
}

static void
note_value(DeadClick *state, const Detection *detection)
{
	if (detection->message->type == MSG_SetInputValue)
		add_input(state, detection->values[SetInputValue_ID].u);
	else if (detection->message->type == MSG_SetInputChecked)
		add_input(state, detection->values[SetInputChecked_ID].u);
}

/* What older servers took for a reaction; trackers of today send little of it. */
static bool
in_reference_list(uint8_t type)
{
	switch (type)
	{
		case MSG_CreateElementNode:
		case MSG_CreateTextNode:
		case MSG_MoveNode:
		case MSG_RemoveNode:
		case MSG_SetNodeAttribute:
		case MSG_RemoveNodeAttribute:
		case MSG_SetCSSData:
		case MSG_SetInputValue:
		case MSG_SetInputChecked:
		case MSG_CSSInsertRule:
		case MSG_CSSDeleteRule:
		case MSG_SetNodeFocus:
			return true;
	}
	return false;
}

void
dead_click_feed(void *self, Detection *detection)
{
	DeadClick *state = self;
	const WireMessage *message = detection->message;

	switch (message->type)
	{
		case MSG_SetInputTarget:
			note_input(state, detection);
			break;
		case MSG_MouseClick:
			if (detection->values[MouseClick_Label].s.len == 0)
				return;
			react(state, detection->clock);
			judge(state, detection);
			if (!is_input(state, detection->values[MouseClick_ID].u))
				open_click(state, detection);
			break;
		default:
			if (message->type == MSG_CreateDocument)
				memset(state->inputs, 0, sizeof(state->inputs));
			if (message->type == MSG_SetPageVisibility && !detection->values[SetPageVisibility_hidden].b)
				return;
			if (!threshold(detection, DEAD_CLICK_REFERENCE_LIST))
				note_value(state, detection);
			else if (!in_reference_list(message->type))
				return;
			react(state, detection->clock);
	}
	judge(state, detection);
}

void
dead_click_tick(void *self, Detection *detection)
{
	judge(self, detection);
}

void
dead_click_flush(void *self, Detection *detection)
{
	DeadClick *state = self;

	react(state, detection->clock);
	while (state->count > 0)
		judge_oldest(state, detection);
	await_messages(detection, false, false);
}
