#include "vendor_call.h"

#include <string.h>

#include "bomb.h"
#include "conn.h"
#include "data.h"
#include "endless.h"
#include "limit_headers.h"
#include "util.h"

enum {
	JOB_ID_MAX = 32,
	PAD_OVERHEAD = 13,              /* ,"padding":"" */
	TRICKLE_US = 1000000,
	ENDLESS_TURN_US = 1000, ENDLESS_TURN_BYTES = 256 * 1024,
};

static const char *field(const struct conn *conn, const char *name, size_t *len)
{
	return http_field(&conn->msg, &conn->in, name, len);
}

static const char *body_of(const struct conn *conn, size_t *len)
{
	*len = conn->msg.body_end - conn->msg.head_len;
	return conn->in.data + conn->msg.head_len;
}

static const char status_path[] = "/status/";

bool vendor_call_is_poll(const struct conn *conn)
{
	struct http_span path = conn->msg.path;

	return path.len > sizeof(status_path) - 1 &&
	       memcmp(conn->in.data + path.at, status_path, sizeof(status_path) - 1) == 0;
}

/* What tells this call from others: the idempotency key, or the id that the client gave the request. */
static const char *call_id(const struct conn *conn, size_t *len)
{
	const char *id = field(conn, "idempotency-key", len);

	if (vendor_call_is_poll(conn)) {
		*len = 0;
		return NULL;
	}
	return id && *len ? id : field(conn, "x-request-id", len);
}

/* --- counting ---------------------------------------------------------------------------------------------------- */

static uint32_t record(struct conn *conn)
{
	struct vendor *vendor = conn->vendor;
	struct vendor_stats *stats = &vendor->stats;
	int64_t at_us = conn->arrived_ns / 1000;
	size_t id_len, body_len;
	const char *id = call_id(conn, &id_len), *body = body_of(conn, &body_len);
	uint32_t attempt;

	conn->call.ref = calls_add(vendor->calls, at_us, id, id_len, &attempt);
	calls_keep(vendor->calls, conn->call.ref, conn->in.data, conn->msg.head_len, body, body_len);
	stats->calls++;
	stats->polls += vendor_call_is_poll(conn);
	stats->stamped_by_kernel += conn->stamped;
	if (!stats->first_call_at_us || at_us < stats->first_call_at_us)
		stats->first_call_at_us = at_us;
	if (at_us > stats->last_call_at_us)
		stats->last_call_at_us = at_us;
	return attempt;
}

/* True if one call too many is open with this one. */
static bool enter(struct conn *conn)
{
	struct vendor_stats *stats = &conn->vendor->stats;
	int64_t most = conn->vendor->knobs.max_in_flight;

	conn->call.in_flight = true;
	stats->in_flight++;
	if (stats->in_flight > stats->max_in_flight_seen)
		stats->max_in_flight_seen = stats->in_flight;
	if (!most || stats->in_flight <= (uint64_t)most)
		return false;
	stats->in_flight_violations++;
	return true;
}

/* The call is no longer open. Always before its answer is written: a client that has the answer may call again. */
static void leave(struct conn *conn)
{
	if (!conn->call.in_flight)
		return;
	conn->call.in_flight = false;
	conn->vendor->stats.in_flight--;
}

