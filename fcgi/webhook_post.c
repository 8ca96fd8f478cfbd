/* POST /vendor-webhook/{vendor}: a vendor brings what it was asked for.
 *
 * It may come before the vendor's own answer was stored, twice, late, or for somebody else's job; what it does to its
 * job says lib/callback.h. One that knows its job only by the vendor's own id, and comes before that id was stored,
 * is kept in the store.
 */
#include "api.h"

#include "callback.h"
#include "callback_body.h"
#include "clock.h"
#include "crash_point.h"
#include "fallback.h"
#include "json_strict.h"
#include "log.h"
#include "mem.h"
#include "outcome.h"
#include "signature.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	POINTER_SIZE = 256,
	CGI_NAME_SIZE = 256,
	KEPT_MS_MIN = 15 * 60 * 1000,    /* a call, a lost worker's lease and another attempt are over by then */
};

static const int64_t DAY_MS = 86400000;

/* One callback on its way through the steps below. Each step returns false once reply is filled. */
struct callback {
	struct api *api;
	const struct request *request;
	struct reply *reply;
	const struct vendor *vendor;
	struct store *store;
	struct json_object *body;
	struct job *job;           /* NULL: none yet, it is to be kept */
	struct outcome outcome;
	bool has_outcome;
	const char *own_id;        /* what header or body say which job it is, or NULL; borrows from request or body */
	bool has_left;             /* the job has left this vendor: whatever it says comes too late */
	int64_t token_fence;       /* of the attempt whose token the URL carries, or FENCE_ANY */
};

static void reply_status(struct callback *c, const char *status)
{
	char *text = mem_printf("{\"status\":\"%s\"}\n", status);

	reply_json(c->reply, 200, text, strlen(text));
}

static int64_t retention_ms(const struct callback *c) { return c->api->settings.retention_days * DAY_MS; }

/* The vendor shall come again. */
static bool unavailable(struct callback *c)
{
	reply_unavailable(c->reply);
	return false;
}

/* ---- Who calls, and what it says ---- */

static bool find_vendor(struct callback *c)
{
	c->vendor = vendor_find(c->request->rules->set, c->request->params[0]);
	if (c->vendor && c->vendor->mode == VENDOR_ASYNC)
		return true;
	reply_problem(c->reply, 404, c->vendor ? "this vendor does not call back" : "unknown vendor");
	return false;
}

/* A header by the name that it has in HTTP; arg is the request. */
static const char *header_by_name(const void *arg, const char *name)
{
	char cgi_name[CGI_NAME_SIZE];
	int len = snprintf(cgi_name, sizeof(cgi_name), "HTTP_%s", name);

	for (char *letter = cgi_name; *letter; letter++)
		*letter = *letter == '-' ? '_' : (char)toupper((unsigned char)*letter);
	return len < (int)sizeof(cgi_name) ? request_header(arg, cgi_name) : NULL;
}

/* A token without its job says nothing yet; that there is none says enough. */
static enum err check_proof(const struct callback *c, struct err_text *why)
{
	const struct callback_auth *auth = &c->vendor->callback_auth;
	struct callback_proof proof = {
		.header = header_by_name, .arg = c->request, .address = request_header(c->request, "REMOTE_ADDR"),
		.body = c->request->body, .body_len = c->request->body_len,
	};
	char token[REQUEST_QUERY_VALUE_SIZE];

	if (auth->kind == CALLBACK_AUTH_TOKEN && request_query(c->request, "token", token) == ERR_NOT_FOUND)
		return err_set(why, ERR_INVALID, "the token in the callback URL that the vendor was given is missing");
	return callback_auth_check(auth, &proof, clock_now_ms(), why);
}

static bool check_auth(struct callback *c)
{
	struct err_text why = { "" };

	if (check_proof(c, &why) == ERR_OK)
		return true;
	log_warn("refused a callback vendor=%s reason=\"%s\"", c->vendor->name, why.text);
	reply_problem(c->reply, 401, "the callback does not show that it is the vendor's: %s", why.text);
	return false;
}

static bool parse_body(struct callback *c)
{
	char pointer[POINTER_SIZE] = "";
	struct err_text why;

	if (json_strict_parse(c->request->body, c->request->body_len, &c->api->body_limits, &c->body, pointer,
	                      sizeof(pointer), &why) == ERR_OK)
		return true;
	reply_problem_at(c->reply, 400, pointer, "%s", why.text);
	return false;
}

/* Vendors tell of every step. Whether there is such a job does not matter: nothing would become of it. */
static bool is_news(struct callback *c)
{
	if (!callback_body_is_no_news(c->vendor, c->body))
		return true;
	reply_status(c, "ignored");
	return false;
}

/* ---- Jobs, shared with other requests where many come; the link has been told when the store fails ---- */

static enum err read_shared(void *arg, const char *request_id, struct job **job, struct err_text *why)
{
	struct api *api = arg;
	enum err err = group_read_get(api->read, request_id, job);

