/* What a vendor file says of polls: the reader of poll/url, and what has to be there for a vendor that is polled. */
#include "vendor_priv.h"

#include <string.h>
#include <strings.h>

/* A value of the job decides nothing but a path segment or a query value. */
static const char *bad_poll_url(const char *text)
{
	const char *bad = vendor__bad_url(text), *reference = strstr(text, "${"), *host;

	if (bad)
		return bad;
	host = strstr(text, "://") + 3;
	if (!reference)
		return "names no job: ${job:vendor_job_id} or ${job:request_id} has to be in it";
	return reference < host + strcspn(host, "/?#") ? "has a reference before its path" : NULL;
}

enum err vendor__read_poll_url(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	static const char *const names[] = { "vendor_job_id", "request_id", NULL };

	return vendor__read_resolved(r, m, value, names, field, bad_poll_url);
}

/* The first of these values that is in both, or NULL. */
static const char *in_both(char *const *a, char *const *b)
{
	for (; a && *a; a++)
		for (char *const *other = b; other && *other; other++)
			if (strcasecmp(*a, *other) == 0)
				return *a;
	return NULL;
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
	if (rules->any_origin && vendor->has_auth)
		return err_set(why, ERR_INVALID, "poll/any_origin: would show auth to whomever an acknowledgement names");
	if (rules->url && rules->url_at)
		return err_set(why, ERR_INVALID, "poll/url_at: poll/url says already where to ask");
	if (rules->url && polling_url_refers(rules->url, "vendor_job_id") && !vendor->response_job_id)
		return err_set(why, ERR_INVALID, "response/job_id: is missing, poll/url needs it");
	if (vendor->mode == VENDOR_POLL && !rules->done_values)
		return err_set(why, ERR_INVALID, "poll/done_values: is missing");
	return ERR_OK;
}
