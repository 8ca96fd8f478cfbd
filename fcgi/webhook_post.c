/* POST /vendor-webhook/{vendor}: a vendor brings what it was asked for.
 *
 * It may come before the vendor's own answer was stored, twice, late, or for somebody else's job; none of
 * these changes a finished job. A success may finish any unfinished job, a failure only the attempt that it
 * belongs to.
 */
#include "api.h"

#include "clock.h"
#include "crash_point.h"
#include "json_strict.h"
#include "log.h"
#include "mem.h"
#include "outcome.h"
#include "signature.h"

#include <stdlib.h>
#include <string.h>

enum { DECISIONS_MAX = 5, POINTER_SIZE = 256 };

static const int64_t DAY_MS = 86400000;

/* One callback on its way through the steps below. Each step returns false once reply is filled. */
struct callback {
	struct api *api;
	const struct request *request;
	struct reply *reply;
	const struct vendor *vendor;
	struct store *store;
	struct json_object *body;
	struct job *job;
	struct outcome outcome;
	bool has_outcome;
	bool has_token;
	int64_t token_fence;
};

static void reply_status(struct callback *c, const char *status)
{
	char *text = mem_printf("{\"status\":\"%s\"}\n", status);

	reply_json(c->reply, 200, text, strlen(text));
}

/* The store failed: the vendor shall come again. */
static bool store_failed(struct callback *c, enum err err, const struct err_text *why)
{
	store_link_report(c->api->link, err, why);
	reply_unavailable(c->reply);
	return false;
}

/* ---- Who calls, and what it says ---- */

static bool find_vendor(struct callback *c)
{
	c->vendor = vendor_find(c->api->vendors, c->request->params[0]);
	if (c->vendor && c->vendor->mode == VENDOR_ASYNC)
		return true;
	reply_problem(c->reply, 404, c->vendor ? "this vendor answers at once and does not call back" : "unknown vendor");
	return false;
}

static const char *header_or_empty(const struct callback *c, const char *cgi_name)
{
	const char *value = request_header(c->request, cgi_name);

	return value ? value : "";
}

static bool check_signature(struct callback *c)
{
	struct err_text why = { "" };

	if (!c->vendor->callback_secret)
		return true;
	if (signature_check(c->vendor->callback_secret, header_or_empty(c, "HTTP_WEBHOOK_ID"),
	                    header_or_empty(c, "HTTP_WEBHOOK_TIMESTAMP"), header_or_empty(c, "HTTP_WEBHOOK_SIGNATURE"),
	                    c->request->body, c->request->body_len, clock_now_ms(), &why) == ERR_OK)
		return true;
	log_warn("refused a callback vendor=%s reason=\"%s\"", c->vendor->name, why.text);
	reply_problem(c->reply, 401, "the callback's signature does not match: %s", why.text);
	return false;
}

static bool parse_body(struct callback *c)
{
	struct json_limits limits = JSON_LIMITS_DEFAULT;
	char pointer[POINTER_SIZE] = "";
	struct err_text why;

	limits.max_bytes = (size_t)c->api->settings.max_body_bytes;
	limits.max_members = REQUEST_VALUES_MAX;
	if (json_strict_parse(c->request->body, c->request->body_len, &limits, &c->body, pointer, sizeof(pointer),
	                      &why) == ERR_OK)
		return true;
	reply_problem_at(c->reply, 400, pointer, "%s", why.text);
	return false;
}

/* ---- Which job ---- */

/* By the id in the body if that is one of ours, else by the one in the URL that we gave the vendor, else by
 * the vendor's own id in the body. A vendor's own ids may look like ours, so an unknown one is looked up as
 * its own, too. */
static enum err look_up(struct callback *c, struct err_text *why)
{
	const char *own = c->vendor->callback_job_id ? json_string_at(c->body, c->vendor->callback_job_id) : NULL;
	char in_url[REQUEST_QUERY_VALUE_SIZE], request_id[UUID_TEXT_SIZE];
	enum err err = ERR_NOT_FOUND;

	if (own && uuid_parse(own, request_id))
		err = store_get(c->store, request_id, &c->job, why);
	if (err == ERR_NOT_FOUND && request_query(c->request, "id", in_url) == ERR_OK && uuid_parse(in_url, request_id))
		return store_get(c->store, request_id, &c->job, why);
	if (err == ERR_NOT_FOUND && own && *own)
		err = store_get_by_vendor_job_id(c->store, c->vendor->name, own, &c->job, why);
	return err;
}

