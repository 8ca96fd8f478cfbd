#include "outcome.h"

#include "buffer.h"
#include "clean.h"
#include "clock.h"
#include "json_strict.h"
#include "mem.h"
#include "outcome_priv.h"
#include "utf8.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HISTORY_ENTRY_BYTES_MAX = 64 << 10,
	SHORTEST_HOLD_MS = 1000,
	GATEWAY_TIMEOUT = 504,
};

/* ---- What is retried ---- */

enum verdict {
	VERDICT_ACCEPT,    /* the body says the rest */
	VERDICT_FAIL,
	VERDICT_REFUSE,    /* fails, and costs no attempt: nobody was called */
	VERDICT_RETRY,     /* costs an attempt */
	VERDICT_RETURN,    /* costs none */
	VERDICT_NO_DATA,   /* complete, with what the vendor file has for that */
};

/* When a returned or retried job goes again, and whether others wait, too. */
enum pace {
	PACE_NOW,
	PACE_BACKOFF,
	PACE_HOLD_IF_ASKED,    /* backoff; a Retry-After holds the whole vendor */
	PACE_HOLD,             /* the whole vendor is held, at least for SHORTEST_HOLD_MS */
};

struct rule {
	const char *name;      /* in the history; NULL: http_<status> */
	const char *text;      /* in the error; NULL: "vendor answered <status>" */
	enum verdict verdict;
	enum pace pace;
	enum vendor_health health;
};

static const struct rule transport_rules[TRANSPORT_COUNT] = {
	[TRANSPORT_ANSWERED]        = { NULL, NULL, VERDICT_FAIL, PACE_NOW, HEALTH_SUCCESS },    /* status_rules say more */
	[TRANSPORT_NOT_MADE]        = { "not_made", "the request cannot be made", VERDICT_REFUSE, PACE_NOW,
	                                HEALTH_UNKNOWN },
	[TRANSPORT_NOT_SENT]        = { "not_sent", "the call was not sent", VERDICT_RETURN, PACE_NOW, HEALTH_UNKNOWN },
	[TRANSPORT_CONNECT_FAILED]  = { "connect_failed", "cannot connect to the vendor", VERDICT_RETRY, PACE_BACKOFF,
	                                HEALTH_UNREACHABLE },
	[TRANSPORT_TIMEOUT]         = { "timeout", "vendor did not answer in time", VERDICT_RETRY, PACE_BACKOFF,
	                                HEALTH_FAILURE },
	[TRANSPORT_CONNECTION_LOST] = { "connection_lost", "connection lost before the answer", VERDICT_RETRY, PACE_BACKOFF,
	                                HEALTH_FAILURE },
	[TRANSPORT_TOO_BIG]         = { "too_big", "vendor's answer is too big", VERDICT_FAIL, PACE_NOW, HEALTH_SUCCESS },
	[TRANSPORT_LOCAL_ERROR]     = { "local_error", "the call could not be made", VERDICT_RETURN, PACE_BACKOFF,
	                                HEALTH_UNKNOWN },
};

/* The first row that holds the status counts. */
static const struct { int from, to; struct rule rule; } status_rules[] = {
	{ 200, 299, { NULL, NULL, VERDICT_ACCEPT, PACE_NOW, HEALTH_SUCCESS } },
	{ 408, 408, { NULL, NULL, VERDICT_RETRY, PACE_BACKOFF, HEALTH_SUCCESS } },
	{ 425, 425, { NULL, NULL, VERDICT_RETRY, PACE_BACKOFF, HEALTH_SUCCESS } },
	{ 429, 429, { NULL, NULL, VERDICT_RETURN, PACE_HOLD, HEALTH_ALIVE } },
	{ 503, 503, { NULL, NULL, VERDICT_RETRY, PACE_HOLD_IF_ASKED, HEALTH_FAILURE } },
	{ 500, 599, { NULL, NULL, VERDICT_RETRY, PACE_BACKOFF, HEALTH_FAILURE } },
};

