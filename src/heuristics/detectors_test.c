/*
 * detectors_test.c - the documented examples of every detector, told as stories
 *
 * A story is a few messages at offsets from T and what is found, in words: by which message (or "end"), what, when it
 * began, with which message, about what.  Names are those of shared examples (R1, D7 ...); where the old servers were
 * wrong the corrected outcome is told.  Every story is also told with the state copied elsewhere before each message,
 * and before every message: a restart changes nothing.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "check.h"
#include "heuristics/detectors.h"

#define T INT64_C(1700000000000)
#define MAX_STEPS 20

typedef struct Step
{
	int64_t at; /* offset from T */
	uint64_t id;
	uint8_t type;
	uint64_t numbers[4]; /* the fields that matter, see values_of() */
	const char *text;
	const char *selector;
	unsigned stream;
} Step;

typedef struct Story
{
	const char *name;
	Step steps[MAX_STEPS]; /* ends with type 0 */
	const char *found;	   /* one fact a line */
	Threshold changed;	   /* to value, when that is not 0 */
	int64_t value;
} Story;

/* clang-format off: one message a word */
#define CLICK(at, id, label) \
	{ \
		at, id, MSG_MouseClick, {51}, label, "#first", 0 \
	}
#define CLICK_ON(at, id, node, label) \
	{ \
		at, id, MSG_MouseClick, {node}, label, "", 0 \
	}
#define CLICK_AT(at, id, label, selector) \
	{ \
		at, id, MSG_MouseClick, {51}, label, selector, 0 \
	}
#define TAP(at, id, label) \
	{ \
		at, id, MSG_MobileClickEvent, {0}, label, NULL, 0 \
	}
#define EDIT(at, id, label) \
	{ \
		at, id, MSG_MobileInputEvent, {0}, label, NULL, 0 \
	}
#define METRIC(at, id, name, value) \
	{ \
		at, id, MSG_MobilePerformanceEvent, {value}, name, NULL, 0 \
	}
#define OTHER(at, id, type) \
	{ \
		at, id, MSG_##type, {0}, NULL, NULL, 0 \
	}
#define GO(at, id, url) \
	{ \
		at, id, MSG_SetPageLocation, {0}, url, NULL, 0 \
	}
#define OTHER_IN(stream, at, id, type) \
	{ \
		at, id, MSG_##type, {0}, NULL, NULL, stream \
	}
#define INPUT(at, id, node) \
	{ \
		at, id, MSG_SetInputTarget, {node}, NULL, NULL, 0 \
	}
#define VALUE(at, id, node) \
	{ \
		at, id, MSG_SetInputValue, {node}, NULL, NULL, 0 \
	}
#define HIDDEN(at, id, hidden) \
	{ \
		at, id, MSG_SetPageVisibility, {hidden}, NULL, NULL, 0 \
	}
#define INPUT_IN(stream, at, id, node) \
	{ \
		at, id, MSG_SetInputTarget, {node}, NULL, NULL, stream \
	}
#define NODE(at, id) OTHER(at, id, CreateElementNode)
#define MOVE(at, id) OTHER(at, id, MouseMove)
#define END(at, id) OTHER(at, id, SessionEnd)
#define TRACK(at, id, frames, ticks, total, used) \
	{ \
		at, id, MSG_PerformanceTrack, {(uint64_t) (frames), (uint64_t) (ticks), total, used}, NULL, NULL, 0 \
	}
#define LOAD(at, id, frames, ticks) TRACK(at, id, frames, ticks, 0, 0)
#define HEAP(at, id, used) TRACK(at, id, 60, 41, used, used)
#define REQUEST(at, id, status, started) \
	{ \
		at, id, MSG_NetworkRequest, {status, (uint64_t) (T + (started))}, "https://api.acme.test/v1/cart?x=1", NULL, 0 \
	}
#define EXCEPTION(at, id) OTHER(at, id, JSException)
#define UNBIND(at, id, percent) \
	{ \
		at, id, MSG_UnbindNodes, {percent}, NULL, NULL, 0 \
	}

