/*
 * detectors.list.h - the detectors, once, in the order in which they speak
 *
 * DETECTOR(name, platform, state_bytes, tick, flush, wants, awaits)
 *   name          name_feed() is called with every message it wants or awaits
 *   platform      sessions it runs in: WEB or MOBILE
 *   state_bytes   of its struct, which is its own file's business; a multiple of 8, zeroes are its beginning
 *   tick          called when the time it asked for with wake_at() has come on a message it is not fed; or NULL
 *   flush         called at the end of the session; or NULL
 *   wants         messages it is fed, with their values; successors stand for their legacy forms
 *   awaits        messages it is fed without values, only while it has called await_messages()
 *
 * Adding a detector is one file and one row here.  Include it with the macros defined; no include guard on purpose.
 */
/* clang-format off */
#define DOM_CHANGES \
	TYPE(CreateDocument) TYPE(CreateElementNode) TYPE(CreateTextNode) TYPE(MoveNode) TYPE(RemoveNode) \
	TYPE(SetNodeAttribute) TYPE(SetNodeAttributeDict) TYPE(SetNodeAttributeDictGlobal) \
	TYPE(SetNodeAttributeDictDeprecated) TYPE(SetNodeAttributeURLBased) TYPE(RemoveNodeAttribute) TYPE(SetNodeData) \
	TYPE(SetNodeSlot) TYPE(SetNodeFocus) TYPE(SetInputValue) TYPE(SetInputChecked) TYPE(CreateIFrameDocument) \
	TYPE(SetCSSData) TYPE(SetCSSDataURLBased) TYPE(CSSInsertRule) TYPE(CSSInsertRuleURLBased) TYPE(CSSDeleteRule) \
	TYPE(AdoptedSSReplace) TYPE(AdoptedSSReplaceURLBased) TYPE(AdoptedSSInsertRule) \
	TYPE(AdoptedSSInsertRuleURLBased) TYPE(AdoptedSSDeleteRule) TYPE(AdoptedSSAddOwner) TYPE(AdoptedSSRemoveOwner)

DETECTOR(dead_click, WEB, 840, dead_click_tick, dead_click_flush,
	TYPE(MouseClick) TYPE(SetInputTarget) TYPE(SetInputValue) TYPE(SetInputChecked) TYPE(CreateDocument)
	TYPE(SetPageVisibility),
	DOM_CHANGES TYPE(SetPageLocation))
DETECTOR(click_rage, WEB, 352, NULL, click_rage_flush,
	TYPE(MouseClick), )
DETECTOR(cpu, WEB, 32, NULL, cpu_flush,
	TYPE(PerformanceTrack), )
DETECTOR(memory, WEB, 40, NULL, memory_flush,
	TYPE(PerformanceTrack), )
DETECTOR(bad_request, WEB, 0, NULL, NULL,
	TYPE(NetworkRequest), )
DETECTOR(performance, WEB, 120, performance_tick, performance_flush,
	TYPE(PerformanceTrack), )
DETECTOR(app_crash, WEB, 24, NULL, NULL,
	TYPE(UnbindNodes) TYPE(JSException) TYPE(NetworkRequest), )
DETECTOR(tap_rage, MOBILE, 352, NULL, tap_rage_flush,
	TYPE(MobileClickEvent), )
DETECTOR(anr, MOBILE, 320, NULL, anr_flush,
	TYPE(MobileClickEvent) TYPE(MobileInputEvent) TYPE(MobilePerformanceEvent), )
DETECTOR(app_performance, MOBILE, 144, NULL, app_performance_flush,
	TYPE(MobilePerformanceEvent), )

#undef DOM_CHANGES
/* clang-format on */