/* Of an accepted answer without a result, if the vendor file says that it may be tried again. */
static const struct rule bad_body_rule = { NULL, NULL, VERDICT_RETRY, PACE_BACKOFF, HEALTH_SUCCESS };

bool transport_is_unsent(enum transport transport)
{
	return transport == TRANSPORT_NOT_SENT || transport == TRANSPORT_NOT_MADE;
}

bool answer_refuses_token(const struct answer *answer)
{
	return answer->token_id && answer->transport == TRANSPORT_ANSWERED && answer->http_status == 401;
}

static struct rule rule_of_status(int http_status)
{
	for (size_t i = 0; i < sizeof(status_rules) / sizeof(status_rules[0]); i++)
		if (http_status >= status_rules[i].from && http_status <= status_rules[i].to)
			return status_rules[i].rule;
	return transport_rules[TRANSPORT_ANSWERED];
}

/* The tables' rule, unless the vendor file has another. */
static struct rule rule_of(const struct vendor *vendor, const struct answer *answer)
{
	struct rule rule;

	if (answer->transport != TRANSPORT_ANSWERED)
		return transport_rules[answer->transport];
	rule = rule_of_status(answer->http_status);
	if (vendor_lists_status(vendor->retry_never, answer->http_status)) {
		rule.verdict = VERDICT_FAIL;
	} else if (vendor_lists_status(vendor->retry_also, answer->http_status) && rule.verdict == VERDICT_FAIL) {
		rule.verdict = VERDICT_RETRY;
		rule.pace = PACE_BACKOFF;
	}
	return rule;
}

/* By the vendor file's verdicts. That it has nothing, or will never have it for this job, is no trouble of the vendor. */
static const struct rule said_rules[SAYS_COUNT] = {
	[SAYS_SUCCESS] = { NULL, NULL, VERDICT_ACCEPT, PACE_NOW, HEALTH_SUCCESS },
	[SAYS_RETRY]   = { NULL, NULL, VERDICT_RETRY, PACE_BACKOFF, HEALTH_FAILURE },
	[SAYS_LIMITED] = { NULL, NULL, VERDICT_RETURN, PACE_HOLD, HEALTH_ALIVE },
	[SAYS_FAIL]    = { NULL, NULL, VERDICT_FAIL, PACE_NOW, HEALTH_SUCCESS },
	[SAYS_NO_DATA] = { "no_data", NULL, VERDICT_NO_DATA, PACE_NOW, HEALTH_SUCCESS },
};

/* A refusal that may be tried again says nothing of the vendor, as 408 does not. */
static bool is_refusal(int http_status) { return http_status >= 300 && http_status < 500; }

/* The rule of the tables (*by is 0), unless the vendor file says what such an answer means (*by is which of its rules,
 * counted from 1). What costs nothing, a 429, is not asked; what a poll's answer means the group poll says. */
static struct rule rule_of_body(const struct vendor *vendor, const struct job *job, const struct answer *answer,
                                size_t *by)
{
	const struct verdict_rules *rules = &vendor->response_verdicts;
	struct rule rule = rule_of(vendor, answer);
	struct json_object *body = NULL;
	enum saying saying;
	size_t index;
	bool readable;

	*by = 0;
	if (rules->n == 0 || job->phase == PHASE_POLLING || answer->transport != TRANSPORT_ANSWERED ||
	    rule.verdict == VERDICT_RETURN)
		return rule;
	readable = verdict_needs_body(rules) &&
	           json_strict_parse(answer->body, answer->body_len, &JSON_LIMITS_DEFAULT, &body, NULL, 0, NULL) == ERR_OK;
	saying = verdict_of(rules, answer->http_status, body, readable, &index);
	json_object_put(body);
	if (saying == SAYS_NOTHING)
		return rule;
	rule = said_rules[saying];
	*by = index + 1;
	if (saying == SAYS_RETRY && is_refusal(answer->http_status))
		rule.health = HEALTH_SUCCESS;
	return rule;
}

