/*
 * breakdowns.list.h - what a card can be broken down by
 *
 *	BREAKDOWN(name, source, expression)
 *
 * SESSION: an expression over the session, s.  ISSUES: each kind of issue that the session has.  EVENT: a property of
 *the events, by its name in filters.list.h, so that whoever goes on to filter by a value finds what was counted.
 *
 * Include it with the macro defined; no include guard on purpose.
 */
/* clang-format off */
BREAKDOWN("userCountry", SESSION, "s.user_country::text")
BREAKDOWN("userCity", SESSION, "s.user_city")
BREAKDOWN("userState", SESSION, "s.user_state")
BREAKDOWN("userBrowser", SESSION, "s.user_browser")
BREAKDOWN("userDevice", SESSION, "s.user_device")
BREAKDOWN("userDeviceType", SESSION, "s.user_device_type::text")
BREAKDOWN("userOs", SESSION, "s.user_os")
BREAKDOWN("userId", SESSION, "s.user_id")
BREAKDOWN("platform", SESSION, "s.platform::text")
BREAKDOWN("referrer", SESSION, "s.referrer")
BREAKDOWN("revId", SESSION, "s.rev_id")
BREAKDOWN("utmSource", SESSION, "s.utm_source")
BREAKDOWN("utmMedium", SESSION, "s.utm_medium")
BREAKDOWN("utmCampaign", SESSION, "s.utm_campaign")
BREAKDOWN("issueType", ISSUES, "i.issue_type::text")
BREAKDOWN("currentPath", EVENT, "$current_path")
BREAKDOWN("httpMethod", EVENT, "method")
BREAKDOWN("statusCode", EVENT, "status_code")
BREAKDOWN("urlHost", EVENT, "url_host")
/* a page's referrer is, but for the first page, the site itself: the session's tells where it came from */
BREAKDOWN("referringDomain", SESSION, "substring(s.base_referrer FROM '^(?:[a-z]+://)?([^/:?#]+)')")
BREAKDOWN("searchEngine", SESSION, "substring(s.base_referrer FROM '^(?:[a-z]+://)?(?:[^/]*[.])?(google|bing|yahoo|duckduckgo|yandex|baidu|ecosia)[.]')")
/* clang-format on */