static const Story stories[] = {
	/* ---- click rage ---- */
	{"R1",
	 {CLICK(0, 10, "Buy now"), CLICK_AT(250, 12, "Buy now", "#second"), CLICK_AT(500, 14, "Buy now", "#second"),
	  CLICK_AT(799, 16, "Buy now", "#last"), CLICK(3000, 20, "Cancel")},
	 .found = "#20 dead_click +799 #16 Buy now [#last]\n#20 click_rage +0 #10 Buy now [#first] {\"Count\":4}\n"},
	{"R2: a gap of 300 is none",
	 {CLICK(0, 1, "A"), CLICK(250, 2, "A"), CLICK(550, 3, "A"), CLICK(800, 4, "A")},
	 .found = ""},
	{"R3: told at the end",
	 {CLICK(0, 1, "A"), CLICK(299, 2, "A"), CLICK(598, 3, "A"), END(650, 4)},
	 .found = "end click_rage +0 #1 A [#first] {\"Count\":3}\n"},
	{"R4: a click without label ends a series",
	 {CLICK(0, 1, "A"), CLICK(100, 2, "A"), CLICK(200, 3, "A"), CLICK(250, 4, ""), CLICK(300, 5, "A")},
	 .found = "#4 click_rage +0 #1 A [#first] {\"Count\":3}\n"},
	{"R5: the clock does not go back",
	 {MOVE(1000, 1), CLICK(1000, 2, "A"), CLICK(400, 3, "A"), CLICK(900, 4, "A")},
	 .found = "end click_rage +1000 #2 A [#first] {\"Count\":3}\n"},
	{"a series has no longest time",
	 {CLICK(0, 1, "A"), CLICK(299, 2, "A"), CLICK(598, 3, "A"), CLICK(897, 4, "A"), CLICK(1196, 5, "A"),
	  CLICK(1495, 6, "A"), CLICK(1794, 7, "A"), CLICK(2093, 8, "A"), CLICK(2392, 9, "A"), CLICK(2691, 10, "A"),
	  CLICK(2990, 11, "A"), CLICK(3289, 12, "A")},
	 .found = "end click_rage +0 #1 A [#first] {\"Count\":12}\n"},
	{"two series are two rages",
	 {CLICK(0, 1, "A"), CLICK(100, 2, "A"), CLICK(200, 3, "A"), CLICK(500, 4, "A"), CLICK(600, 5, "A"),
	  CLICK(700, 6, "A")},
	 .found = "#4 click_rage +0 #1 A [#first] {\"Count\":3}\nend click_rage +500 #4 A [#first] {\"Count\":3}\n"},
	{"what comes after the end's message belongs to the same session",
	 {CLICK(0, 1, "A"), CLICK(100, 2, "A"), END(150, 3), CLICK(200, 4, "A")},
	 .found = "end click_rage +0 #1 A [#first] {\"Count\":3}\n"},
	{"two are no rage", {CLICK(0, 1, "A"), CLICK(100, 2, "A")}, .found = ""},
	{"the threshold is the project's",
	 {CLICK(0, 1, "A"), CLICK(100, 2, "A")},
	 .found = "end click_rage +0 #1 A [#first] {\"Count\":2}\n",
	 CLICK_RAGE_CLICKS,
	 2},
	{"the gap is the project's",
	 {CLICK(0, 1, "A"), CLICK(500, 2, "A"), CLICK(1000, 3, "A")},
	 .found = "end click_rage +0 #1 A [#first] {\"Count\":3}\n",
	 CLICK_RAGE_GAP,
	 501},
	{"labels alike but for their end are not the same",
	 {CLICK(0, 1, "A"), CLICK(100, 2, "A"), CLICK(200, 3, "A.")},
	 .found = ""},

	/* ---- dead clicks ---- */
	{"D1", {CLICK(0, 10, "Save"), NODE(1234, 11)}, .found = "#11 dead_click +0 #10 Save [#first]\n"},
	{"D2: a reaction in time", {CLICK(0, 10, "Save"), NODE(1233, 11), END(9000, 12)}, .found = ""},
	{"D3",
	 {CLICK(0, 10, "Save"), MOVE(500, 11), CLICK(2000, 13, "Next"), NODE(2010, 14)},
	 .found = "#13 dead_click +0 #10 Save [#first]\n"},
	{"D4: a clock that moves on is enough",
	 {CLICK(0, 10, "Save"), MOVE(5000, 11), END(5001, 12)},
	 .found = "end dead_click +0 #10 Save [#first]\n"},
	{"D5", {CLICK(0, 10, "Save"), END(5000, 11)}, .found = "end dead_click +0 #10 Save [#first]\n"},
	{"D5: the session ends too soon to tell", {CLICK(0, 10, "Save"), END(900, 11)}, .found = ""},
	{"D6: an input field", {INPUT(-100, 1, 5), CLICK_ON(0, 2, 5, "Name"), NODE(3000, 3)}, .found = ""},
	{"D7: still one after the page changed",
	 {INPUT(-100, 1, 5), NODE(-50, 2), CLICK_ON(0, 3, 5, "Name"), NODE(3000, 4)},
	 .found = ""},
	{"D7: not in the next document",
	 {INPUT(-100, 1, 5), OTHER(-50, 2, CreateDocument), CLICK_ON(0, 3, 5, "Name"), NODE(3000, 4)},
	 .found = "#4 dead_click +0 #3 Name\n"},
	{"D8: attributes by dictionary",
	 {CLICK(0, 1, "A"), OTHER(50, 2, SetNodeAttributeDictDeprecated), OTHER(60, 3, SetNodeData), NODE(2000, 4)},
	 .found = ""},
	{"D8 by the historic list",
	 {CLICK(0, 1, "A"), OTHER(50, 2, SetNodeAttributeDictDeprecated), OTHER(60, 3, SetNodeData), NODE(2000, 4)},
	 .found = "#4 dead_click +0 #1 A [#first]\n",
	 DEAD_CLICK_REFERENCE_LIST,
	 1},
	{"a slider that moved before its click is told",
	 {VALUE(-9000, 1, 5), VALUE(-20, 2, 5), CLICK_ON(0, 3, 5, "Price"), NODE(3000, 4)},
	 .found = ""},
	{"a slider, by the historic list",
	 {VALUE(-9000, 1, 5), VALUE(-20, 2, 5), CLICK_ON(0, 3, 5, "Price"), NODE(3000, 4)},
	 .found = "#4 dead_click +0 #3 Price\n",
	 DEAD_CLICK_REFERENCE_LIST,
	 1},
	{"a page that is left", {CLICK(0, 1, "Old edition"), HIDDEN(54, 2, 1), HIDDEN(5000, 3, 0)}, .found = ""},
	{"a page that is shown is no reaction",
	 {CLICK(0, 1, "A"), HIDDEN(54, 2, 0), NODE(5000, 3)},
	 .found = "#3 dead_click +0 #1 A [#first]\n"},
	{"a page that is left, by the historic list",
	 {CLICK(0, 1, "A"), HIDDEN(54, 2, 1), NODE(5000, 3)},
	 .found = "#3 dead_click +0 #1 A [#first]\n",
	 DEAD_CLICK_REFERENCE_LIST,
	 1},
	{"a navigation is a reaction", {CLICK(0, 1, "A"), OTHER(200, 2, SetPageLocation), NODE(5000, 3)}, .found = ""},
	{"a click on nothing leaves it pending",
	 {CLICK(0, 1, "A"), CLICK(100, 2, ""), NODE(1234, 3)},
	 .found = "#3 dead_click +0 #1 A [#first]\n"},
	{"a click on a field judges the one before",
	 {INPUT(-100, 1, 5), CLICK(0, 2, "A"), CLICK_ON(2000, 3, 5, "Name"), NODE(9000, 4)},
	 .found = "#3 dead_click +0 #2 A [#first]\n"},
	{"the next click comes in time, and is dead itself",
	 {CLICK(0, 1, "A"), CLICK(1233, 2, "B"), NODE(2467, 3)},
	 .found = "#3 dead_click +1233 #2 B [#first]\n"},
	{"a message of the past does not turn the clock back",
	 {MOVE(1000, 1), CLICK(400, 2, "A"), NODE(2233, 3), CLICK(2000, 4, "B"), NODE(3467, 5)},
	 .found = "#5 dead_click +2233 #4 B [#first]\n"},
	{"no label, no dead click", {CLICK(0, 1, ""), NODE(5000, 2)}, .found = ""},
	{"the silence is the project's",
	 {CLICK(0, 10, "Save"), NODE(500, 11)},
	 .found = "#11 dead_click +0 #10 Save [#first]\n",
	 DEAD_CLICK_SILENCE,
	 500},
	{"two dead ones",
	 {CLICK(0, 1, "A"), NODE(1500, 2), CLICK(3000, 3, "B"), NODE(4500, 4)},
	 .found = "#2 dead_click +0 #1 A [#first]\n#4 dead_click +3000 #3 B [#first]\n"},

	/* a tab of several streams: what a batch of another stream tells later has happened all the same */
	{"a picture that changed",
	 {OTHER_IN(1, -500, 1, SetNodeAttributeURLBased), CLICK(0, 2, "Next photo"), NODE(3000, 3),
	  OTHER_IN(1, 100, 4, SetNodeAttributeURLBased), NODE(70000, 5)},
	 .found = ""},
	{"a picture that changed too late",
	 {OTHER_IN(1, -500, 1, SetNodeAttributeURLBased), CLICK(0, 2, "Next photo"), NODE(3000, 3),
	  OTHER_IN(1, 2000, 4, SetNodeAttributeURLBased), MOVE(59999, 5), MOVE(60000, 6)},
	 .found = "#6 dead_click +0 #2 Next photo [#first]\n"},
	{"a field told later",
	 {OTHER_IN(3, -500, 1, UserID), CLICK_ON(0, 2, 5, "Name"), NODE(3000, 3), INPUT_IN(3, -100, 4, 5)},
	 .found = ""},
	{"another stream that is ahead does not hurry this one",
	 {OTHER_IN(3, 9000, 1, UserID), CLICK(0, 2, "A"), CLICK(1000, 3, "A"), CLICK(2000, 4, "A"), NODE(2100, 5)},
	 .found = ""},
	{"of many, the oldest is judged early",
	 {OTHER_IN(1, -500, 1, SetNodeAttributeURLBased), CLICK(0, 2, "A"), CLICK(2000, 3, "B"), CLICK(4000, 4, "C"),
	  CLICK(6000, 5, "D"), NODE(6100, 6)},
	 .found =
		 "#5 dead_click +0 #2 A [#first]\nend dead_click +2000 #3 B [#first]\nend dead_click +4000 #4 C [#first]\n"},

	/* ---- processor load ---- */
	{"C1",
	 {OTHER(0, 1, SetPageLocation), LOAD(0, 2, -1, -1), LOAD(2000, 3, 20, 10), LOAD(4000, 4, 20, 10),
	  LOAD(9000, 5, 20, 10), LOAD(10500, 6, 60, 41)},
	 .found =
		 "#6 cpu +2000 #3 https://shop.acme.test/cart {\"Duration\":8500,\"Rate\":94}\nend performance +0..+10500 fps "
		 "4/16/40 cpu 18/70/94 total 0/0/0 used 0/0/0\n"},
	{"a sample in a stream whose clock is behind",
	 {LOAD(10000, 1, 0, 0), {9999, 2, MSG_PerformanceTrack, {1, UINT64_C(1) << 62}, NULL, NULL, 3}},
	 .found = ""},
	{"C2: a millisecond too short",
	 {LOAD(0, 1, -1, -1), LOAD(2000, 2, 20, 10), LOAD(4000, 3, 20, 10), LOAD(7999, 4, 240, 120)},
	 .found = "end performance +0..+7999 fps 10/27/60 cpu 10/60/85 total 0/0/0 used 0/0/0\n"},
	{"told at the end",
	 {LOAD(0, 1, 0, 0), LOAD(1000, 2, 1, 1), LOAD(7000, 3, 1, 1)},
	 .found =
		 "end cpu +1000 #2 https://shop.acme.test/cart {\"Duration\":6000,\"Rate\":99}\nend performance +0..+7000 fps "
		 "0/1/1 cpu 97/98/99 total 0/0/0 used 0/0/0\n"},
	{"a hidden tab ends it",
	 {LOAD(0, 1, 0, 0), LOAD(1000, 2, 1, 1), LOAD(6999, 3, -1, -1), LOAD(9000, 4, 1, 1), LOAD(14000, 5, 1, 1)},
	 .found = "#3 performance +0..+1000 fps 1/1/1 cpu 97/97/97 total 0/0/0 used 0/0/0\nend performance +6999..+14000 "
			  "fps 0/0/0 "
			  "cpu 99/99/99 total 0/0/0 used 0/0/0\n"},
	{"70 is high, for exactly as long as needed",
	 {LOAD(0, 1, 0, 0), LOAD(1000, 2, 60, 10), LOAD(7000, 3, 60, 200)},
	 .found = "#3 cpu +1000 #2 https://shop.acme.test/cart {\"Duration\":6000,\"Rate\":70}\n"},
	{"69 is not",
	 {LOAD(0, 1, 0, 0), LOAD(3000, 2, 60, 31), LOAD(9000, 3, 60, 62), LOAD(15000, 4, 60, 62)},
	 .found = ""},
	{"the page it is on when it is told",
	 {LOAD(0, 1, 0, 0), LOAD(1000, 2, 0, 0), GO(1500, 3, "https://shop.acme.test/pay"), LOAD(7000, 4, 0, 0)},
	 .found = "end cpu +1000 #2 https://shop.acme.test/pay {\"Duration\":6000,\"Rate\":100}\n"},
	{"no time between two samples tells nothing",
	 {LOAD(0, 1, 0, 0), LOAD(0, 2, 0, 0), LOAD(1000, 3, 0, 0), LOAD(1000, 4, 60, 41), LOAD(7000, 5, 60, 200)},
	 .found = "#5 cpu +1000 #3 https://shop.acme.test/cart {\"Duration\":6000,\"Rate\":100}\n"},
	{"more ticks than the time has room for are no load",
	 {LOAD(0, 1, 0, 0), LOAD(1000, 2, 60, 400), LOAD(9000, 3, 60, 400)},
	 .found = ""},
	{"ticks alone may say that the tab was hidden",
	 {LOAD(0, 1, 0, 0), LOAD(1000, 2, 0, 0), LOAD(8000, 3, 0, -1)},
	 .found = "#3 cpu +1000 #2 https://shop.acme.test/cart {\"Duration\":7000,\"Rate\":100}\n"
			  "#3 performance +0..+1000 fps 0/0/0 cpu 100/100/100 total 0/0/0 used 0/0/0\n"},
	{"no load below 70",
	 {LOAD(0, 1, 0, 0), LOAD(1000, 2, 60, 11), LOAD(9000, 3, 60, 100)},
	 .found = "end performance +0..+9000 fps 8/34/60 cpu 62/65/67 total 0/0/0 used 0/0/0\n"},

	{"the percent is the project's",
	 {LOAD(0, 1, 0, 0), LOAD(1000, 2, 60, 31), LOAD(9000, 3, 60, 200), LOAD(10000, 4, 60, 33)},
	 .found = "#4 cpu +1000 #2 https://shop.acme.test/cart {\"Duration\":9000,\"Rate\":25}\n",
	 CPU_PERCENT,
	 7},
	{"the duration is the project's",
	 {LOAD(0, 1, 0, 0), LOAD(1000, 2, 0, 0), LOAD(2000, 3, 60, 33)},
	 .found = "#3 cpu +1000 #2 https://shop.acme.test/cart {\"Duration\":1000,\"Rate\":100}\n",
	 CPU_DURATION,
	 1000},

	/* ---- memory ---- */
	{"M1",
	 {HEAP(0, 2, 100), HEAP(1000, 3, 100), HEAP(2000, 4, 100), HEAP(3000, 5, 300), HEAP(4000, 6, 900),
	  HEAP(5000, 7, 100)},
	 .found = "#7 memory +3000 #5 https://shop.acme.test/cart {\"Rate\":500}\nend performance +0..+5000 fps 60/60/60 "
			  "cpu 0/0/0 "
			  "total 100/300/900 used 100/300/900\n"},
	{"M2: 299 %", {HEAP(0, 2, 100), HEAP(0, 3, 100), HEAP(0, 4, 100), HEAP(0, 5, 299), HEAP(0, 6, 100)}, .found = ""},
	{"M3: told at the end",
	 {HEAP(0, 2, 100), HEAP(0, 3, 100), HEAP(0, 4, 100), HEAP(0, 5, 450)},
	 .found = "end memory +0 #5 https://shop.acme.test/cart {\"Rate\":350}\n"},
	{"M4: no figures", {HEAP(0, 2, 0), HEAP(0, 3, 0), HEAP(0, 4, 0), HEAP(0, 5, 500), HEAP(0, 6, 0)}, .found = ""},
	{"what was high counts for the average from then on",
	 {HEAP(0, 2, 100), HEAP(0, 3, 100), HEAP(0, 4, 100), HEAP(0, 5, 900), HEAP(0, 6, 600), HEAP(0, 7, 100)},
	 .found = "#6 memory +0 #5 https://shop.acme.test/cart {\"Rate\":800}\n"},
	{"the page it was on when it is told",
	 {HEAP(0, 2, 100), HEAP(0, 3, 100), HEAP(0, 4, 100), HEAP(0, 5, 450), GO(0, 6, "https://shop.acme.test/pay")},
	 .found = "end memory +0 #5 https://shop.acme.test/pay {\"Rate\":350}\n"},
	{"the percent is the project's",
	 {HEAP(0, 2, 100), HEAP(0, 3, 100), HEAP(0, 4, 100), HEAP(0, 5, 150), HEAP(0, 6, 100)},
	 .found = "#6 memory +0 #5 https://shop.acme.test/cart {\"Rate\":50}\n",
	 MEMORY_PERCENT,
	 150},
	{"the samples are the project's",
	 {HEAP(0, 2, 100), HEAP(0, 3, 300)},
	 .found = "end memory +0 #3 https://shop.acme.test/cart {\"Rate\":200}\n",
	 MEMORY_SAMPLES,
	 1},
	{"two samples make no average", {HEAP(0, 2, 100), HEAP(0, 3, 100), HEAP(0, 4, 900)}, .found = ""},

	/* ---- failed requests ---- */
	{"N1",
	 {REQUEST(0, 5, 400, -40), REQUEST(30, 8, 503, -10)},
	 .found = "#5 bad_request -40 #5 https://api.acme.test/v1/cart?x=1\n#8 bad_request -10 #8 "
			  "https://api.acme.test/v1/cart?x=1\n"},
	{"N2", {REQUEST(0, 5, 399, -40), REQUEST(30, 8, 0, -10)}, .found = ""},
	{"the status is the project's",
	 {REQUEST(0, 5, 499, -40), REQUEST(30, 8, 500, -10)},
	 .found = "#8 bad_request -10 #8 https://api.acme.test/v1/cart?x=1\n",
	 BAD_REQUEST_STATUS,
	 500},
	{"a start no clock can have",
	 {REQUEST(0, 5, 400, 86400001), REQUEST(30, 8, 503, -T)},
	 .found = "#5 bad_request +0 #5 https://api.acme.test/v1/cart?x=1\n#8 bad_request +30 #8 "
			  "https://api.acme.test/v1/cart?x=1\n"},

	/* ---- performance ---- */
	{"P1",
	 {TRACK(0, 1, -1, -1, 0, 0), TRACK(1200, 2, 60, 36, 1000, 400), TRACK(3200, 3, 60, 50, 2000, 600),
	  TRACK(120000, 4, 3000, 3893, 3000, 800)},
	 .found = "#4 performance +0..+120000 fps 26/35/50 cpu 0/12/25 total 1000/2000/3000 used 400/600/800\n"},
	{"P2",
	 {TRACK(0, 1, 0, 0, 1000, 400), TRACK(1000, 2, 30, 20, 1000, 400), TRACK(2000, 3, -1, -1, 1000, 400),
	  TRACK(3000, 4, 30, 30, 1000, 400)},
	 .found = "#3 performance +0..+1000 fps 30/30/30 cpu 40/40/40 total 1000/1000/1000 used 400/400/400\n"
			  "end performance +2000..+3000 fps 30/30/30 cpu 10/10/10 total 1000/1000/1000 used 400/400/400\n"},
	{"P3",
	 {TRACK(0, 1, 0, 0, 0, 0), TRACK(1000, 2, 30, 20, 1000, 400), MOVE(119999, 3), MOVE(120000, 4)},
	 .found = "#4 performance +0..+1000 fps 30/30/30 cpu 40/40/40 total 1000/1000/1000 used 400/400/400\n"},
	{"P1: a millisecond before the window's end",
	 {TRACK(0, 1, -1, -1, 0, 0), TRACK(1200, 2, 60, 36, 1000, 400), TRACK(119999, 3, 60, 3900, 3000, 800)},
	 .found = "end performance +0..+119999 fps 1/25/50 cpu 2/6/10 total 1000/2000/3000 used 400/600/800\n"},
	{"a window begins with a sample that only sets the time",
	 {TRACK(0, 1, 0, 0, 0, 0), TRACK(120000, 2, 1200, 4000, 10, 5), TRACK(121000, 3, 60, 33, 1000, 400),
	  TRACK(122000, 4, 30, 33, 10, 5)},
	 .found = "#2 performance +0..+120000 fps 10/10/10 cpu 0/0/0 total 10/10/10 used 5/5/5\n"
			  "end performance +121000..+122000 fps 30/30/30 cpu 1/1/1 total 10/10/10 used 5/5/5\n"},
	{"a sample at no distance counts for nothing",
	 {TRACK(0, 1, 0, 0, 0, 0), TRACK(1000, 2, 30, 20, 10, 5), TRACK(500, 3, 90, 20, 99, 99)},
	 .found = "end performance +0..+1000 fps 30/30/30 cpu 40/40/40 total 10/10/10 used 5/5/5\n"},
	{"P4: a baseline alone", {TRACK(0, 1, 0, 0, 0, 0), END(10, 2)}, .found = ""},
	{"P5: 0 is no smallest value",
	 {TRACK(0, 1, 0, 0, 0, 0), TRACK(1000, 2, 0, 0, 100, 50), TRACK(2000, 3, 60, 33, 100, 50)},
	 .found = "end performance +0..+2000 fps 60/30/60 cpu 1/50/100 total 100/100/100 used 50/50/50\n"},
	{"the window is the project's",
	 {TRACK(0, 1, 0, 0, 0, 0), TRACK(1000, 2, 30, 20, 1000, 400), MOVE(2000, 3)},
	 .found = "#3 performance +0..+1000 fps 30/30/30 cpu 40/40/40 total 1000/1000/1000 used 400/400/400\n",
	 PERFORMANCE_WINDOW,
	 2000},

	/* ---- crashed pages ---- */
	{"A1", {EXCEPTION(0, 5), UNBIND(1999, 6, 70)}, .found = "#6 app_crash +1999 #6\n"},
	{"A2", {EXCEPTION(0, 5), UNBIND(100, 6, 69)}, .found = ""},
	{"A3", {EXCEPTION(0, 5), UNBIND(2000, 6, 90)}, .found = ""},
	{"A4",
	 {UNBIND(0, 6, 80), REQUEST(1500, 7, 500, 1460)},
	 .found = "#7 bad_request +1460 #7 https://api.acme.test/v1/cart?x=1\n#7 app_crash +0 #6\n"},
	{"once",
	 {EXCEPTION(0, 5), UNBIND(100, 6, 90), UNBIND(200, 7, 90), EXCEPTION(5000, 8)},
	 .found = "#6 app_crash +100 #6\n"},
	{"a later loss of nodes takes the place of an earlier one",
	 {UNBIND(0, 5, 90), UNBIND(3000, 6, 80), EXCEPTION(4999, 7)},
	 .found = "#7 app_crash +3000 #6\n"},
	{"an error of the past stays in the past", {MOVE(5000, 1), EXCEPTION(1000, 2), UNBIND(5100, 3, 90)}, .found = ""},
	{"an error is not made older by one told late",
	 {EXCEPTION(5000, 1), EXCEPTION(1000, 2), UNBIND(6999, 3, 90)},
	 .found = "#3 app_crash +6999 #3\n"},
	{"the share is the project's",
	 {EXCEPTION(0, 5), UNBIND(100, 6, 50)},
	 .found = "#6 app_crash +100 #6\n",
	 APP_CRASH_PERCENT,
	 50},
	{"the distance is the project's",
	 {EXCEPTION(0, 5), UNBIND(2000, 6, 90)},
	 .found = "#6 app_crash +2000 #6\n",
	 APP_CRASH_GAP,
	 2001},
	{"an answer that is no failure is no error", {UNBIND(0, 6, 80), REQUEST(10, 7, 200, 0)}, .found = ""},
};

