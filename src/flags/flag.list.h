/*
 * flag.list.h - what a feature flag's condition can look at, and how
 *
 * FIELD(constant, filter type, member of the visitor): a filter of this type looks at this member; "metadata" looks at
 * the one its source names.
 * OPERATOR(constant, name, needs values): names are compared case-sensitively.
 * Include it with the macros defined; no include guard on purpose.
 */
/* clang-format off */
#ifdef FIELD
FIELD(COUNTRY, "userCountry", "country")
FIELD(CITY, "userCity", "city")
FIELD(STATE, "userState", "state")
FIELD(OS, "userOs", "os")
FIELD(BROWSER, "userBrowser", "browser")
FIELD(DEVICE, "userDevice", "device")
FIELD(USER_ID, "userId", "userID")
FIELD(REFERRER, "referrer", "referrer")
FIELD(METADATA, "metadata", "metadata")
#endif
#ifdef OPERATOR
OPERATOR(IS, "is", true)
OPERATOR(IS_NOT, "isNot", true)
OPERATOR(IS_ANY, "isAny", false)
OPERATOR(IS_UNDEFINED, "isUndefined", false)
OPERATOR(CONTAINS, "contains", true)
OPERATOR(NOT_CONTAINS, "notContains", true)
OPERATOR(STARTS_WITH, "startsWith", true)
OPERATOR(ENDS_WITH, "endsWith", true)
#endif
/* clang-format on */