	return err ? err_set(why, err, "%s", err_str(err)) : ERR_OK;
}

static enum err change_shared(void *arg, struct job_change *change, struct err_text *why)
{
	struct api *api = arg;
	enum err err = group_change_put(api->change, change);

	return err ? err_set(why, err, "%s", err_str(err)) : ERR_OK;
}

static void enqueue(void *arg, const char *vendor, const char *request_id)
{
	struct api *api = arg;

	queue_pusher_put(api->pusher, vendor, request_id);
}

static enum err get_by_own_id(struct callback *c)
{
	struct err_text why = { "" };
	enum err err = store_get_by_vendor_job_id(c->store, c->vendor->name, c->own_id, &c->job, &why);

	store_link_report(c->api->link, err, &why);
	return err;
}

/* ---- Which job ---- */

/* What the header has that the vendor file names, or NULL. */
static const char *id_header(const struct callback *c)
{
	const char *name = c->vendor->callback_job_id_header;

	return name ? header_by_name(c->request, name) : NULL;
}

/* By the id in the body (or its header) if that is one of ours, else by the one in the URL that we gave the vendor, else by
 * the vendor's own id in the body. A vendor's own ids may look like ours, so an unknown one is looked up as
 * its own, too. */
static enum err look_up(struct callback *c)
{
	const char *own = c->own_id;
	char in_url[REQUEST_QUERY_VALUE_SIZE], request_id[UUID_TEXT_SIZE];
	enum err err = ERR_NOT_FOUND;

	if (own && uuid_parse(own, request_id))
		err = group_read_get(c->api->read, request_id, &c->job);
	if (err == ERR_NOT_FOUND && request_query(c->request, "id", in_url) == ERR_OK && uuid_parse(in_url, request_id))
		return group_read_get(c->api->read, request_id, &c->job);
	if (err == ERR_NOT_FOUND && own && *own)
		err = get_by_own_id(c);
	return err;
}

/* An id that the vendor may be about to give the job in its acknowledgement. A URL of ours names the job by our id,
 * so nothing can be early there. */
static bool may_be_early(const struct callback *c)
{
	char value[REQUEST_QUERY_VALUE_SIZE];

	return c->vendor->response_job_id && c->own_id && *c->own_id && strlen(c->own_id) <= VENDOR_JOB_ID_BYTES_MAX &&
	       request_query(c->request, "id", value) == ERR_NOT_FOUND &&
	       request_query(c->request, "token", value) == ERR_NOT_FOUND;
}

static bool find_job(struct callback *c)
{
	enum err err;

	c->own_id = callback_body_job_id(c->vendor, id_header(c), c->body);
	c->store = store_link_get(c->api->link, NULL);
	if (!c->store)
		return unavailable(c);
	err = look_up(c);
	if (err && err != ERR_NOT_FOUND)
		return unavailable(c);
	if (err ? may_be_early(c) : strcmp(c->job->vendor, c->vendor->name) == 0)
		return true;
	c->has_left = !err && fallback_has_left(c->job, c->vendor->name);
	if (c->has_left)
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
	if (!err && callback_token_check(c->api->callback_key, c->vendor->name, c->job->request_id, token,
	                                 &c->token_fence) == ERR_OK)
		return true;
	log_warn("refused a callback vendor=%s request_id=%s reason=\"bad token\"", c->vendor->name, c->job->request_id);
	reply_problem(c->reply, 401, "the token in the URL is not one of this job's");
	return false;
}

/* ---- What becomes of it ---- */

/* As it came, if the vendor file wants that. */
static void keep_raw(struct callback *c)
{
	const struct raw_answer raw = {
		.content_type = (char *)(uintptr_t)request_header(c->request, "CONTENT_TYPE"),
		.body = c->request->body,
		.body_len = c->request->body_len,
		.received_at = clock_now_ms(),
	};

	outcome_keep_raw(c->vendor, &raw, &c->outcome);
}

static bool decide_outcome(struct callback *c)
{
	struct err_text why;

	if (outcome_of_callback(c->vendor, c->body, &c->outcome, &why) != ERR_OK) {
		reply_problem_at(c->reply, 422, "", "%s", why.text);
		return false;
	}
	c->has_outcome = true;
	keep_raw(c);
	return true;
}

/* Writes the outcome, and says what became of it. False: it is not done, and the vendor was told so. */
static bool apply(struct callback *c)
{
	const struct callback_way way = { .read = read_shared, .change = change_shared, .arg = c->api, .enqueue = enqueue,
	                                  .enqueue_arg = c->api, .vendors = c->request->rules->set };
	enum callback_effect effect;
	enum err err = callback_apply(&way, &c->outcome, c->token_fence, retention_ms(c), &c->job, &effect, NULL);

	switch (err) {
	case ERR_OK:
		if (effect == CALLBACK_TOO_SOON)
			return unavailable(c);
		CRASH_POINT("webhook_after_finish");
		reply_status(c, effect == CALLBACK_COUNTS ? "accepted" : "ignored");
		return true;
	case ERR_TOO_BIG:
		reply_problem(c->reply, 413, "the result is too large for the store");
		return false;
	case ERR_STALE:
		log_warn("a callback lost every race, the vendor has to come again vendor=%s request_id=%s", c->vendor->name,
		         c->job->request_id);
		return unavailable(c);
	default:
		return unavailable(c);
	}
}

