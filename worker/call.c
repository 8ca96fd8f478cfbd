/* How a call is put to libcurl, and how its end is read. The loop (loop.c) moves the bytes. */
#include "call.h"

#include "clock.h"
#include "http.h"
#include "log.h"
#include "mem.h"
#include "polling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	LATE_US = 2000,   /* of the limiter's travel time: what writing may take beyond the grant */
	TOO_MANY_REQUESTS = 429,
};

/* Within the guard, where there is a limit to break; always early enough for it to end, and be committed,
 * within its lease: a worker that was stopped for long must not call for a job that another has by now. */
static int64_t leave_within_ms(const struct vendor *vendor, const struct queue_take *take)
{
	int64_t lease = take->lease_ms - vendor->timeout_ms - COMMIT_ALLOWANCE_MS / 2;

	return vendor->n_limits && take->guard_ms < lease ? take->guard_ms : lease;
}

struct call *call_new(struct lane *lane, struct job *job, const struct queue_take *take,
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
	buffer_init(&call->body, (size_t)lane->vendor->max_response_bytes);
	atomic_fetch_add(&lane->calls, 1);
	atomic_fetch_add(&lane->not_left, 1);
	atomic_fetch_add(lane->in_flight, 1);
	return call;
}

void call_free(struct call *call)
{
	if (!call)
		return;
	if (!call->asked)
		atomic_fetch_sub(&call->lane->not_left, 1);
	atomic_fetch_sub(&call->lane->calls, 1);
	atomic_fetch_sub(call->lane->in_flight, 1);
	job_free(call->job);
	buffer_deinit(&call->body);
	rate_values_deinit(&call->rate);
	free(call->location);
	free(call->content_type);
	curl_slist_free_all(call->headers);
	request_clear(&call->request);
	free(call);
}

/* ---- What curl asks while it works ---- */

/* Asked just before the request is written. The second time in one transfer means that a reused connection
 * died and curl is about to send the POST again by itself; the vendor may have received it, so that is our
 * decision, not curl's. */
static int on_request_ready(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	struct call *call = arg;
	int64_t now = clock_mono_us();

	(void)remote_ip, (void)local_ip, (void)remote_port, (void)local_port;
	if (call->asked) {
		call->sent_twice = true;
		return CURL_PREREQFUNC_ABORT;
	}
	guard_sample(&call->lane->guard, now, now - call->granted_mono_us);
	atomic_store(&call->lane->guard_ms, guard_ms(&call->lane->guard));
	if (now > call->leave_by_mono_us || now < lane_held_until_mono_us(call->lane) ||
	    !vendor_is_open(call->lane->vendor, clock_now_ms(), NULL)) {
		call->refused = true;
		return CURL_PREREQFUNC_ABORT;
	}
	call->asked = true;
	atomic_fetch_sub(&call->lane->not_left, 1);
	call->left_mono_us = now;
	call->answer.sent_at = clock_now_ms();
	call->next_left = *call->just_left;
	*call->just_left = call;
	return CURL_PREREQFUNC_OK;
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
	guard_sample(&call->lane->guard, written_by_mono_us, written_by_mono_us - call->granted_mono_us);
	atomic_store(&call->lane->guard_ms, guard_ms(&call->lane->guard));
	return true;
}

bool calls_left_late(struct call *last, int64_t now_mono_us)
{
	int64_t written_by = now_mono_us;
	bool any = false;

	for (struct call *call = last; call; call = call->next_left) {
		bool limited = call->lane->vendor->n_limits > 0;

		if (limited)
			tell_left(call, written_by);
		if (limited && left_late(call, written_by)) {
			atomic_fetch_add(&call->lane->late, 1);
			any = true;
		}
		written_by = call->left_mono_us;
	}
	return any;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct call *call = arg;

	buffer_append(&call->body, bytes, size * n);
	return call->body.overflowed ? 0 : size * n;
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
	int64_t now = clock_mono_us(), most_ms = call->lane->vendor->retry.max_hold_ms;
	bool overtaken = said->counted && lane_had_room_after(call->lane, call->left_mono_us);
	int64_t until = (overtaken ? call->left_mono_us : now) + (said->wait_ms < most_ms ? said->wait_ms : most_ms) * 1000;

	if (until <= now)
		return;
	call->hold_until_mono_us = until;
	if (lane_hold(call->lane, HOLD_OF_ACCOUNT, until))
		log_debug("the vendor says that no calls are left vendor=%s hold_ms=%lld", call->lane->vendor->name,
		          (long long)(until - now) / 1000);
}