static const Story mobile_stories[] = {
	{"T1",
	 {TAP(0, 1, "Pay"), TAP(100, 2, "Pay"), TAP(200, 3, "Pay"), OTHER(300, 4, MobileSessionEnd)},
	 .found = "end tap_rage +0 #1 Pay {\"Count\":3}\n"},
	{"T2: too slow",
	 {TAP(0, 1, "Pay"), TAP(301, 2, "Pay"), TAP(700, 3, "Pay"), OTHER(900, 4, MobileSessionEnd)},
	 .found = ""},
	{"told by the next tap",
	 {TAP(0, 1, "Pay"), TAP(299, 2, "Pay"), TAP(598, 3, "Pay"), TAP(700, 4, "Back")},
	 .found = "#4 tap_rage +0 #1 Pay {\"Count\":3}\n"},
	{"300 is too slow", {TAP(0, 1, "Pay"), TAP(100, 2, "Pay"), TAP(400, 3, "Pay")}, .found = ""},
	{"a tap on nothing", {TAP(0, 1, "Pay"), TAP(100, 2, "Pay"), TAP(150, 3, ""), TAP(200, 4, "Pay")}, .found = ""},
	{"the taps are the project's",
	 {TAP(0, 1, "Pay"), TAP(100, 2, "Pay")},
	 .found = "end tap_rage +0 #1 Pay {\"Count\":2}\n",
	 TAP_RAGE_TAPS,
	 2},
	{"the gap of taps is the project's",
	 {TAP(0, 1, "Pay"), TAP(400, 2, "Pay"), TAP(800, 3, "Pay")},
	 .found = "end tap_rage +0 #1 Pay {\"Count\":3}\n",
	 TAP_RAGE_GAP,
	 401},

	/* ---- no sign of life ---- */
	{"nobody asked whether it responds", {TAP(0, 1, "Pay"), TAP(90000, 2, "Pay")}, .found = ""},
	{"a minute without a sign",
	 {EDIT(0, 1, "Name"), TAP(1000, 2, "Pay"), METRIC(61000, 3, "fps", 60)},
	 .found = "#3 anr +1000 #2 Pay\nend app_performance +61000..+61000 fps 60/60/60\n",
	 ANR_ENABLED,
	 1},
	{"a millisecond less", {TAP(0, 1, "Pay"), TAP(59999, 2, "Pay")}, .found = "", ANR_ENABLED, 1},
	{"each silence once, the end's too",
	 {TAP(0, 1, "Pay"), EDIT(60000, 2, "Name"), OTHER(60500, 3, MobileLog), OTHER(120000, 4, MobileSessionEnd)},
	 .found = "#2 anr +0 #1 Pay\nend anr +60000 #2 Name\n",
	 ANR_ENABLED,
	 1},
	{"an end that comes soon", {TAP(0, 1, "Pay"), OTHER(59999, 2, MobileSessionEnd)}, .found = "", ANR_ENABLED, 1},
	{"nothing before the first sign", {OTHER(0, 1, MobileLog), TAP(90000, 2, "Pay")}, .found = "", ANR_ENABLED, 1},

	/* ---- how an app runs ---- */
	{"a window of a quarter of an hour",
	 {METRIC(0, 1, "fps", 60), METRIC(1000, 2, "fps", 40), METRIC(900000, 3, "fps", 30)},
	 .found = "#3 app_performance +0..+1000 fps 40/50/60\nend app_performance +900000..+900000 fps 30/30/30\n"},
	{"a millisecond less than that",
	 {METRIC(0, 1, "fps", 60), METRIC(1000, 2, "fps", 40), METRIC(899999, 3, "fps", 41)},
	 .found = "end app_performance +0..+899999 fps 40/47/60\n"},
	{"every metric, and what is none",
	 {METRIC(0, 1, "mainThreadCPU", 7), METRIC(10, 2, "memoryUsage", 100), METRIC(20, 3, "batteryLevel", 80),
	  METRIC(30, 4, "memoryUsage", 300), METRIC(40, 5, "thermalState", 2), METRIC(50, 6, "fpss", 2)},
	 .found = "end app_performance +0..+30 cpu 7/7/7 memory 100/200/300 battery 80/80/80\n"},
	{"what is none closes a window all the same",
	 {METRIC(0, 1, "fps", 60), METRIC(900000, 2, "thermalState", 2)},
	 .found = "#2 app_performance +0..+0 fps 60/60/60\n"},
	{"the window of apps is the project's",
	 {METRIC(0, 1, "fps", 60), METRIC(2000, 2, "fps", 40)},
	 .found = "#2 app_performance +0..+0 fps 60/60/60\nend app_performance +2000..+2000 fps 40/40/40\n",
	 APP_PERFORMANCE_WINDOW,
	 2000},
	{"web messages are nothing to an app",
	 {CLICK(0, 1, "A"), CLICK(10, 2, "A"), CLICK(20, 3, "A"), NODE(5000, 4), REQUEST(5000, 5, 500, 0)},
	 .found = ""},
};
/* clang-format on */