/* ---- Words ---- */

/* The vendor's own reason in a JSON body, or NULL. The caller owns it. */
static char *vendor_words(const struct vendor *vendor, struct json_object *body)
{
	return vendor->response_error ? clean_words_at(vendor, body, vendor->response_error) : NULL;
}

static char *describe(const struct vendor *vendor, const struct answer *answer, const struct rule *rule)
{
	struct json_object *body = NULL;
	char *text, *words = NULL, *error;

	if (rule->text) {
		text = mem_strdup(rule->text);
		words = answer->detail ? utf8_clean(answer->detail, strlen(answer->detail), CLEAN_WORDS_BYTES) : NULL;
	} else {
		text = mem_printf("vendor answered %d", answer->http_status);
		if (answer->body_len > 0 &&
		    json_strict_parse(answer->body, answer->body_len, &JSON_LIMITS_DEFAULT, &body, NULL, 0, NULL) == ERR_OK)
			words = vendor_words(vendor, body);
	}
	error = words ? mem_printf("%s: %s", text, words) : mem_strdup(text);
	json_object_put(body);
	free(words);
	free(text);
	return error;
}

/* Appends to outcome->error. */
static void add_words(struct outcome *outcome, const char *words)
{
	char *error = mem_printf("%s%s", outcome->error, words);

	free(outcome->error);
	outcome->error = error;
}

void outcome__add_place(struct outcome *outcome, const char *rules, size_t index)
{
	char words[64];

	snprintf(words, sizeof(words), " (%s/%zu)", rules, index);
	add_words(outcome, words);
}

void outcome_begin_entry(struct buffer *entry, const struct job *job, int attempt, const char *at)
{
	buffer_append_str(entry, "{");
	if (job->tried) {
		buffer_append_str(entry, "\"vendor\":");
		buffer_append_json_string(entry, job->vendor, strlen(job->vendor));
		buffer_append_str(entry, ",");
	}
	buffer_printf(entry, "\"attempt\":%d,\"at\":\"%s\"", attempt, at);
}

/* polls: of an answer to the last of so many, else 0. */
static char *history_entry(const struct job *job, int attempt, int polls, const struct answer *answer,
                           const struct rule *rule, const char *error, int64_t now)
{
	char at[CLOCK_TEXT_SIZE];
	struct buffer entry;

	clock_format(answer->sent_at ? answer->sent_at : now, at);
	buffer_init(&entry, HISTORY_ENTRY_BYTES_MAX);
	outcome_begin_entry(&entry, job, attempt, at);
	buffer_append_str(&entry, ",\"outcome\":\"");
	if (rule->name)
		buffer_append_str(&entry, rule->name);
	else
		buffer_printf(&entry, "http_%d", answer->http_status);
	buffer_printf(&entry, "\",\"latency_ms\":%lld", (long long)answer->latency_ms);
	if (answer->transport == TRANSPORT_ANSWERED)
		buffer_printf(&entry, ",\"http_status\":%d", answer->http_status);
	if (polls)
		buffer_printf(&entry, ",\"polls\":%d", polls);
	if (error) {
		buffer_append_str(&entry, ",\"error\":");
		buffer_append_json_string(&entry, error, strlen(error));
	}
	buffer_append_str(&entry, "}");
	return buffer_take(&entry, NULL);
}

/* ---- Accepted ---- */

void outcome__fail(struct outcome *outcome, char *error)
{
	outcome->kind = OUTCOME_FAILED;
	outcome->error = error;
}

void outcome__complete(const struct vendor *vendor, struct json_object *value, struct outcome *outcome)
{
	value = clean_result(vendor, value ? json_object_get(value) : NULL);
	outcome->kind = OUTCOME_COMPLETE;
	outcome->result = json_text(value, NULL);
	json_object_put(value);
}

