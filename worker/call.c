/* What a call is beside its exchange with the vendor: a grant, which is good for its time only, and a lane. */
#include "call.h"

#include "../http/http.h"
#include "clock.h"
#include "log.h"
#include "mem.h"
#include "polling.h"
#include "secret.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
	LATE_US = 2000,   /* of the limiter's travel time: what writing may take beyond the grant */
	TOO_MANY_REQUESTS = 429,
};

static const struct exchange_hooks hooks;

/* Within the guard, where there is a limit to break; always early enough for it to end, and be committed,
 * within its lease: a worker that was stopped for long must not call for a job that another has by now. */
static int64_t leave_within_ms(const struct vendor *vendor, const struct queue_take *take)
{
	int64_t lease = take->lease_ms - vendor->timeout_ms - COMMIT_ALLOWANCE_MS / 2;

	return vendor->n_limits && take->guard_ms < lease ? take->guard_ms : lease;
}

struct call *call_new(struct lane *lane, struct generation *rules, struct job *job, const struct queue_take *take,
                      const struct queue_grant *grant)
{
	struct call *call = mem_calloc(1, sizeof(*call));

	call->lane = lane;
	call->job = job;
	memcpy(call->entry_id, grant->entry_id, sizeof(call->entry_id));
	call->granted_mono_us = take->asked_mono_ms * 1000;
	call->granted_us = take->granted_us;
	call->breaker_since = take->breaker_since;
	call->probe = take->probes;
	call->quota = lane->quota.span;
	call->leave_by_mono_us = (take->asked_mono_ms + leave_within_ms(lane->vendor, take)) * 1000;
	call->rules = generation_share(rules);
	exchange_init(&call->exchange, lane->vendor, &hooks);
	atomic_fetch_add(&lane->calls, 1);
	atomic_fetch_add(&lane->not_left, 1);
	atomic_fetch_add(lane->in_flight, 1);
	return call;
}

void call_free(struct call *call)
{
	if (!call)
		return;
	if (!call->exchange.asked)
		atomic_fetch_sub(&call->lane->not_left, 1);
	atomic_fetch_sub(&call->lane->calls, 1);
	atomic_fetch_sub(call->lane->in_flight, 1);
	exchange_deinit(&call->exchange);
	generation_release(call->rules);
	job_free(call->job);
	rate_values_deinit(&call->rate);
	free(call);
}

/* ---- When it leaves ---- */

static struct call *call_of(struct exchange *exchange)
{
	return (struct call *)((char *)exchange - offsetof(struct call, exchange));
}

static void sample_guard(struct call *call, int64_t mono_us)
{
	guard_set_max(&call->lane->guard, guard_longest_ms(call->exchange.vendor->connect_timeout_ms));
	guard_sample(&call->lane->guard, mono_us, mono_us - call->granted_mono_us);
	atomic_store(&call->lane->guard_ms, guard_ms(&call->lane->guard));
}

static bool may_leave(struct exchange *exchange, int64_t now_mono_us)
{
	struct call *call = call_of(exchange);

	sample_guard(call, now_mono_us);
	if (now_mono_us > call->leave_by_mono_us || now_mono_us < lane_held_until_mono_us(call->lane) ||
	    !vendor_is_open(exchange->vendor, clock_now_ms(), NULL))
		return false;
	atomic_fetch_sub(&call->lane->not_left, 1);
	call->next_left = *call->just_left;
	*call->just_left = call;
	return true;
}

/* The grant was given after it was asked for, so in Redis TIME the call was written no later than this says. */
static void tell_left(struct call *call, int64_t written_by_mono_us)
{
	left_add(lane_left(call->lane), call->granted_us, call->granted_us + written_by_mono_us - call->granted_mono_us);
}

static bool left_late(struct call *call, int64_t written_by_mono_us)
{
	if (written_by_mono_us <= call->leave_by_mono_us + LATE_US)
		return false;
	sample_guard(call, written_by_mono_us);
	return true;
}

bool calls_left_late(struct call *last, int64_t now_mono_us)
{
	int64_t written_by = now_mono_us;
	bool any = false;

	for (struct call *call = last; call; call = call->next_left) {
		bool limited = call->exchange.vendor->n_limits > 0;

		if (limited)
			tell_left(call, written_by);
		if (limited && left_late(call, written_by)) {
			atomic_fetch_add(&call->lane->late, 1);
			any = true;
		}
		written_by = call->exchange.left_mono_us;
	}
	return any;
}

/* ---- What the vendor says of its own limits ---- */

/* Bounded: what is longer, or comes too often, is not kept. */
static void keep_rate_value(const char *line, size_t len, const char *name, char **value)
{
	size_t room = RATE_HEADER_BYTES_MAX - (*value ? strlen(*value) : 0);
	char *more = name ? http_header_value(line, len, name, room) : NULL;
	char *joined;

	if (!more)
		return;
	joined = *value ? mem_printf("%s,%s", *value, more) : mem_strdup(more);
	free(*value);
	free(more);
	*value = joined;
}