static WireString
wire_of(const char *text)
{
	return wire_string(text ? text : "", text ? strlen(text) : 0);
}

static void
values_of(const Step *step, WireValue *values)
{
	memset(values, 0, WIRE_MAX_FIELDS * sizeof(WireValue));
	switch (step->type)
	{
		case MSG_MouseClick:
			values[MouseClick_ID].u = step->numbers[0];
			values[MouseClick_Label].s = wire_of(step->text);
			values[MouseClick_Selector].s = wire_of(step->selector);
			break;
		case MSG_MobileClickEvent:
			values[MobileClickEvent_Label].s = wire_of(step->text);
			break;
		case MSG_MobileInputEvent:
			values[MobileInputEvent_Label].s = wire_of(step->text);
			break;
		case MSG_MobilePerformanceEvent:
			values[MobilePerformanceEvent_Name].s = wire_of(step->text);
			values[MobilePerformanceEvent_Value].u = step->numbers[0];
			break;
		case MSG_SetInputTarget:
			values[SetInputTarget_ID].u = step->numbers[0];
			break;
		case MSG_SetInputValue:
			values[SetInputValue_ID].u = step->numbers[0];
			break;
		case MSG_SetPageVisibility:
			values[SetPageVisibility_hidden].b = step->numbers[0];
			break;
		case MSG_PerformanceTrack:
			values[PerformanceTrack_Frames].i = (int64_t) step->numbers[0];
			values[PerformanceTrack_Ticks].i = (int64_t) step->numbers[1];
			values[PerformanceTrack_TotalJSHeapSize].u = step->numbers[2];
			values[PerformanceTrack_UsedJSHeapSize].u = step->numbers[3];
			break;
		case MSG_NetworkRequest:
			values[NetworkRequest_Status].u = step->numbers[0];
			values[NetworkRequest_Timestamp].u = step->numbers[1];
			values[NetworkRequest_URL].s = wire_of(step->text);
			break;
		case MSG_UnbindNodes:
			values[UnbindNodes_TotalRemovedPercent].u = step->numbers[0];
			break;
		default:
			break;
	}
}

