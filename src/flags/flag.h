/*
 * flag.h - feature flags: who gets which answer
 *
 * Plain C: takes a flag's definition and a visitor, gives the answer; knows neither SQL nor JSON and allocates nothing.
 * All texts are slices of the caller's memory.
 */
#ifndef OPENREPLAY_FLAG_H
#define OPENREPLAY_FLAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

typedef enum FlagField
{
#define FIELD(constant, type, member) FLAG_FIELD_##constant,
#include "flags/flag.list.h"
#undef FIELD
	FLAG_FIELDS,
	FLAG_FIELD_UNKNOWN = FLAG_FIELDS /* never holds */
} FlagField;

typedef enum FlagOperator
{
#define OPERATOR(constant, name, needs_values) FLAG_OPERATOR_##constant,
#include "flags/flag.list.h"
#undef OPERATOR
	FLAG_OPERATORS,
	FLAG_OPERATOR_UNKNOWN = FLAG_OPERATORS /* never holds */
} FlagOperator;

typedef struct FlagFilter
{
	FlagField field;
	FlagOperator operator;
	WireString source; /* of metadata: its name */
	const WireString *values;
	int nvalues;
} FlagFilter;

typedef struct FlagCondition
{
	int32_t condition_id;
	int rollout; /* percent of the visitors it holds for, 0 to 100 */
	const FlagFilter *filters;
	int nfilters; /* 0: holds for everybody */
} FlagCondition;

typedef struct FlagVariant
{
	WireString value;
	WireString payload;
	int rollout; /* percent, of all variants at most 100 */
} FlagVariant;

typedef struct Flag
{
	WireString key;
	WireString payload;
	bool is_multi;
	bool is_persistent;
	const FlagCondition *conditions; /* in the order in which they are tried */
	int nconditions;
	const FlagVariant *variants;
	int nvariants;
} Flag;

typedef struct FlagMember
{
	WireString name;
	WireString value;
} FlagMember;

typedef struct FlagVisitor
{
	int32_t project_id;
	WireString bucket;				/* who it is: the same text always gets the same share of a rollout */
	WireString fields[FLAG_FIELDS]; /* by FlagField; what is not known is empty; of FLAG_FIELD_METADATA unused */
	const FlagMember *metadata;
	int nmetadata;
	const FlagMember *kept; /* answers to persistent flags that the browser remembers: key and value */
	int nkept;
} FlagVisitor;

typedef struct FlagAnswer
{
	const FlagCondition *condition; /* that decided; NULL: a remembered answer */
	const FlagVariant *variant;		/* of multi flags; NULL: the value is true */
	WireString payload;
} FlagAnswer;

/* What the names mean; ..._UNKNOWN when nothing. */
extern FlagField flag_field(WireString type);
extern FlagOperator flag_operator(WireString name);

/* The names: of the filter type, of the visitor's member it looks at, of the operator; and whether that needs values.
 */
extern const char *flag_field_type(FlagField field);
extern const char *flag_field_member(FlagField field);
extern const char *flag_operator_name(FlagOperator operator);
extern bool flag_operator_needs_values(FlagOperator operator);

/* True when the visitor has the flag; answer is filled then. */
extern bool evaluate_flag(const Flag *flag, const FlagVisitor *visitor, FlagAnswer *answer);

/* Where a visitor stands in a rollout: 0 to 99.  In by p percent means below p, so more percent take nobody out. */
extern int flag_bucket(const Flag *flag, const FlagVisitor *visitor, const char *draw);

#endif /* OPENREPLAY_FLAG_H */
