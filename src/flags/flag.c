/*
 * flag.c - feature flags: who gets which answer
 *
 * The hard idea: no dice.  A visitor's place in a rollout is a hash of project, flag and visitor, so the answer is the
 * same on every page and every server, nothing has to be stored for that, and raising a percentage only adds visitors.
 * The draw of the variant is another hash, or the first variant would get the visitors that came first.
 */
#include "flags/flag.h"

#include <string.h>

static const char *const field_types[] = {
#define FIELD(constant, type, member) type,
#include "flags/flag.list.h"
#undef FIELD
};

static const char *const field_members[] = {
#define FIELD(constant, type, member) member,
#include "flags/flag.list.h"
#undef FIELD
};

static const char *const operator_names[] = {
#define OPERATOR(constant, name, needs_values) name,
#include "flags/flag.list.h"
#undef OPERATOR
};

static const bool operators_need_values[] = {
#define OPERATOR(constant, name, needs_values) needs_values,
#include "flags/flag.list.h"
#undef OPERATOR
};

static int
find_name(const char *const *names, int count, WireString name)
{
	for (int i = 0; i < count; i++)
		if (strlen(names[i]) == name.len && memcmp(names[i], name.data, name.len) == 0)
			return i;
	return count;
}

FlagField
flag_field(WireString type)
{
	return (FlagField) find_name(field_types, FLAG_FIELDS, type);
}

FlagOperator
flag_operator(WireString name)
{
	return (FlagOperator) find_name(operator_names, FLAG_OPERATORS, name);
}

const char *
flag_field_type(FlagField field)
{
	return field_types[field];
}

const char *
flag_field_member(FlagField field)
{
	return field_members[field];
}

const char *
flag_operator_name(FlagOperator operator)
{
	return operator_names[operator];
}

bool
flag_operator_needs_values(FlagOperator operator)
{
	return operators_need_values[operator];
}

/* ---- filters ------------------------------------------------------------------------------------------------------
 */

static bool
same_text(WireString a, WireString b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static bool
contains(WireString text, WireString part)
{
	return part.len == 0 || (part.len <= text.len && memmem(text.data, text.len, part.data, part.len) != NULL);
}

static bool
starts_with(WireString text, WireString start)
{
	return start.len <= text.len && memcmp(text.data, start.data, start.len) == 0;
}

static bool
ends_with(WireString text, WireString end)
{
	return end.len <= text.len && memcmp(text.data + text.len - end.len, end.data, end.len) == 0;
}

static bool
for_some_value(const FlagFilter *filter, WireString text, bool (*holds)(WireString text, WireString value))
{
	for (int i = 0; i < filter->nvalues; i++)
		if (holds(text, filter->values[i]))
			return true;
	return false;
}

static const FlagMember *
find_member(const FlagMember *members, int count, WireString name)
{
	for (int i = 0; i < count; i++)
		if (same_text(members[i].name, name))
			return &members[i];
	return NULL;
}

static WireString
value_for(const FlagFilter *filter, const FlagVisitor *visitor)
{
	const FlagMember *member;

	if (filter->field != FLAG_FIELD_METADATA)
		return visitor->fields[filter->field];
	member = find_member(visitor->metadata, visitor->nmetadata, filter->source);
	return member != NULL ? member->value : (WireString){"", 0};
}

static bool
filter_holds(const FlagFilter *filter, const FlagVisitor *visitor)
{
	WireString text;

	if (filter->field == FLAG_FIELD_UNKNOWN)
		return false;
	text = value_for(filter, visitor);
	switch (filter->operator)
	{
		case FLAG_OPERATOR_IS:
			return for_some_value(filter, text, same_text);
		case FLAG_OPERATOR_IS_NOT:
			return !for_some_value(filter, text, same_text);
		case FLAG_OPERATOR_IS_ANY:
			return text.len > 0;
		case FLAG_OPERATOR_IS_UNDEFINED:
			return text.len == 0;
		case FLAG_OPERATOR_CONTAINS:
			return for_some_value(filter, text, contains);
		case FLAG_OPERATOR_NOT_CONTAINS:
			return !for_some_value(filter, text, contains);
		case FLAG_OPERATOR_STARTS_WITH:
			return for_some_value(filter, text, starts_with);
		case FLAG_OPERATOR_ENDS_WITH:
			return for_some_value(filter, text, ends_with);
		case FLAG_OPERATOR_UNKNOWN:
			break;
	}
	return false;
}

static const FlagCondition *
first_that_holds(const Flag *flag, const FlagVisitor *visitor)
{
	for (int i = 0; i < flag->nconditions; i++)
	{
		const FlagCondition *condition = &flag->conditions[i];
		int held = 0;

		while (held < condition->nfilters && filter_holds(&condition->filters[held], visitor))
			held++;
		if (held == condition->nfilters)
			return condition;
	}
	return NULL;
}

/* ---- rollout ------------------------------------------------------------------------------------------------------
 */

/* FNV-1a, 64 bits; each part ends with a byte that no UTF-8 text holds, so that parts cannot run into each other. */
static uint64_t
hash_part(uint64_t hash, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t) data[i]) * UINT64_C(0x100000001b3);
	return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