static void accept_result(const struct vendor *vendor, const struct answer *answer, struct outcome *outcome)
{
	struct json_object *body, *value;
	struct err_text why = { "" };
	char *words;

	if (json_strict_parse(answer->body, answer->body_len, &JSON_LIMITS_DEFAULT, &body, NULL, 0, &why) != ERR_OK) {
		outcome__fail(outcome, mem_printf("vendor answered %d, but its body cannot be read: %s", answer->http_status,
		                                  why.text));
		return;
	}
	if (json_at(body, vendor->response_result, &value)) {
		outcome__complete(vendor, value, outcome);
	} else {
		words = vendor_words(vendor, body);
		outcome__fail(outcome, mem_printf("vendor answered %d, but there is nothing at %s in its body%s%s",
		                                  answer->http_status, vendor->response_result, words ? ": " : "", words ? words : ""));
		free(words);
	}
	json_object_put(body);
}

void outcome__no_data(const struct vendor *vendor, struct outcome *outcome)
{
	outcome->kind = OUTCOME_COMPLETE;
	outcome->result = mem_strdup(vendor->no_data_result);
}

/* The body as JSON, which the caller puts, or NULL. */
static struct json_object *body_of(const struct answer *answer)
{
	struct json_object *body = NULL;

	if (answer->body_len > 0)
		(void)!json_strict_parse(answer->body, answer->body_len, &JSON_LIMITS_DEFAULT, &body, NULL, 0, NULL);
	return body;
}

/* The vendor's own id of the job in its acknowledgement, where its file tells of one, or NULL. The caller owns it. One
 * that is longer could not be looked up; the job is still found by its own id. */
static char *own_id(const struct vendor *vendor, struct json_object *body)
{
	const char *id = vendor->response_job_id ? json_string_at(body, vendor->response_job_id) : NULL;

	return id && id[0] != '\0' && strlen(id) <= VENDOR_JOB_ID_BYTES_MAX ? mem_strdup(id) : NULL;
}

/* An acknowledgement may be anything: only its job id is of use. */
static void accept_acknowledgement(const struct vendor *vendor, const struct job *job, const struct answer *answer,
                                   int64_t now, struct outcome *outcome)
{
	int64_t until = now + vendor->callback_timeout_ms;
	struct json_object *body = body_of(answer);

	outcome->kind = OUTCOME_AWAIT_CALLBACK;
	outcome->callback_until = until < job->deadline_at ? until : job->deadline_at;
	outcome->vendor_job_id = own_id(vendor, body);
	json_object_put(body);
}

/* ---- Not accepted ---- */

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
	if (value < least)
		value = least;
	return value > most ? most : value;
}

/* Up to one base wait, so that what was held together does not come back together. */
static int64_t spread_ms(const struct retry_rules *rules, uint32_t random)
{
	return (int64_t)((uint64_t)rules->base_ms * random >> 32);
}

static int64_t hold_ms(const struct retry_rules *rules, const struct rule *rule, const struct answer *answer)
{
	int64_t least = 0;

	if (rule->pace == PACE_HOLD)
		least = rules->base_ms > SHORTEST_HOLD_MS ? rules->base_ms : SHORTEST_HOLD_MS;
	else if (rule->pace != PACE_HOLD_IF_ASKED)
		return 0;
	return clamp(answer->retry_after_ms, least, rules->max_hold_ms);
}

static int64_t wait_ms(const struct retry_rules *rules, int attempts, const struct rule *rule, const struct answer *answer,
                       uint32_t random)
{
	if (rule->pace == PACE_NOW)
		return 0;
	if (rule->pace == PACE_HOLD)
		return hold_ms(rules, rule, answer) + spread_ms(rules, random);
	return retry_wait_ms(rules, attempts, answer->retry_after_ms, random);
}