/* ---- writing down what is found ---- */

typedef struct Told
{
	const Story *story;
	const Step *step; /* NULL at the end */
	char text[4096];
	size_t len;
} Told;

static void __attribute__((format(printf, 2, 3))) tell(Told *told, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	told->len += (size_t) vsnprintf(told->text + told->len, sizeof(told->text) - told->len, format, arguments);
	va_end(arguments);
}

static const char *
selector_of(const Story *story, uint64_t hash)
{
	for (const Step *step = story->steps; step->type != 0; step++)
		if (step->selector != NULL && selector_hash(step->selector, strlen(step->selector)) == hash)
			return step->selector;
	return "";
}

static void
tell_spread(Told *told, const char *name, Spread spread)
{
	tell(told, " %s %" PRId64 "/%" PRId64 "/%" PRId64, name, spread.min, spread.avg, spread.max);
}

static void
tell_fact(const Fact *fact, void *arg)
{
	Told *told = arg;
	static const char *const metrics[APP_METRICS] = {"fps", "cpu", "memory", "battery"};
	const PerformanceSummary *summary = fact->performance;
	const AppPerformanceSummary *app = fact->app_performance;

	if (told->step != NULL)
		tell(told, "#%" PRIu64 " ", told->step->id);
	else
		tell(told, "end ");
	if (summary != NULL)
	{
		tell(told, "performance %+" PRId64 "..%+" PRId64, summary->start_ms - T, summary->end_ms - T);
		tell_spread(told, "fps", summary->fps);
		tell_spread(told, "cpu", summary->cpu);
		tell_spread(told, "total", summary->total_heap);
		tell_spread(told, "used", summary->used_heap);
		tell(told, "\n");
		return;
	}
	if (app != NULL)
	{
		tell(told, "app_performance %+" PRId64 "..%+" PRId64, app->start_ms - T, app->end_ms - T);
		for (int i = 0; i < APP_METRICS; i++)
			if (app->measured[i])
				tell_spread(told, metrics[i], app->spreads[i]);
		tell(told, "\n");
		return;
	}
	tell(told, "%s %+" PRId64 " #%" PRIu64, fact->type, fact->timestamp - T, fact->message_id);
	if (fact->context.len > 0)
		tell(told, " %.*s", (int) fact->context.len, fact->context.data);
	if (fact->selector != 0)
		tell(told, " [%s]", selector_of(told->story, fact->selector));
	if (fact->payload[0] != '\0')
		tell(told, " %s", fact->payload);
	tell(told, "\n");
}

