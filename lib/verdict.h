/* What a vendor's answer or callback says, by rules of the vendor file: many vendors answer 200 to say that they
 * failed.
 *
 * The first rule that holds counts; where none does, the tables in outcome.c do. Rules are text and numbers only, and
 * immutable once loaded: thread-safe, though json-c's values are not. Pure.
 */
#ifndef VF_VERDICT_H
#define VF_VERDICT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

enum saying {
	SAYS_NOTHING,          /* no rule holds */
	SAYS_SUCCESS,          /* the result is in it */
	SAYS_RETRY,            /* it may be well next time */
	SAYS_LIMITED,          /* we ask too often */
	SAYS_FAIL,             /* it never will */
	SAYS_NO_DATA,          /* the vendor is well and has nothing */
	SAYS_IGNORE,           /* of callbacks only: it is still at work */
	SAYS_COUNT
};

enum { VERDICT_RULES_MAX = 32 };

enum verdict_test { TEST_ALWAYS, TEST_ONE_OF, TEST_EXISTS, TEST_MISSING };

struct status_range { int from, to; };

struct verdict_rule {
	struct status_range *statuses;   /* ends with from 0; empty or NULL: any */
	char *where;                     /* JSON Pointer into the body, with every test but TEST_ALWAYS; else NULL */
	enum verdict_test test;
	char **values;                   /* with TEST_ONE_OF: JSON texts of scalars, [] or {}; NULL-terminated */
	enum saying verdict;
};

struct verdict_rules {
	struct verdict_rule *rules;
	size_t n;
};

/* The verdict of the first rule that holds, and its index in *index. http_status: 0 for a callback. body: NULL if
 * it is the JSON text null. With readable false only rules that do not look into the body can hold. */
enum saying verdict_of(const struct verdict_rules *rules, int http_status, struct json_object *body, bool readable,
                       size_t *index);

/* Does any rule look into the body? */
bool verdict_needs_body(const struct verdict_rules *rules);

/* The verdict of a name in a vendor file, or SAYS_NOTHING. */
enum saying verdict_parse(const char *name);

void verdict_rules_deinit(struct verdict_rules *rules);

#endif