static bool find_job(struct callback *c)
{
	struct err_text why = { "" };
	enum err err;

	c->store = store_link_get(c->api->link, NULL);
	if (!c->store) {
		reply_unavailable(c->reply);
		return false;
	}
	err = look_up(c, &why);
	if (err && err != ERR_NOT_FOUND)
		return store_failed(c, err, &why);
	if (!err && strcmp(c->job->vendor, c->vendor->name) == 0)
		return true;
	reply_problem(c->reply, 404, "this vendor has no such job");
	return false;
}

/* The token in the URL that we gave the vendor, if it is there, must be one of this job's. */
static bool check_token(struct callback *c)
{
	char token[REQUEST_QUERY_VALUE_SIZE];
	enum err err = request_query(c->request, "token", token);

	if (err == ERR_NOT_FOUND)
		return true;
	c->has_token = true;
	if (!err && callback_token_check(c->api->callback_key, c->vendor->name, c->job->request_id, token,
	                                 &c->token_fence) == ERR_OK)
		return true;
	log_warn("refused a callback vendor=%s request_id=%s reason=\"bad token\"", c->vendor->name, c->job->request_id);
	reply_problem(c->reply, 401, "the token in the URL is not one of this job's");
	return false;
}

/* ---- What becomes of it ---- */

static bool decide_outcome(struct callback *c)
{
	struct err_text why;

	if (outcome_of_callback(c->vendor, c->body, &c->outcome, &why) != ERR_OK) {
		reply_problem_at(c->reply, 422, "", "%s", why.text);
		return false;
	}
	c->has_outcome = true;
	return true;
}

/* A failure counts for the attempt whose token it carries; without one, only for a job that waits to be
 * called back. */
static bool failure_counts(const struct callback *c)
{
	if (c->has_token)
		return c->token_fence == c->job->fence && c->job->phase != PHASE_QUEUED;
	return c->job->phase == PHASE_WAITING_CALLBACK;
}

/* The change, guarded by what was just read; false: this callback changes nothing. */
static bool make_change(const struct callback *c, struct job_change *change)
{
	int64_t now = clock_now_ms();
	bool failed = c->outcome.kind == OUTCOME_FAILED;

	if (c->job->phase == PHASE_DONE || (failed && !failure_counts(c)))
		return false;
	*change = (struct job_change){
		.request_id = c->job->request_id,
		.event = failed ? EVENT_CALLBACK_FAIL : EVENT_SUCCEED,
		.from = PHASE_BIT(c->job->phase),
		.fence = c->job->fence,
		.now = now,
		.attempts_add = c->job->phase == PHASE_CALLING,
		.expire_at = now + c->api->settings.retention_days * DAY_MS,
		.result = c->outcome.result,
		.error = c->outcome.error,
		.vendor_job_id = c->outcome.vendor_job_id,
		.history_entry = c->outcome.history_entry,
	};
	return true;
}

static bool read_again(struct callback *c)
{
	char request_id[UUID_TEXT_SIZE];
	struct err_text why = { "" };
	enum err err;

	memcpy(request_id, c->job->request_id, sizeof(request_id));
	job_free(c->job);
	c->job = NULL;
	err = store_get(c->store, request_id, &c->job, &why);
	return err ? store_failed(c, err, &why) : true;
}

/* Writes the outcome; when somebody else was first, reads and decides again. */
static void apply(struct callback *c)
{
	struct err_text why = { "" };
	struct job_change change;
	enum err err;

	for (int i = 0; i < DECISIONS_MAX; i++) {
		if (!make_change(c, &change)) {
			reply_status(c, "ignored");
			return;
		}
		err = store_change(c->store, &change, 1, &why);
		if (err || change.outcome == ERR_UNAVAILABLE) {
			store_failed(c, err, &why);
			return;
		}
		if (change.outcome == ERR_OK) {
			CRASH_POINT("webhook_after_finish");
			reply_status(c, "accepted");
			return;
		}
		if (change.outcome == ERR_TOO_BIG) {
			reply_problem(c->reply, 413, "the result is too large for the store");
			return;
		}
		if (!read_again(c))
			return;
	}
	log_warn("a callback lost every race, the vendor has to come again request_id=%s", c->job->request_id);
	reply_unavailable(c->reply);
}

static void handle(struct api *api, const struct request *request, struct reply *reply)
{
	struct callback c = { .api = api, .request = request, .reply = reply };

	if (find_vendor(&c) && check_signature(&c) && parse_body(&c) && find_job(&c) && check_token(&c) &&
	    decide_outcome(&c))
		apply(&c);
	if (c.has_outcome)
		outcome_deinit(&c.outcome);
	job_free(c.job);
	json_object_put(c.body);
}

const struct route webhook_post_route = {
	.method = "POST", .pattern = "/vendor-webhook/{vendor}", .takes_body = true, .handle = handle,
};