/* ---- telling stories ---- */

#define NEVER (-1)
#define ALWAYS (-2)

/* What a restart does: the bytes go elsewhere, and where they were is something else. */
static DetectorState *
move_state(DetectorState *state)
{
	DetectorState *moved = malloc(sizeof(*moved));

	memcpy(moved, state, sizeof(*moved));
	memset(state, 0xAA, sizeof(*state));
	free(state);
	return moved;
}

static void
run_story(const Story *story, WirePlatform platform, int restart_before, Told *told)
{
	DetectorState *state = malloc(sizeof(*state));
	const DetectorBits *interests = detector_interests(platform);
	Thresholds thresholds;
	Detection detection = {
		.thresholds = &thresholds,
		.sink = tell_fact,
		.sink_arg = told,
		.url = wire_of("https://shop.acme.test/cart"),
	};

	default_thresholds(&thresholds);
	if (story->value != 0)
		thresholds.values[story->changed] = story->value;
	detectors_start(state, platform);
	*told = (Told){.story = story};
	for (int i = 0; story->steps[i].type != 0; i++)
	{
		const Step *step = &story->steps[i];
		WireMessage message = {.type = step->type, .wire_type = step->type, .timestamp = T + step->at};
		WireValue values[WIRE_MAX_FIELDS];
		DetectorBits bits;

		if (restart_before == i || restart_before == ALWAYS)
			state = move_state(state);
		if (step->type == MSG_SetPageLocation && step->text != NULL)
			detection.url = wire_of(step->text);
		told->step = step;
		values_of(step, values);
		detection.message_id = step->id;
		bits = detectors_step(state, interests, step->type, message.timestamp, step->stream);
		if (bits != 0)
			detectors_feed(state, bits, &message, detectors_want_values(bits) ? values : NULL, step->stream,
						   &detection);
	}
	told->step = NULL;
	detectors_flush(state, &detection);
	/* an end flushes everything: a second one finds nothing more */
	detectors_flush(state, &detection);
	free(state);
}