static void put_off(const struct vendor *vendor, const struct job *job, const struct answer *answer,
                    const struct rule *rule, int64_t now, uint32_t random, struct outcome *outcome)
{
	const struct retry_rules *rules = &vendor->retry;
	int attempts = job->attempts + 1;
	/* What costs no attempt (our own fault) waits longer all the same each time that it is claimed. */
	int tries = rule->verdict == VERDICT_RETRY ? attempts : (int)clamp(job->fence, 1, INT_MAX);
	char words[64];

	outcome->kind = rule->verdict == VERDICT_RETRY ? OUTCOME_RETRY : OUTCOME_RETURNED;
	outcome->retry_at = now + wait_ms(rules, tries, rule, answer, random);
	/* A 401 to another attempt may be another token's end. */
	if (outcome->kind == OUTCOME_RETRY && job->poll)
		outcome->poll = mem_strdup("{}");
	if (outcome->kind == OUTCOME_RETRY && !retry_allowed(rules, attempts)) {
		snprintf(words, sizeof(words), " (attempt %d of %d)", attempts, rules->max_attempts);
		add_words(outcome, words);
		outcome->kind = OUTCOME_FAILED;
	} else if (outcome->retry_at >= job->deadline_at) {
		add_words(outcome, "; the deadline comes before another attempt");
		outcome->kind = OUTCOME_FAILED;
	}
	if (outcome->kind == OUTCOME_FAILED)
		outcome->retry_at = 0;
}

int64_t outcome_hold_ms(const struct vendor *vendor, const struct answer *answer)
{
	struct rule rule = rule_of(vendor, answer);

	return rule.verdict == VERDICT_FAIL ? 0 : hold_ms(&vendor->retry, &rule, answer);
}

bool outcome_holds_account(const struct answer *answer)
{
	return answer->transport == TRANSPORT_ANSWERED && rule_of_status(answer->http_status).pace == PACE_HOLD;
}

/* ---- Polls ---- */

/* When to ask next. A last time comes early rather than not at all; but what the vendor wishes is kept. */
static int64_t next_poll_at(const struct vendor *vendor, const struct answer *answer, int polls, int64_t until, int64_t now,
                            uint32_t random, int64_t hold_ms)
{
	int64_t wait = polling_wait_ms(&vendor->poll, polls, random), last = until - vendor->timeout_ms, wished;

	if (now + wait > last && last > now)
		wait = last - now;
	if (hold_ms > 0)
		hold_ms += spread_ms(&vendor->retry, random);
	wished = clamp(answer->retry_after_ms, hold_ms, vendor->retry.max_hold_ms);
	return now + (wished > wait ? wished : wait);
}

/* Where its vendor has to be asked is in the acknowledgement: one that does not say so is of no use. */
static void accept_for_polls(const struct vendor *vendor, const struct job *job, const struct answer *answer, int64_t now,
                             uint32_t random, struct outcome *outcome)
{
	int64_t until = now + vendor->poll.timeout_ms;
	struct json_object *body = body_of(answer);
	struct polling_memory memory;
	struct err_text why;

	outcome->vendor_job_id = own_id(vendor, body);
	if (polling_begin(vendor, job, outcome->vendor_job_id, body, answer->location, &memory, &why) == ERR_OK) {
		outcome->kind = OUTCOME_AWAIT_POLL;
		outcome->deadline_at = until < job->deadline_at ? until : job->deadline_at;
		outcome->retry_at = next_poll_at(vendor, answer, 0, outcome->deadline_at, now, random, 0);
		outcome->poll = polling_memory_text(&memory);
	} else {
		outcome__fail(outcome, mem_printf("vendor answered %d, but %s", answer->http_status, why.text));
	}
	polling_memory_deinit(&memory);
	json_object_put(body);
}

/* What a 2xx says, with result or error. */
static enum polling_says accept_status(const struct vendor *vendor, const struct answer *answer, struct outcome *outcome)
{
	struct json_object *body, *value;
	struct err_text why = { "" };
	enum polling_says says;
	char *words;

