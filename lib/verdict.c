#include "verdict.h"

#include "json_strict.h"

#include <stdlib.h>
#include <string.h>

/* ---- One rule ---- */

static bool is_number(const char *text) { return text[0] == '-' || (text[0] >= '0' && text[0] <= '9'); }

/* Two JSON texts. Numbers are the same however they are written; those beyond a double only if written alike. */
static bool same(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || (is_number(a) && is_number(b) && strlen(a) <= 15 && strlen(b) <= 15 &&
	                             strtod(a, NULL) == strtod(b, NULL));
}

static bool is_one_of(struct json_object *value, char **values)
{
	bool found = false;
	char *text;

	/* What a rule can name has nothing in it. */
	if ((json_object_is_type(value, json_type_object) && json_object_object_length(value) > 0) ||
	    (json_object_is_type(value, json_type_array) && json_object_array_length(value) > 0))
		return false;
	text = json_text(value, NULL);
	for (; *values && !found; values++)
		found = same(text, *values);
	free(text);
	return found;
}

static bool status_fits(const struct status_range *ranges, int http_status)
{
	if (!ranges || ranges->from == 0)
		return true;
	for (; ranges->from; ranges++)
		if (http_status >= ranges->from && http_status <= ranges->to)
			return true;
	return false;
}

static bool holds(const struct verdict_rule *rule, int http_status, struct json_object *body, bool readable)
{
	struct json_object *found = NULL;
	bool there;

	if (!status_fits(rule->statuses, http_status))
		return false;
	if (rule->test == TEST_ALWAYS)
		return true;
	if (!readable)
		return false;
	there = json_at(body, rule->where, &found);
	if (rule->test == TEST_ONE_OF)
		return there && is_one_of(found, rule->values);
	/* Vendors write "error": null to say that there is none. */
	return (found != NULL) == (rule->test == TEST_EXISTS);
}

/* ---- All of them ---- */

enum saying verdict_of(const struct verdict_rules *rules, int http_status, struct json_object *body, bool readable,
                       size_t *index)
{
	for (size_t i = 0; i < rules->n; i++)
		if (holds(&rules->rules[i], http_status, body, readable)) {
			*index = i;
			return rules->rules[i].verdict;
		}
	return SAYS_NOTHING;
}

bool verdict_needs_body(const struct verdict_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		if (rules->rules[i].test != TEST_ALWAYS)
			return true;
	return false;
}

enum saying verdict_parse(const char *name)
{
	static const char *const names[SAYS_COUNT] = {
		[SAYS_SUCCESS] = "success",
		[SAYS_RETRY] = "retry",
		[SAYS_LIMITED] = "limited",
		[SAYS_FAIL] = "fail",
		[SAYS_NO_DATA] = "no_data",
		[SAYS_IGNORE] = "ignore",
	};

	for (int i = SAYS_NOTHING + 1; i < SAYS_COUNT; i++)
		if (strcmp(names[i], name) == 0)
			return (enum saying)i;
	return SAYS_NOTHING;
}

void verdict_rules_deinit(struct verdict_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++) {
		struct verdict_rule *rule = &rules->rules[i];

		for (char **value = rule->values; value && *value; value++)
			free(*value);
		free(rule->values);
		free(rule->statuses);
		free(rule->where);
	}
	free(rules->rules);
	*rules = (struct verdict_rules){ NULL, 0 };
}