static bool
is_about_performance(const Story *story)
{
	return strstr(story->found, " performance ") != NULL;
}

/* Stories of other detectors that happen to have samples need not tell their summaries. */
static void
leave_out_summaries(const Story *story, Told *told)
{
	char *line = told->text;

	if (is_about_performance(story))
		return;
	while ((line = strstr(line, "end performance ")) != NULL)
	{
		char *next = strchr(line, '\n') + 1;

		memmove(line, next, strlen(next) + 1);
	}
}

static void
check_story(const Story *story, WirePlatform platform)
{
	static Told told;
	int nsteps = 0;
	int failed = checks_failed;

	while (story->steps[nsteps].type != 0)
		nsteps++;
	for (int restart = ALWAYS; restart < nsteps; restart++)
	{
		run_story(story, platform, restart, &told);
		leave_out_summaries(story, &told);
		CHECK(strcmp(told.text, story->found) == 0);
		if (checks_failed > failed)
		{
			fprintf(stderr, "story %s, restart %d:\n%sexpected:\n%s", story->name, restart, told.text, story->found);
			return;
		}
	}
}

/* ---- the rest ---- */

static void
test_thresholds(void)
{
	Thresholds thresholds;

	default_thresholds(&thresholds);
	CHECK_INT(thresholds.values[CLICK_RAGE_GAP], 300);
	CHECK(change_threshold(&thresholds, "click_rage.gap", 400));
	CHECK_INT(thresholds.values[CLICK_RAGE_GAP], 400);
	CHECK(!change_threshold(&thresholds, "click_rage.gap", 0));
	CHECK(!change_threshold(&thresholds, "click_rage.gap", 60001));
	CHECK(!change_threshold(&thresholds, "click_rage", 1));
	CHECK_INT(thresholds.values[CLICK_RAGE_GAP], 400);
	for (int i = 0; i < THRESHOLD_COUNT; i++)
	{
		const ThresholdInfo *info = &threshold_infos[i];

		CHECK(info->minimum <= info->value && info->value <= info->maximum);
	}
}