	if (json_strict_parse(answer->body, answer->body_len, &JSON_LIMITS_DEFAULT, &body, NULL, 0, &why) != ERR_OK) {
		outcome__fail(outcome, mem_printf("vendor answered %d, but its body cannot be read: %s", answer->http_status,
		                                  why.text));
		return POLL_UNUSABLE;
	}
	says = polling_read(&vendor->poll, body);
	words = vendor_words(vendor, body);
	if (says == POLL_FAILED)
		outcome__fail(outcome, mem_printf("vendor answered that the job is \"%s\"%s%s", polling_state(&vendor->poll, body),
		                                  words ? ": " : "", words ? words : ""));
	else if (says == POLL_UNUSABLE)
		outcome__fail(outcome, mem_printf("vendor answered %d, but there is no state at \"%s\" in its body%s%s",
		                                  answer->http_status, vendor->poll.state, words ? ": " : "", words ? words : ""));
	else if (says == POLL_DONE && json_at(body, vendor->poll.result, &value))
		outcome__complete(vendor, value, outcome);
	else if (says == POLL_DONE)
		outcome__fail(outcome, mem_printf("vendor answered that the job is done, but there is nothing at %s in its body",
		                                  vendor->poll.result));
	free(words);
	json_object_put(body);
	return says == POLL_DONE && outcome->kind == OUTCOME_FAILED ? POLL_UNUSABLE : says;
}

/* What any other answer says. That the vendor does not know the job may be one server of many, or too early. A poll that
 * cannot be made (the vendor file is another one by now) never will be. */
static enum polling_says says_by_rule(const struct rule *rule, const struct answer *answer)
{
	if (rule->verdict != VERDICT_FAIL && rule->verdict != VERDICT_REFUSE)
		return POLL_WORKING;
	return answer->transport == TRANSPORT_ANSWERED && answer->http_status == 404 ? POLL_UNUSABLE : POLL_FAILED;
}

/* The same tables as for calls; but it costs no attempt, and whatever failed is asked again, never called again. */
static void outcome_of_poll(const struct vendor *vendor, const struct job *job, const struct answer *answer, int64_t now,
                            uint32_t random, struct outcome *outcome)
{
	struct rule rule = rule_of(vendor, answer);
	struct polling_memory memory;
	enum polling_says says;

	outcome->attempts_add = 0;
	outcome->settled = UNSETTLED;   /* it has accepted the job; whatever goes wrong with polls, it may be at work */
	polling_memory_read(job->poll, &memory);
	if (rule.verdict == VERDICT_ACCEPT) {
		says = accept_status(vendor, answer, outcome);
		if (says == POLL_FAILED)
			outcome->settled = SETTLED;
	} else {
		says = says_by_rule(&rule, answer);
		outcome__fail(outcome, describe(vendor, answer, &rule));
	}
	if (!transport_is_unsent(answer->transport)) {
		memory.polls++;
		memory.refused_token[0] = '\0';
		memory.unusable = says == POLL_UNUSABLE ? memory.unusable + 1 : 0;
	}
	if (says == POLL_WORKING || (says == POLL_UNUSABLE && memory.unusable < POLL_UNUSABLE_MAX)) {
		outcome->kind = OUTCOME_POLL_AGAIN;
		outcome->retry_at = answer->transport == TRANSPORT_NOT_SENT ? now : next_poll_at(vendor, answer, memory.polls,
		                    job->deadline_at, now, random, rule.pace == PACE_HOLD ? outcome->hold_ms : 0);
		outcome->poll = polling_memory_text(&memory);
	} else {
		outcome->history_entry = history_entry(job, job->attempts, memory.polls, answer, &rule, outcome->error, now);
	}
	polling_memory_deinit(&memory);
}

/* ---- A token that is not good any more ---- */

/* It costs no attempt, and no rule of the vendor file is asked. */
static void try_another_token(const struct vendor *vendor, const struct job *job, const struct answer *answer,
                              struct polling_memory *memory, int64_t now, struct outcome *outcome)
{
	bool is_poll = job->phase == PHASE_POLLING;

