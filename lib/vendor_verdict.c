/* Readers of the rules that say what an answer means: response/verdicts and callback/verdicts. */
#include "json_strict.h"
#include "mem.h"
#include "vendor_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_FIRST = 100, STATUS_LAST = 599, TOO_MANY_REQUESTS = 429, SHOWN_SIZE = 64 };

/* How many entries it has, at most m->max. */
static enum err count(const struct reader *r, const struct member *m, struct json_object *value, const char *what,
                      size_t *n)
{
	if (!json_object_is_type(value, json_type_array))
		return vendor__fail(r, m, "must be an array%s", what);
	*n = json_object_array_length(value);
	return (int64_t)*n > m->max ? vendor__fail(r, m, "has more than %lld entries", (long long)m->max) : ERR_OK;
}

/* ---- Members of a rule ---- */

static struct verdict_rule *rule_of(const struct reader *r) { return (struct verdict_rule *)(void *)r->base; }

/* 404, or "500-599". False: it is neither. */
static bool parse_statuses(struct json_object *entry, struct status_range *range)
{
	char rest;

	/* json-c clamps what is larger, so nothing wraps into the bounds. */
	if (json_object_is_type(entry, json_type_int))
		range->from = range->to = json_object_get_int(entry);
	else if (!json_object_is_type(entry, json_type_string) ||
	         sscanf(json_object_get_string(entry), "%3d-%3d%c", &range->from, &range->to, &rest) != 2)
		return false;
	return range->from >= STATUS_FIRST && range->from <= range->to && range->to <= STATUS_LAST;
}

enum err vendor__read_ranges(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	struct status_range **ranges = field;
	struct reader inside = *r;
	size_t n = 0;
	enum err err = count(r, m, value, " of statuses and \"from-to\"", &n);

	if (err)
		return err;
	*ranges = mem_calloc(n + 1, sizeof(**ranges));
	for (size_t i = 0; i < n; i++) {
		struct json_object *entry = json_object_array_get_idx(value, i);
		struct status_range *range = &(*ranges)[i];

		inside.item = &i;
		if (!parse_statuses(entry, range))
			return vendor__fail(&inside, m, "%.40s is neither a status between %d and %d nor \"from-to\"",
			                    entry ? json_object_get_string(entry) : "null", STATUS_FIRST, STATUS_LAST);
		if (range->from == TOO_MANY_REQUESTS && range->to == TOO_MANY_REQUESTS)
			return vendor__fail(&inside, m, "429 is always tried again when the vendor lets us");
	}
	return ERR_OK;
}

static enum err set_test(const struct reader *r, const struct member *m, enum verdict_test test)
{
	struct verdict_rule *rule = rule_of(r);

	if (rule->test != TEST_ALWAYS)
		return vendor__fail(r, m, "only one of equals, in and exists may be there");
	rule->test = test;
	return ERR_OK;
}

/* Compared as text, so that no json-c value is shared by threads. */
static enum err add_value(const struct reader *r, const struct member *m, struct json_object *value, char **out)
{
	if ((json_object_is_type(value, json_type_object) && json_object_object_length(value) > 0) ||
	    (json_object_is_type(value, json_type_array) && json_object_array_length(value) > 0))
		return vendor__fail(r, m, "can only name strings, numbers, true, false, null, [] and {}");
	*out = json_text(value, NULL);
	return ERR_OK;
}

enum err vendor__read_equals(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	char ***values = field;
	enum err err = set_test(r, m, TEST_ONE_OF);

	if (err)
		return err;
	*values = mem_calloc(2, sizeof(**values));
	return add_value(r, m, value, &(*values)[0]);
}

enum err vendor__read_values(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	char ***values = field;
	struct reader inside = *r;
	enum err err = set_test(r, m, TEST_ONE_OF);
	size_t n = 0;

	if (err == ERR_OK)
		err = count(r, m, value, " of values", &n);
	if (err)
		return err;
	if (n == 0)
		return vendor__fail(r, m, "is empty: it would never hold");
	*values = mem_calloc(n + 1, sizeof(**values));
	for (size_t i = 0; err == ERR_OK && i < n; i++) {
		inside.item = &i;
		err = add_value(&inside, m, json_object_array_get_idx(value, i), &(*values)[i]);
	}
	return err;
}

enum err vendor__read_exists(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	(void)field;
	if (!json_object_is_type(value, json_type_boolean))
		return vendor__fail(r, m, "must be true or false");
	return set_test(r, m, json_object_get_boolean(value) ? TEST_EXISTS : TEST_MISSING);
}

static enum err read_verdict(const struct reader *r, const struct member *m, struct json_object *value,
                             const char *const *words, size_t n, enum saying *verdict)
{
	size_t which;
	enum err err = vendor__read_word(r, m, value, words, n, &which);

	if (err == ERR_OK)
		*verdict = verdict_parse(words[which]);
	return err;
}

enum err vendor__read_verdict(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	static const char *const words[] = { RESPONSE_VERDICTS };

	return read_verdict(r, m, value, words, sizeof(words) / sizeof(words[0]), field);
}

enum err vendor__read_callback_verdict(const struct reader *r, const struct member *m, struct json_object *value,
                                       void *field)
{
	static const char *const words[] = { CALLBACK_VERDICTS };

	return read_verdict(r, m, value, words, sizeof(words) / sizeof(words[0]), field);
}

/* ---- The rules ---- */

/* What the members of a rule say together. */
static enum err check_rule(const struct reader *r)
{
	const struct verdict_rule *rule = rule_of(r);

	if (!rule->where && rule->test != TEST_ALWAYS)
		return err_set(r->why, ERR_INVALID, "%swhere: is missing", r->shown);
	if (rule->where && rule->test == TEST_ALWAYS)
		return err_set(r->why, ERR_INVALID, "%swhere: needs one of equals, in and exists", r->shown);
	return ERR_OK;
}

static enum err read_rule(const struct reader *r, const struct member *m, size_t i, struct json_object *value)
{
	struct reader inside = *r;
	char group[SHOWN_SIZE], shown[SHOWN_SIZE];
	enum err err;

	snprintf(group, sizeof(group), "%s/*/", m->path);
	snprintf(shown, sizeof(shown), "%s/%zu/", m->path, i);
	inside.group = group;
	inside.shown = shown;
	inside.base = (char *)&((struct verdict_rules *)(void *)(r->base + m->offset))->rules[i];
	err = vendor__read_group(&inside, value);
	return err ? err : check_rule(&inside);
}

enum err vendor__read_verdicts(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	struct verdict_rules *rules = field;
	size_t n = 0;
	enum err err = count(r, m, value, "", &n);

	if (err)
		return err;
	rules->rules = mem_calloc(n, sizeof(*rules->rules));
	rules->n = n;
	for (size_t i = 0; err == ERR_OK && i < n; i++)
		err = vendor__go_on(r, read_rule(r, m, i, json_object_array_get_idx(value, i)));
	return err;
}

enum err vendor__read_json(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	size_t len;

	*(char **)field = json_text(value, &len);
	if ((int64_t)len > m->max)
		return vendor__fail(r, m, "has more than %lld bytes", (long long)m->max);
	return ERR_OK;
}