/* A wait that the vendor counted begins when it answered, which was between the moment that the call left and now. It is
 * taken from now, so that no hold ends early; but from when the call left, if a later one was told since that there is room:
 * then this answer is of a time that is over. */
static void hold_as_said(struct call *call, const struct rate_said *said)
{
	int64_t now = clock_mono_us(), most_ms = call->exchange.vendor->retry.max_hold_ms;
	bool overtaken = said->counted && lane_had_room_after(call->lane, call->exchange.left_mono_us);
	int64_t until = (overtaken ? call->exchange.left_mono_us : now) + (said->wait_ms < most_ms ? said->wait_ms : most_ms) * 1000;

	if (until <= now)
		return;
	call->hold_until_mono_us = until;
	if (lane_hold(call->lane, HOLD_OF_ACCOUNT, until))
		log_debug("the vendor says that no calls are left vendor=%s hold_ms=%lld", call->exchange.vendor->name,
		          (long long)(until - now) / 1000);
}

/* At once, and not when the body is there: other calls may be about to leave. */
static void hear_rate_values(struct call *call)
{
	const struct rate_rules *rules = &call->exchange.vendor->rate;
	struct rate_said said;
	long status = 0;

	curl_easy_getinfo(call->exchange.easy, CURLINFO_RESPONSE_CODE, &status);
	rate_headers_read(rules, &call->rate, status == TOO_MANY_REQUESTS, clock_now_ms(), &said);
	if (said.says == RATE_SAYS_ROOM)
		lane_note_room(call->lane, call->exchange.left_mono_us);
	else if (said.says == RATE_SAYS_HOLD)
		hold_as_said(call, &said);
	else if (said.says == RATE_SAYS_NONSENSE && !atomic_exchange(&call->lane->nonsense_told, true))
		log_warn("limits_from: what the vendor's headers say makes no sense, and is not listened to vendor=%s",
		         call->exchange.vendor->name);
}

/* One line of the head of an answer, of which there may be several: 100 Continue comes before the one that counts. */
static void read_rate_line(struct call *call, const char *line, size_t len)
{
	const struct rate_rules *rules = &call->exchange.vendor->rate;

	if (!rules->remaining && !rules->reset && !rules->header)
		return;
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		rate_values_deinit(&call->rate);
	} else if (len > 0 && line[0] != '\r' && line[0] != '\n') {
		keep_rate_value(line, len, rules->remaining, &call->rate.remaining);
		keep_rate_value(line, len, rules->reset, &call->rate.reset);
		keep_rate_value(line, len, rules->header, &call->rate.header);
	} else {
		hear_rate_values(call);
		rate_values_deinit(&call->rate);
	}
}

static void on_header(struct exchange *exchange, const char *line, size_t len) { read_rate_line(call_of(exchange), line, len); }

static const struct exchange_hooks hooks = { .may_leave = may_leave, .on_header = on_header };

/* ---- Its exchange ---- */

/* Not this one, if the job has been refused with it before (by another worker, perhaps): nobody may use it any more. */
static char *token_for(struct call *call)
{
	struct token_slot *slot = &call->lane->token;
	struct polling_memory memory;
	char *token;

	polling_memory_read(call->job->poll, &memory);
	if (memory.refused_token[0])
		token_slot_refuse(slot, memory.refused_token);
	polling_memory_deinit(&memory);
	token = token_slot_copy(slot, call->exchange.vendor->oauth2.key, clock_mono_ms(), call->token_id);
	call->exchange.token_id = token ? call->token_id : NULL;
	return token;
}

bool call_make_request(struct call *call, const struct call_context *context)
{
	const struct vendor *vendor = call->exchange.vendor;
	struct call_context with_token = *context;
	char *token = vendor->oauth2.url ? token_for(call) : NULL;
	bool made;

	if (vendor->oauth2.url && !token) {
		exchange_abandon(&call->exchange, "its access token is over");
		return false;
	}
	with_token.access_token = token;
	made = exchange_make_request(&call->exchange, call->job, &with_token);
	secret_free(token);
	if (call->exchange.request.is_foreign)
		call->token_id[0] = '\0';   /* it is not shown */
	return made;
}

void call_prepare(struct call *call, CURL *easy, struct call **just_left)
{
	call->just_left = just_left;
	exchange_prepare(&call->exchange, easy);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
}

void call_finish(struct call *call, CURLcode code)
{
	exchange_finish(&call->exchange, code);
	/* At once: other calls are made meanwhile. */
	if (answer_refuses_token(&call->exchange.answer))
		token_slot_refuse(&call->lane->token, call->token_id);
}

void call_abandon(struct call *call)
{
	call->abandoned = true;
	exchange_abandon(&call->exchange, "the worker was stopped");
}