	*outcome = (struct outcome){ .kind = is_poll ? OUTCOME_POLL_AGAIN : OUTCOME_RETURNED, .health = HEALTH_SUCCESS,
	                             .retry_at = now };
	outcome->error = describe(vendor, answer, &transport_rules[TRANSPORT_ANSWERED]);
	add_words(outcome, "; once more with another access token");
	memory->polls += is_poll;
	snprintf(memory->refused_token, sizeof(memory->refused_token), "%s", answer->token_id);
	outcome->poll = polling_memory_text(memory);
}

/* The first 401 to a job may mean that the token was revoked, or is over early: another one is fetched, and the call made
 * once more. The same token again is that of a worker that did not know. False: it says what any 401 says. */
static bool token_was_over(const struct vendor *vendor, const struct job *job, const struct answer *answer, int64_t now,
                           struct outcome *outcome)
{
	struct polling_memory memory;
	bool first;

	if (!answer_refuses_token(answer))
		return false;
	polling_memory_read(job->poll, &memory);
	first = !memory.refused_token[0] || strcmp(memory.refused_token, answer->token_id) == 0;
	if (first)
		try_another_token(vendor, job, answer, &memory, now, outcome);
	polling_memory_deinit(&memory);
	return first;
}

/* ---- Answers ---- */

/* What the call has left behind. In its other modes a vendor works after an answer that we take for none; a gateway that
 * gave up waiting (504) has a vendor behind it, unless the file says what that means. */
static enum settled settled_by(const struct vendor *vendor, const struct answer *answer, const struct rule *rule, size_t by)
{
	bool works_later = vendor->mode != VENDOR_SYNC;

	if (transport_is_unsent(answer->transport) || answer->transport == TRANSPORT_CONNECT_FAILED ||
	    answer->transport == TRANSPORT_LOCAL_ERROR)
		return SETTLED_AS_BEFORE;
	if (answer->transport == TRANSPORT_TOO_BIG)
		return works_later ? UNSETTLED : SETTLED;
	if (answer->transport != TRANSPORT_ANSWERED || (answer->http_status == GATEWAY_TIMEOUT && !by))
		return UNSETTLED;
	return works_later && rule->verdict == VERDICT_ACCEPT ? UNSETTLED : SETTLED;
}

static int costs_attempt(enum verdict verdict) { return verdict != VERDICT_RETURN && verdict != VERDICT_REFUSE; }

static void decide(const struct vendor *vendor, const struct job *job, const struct answer *answer, int64_t now,
                   uint32_t random, struct outcome *outcome)
{
	size_t by;
	struct rule rule;

	if (token_was_over(vendor, job, answer, now, outcome))
		return;
	rule = rule_of_body(vendor, job, answer, &by);
	*outcome = (struct outcome){ .attempts_add = costs_attempt(rule.verdict), .health = rule.health,
	                             .hold_ms = outcome_hold_ms(vendor, answer), .hold_of_account = rule.pace == PACE_HOLD,
	                             .settled = settled_by(vendor, answer, &rule, by) };
	if (rule.verdict == VERDICT_RETURN)
		outcome->hold_ms = hold_ms(&vendor->retry, &rule, answer);
	if (job->phase == PHASE_POLLING) {
		outcome_of_poll(vendor, job, answer, now, random, outcome);
		return;
	}
	if (rule.verdict == VERDICT_NO_DATA) {
		outcome__no_data(vendor, outcome);
	} else if (rule.verdict == VERDICT_ACCEPT && vendor->mode == VENDOR_ASYNC) {
		accept_acknowledgement(vendor, job, answer, now, outcome);
	} else if (rule.verdict == VERDICT_ACCEPT) {
		if (vendor->mode == VENDOR_POLL)
			accept_for_polls(vendor, job, answer, now, random, outcome);
		else
			accept_result(vendor, answer, outcome);
		if (outcome->kind == OUTCOME_FAILED && vendor->retry_bad_body)
			rule = bad_body_rule;
	} else {
		outcome__fail(outcome, describe(vendor, answer, &rule));
		if (by)
			outcome__add_place(outcome, "response/verdicts", by - 1);
	}
	if (rule.verdict == VERDICT_RETRY || rule.verdict == VERDICT_RETURN)
		put_off(vendor, job, answer, &rule, now, random, outcome);
	if (outcome->attempts_add)
		outcome->history_entry = history_entry(job, job->attempts + 1, 0, answer, &rule, outcome->error, now);
}

