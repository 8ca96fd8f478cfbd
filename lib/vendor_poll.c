/* What a vendor file says of polls: what has to be there for a vendor that is asked. */
#include "vendor_priv.h"

#include <strings.h>

/* What tells one job of a vendor from another. */
#define NAMES_A_JOB (REFER_BIT(REFER_VENDOR_JOB_ID) | REFER_BIT(REFER_REQUEST_ID) | REFER_BIT(REFER_PAYLOAD))

/* The first of these values that is in both, or NULL. */
static const char *in_both(char *const *a, char *const *b)
{
	for (; a && *a; a++)
		for (char *const *other = b; other && *other; other++)
			if (strcasecmp(*a, *other) == 0)
				return *a;
	return NULL;
}

/* Of the request that asks. */
static enum err check_ask(const struct vendor *vendor, struct err_text *why)
{
	const struct vendor_request *ask = &vendor->ask;
	bool has_url = vendor->poll.has_url;
	unsigned refers = vendor_request_refers(ask);

	if (!has_url && ask->url.n)
		return err_set(why, ERR_INVALID, "poll/query: needs poll/url");
	if (!has_url && ask->body_kind == BODY_TEMPLATE)
		return err_set(why, ERR_INVALID, "poll/body: needs poll/url");
	if (has_url && vendor->poll.url_at)
		return err_set(why, ERR_INVALID, "poll/url_at: poll/url says already where to ask");
	if (has_url && !(refers & NAMES_A_JOB))
		return err_set(why, ERR_INVALID, "poll/url: names no job: ${job:vendor_job_id}, ${job:request_id} or ${payload:...} has to "
		               "be in it, or in query, headers or body of poll");
	if (refers & REFER_BIT(REFER_VENDOR_JOB_ID) && !vendor->response_job_id)
		return err_set(why, ERR_INVALID, "response/job_id: is missing, poll needs it for ${job:vendor_job_id}");
	return ERR_OK;
}

enum err vendor__check_poll(const struct vendor *vendor, struct err_text *why)
{
	const struct polling_rules *rules = &vendor->poll;
	const char *both = in_both(rules->failed_values, rules->done_values);

	if (both)
		return err_set(why, ERR_INVALID, "poll/failed_values: \"%.64s\" is in poll/done_values, too", both);
	if (rules->max_interval_ms < rules->interval_ms)
		return err_set(why, ERR_INVALID, "poll/max_interval_seconds: is less than poll/interval_seconds");
	if (rules->timeout_ms <= rules->interval_ms)
		return err_set(why, ERR_INVALID, "poll/timeout_seconds: is not more than poll/interval_seconds");
	if (vendor->mode == VENDOR_POLL && !rules->done_values)
		return err_set(why, ERR_INVALID, "poll/done_values: is missing");
	return check_ask(vendor, why);
}