static void answer(struct conn *conn, const struct answer *answer)
{
	struct vendor *vendor = conn->vendor;
	struct vendor_stats *stats = &vendor->stats;
	struct answer whole = *answer;
	char headers[LIMIT_HEADERS_MAX];

	leave(conn);
	stats->answered++;
	stats->by_status[answer->status]++;
	calls_set_status(vendor->calls, conn->call.ref, answer->status);
	limit_headers_write(vendor->knobs.limit_headers, &vendor->window, vendor->loop->now_real_ns, headers);
	whole.headers = headers;
	conn_answer(conn, &whole);
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

/* Answers with the JSON object in vendor->text, padded to response_bytes. */
static void answer_padded(struct conn *conn, int status)
{
	struct buf *text = &conn->vendor->text;
	size_t wanted = (size_t)conn->vendor->knobs.response_bytes;
	struct answer padded = { .status = status };

	if (wanted > text->len + PAD_OVERHEAD) {
		padded.pad = wanted - text->len - PAD_OVERHEAD;
		padded.tail = "\"}";
		text->len--;
		buf_add_str(text, ",\"padding\":\"");
	}
	padded.body = text->data;
	padded.len = text->len;
	answer(conn, &padded);
	buf_reset(text, 1 << 20);
}

static void answer_failure(struct conn *conn, int status, const char *message, const char *retry_after)
{
	struct buf *text = &conn->vendor->text;

	text->len = 0;
	buf_addf(text, "{\"status\":\"error\",\"error\":{\"code\":%d,\"message\":\"%s\"}}", status, message);
	answer(conn, &(struct answer){ .status = status, .body = text->data, .len = text->len,
	                               .header_name = retry_after && *retry_after ? "Retry-After" : NULL,
	                               .header_value = retry_after });
}

static void add_data(struct conn *conn, struct buf *text)
{
	size_t body_len, id_len;
	const char *body = body_of(conn, &body_len), *id = call_id(conn, &id_len);
	uint64_t seed = id_len ? hash_bytes(id, id_len)
	                       : hash_bytes(body, body_len < DATA_ECHO_MAX ? body_len : DATA_ECHO_MAX);

	data_add(text, seed, body, body_len);
}

static void answer_data(struct conn *conn)
{
	struct buf *text = &conn->vendor->text;

	text->len = 0;
	buf_add_str(text, "{\"status\":\"ok\",\"data\":");
	add_data(conn, text);
	buf_add_str(text, "}");
	answer_padded(conn, 200);
}

static void answer_accepted(struct conn *conn)
{
	struct buf *text = &conn->vendor->text;

	text->len = 0;
	buf_addf(text, "{\"job_id\":\"mock-%llu\",\"status\":\"accepted\"}", (unsigned long long)conn->call.job);
	answer_padded(conn, 202);
}

/* --- jobs that are asked for ------------------------------------------------------------------------------------- */

/* All three ways in which a vendor may say where to ask. */
static void answer_submitted(struct conn *conn)
{
	struct vendor *vendor = conn->vendor;
	size_t id_len;
	const char *id = call_id(conn, &id_len);
	char job_id[ASKED_ID_MAX], url[sizeof(status_path) + ASKED_ID_MAX];

	conn->call.job = ++vendor->next_job;
	asked_add(vendor->asked, conn->call.job, id_len ? hash_bytes(id, id_len) : conn->call.job, vendor->loop->now_us,
	          &vendor->knobs, vendor->rng);
	asked_id(conn->call.job, job_id);
	snprintf(url, sizeof(url), "%s%s", status_path, job_id);
	vendor->text.len = 0;
	buf_addf(&vendor->text, "{\"job_id\":\"%s\",\"status\":\"accepted\",\"status_url\":\"%s\"}", job_id, url);
	answer(conn, &(struct answer){ .status = 202, .body = vendor->text.data, .len = vendor->text.len,
	                               .header_name = "Location", .header_value = url });
}

static void answer_poll(struct conn *conn)
{
	struct vendor *vendor = conn->vendor;
	struct http_span path = conn->msg.path;
	struct answer state = { 0 };

	vendor->text.len = 0;
	state.status = asked_poll(vendor->asked, conn->in.data + path.at + sizeof(status_path) - 1,
	                          path.len - (sizeof(status_path) - 1), vendor->loop->now_us, &vendor->knobs, vendor->rng,
	                          &vendor->text);
	state.body = vendor->text.data;
	state.len = vendor->text.len;
	if (state.status == 429 && vendor->knobs.retry_after[0]) {
		state.header_name = "Retry-After";
		state.header_value = vendor->knobs.retry_after;
	}
	answer(conn, &state);
}

/* --- webhooks ---------------------------------------------------------------------------------------------------- */

static void write_webhook(struct conn *conn, struct buf *text)
{
	const struct knobs *knobs = &conn->vendor->knobs;
	size_t len;
	const char *id = field(conn, "x-request-id", &len);

	if (!id)
		id = call_id(conn, &len);
	text->len = 0;
	buf_add_str(text, "{");
	if (id && !knobs->webhook_own_id_only) {
		buf_add_str(text, "\"request_id\":");
		buf_add_json(text, id, len);
		buf_add_str(text, ",");
	}
	buf_addf(text, "\"job_id\":\"mock-%llu\",", (unsigned long long)conn->call.job);
	if (rng_fraction(conn->vendor->rng) < knobs->webhook_fail_ratio) {
		buf_add_str(text, "\"status\":\"failed\",\"error\":{\"message\":\"simulated failure of the job\"}}");
		return;
	}
	buf_add_str(text, "\"status\":\"complete\",\"data\":");
	add_data(conn, text);
	buf_add_str(text, "}");
}

static void on_webhook_tried(void *waiter)
{
	struct conn *conn = waiter;

	conn->call.awaited = NULL;
	answer_accepted(conn);
	conn_run(conn);
}

static size_t webhook_pad(const struct knobs *knobs, size_t body_len)
{
	size_t wanted = (size_t)knobs->response_bytes;

	if (wanted > WEBHOOK_PAD_MAX)
		wanted = WEBHOOK_PAD_MAX;
	return wanted > body_len + PAD_OVERHEAD ? wanted - body_len - PAD_OVERHEAD : 0;
}

/* Queues the webhook of the job and its copies. The first of them if `wait`: the call then waits for it. */
static struct webhook *queue_webhooks(struct conn *conn, const char *url, size_t url_len, bool wait)
{
	struct vendor *vendor = conn->vendor;
	const struct knobs *knobs = &vendor->knobs;
	char job_id[JOB_ID_MAX];
	struct webhook_order order = {
		.url = url, .url_len = url_len, .job_id = job_id, .secret = knobs->webhook_secret,
		.reorder = knobs->webhook_reorder, .counts = &vendor->webhooks,
	};
	struct webhook *first = NULL;

	snprintf(job_id, sizeof(job_id), "mock-%llu", (unsigned long long)conn->call.job);
	write_webhook(conn, &vendor->text);
	order.body = vendor->text.data;
	order.body_len = vendor->text.len;
	order.pad = webhook_pad(knobs, order.body_len);
	for (int64_t copy = 0; copy <= knobs->webhook_duplicates; copy++) {
		order.delay_us = 1000 * (knobs->webhook_delay_ms + rng_upto(vendor->rng, knobs->webhook_spread_ms));
		order.on_tried = wait && !copy ? on_webhook_tried : NULL;
		order.waiter = conn;
		if (!copy)
			first = webhooks_add(vendor->sender, &order);
		else
			webhooks_add(vendor->sender, &order);
	}
	return wait ? first : NULL;
}

/* Makes a job of the call and has its webhook sent. What is returned has to be awaited; NULL: nothing has. */
static struct webhook *accept_job(struct conn *conn, bool may_wait)
{
	struct vendor *vendor = conn->vendor;
	size_t url_len;
	const char *url = field(conn, "x-callback-url", &url_len);

	conn->call.job = ++vendor->next_job;
	if (!url || !url_len) {
		vendor->stats.no_callback_url++;
		return NULL;
	}
	if (rng_fraction(vendor->rng) < vendor->knobs.webhook_loss_ratio) {
		vendor->webhooks.lost++;
		return NULL;
	}
	return queue_webhooks(conn, url, url_len, may_wait && vendor->knobs.webhook_before_answer);
}

/* --- fates ------------------------------------------------------------------------------------------------------- */

static void do_answer(struct conn *conn)
{
	if (vendor_call_is_poll(conn)) {
		answer_poll(conn);
		return;
	}
	if (http_span_is(&conn->in, conn->msg.path, "/submit")) {
		answer_submitted(conn);
		return;
	}
	if (!conn->vendor->async) {
		answer_data(conn);
		return;
	}
	conn->call.awaited = accept_job(conn, true);
	if (!conn->call.awaited)
		answer_accepted(conn);
}

static void do_too_many(struct conn *conn)
{
	answer_failure(conn, 429, "too many calls", conn->vendor->knobs.retry_after);
}

static void do_fail(struct conn *conn)
{
	int status = (int)conn->vendor->knobs.fail_status;

	answer_failure(conn, status, "simulated failure", status == 429 ? conn->vendor->knobs.retry_after : NULL);
}

/* Nothing, until the client leaves. One that closed its side before is not heard of again: it has left. */
static void do_hang(struct conn *conn)
{
	conn->vendor->stats.hung++;
	if (conn->peer_closed)
		conn_close(conn);
}

static void do_reset(struct conn *conn)
{
	leave(conn);
	conn->vendor->stats.reset++;
	conn_reset(conn);
}

/* One that was drawn too late: its call had come together with the one before it and has been read. */
static void do_reset_early(struct conn *conn)
{
	leave(conn);
	conn->vendor->stats.reset_early++;
	conn_reset(conn);
}

/* The vendor has taken the call: an async one calls back although its client never got an answer. */
static void do_close(struct conn *conn)
{
	if (conn->vendor->async)
		accept_job(conn, false);
	leave(conn);
	conn->vendor->stats.closed++;
	conn_close(conn);
}

static void do_garbage(struct conn *conn)
{
	static const char garbage[] = "<!doctype html><p>We are upgrading. {\"status\":\"ok\",\"data\":{\xff\xfe";

	answer(conn, &(struct answer){ .status = 200, .body = garbage, .len = sizeof(garbage) - 1 });
}

static void do_trickle(struct conn *conn)
{
	struct loop *loop = conn->vendor->loop;

	conn->vendor->stats.trickled += !conn->call.sent;
	if (endless_send(conn, &conn->call.sent, 1))
		loop_timer_set(loop, &conn->timer, loop->now_us + TRICKLE_US);
}

static void do_endless(struct conn *conn)
{
	struct loop *loop = conn->vendor->loop;

	conn->vendor->stats.endless += !conn->call.sent;
	if (endless_send(conn, &conn->call.sent, ENDLESS_TURN_BYTES))
		loop_timer_set(loop, &conn->timer, loop->now_us + ENDLESS_TURN_US);
}

static void do_gzip_bomb(struct conn *conn)
{
	struct buf *text = &conn->vendor->text;

	text->len = 0;
	bomb_add(text);
	answer(conn, &(struct answer){ .status = 200, .body = text->data, .len = text->len,
	                               .header_name = "Content-Encoding", .header_value = "gzip" });
}

static void do_wrong_length(struct conn *conn)
{
	static const char start[] = "{\"status\":\"ok\",\"data\":{\"begun\":true}}";

	leave(conn);
	conn->vendor->stats.cut_short++;
	conn_answer(conn, &(struct answer){ .status = 200, .body = start, .len = sizeof(start) - 1, .length_lie = 100 });
}

/* What is too much looks like another answer: a client must not take it for that of its next call. */
static void do_short_length(struct conn *conn)
{
#define STRAY "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 37\r\n\r\n" \
	"{\"status\":\"ok\",\"data\":{\"stray\":true}}"
	static const char text[] = "{\"status\":\"ok\",\"data\":{\"short\":true}}" STRAY;

	answer(conn, &(struct answer){ .status = 200, .body = text, .len = sizeof(text) - 1,
	                               .length_lie = -(int)(sizeof(STRAY) - 1) });
#undef STRAY
}

static void do_unauthorized(struct conn *conn)
{
	conn->vendor->stats.unauthorized++;
	answer_failure(conn, 401, "no access token, or one that is not good", NULL);
}

/* No call: it does not count as answered. */
static void do_token(struct conn *conn)
{
	struct vendor *vendor = conn->vendor;
	size_t body_len, len = 0;
	const char *body = body_of(conn, &body_len), *authorization = field(conn, "authorization", &len);
	int status;

	vendor->text.len = 0;
	status = tokens_answer(vendor->tokens, body, body_len, authorization, len, vendor->loop->now_us, &vendor->knobs,
	                       &vendor->text);
	vendor->stats.tokens_given += status == 200;
	conn_answer(conn, &(struct answer){ .status = status, .body = vendor->text.data, .len = vendor->text.len,
	                                    .header_name = "Cache-Control", .header_value = "no-store" });
}

static const struct {
	void (*run)(struct conn *conn);
	size_t ratio_at;                /* offset of its ratio in struct knobs; 0: not by chance */
	bool at_once;                   /* without the latency; counted when it begins, not when its client leaves */
} fates[FATES] = {
	[FATE_ANSWER] = { do_answer, 0, false },
	[FATE_OVER_LIMIT] = { do_too_many, 0, true },
	[FATE_TOO_MANY] = { do_too_many, offsetof(struct knobs, too_many_ratio), false },
	[FATE_FAIL] = { do_fail, offsetof(struct knobs, fail_ratio), false },
	[FATE_HANG] = { do_hang, offsetof(struct knobs, hang_ratio), true },
	[FATE_RESET] = { do_reset, offsetof(struct knobs, reset_ratio), false },
	[FATE_RESET_EARLY] = { do_reset_early, offsetof(struct knobs, reset_early_ratio), true },
	[FATE_CLOSE] = { do_close, offsetof(struct knobs, close_before_answer), false },
	[FATE_GARBAGE] = { do_garbage, offsetof(struct knobs, garbage_ratio), false },
	[FATE_TRICKLE] = { do_trickle, offsetof(struct knobs, trickle_ratio), true },
	[FATE_ENDLESS] = { do_endless, offsetof(struct knobs, endless_ratio), true },
	[FATE_GZIP_BOMB] = { do_gzip_bomb, offsetof(struct knobs, gzip_bomb_ratio), false },
	[FATE_WRONG_LENGTH] = { do_wrong_length, offsetof(struct knobs, wrong_length_ratio), false },
	[FATE_SHORT_LENGTH] = { do_short_length, offsetof(struct knobs, short_length_ratio), false },
	[FATE_UNAUTHORIZED] = { do_unauthorized, 0, false },
	[FATE_TOKEN] = { do_token, 0, false },
};

/* One draw for all: ratios of 0.1 and 0.2 mean a tenth and a fifth of all calls, not a fifth of the rest. */
static enum fate draw_fate(struct vendor *vendor)
{
	double draw = rng_fraction(vendor->rng);

	for (int fate = 0; fate < FATES; fate++) {
		const void *ratio = (const char *)&vendor->knobs + fates[fate].ratio_at;

		if (!fates[fate].ratio_at)
			continue;
		draw -= *(const double *)ratio;
		if (draw < 0)
			return (enum fate)fate;
	}
	return FATE_ANSWER;
}

bool vendor_call_resets_early(struct conn *conn)
{
	conn->next_fate = draw_fate(conn->vendor);
	if (conn->next_fate != FATE_RESET_EARLY)
		return false;
	conn->vendor->stats.reset_early++;
	return true;
}

static bool shows_token(const struct conn *conn)
{
	size_t len = 0;
	const char *authorization = field(conn, "authorization", &len);

	return tokens_is_shown(conn->vendor->tokens, authorization, len, conn->vendor->loop->now_us);
}

static enum fate choose_fate(struct conn *conn, uint32_t attempt, bool over_limit)
{
	struct vendor *vendor = conn->vendor;
	enum fate drawn = conn->next_fate;

	conn->next_fate = FATE_UNDRAWN;
	if (over_limit && vendor->knobs.limit_enforce)
		return FATE_OVER_LIMIT;
	if (vendor->knobs.token_required && !shows_token(conn))
		return FATE_UNAUTHORIZED;
	if (vendor_call_is_poll(conn))
		return FATE_ANSWER;
	if (attempt && attempt <= vendor->knobs.fail_first)
		return FATE_FAIL;
	return drawn != FATE_UNDRAWN ? drawn : draw_fate(vendor);
}

static int64_t latency_us(struct vendor *vendor)
{
	const struct knobs *knobs = &vendor->knobs;

	return 1000 * knobs->latency_ms + rng_upto(vendor->rng, 1000 * knobs->latency_spread_ms);
}

void vendor_call_begin(struct conn *conn)
{
	struct vendor *vendor = conn->vendor;
	uint32_t attempt;
	bool over_limit;
	int64_t wait_us;

	conn->call = (struct call){ 0 };
	attempt = record(conn);
	over_limit = window_add(&vendor->window, conn->arrived_ns);
	over_limit |= enter(conn);
	conn->call.fate = choose_fate(conn, attempt, over_limit);
	conn->state = CONN_BUSY;
	wait_us = fates[conn->call.fate].at_once ? 0 : latency_us(vendor);
	if (wait_us)
		loop_timer_set(vendor->loop, &conn->timer, vendor->loop->now_us + wait_us);
	else
		vendor_call_continue(conn);
}

void vendor_call_begin_token(struct conn *conn)
{
	struct vendor *vendor = conn->vendor;

	vendor->stats.token_requests++;
	conn->call = (struct call){ .fate = FATE_TOKEN };
	conn->state = CONN_BUSY;
	if (vendor->knobs.token_latency_ms)
		loop_timer_set(vendor->loop, &conn->timer, vendor->loop->now_us + 1000 * vendor->knobs.token_latency_ms);
	else
		vendor_call_continue(conn);
}

void vendor_call_continue(struct conn *conn)
{
	fates[conn->call.fate].run(conn);
}

void vendor_call_drop(struct conn *conn)
{
	if (conn->state != CONN_BUSY)
		return;
	if (conn->call.in_flight && !fates[conn->call.fate].at_once)
		conn->vendor->stats.client_gone++;
	leave(conn);
	if (conn->call.awaited)
		webhook_forget_waiter(conn->call.awaited);
	conn->call.awaited = NULL;
}