/* At once, and not when the body is there: other calls may be about to leave. */
static void hear_rate_values(struct call *call)
{
	const struct rate_rules *rules = &call->lane->vendor->rate;
	struct rate_said said;
	long status = 0;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	rate_headers_read(rules, &call->rate, status == TOO_MANY_REQUESTS, clock_now_ms(), &said);
	if (said.says == RATE_SAYS_ROOM)
		lane_note_room(call->lane, call->left_mono_us);
	else if (said.says == RATE_SAYS_HOLD)
		hold_as_said(call, &said);
	else if (said.says == RATE_SAYS_NONSENSE && !atomic_exchange(&call->lane->nonsense_told, true))
		log_warn("limits_from: what the vendor's headers say makes no sense, and is not listened to vendor=%s",
		         call->lane->vendor->name);
}

/* One line of the head of an answer, of which there may be several: 100 Continue comes before the one that counts. */
static void read_rate_line(struct call *call, const char *line, size_t len)
{
	const struct rate_rules *rules = &call->lane->vendor->rate;

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

/* Into *kept, which is owned, if it is there. */
static void keep_header(const char *line, size_t len, const char *name, size_t most, char **kept)
{
	char *value = http_header_value(line, len, name, most);

	if (!value)
		return;
	free(*kept);
	*kept = value;
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct call *call = arg;
	size_t len = size * n;
	int64_t retry_after_ms = http_retry_after_ms(line, len);

	call->header_bytes += len;
	if (call->header_bytes > HTTP_HEADERS_BYTES_MAX)
		return 0;
	if (retry_after_ms >= 0)
		call->answer.retry_after_ms = retry_after_ms;
	read_rate_line(call, line, len);
	if (call->lane->vendor->mode == VENDOR_POLL)
		keep_header(line, len, "location", POLL_URL_BYTES_MAX, &call->location);
	if (call->lane->vendor->keep_raw_ms)
		keep_header(line, len, "content-type", RAW_ANSWER_TYPE_BYTES_MAX, &call->content_type);
	return len;
}

/* ---- Setting up ---- */

/* To curl "Name:" means to leave a header of its own out; what is sent empty is "Name;". */
static void add_vendor_header(struct call *call, char *line)
{
	char *colon = strchr(line, ':');

	if (colon[1 + strspn(colon + 1, " \t")] == '\0')
		memcpy(colon, ";", sizeof(";"));
	call->headers = http_add_header(call->headers, line);
}

static void add_headers(struct call *call)
{
	call->headers = http_add_header(call->headers, "Expect:");   /* no 100-continue: it costs a round trip and its time-out a second */
	if (call->request.body && call->request.body_len == 0)
		call->headers = http_add_header(call->headers, "Content-Type:");   /* curl would call it a form */
	for (size_t i = 0; i < call->request.n_headers; i++)
		add_vendor_header(call, call->request.headers[i]);
}

static void set_request(struct call *call, CURL *easy)
{
	const struct request *request = &call->request;

	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
	if (strcmp(request->method, "GET") == 0)
		return;
	if (request->body) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

void call_prepare(struct call *call, CURL *easy, struct call **just_left)
{
	call->easy = easy;
	call->just_left = just_left;
	call->answer.retry_after_ms = -1;
	add_headers(call);
	set_request(call, easy);
	http_set_bounds(easy, call->lane->vendor);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_text);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request_ready);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
}

/* ---- Reading the end ---- */