/* ---- A callback whose job is not known yet ---- */

static void put_raw_key(const struct callback *c, char key[CALLBACK_RAW_KEY_SIZE])
{
	callback_raw_key(c->vendor->name, c->own_id, c->outcome.kind == OUTCOME_FAILED, key);
}

/* Beside it. What cannot be dropped expires. */
static enum err put_raw(struct callback *c, struct err_text *why)
{
	char key[CALLBACK_RAW_KEY_SIZE];

	if (!c->outcome.keeps_raw)
		return ERR_OK;
	put_raw_key(c, key);
	return store_raw_put(c->store, key, &c->outcome.raw, why);
}

static void drop_raw(struct callback *c)
{
	char key[CALLBACK_RAW_KEY_SIZE];
	const char *const keys[] = { key };
	struct err_text why = { "" };

	if (!c->outcome.keeps_raw)
		return;
	put_raw_key(c, key);
	if (store_raw_drop(c->store, keys, 1, &why) != ERR_OK)
		log_warn("a raw answer stays until it expires vendor=%s error=\"%s\"", c->vendor->name, why.text);
}

/* Keeps it, durably. */
static bool put_early(struct callback *c, int64_t now)
{
	int64_t kept_ms = c->vendor->callback_timeout_ms > KEPT_MS_MIN ? c->vendor->callback_timeout_ms : KEPT_MS_MIN;
	struct store_early early = { .vendor = c->vendor->name, .vendor_job_id = (char *)(uintptr_t)c->own_id,
	                             .result = c->outcome.result, .error = c->outcome.error,
	                             .raw_bytes = c->outcome.keeps_raw ? c->outcome.raw.body_len : 0, .received_at = now,
	                             .expire_at = now + kept_ms };
	struct err_text why = { "" };
	enum err err = put_raw(c, &why);

	if (err == ERR_OK)
		err = store_early_put(c->store, &early, &why);
	if (err == ERR_OK)
		return true;
	if (err == ERR_TOO_BIG || err == ERR_FULL)
		drop_raw(c);
	if (err == ERR_TOO_BIG) {
		reply_problem(c->reply, 413, "the result is too large for the store");
	} else if (err == ERR_FULL) {
		log_warn("refused an early callback, the vendor has to come again vendor=%s reason=\"%s\"", c->vendor->name,
		         why.text);
		reply_unavailable(c->reply);
	} else {
		store_link_report(c->api->link, err, &why);
		reply_unavailable(c->reply);
	}
	return false;
}

/* What is kept either brings a result or says that there is none, for good. One that asks for more has to come again. */
static bool can_be_kept(struct callback *c) { return c->outcome.kind != OUTCOME_RETRY || unavailable(c); }

/* Writes, then looks again: the worker, which writes the vendor's id of the job and then looks here, may have looked
 * just before. */
static void keep(struct callback *c)
{
	struct store_early_key key = { c->vendor->name, c->own_id };
	struct err_text why = { "" };
	enum err err;

	if (!can_be_kept(c) || !put_early(c, clock_now_ms()))
		return;
	CRASH_POINT("webhook_after_keep");
	err = get_by_own_id(c);
	if (err == ERR_NOT_FOUND) {
		reply_status(c, "accepted");
	} else if (err != ERR_OK) {
		reply_unavailable(c->reply);
	} else if (apply(c)) {
		drop_raw(c);
		/* Else the worker's repair finds it, with a job that has ended. */
		if (store_early_drop(c->store, &key, 1, &why) != ERR_OK)
			log_warn("a callback that was applied is still kept vendor=%s error=\"%s\"", c->vendor->name, why.text);
	}
}

static void handle(struct api *api, const struct request *request, struct reply *reply)
{
	struct callback c = { .api = api, .request = request, .reply = reply, .token_fence = FENCE_ANY };

	if (find_vendor(&c) && check_auth(&c) && parse_body(&c) && is_news(&c) && find_job(&c) && check_token(&c) &&
	    decide_outcome(&c)) {
		if (c.has_left)
			reply_status(&c, "ignored");
		else if (c.job)
			apply(&c);
		else
			keep(&c);
	}
	if (c.has_outcome)
		outcome_deinit(&c.outcome);
	job_free(c.job);
	json_object_put(c.body);
}

const struct route webhook_post_route = {
	.method = "POST", .pattern = "/vendor-webhook/{vendor}", .takes_body = true, .handle = handle,
};
