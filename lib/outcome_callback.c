/* What becomes of a job after its vendor called back. */
#include "callback_body.h"
#include "json_strict.h"
#include "mem.h"
#include "outcome_priv.h"

#include <stdlib.h>

static enum err accept_callback(const struct vendor *vendor, struct json_object *body, struct outcome *outcome,
                                struct err_text *why)
{
	struct json_object *value, *copy;
	enum err err = callback_body_result(vendor, body, &value, why);

	if (err)
		return err;
	/* Cleaning changes its value, and the body is not ours. */
	copy = json_copy(value);
	outcome__complete(vendor, copy, outcome);
	json_object_put(copy);
	return ERR_OK;
}

static void fail_by_rule(const struct vendor *vendor, struct json_object *body, const char *what, size_t index,
                         struct outcome *outcome)
{
	char *words = callback_body_words(vendor, body);

	outcome__fail(outcome, mem_printf("vendor called back with %s%s%s", what, words ? ": " : "", words ? words : ""));
	outcome__add_place(outcome, "callback/verdicts", index);
	free(words);
}

enum err outcome_of_callback(const struct vendor *vendor, struct json_object *body, struct outcome *outcome,
                             struct err_text *why)
{
	size_t index = 0;
	char *failure;

	*outcome = (struct outcome){ .settled = SETTLED };
	switch (verdict_of(&vendor->callback_verdicts, 0, body, true, &index)) {
	case SAYS_FAIL:
		fail_by_rule(vendor, body, "a failure", index, outcome);
		return ERR_OK;
	case SAYS_RETRY:
		fail_by_rule(vendor, body, "a failure that may pass", index, outcome);
		outcome->kind = OUTCOME_RETRY;
		return ERR_OK;
	case SAYS_NO_DATA:
		outcome__no_data(vendor, outcome);
		return ERR_OK;
	case SAYS_SUCCESS:
		return accept_callback(vendor, body, outcome, why);
	default:
		break;
	}
	failure = callback_body_failure(vendor, body);
	if (!failure)
		return accept_callback(vendor, body, outcome, why);
	outcome__fail(outcome, failure);
	return ERR_OK;
}