/* ---- As it came ---- */

void outcome_keep_raw(const struct vendor *vendor, const struct raw_answer *raw, struct outcome *outcome)
{
	if (vendor->keep_raw_ms == 0 || raw->body_len > RAW_ANSWER_BYTES_MAX)
		return;
	outcome->raw = *raw;
	outcome->raw.expire_at = raw->received_at + vendor->keep_raw_ms;
	if (raw->content_type && !raw_answer_is_type(raw->content_type))
		outcome->raw.content_type = NULL;
	outcome->keeps_raw = true;
}

static void keep_answer(const struct vendor *vendor, const struct answer *answer, int64_t now, struct outcome *outcome)
{
	const struct raw_answer raw = {
		.http_status = answer->http_status,
		.content_type = (char *)(uintptr_t)answer->content_type,
		.body = (char *)(uintptr_t)answer->body,
		.body_len = answer->body_len,
		.received_at = answer->sent_at ? answer->sent_at + answer->latency_ms : now,
	};

	if (answer->transport == TRANSPORT_ANSWERED && !answer->is_cut)
		outcome_keep_raw(vendor, &raw, outcome);
}

void outcome_of_answer(const struct vendor *vendor, const struct job *job, const struct answer *answer, int64_t now,
                       uint32_t random, struct outcome *outcome)
{
	decide(vendor, job, answer, now, random, outcome);
	if (outcome->kind == OUTCOME_COMPLETE || outcome->kind == OUTCOME_FAILED)
		keep_answer(vendor, answer, now, outcome);
}

void outcome_deinit(struct outcome *outcome)
{
	free(outcome->result);
	free(outcome->error);
	free(outcome->vendor_job_id);
	free(outcome->poll);
	free(outcome->history_entry);
	*outcome = (struct outcome){ 0 };
}

/* ---- The change that writes it ---- */

static const enum job_event events[] = {
	[OUTCOME_COMPLETE] = EVENT_SUCCEED,
	[OUTCOME_FAILED] = EVENT_FAIL,
	[OUTCOME_RETRY] = EVENT_RETRY,
	[OUTCOME_RETURNED] = EVENT_RETURN,
	[OUTCOME_AWAIT_CALLBACK] = EVENT_AWAIT_CALLBACK,
	[OUTCOME_AWAIT_POLL] = EVENT_AWAIT_POLL,
	[OUTCOME_POLL_AGAIN] = EVENT_POLL_AGAIN,
};

bool outcome_is_enqueued(const struct outcome *outcome)
{
	return phase_is_enqueued(job_transition(events[outcome->kind])->to);
}

void outcome_to_change(const struct outcome *outcome, const struct job *job, int64_t now, int64_t retention_ms,
                       struct job_change *change)
{
	enum phase to = job_transition(events[outcome->kind])->to;

	*change = (struct job_change){
		.request_id = job->request_id,
		.event = events[outcome->kind],
		.fence = job->fence,
		.vendor = job->vendor,
		.now = now,
		.attempts_add = outcome->attempts_add,
		.result = outcome->result,
		.error = outcome->error,
		.vendor_job_id = outcome->vendor_job_id,
		.poll = outcome->poll,
		.history_entry = outcome->history_entry,
	};
	if (to == PHASE_DONE) {
		change->expire_at = now + retention_ms;
		change->raw = outcome->keeps_raw ? &outcome->raw : NULL;
	} else if (phase_is_enqueued(to)) {
		change->next_attempt_at = change->queued_at = outcome->retry_at;
		change->deadline_at = outcome->deadline_at;
		change->due_at = outcome->deadline_at ? outcome->deadline_at : job->deadline_at;
	} else {
		change->due_at = outcome->callback_until;
	}
}