static enum transport transport_of(const struct call *call, CURLcode code)
{
	if (call->refused)
		return TRANSPORT_NOT_SENT;
	if (code == CURLE_OK)
		return TRANSPORT_ANSWERED;
	/* What a refusal says beside its status is of little interest. */
	if (call->body.overflowed && call->answer.http_status >= 300)
		return TRANSPORT_ANSWERED;
	if (call->body.overflowed || call->header_bytes > HTTP_HEADERS_BYTES_MAX)
		return TRANSPORT_TOO_BIG;
	if (call->asked)
		return code == CURLE_OPERATION_TIMEDOUT ? TRANSPORT_TIMEOUT : TRANSPORT_CONNECTION_LOST;
	switch (code) {
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_FAILED_INIT:
	case CURLE_OUT_OF_MEMORY:
		return TRANSPORT_LOCAL_ERROR;
	default:
		return TRANSPORT_CONNECT_FAILED;
	}
}

static void fill_answer(struct call *call, enum transport transport, const char *detail)
{
	struct answer *answer = &call->answer;

	answer->transport = transport;
	answer->detail = detail;
	answer->body = call->body.data ? call->body.data : "";
	answer->body_len = call->body.len;
	answer->is_cut = call->body.overflowed;
	answer->location = call->location;
	answer->content_type = call->content_type;
	answer->token_id = call->token_id[0] ? call->token_id : NULL;
	answer->latency_ms = call->asked ? (clock_mono_us() - call->left_mono_us) / 1000 : 0;
}

/* Not this one, if the job has been refused with it before (by another worker, perhaps): nobody may use it any more. */
static char *token_for(struct call *call)
{
	struct token_slot *slot = &call->lane->token;
	struct polling_memory memory;

	polling_memory_read(call->job->poll, &memory);
	if (memory.refused_token[0])
		token_slot_refuse(slot, memory.refused_token);
	polling_memory_deinit(&memory);
	return token_slot_copy(slot, call->lane->vendor->oauth2.key, clock_mono_ms(), call->token_id);
}

bool call_make_request(struct call *call, const struct call_context *context)
{
	const struct vendor *vendor = call->lane->vendor;
	struct call_context with_token = *context;
	char *token = vendor->oauth2.url ? token_for(call) : NULL;
	struct err_text why = { "" };
	enum err err;

	if (vendor->oauth2.url && !token) {
		fill_answer(call, TRANSPORT_NOT_SENT, "its access token is over");
		return false;
	}
	with_token.access_token = token;
	err = request_make(vendor, call->job, &with_token, clock_now_ms(), &call->request, &why);
	token_wipe(token);
	if (call->request.is_foreign)
		call->token_id[0] = '\0';   /* it is not shown */
	if (err == ERR_OK)
		return true;
	snprintf(call->curl_text, sizeof(call->curl_text), "%.*s", (int)sizeof(call->curl_text) - 1, why.text);
	fill_answer(call, TRANSPORT_NOT_MADE, call->curl_text);
	return false;
}

void call_finish(struct call *call, CURLcode code)
{
	const char *detail = NULL;
	long http_status = 0;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &http_status);
	call->answer.http_status = (int)http_status;
	if (call->sent_twice)
		detail = "the connection closed before the answer";
	else if (call->refused)
		detail = "its grant was over, or the vendor is on hold or closed";
	else if (call->body.overflowed)
		detail = "over request/max_response_bytes";
	else if (call->header_bytes > HTTP_HEADERS_BYTES_MAX)
		detail = "its headers alone are over 256 KiB";
	else if (code != CURLE_OK)
		detail = call->curl_text[0] ? call->curl_text : curl_easy_strerror(code);
	fill_answer(call, transport_of(call, code), detail);
	call->easy = NULL;
	/* At once: other calls are made meanwhile. */
	if (answer_refuses_token(&call->answer))
		token_slot_refuse(&call->lane->token, call->token_id);
}

void call_abandon(struct call *call)
{
	call->abandoned = true;
	fill_answer(call, call->asked ? TRANSPORT_CONNECTION_LOST : TRANSPORT_NOT_SENT, "the worker was stopped");
	call->easy = NULL;
}