/* ---- what is a reaction to a click ---- */

static void
find_after_click(uint8_t type, bool by_reference, Told *told)
{
	Story story = {"reaction",
				   {CLICK(0, 1, "A"), {1000, 2, type, {1}, NULL, NULL, 0}, NODE(2000, 3)},
				   .changed = DEAD_CLICK_REFERENCE_LIST,
				   .value = by_reference};

	run_story(&story, WIRE_WEB, NEVER, told);
}

static bool
contains(const uint8_t *list, uint8_t type)
{
	while (*list != 0 && *list != type)
		list++;
	return *list != 0;
}

/* Each message of the wire, one second after a click, and the next change another second later. */
static void
test_reactions(void)
{
	static const uint8_t reference[] = {8, 9, 10, 11, 12, 13, 15, 18, 19, 37, 38, 58, 0};
	static const uint8_t corrected[] = {
		7, 14, 35, 51, 52, 60, 61, 65, 67, 70, 71, 72, 73, 74, 75, 76, 77, 55, MSG_SetPageLocation, 0};
	static Told told;

	for (int type = 1; type < WIRE_TYPE_COUNT; type++)
	{
		/* what is converted to another type when it is read never gets here as itself */
		if (wire_type((unsigned) type) == NULL || type == MSG_MouseClick || type == MSG_NetworkRequest)
			continue;
		find_after_click((uint8_t) type, true, &told);
		CHECK((strstr(told.text, "dead_click") == NULL) == contains(reference, (uint8_t) type));
		find_after_click((uint8_t) type, false, &told);
		CHECK((strstr(told.text, "dead_click") == NULL) ==
			  (contains(reference, (uint8_t) type) || contains(corrected, (uint8_t) type)));
	}
}

/* Labels longer than what is kept are told apart as a whole, and cut between characters. */
static void
test_long_labels(void)
{
	char long_label[600];
	char other_label[600];
	Story story = {
		"long labels",
		{CLICK(0, 1, long_label), CLICK(10, 2, long_label), CLICK(20, 3, long_label), CLICK(30, 4, other_label)},
		.found = ""};
	static Told told;

	memset(long_label, 'x', sizeof(long_label));
	for (int i = 301; i < 599; i++)
		long_label[i] = "\xC3\xA9"[(i - 301) % 2];
	long_label[599] = '\0';
	memcpy(other_label, long_label, sizeof(long_label));
	other_label[590] = '?';
	run_story(&story, WIRE_WEB, NEVER, &told);
	CHECK(strncmp(told.text, "#4 click_rage +0 #1 xxx", 23) == 0);
	/* 301 letters fit, half of the next character does not */
	CHECK(strstr(told.text, "x [#first] {\"Count\":3}\n") != NULL);
}

/* Open clicks share the room for labels: when a label does not fit beside them, the oldest is judged early. */
static void
test_open_labels(void)
{
	char first[300];
	char second[300];
	char third[6];
	char expected[700];
	Story story = {"open labels",
				   {OTHER_IN(1, -500, 1, SetNodeAttributeURLBased), CLICK(0, 2, first), CLICK(2000, 3, third),
					CLICK(4000, 4, second), CLICK(4100, 5, third), NODE(4200, 6)},
				   .found = ""};
	static Told told;

	memset(first, 'a', sizeof(first) - 1);
	first[sizeof(first) - 1] = '\0';
	memset(second, 'b', sizeof(second) - 1);
	second[sizeof(second) - 1] = '\0';
	strcpy(third, "third");
	snprintf(expected, sizeof(expected), "#4 dead_click +0 #2 %s [#first]\nend dead_click +2000 #3 third [#first]\n",
			 first);
	for (int restart = ALWAYS; restart < 6; restart++)
	{
		run_story(&story, WIRE_WEB, restart, &told);
		CHECK(strcmp(told.text, expected) == 0);
	}
}

static void
test_names(void)
{
	CHECK(detectors_find("dead_click", 10));
	CHECK(detectors_find("tap_rage", 8));
	CHECK(!detectors_find("custom", 6));
	CHECK(!detectors_find("dead_clic", 9));
	CHECK_INT(detector_stream(&(WireHeader){.version = 1}), 0);
	CHECK_INT(detector_stream(&(WireHeader){.version = 2}), 0);
	CHECK_INT(detector_stream(&(WireHeader){.version = 3}), 1);
	CHECK_INT(detector_stream(&(WireHeader){.version = 5}), 3);
	printf("a tab's detectors: %zu bytes\n", sizeof(DetectorState));
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
		check_story(&stories[i], WIRE_WEB);
	for (size_t i = 0; i < sizeof(mobile_stories) / sizeof(mobile_stories[0]); i++)
		check_story(&mobile_stories[i], WIRE_MOBILE);
	test_thresholds();
	test_reactions();
	test_long_labels();
	test_open_labels();
	test_names();
	return check_summary("detectors");
}