/* FNV's high bits depend little on the last bytes; this is MurmurHash3's finalizer, which mixes them. */
static uint64_t
mix(uint64_t hash)
{
	hash ^= hash >> 33;
	hash *= UINT64_C(0xff51afd7ed558ccd);
	hash ^= hash >> 33;
	hash *= UINT64_C(0xc4ceb9fe1a85ec53);
	return hash ^ hash >> 33;
}

int
flag_bucket(const Flag *flag, const FlagVisitor *visitor, const char *draw)
{
	uint8_t project[4] = {(uint8_t) visitor->project_id, (uint8_t) (visitor->project_id >> 8),
						  (uint8_t) (visitor->project_id >> 16), (uint8_t) (visitor->project_id >> 24)};
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	hash = hash_part(hash, (const char *) project, sizeof(project));
	hash = hash_part(hash, flag->key.data, flag->key.len);
	hash = hash_part(hash, draw, strlen(draw));
	hash = hash_part(hash, visitor->bucket.data, visitor->bucket.len);
	return (int) ((mix(hash) >> 32) * 100 >> 32);
}

static const FlagVariant *
draw_variant(const Flag *flag, const FlagVisitor *visitor)
{
	int drawn = flag_bucket(flag, visitor, "variant");
	int bound = 0;

	for (int i = 0; i < flag->nvariants; i++)
	{
		bound += flag->variants[i].rollout;
		if (drawn < bound)
			return &flag->variants[i];
	}
	return NULL;
}

/* ---- the answer ---------------------------------------------------------------------------------------------------
 */

/* What the browser remembers goes on, as long as the flag still has that answer. */
static bool
was_kept(const Flag *flag, const FlagVisitor *visitor, FlagAnswer *answer)
{
	const FlagMember *kept = find_member(visitor->kept, visitor->nkept, flag->key);

	if (!flag->is_persistent || kept == NULL)
		return false;
	*answer = (FlagAnswer){.payload = flag->payload};
	if (!flag->is_multi)
		return same_text(kept->value, (WireString){"true", 4});
	for (int i = 0; i < flag->nvariants; i++)
	{
		if (!same_text(flag->variants[i].value, kept->value))
			continue;
		answer->variant = &flag->variants[i];
		answer->payload = flag->variants[i].payload;
		return true;
	}
	return false;
}

bool
evaluate_flag(const Flag *flag, const FlagVisitor *visitor, FlagAnswer *answer)
{
	const FlagCondition *condition;

	if (was_kept(flag, visitor, answer))
		return true;
	condition = first_that_holds(flag, visitor);
	if (condition == NULL || flag_bucket(flag, visitor, "rollout") >= condition->rollout)
		return false;
	*answer = (FlagAnswer){.condition = condition, .payload = flag->payload};
	if (!flag->is_multi)
		return true;
	answer->variant = draw_variant(flag, visitor);
	if (answer->variant != NULL)
		answer->payload = answer->variant->payload;
	return answer->variant != NULL;
}
