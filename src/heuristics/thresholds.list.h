/*
 * thresholds.list.h - every number a detector judges by, once
 *
 * THRESHOLD(constant, name, default, minimum, maximum, unit, meaning): name is what SQL calls it; values outside of
 * minimum ... maximum are refused.  Defaults are the documented behaviour of OpenReplay's heuristics, section in
 * brackets.  Include it with the macro defined; no include guard on purpose.
 */
/* clang-format off */
THRESHOLD(CLICK_RAGE_CLICKS, "click_rage.clicks", 3, 2, 1000, "clicks", "a series this long is rage [4.1]")
THRESHOLD(CLICK_RAGE_GAP, "click_rage.gap", 300, 1, 60000, "ms", "clicks closer than this are one series [4.1]")
THRESHOLD(DEAD_CLICK_SILENCE, "dead_click.silence", 1234, 1, 600000, "ms",
		  "a page that shows nothing for this long after a click did not react [4.2]")
THRESHOLD(DEAD_CLICK_REFERENCE_LIST, "dead_click.reference_list", 0, 0, 1, "0 or 1",
		  "1: only the short historic list of messages counts as a reaction, and dead clicks are many [4.2]")
THRESHOLD(CPU_PERCENT, "cpu.percent", 70, 1, 100, "%", "load from here on is high [4.3]")
THRESHOLD(CPU_DURATION, "cpu.duration", 6000, 0, 3600000, "ms", "high load is an issue after this long [4.3]")
THRESHOLD(MEMORY_PERCENT, "memory.percent", 300, 101, 100000, "%",
		  "used heap from this share of its average on is high [4.4]")
THRESHOLD(MEMORY_SAMPLES, "memory.samples", 3, 1, 1000, "samples", "so many make the first average [4.4]")
THRESHOLD(BAD_REQUEST_STATUS, "bad_request.status", 400, 100, 1000, "HTTP status",
		  "answers from here on are failures [4.5]")
THRESHOLD(PERFORMANCE_WINDOW, "performance.window", 120000, 1000, 3600000, "ms",
		  "performance is summed up over this long [4.6]")
THRESHOLD(APP_CRASH_PERCENT, "app_crash.percent", 70, 1, 100, "%",
		  "a page that loses this share of its nodes ... [4.7]")
THRESHOLD(APP_CRASH_GAP, "app_crash.gap", 2000, 1, 600000, "ms", "... closer than this to an error has crashed [4.7]")
THRESHOLD(TAP_RAGE_TAPS, "tap_rage.taps", 3, 2, 1000, "taps", "a series this long is rage [5.1]")
THRESHOLD(TAP_RAGE_GAP, "tap_rage.gap", 300, 1, 60000, "ms", "taps closer than this are one series [5.1]")
THRESHOLD(ANR_ENABLED, "anr.enabled", 0, 0, 1, "0 or 1",
		  "1: an app that gives no sign of life is an issue, also when it was only in the background [5.2]")
THRESHOLD(ANR_SILENCE, "anr.silence", 60000, 1, 3600000, "ms",
		  "no tap, input or measurement for this long is no sign of life [5.2]")
THRESHOLD(APP_PERFORMANCE_WINDOW, "app_performance.window", 900000, 1000, 86400000, "ms",
		  "an app's performance is summed up over this long [5.2]")
/* clang-format on */
