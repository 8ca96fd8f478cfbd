/* loop.c and call.c against a small HTTP server (tests/support/tiny_http.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/loop.h"
#include "../support/tiny_http.h"

#include "clock.h"
#include "mem.h"
#include "store.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CALLS_MAX = 2000,
	TURNS_AT_LEAST = 5,   /* to begin so many */
	CONNECTING = 600,     /* more than one shard has room for */
	ANSWER_WAIT_MS = 20000,
	BODY_MAX = 1000,
	GUARD_MS = 5000,
	LEASE_MS = 60000,
	DRAIN_MS = 10000,
	EVERY_DAY = 0x7f,
};

#define NOBODY_URL "http://127.0.0.1:1/"

struct fixture {
	struct tiny_http *http;
	struct loop *loop;
	bool running;
	struct mailbox done, late_poke;
	struct call_context context;
	unsigned char key[STORE_SECRET_SIZE];
	struct vendor vendor, other_vendor;
	struct vendor_header header;
	const char *payload;
	struct lane lane, other_lane;
	struct vendor_group vendor_group;   /* of those that share_an_account() */
	struct lane_group group;
	_Atomic int in_flight;
	struct call *ended;   /* of all that were waited for */
};

static char *done_values[] = { NULL };

static int setup(void **state)
{
	struct fixture *f = mem_calloc(1, sizeof(*f));

	*state = f;
	f->http = tiny_http_start();
	f->context = (struct call_context){ .api_base_url = "http://127.0.0.1:1", .callback_key = f->key };
	f->vendor = (struct vendor){ .name = "v", .call.method = "POST", .ask = { .method = "GET", .body_kind = BODY_NONE }, .poll.done_values = done_values, .timeout_ms = 10000, .connect_timeout_ms = 5000,
		.max_response_bytes = BODY_MAX, .retry = { .base_ms = 1, .max_hold_ms = 60000 },
		.n_limits = 1, .limits = { { .calls = 10, .per_ms = 1000 } } };
	f->payload = "{\"n\":1}";
	f->lane.vendor = &f->vendor;
	f->lane.in_flight = &f->in_flight;
	guard_init(&f->lane.guard, 0);
	left_init(&f->lane.left);
	f->other_vendor = f->vendor;
	f->other_lane = (struct lane){ .vendor = &f->other_vendor, .in_flight = &f->in_flight };
	left_init(&f->other_lane.left);
	if (mailbox_init(&f->done) < 0 || mailbox_init(&f->late_poke) < 0 ||
	    loop_new(CALLS_MAX, &f->done, &f->late_poke, &f->loop, NULL) != ERR_OK)
		return -1;
	return 0;
}

static void start(struct fixture *f)
{
	assert_int_equal(loop_start(f->loop, NULL), ERR_OK);
	f->running = true;
}

static void stop(struct fixture *f, int64_t drain_ms)
{
	loop_stop(f->loop, clock_mono_ms() + drain_ms);
	f->running = false;
}

static void free_calls(struct call *call)
{
	struct call *next;

	for (; call; call = next) {
		next = call->next;
		call_free(call);
	}
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->running)
		stop(f, 0);
	free_calls(mailbox_take(&f->done));
	free_calls(f->ended);
	loop_free(f->loop);
	mailbox_deinit(&f->done);
	mailbox_deinit(&f->late_poke);
	tiny_http_free(f->http);
	template_deinit(&f->vendor.call.url);
	template_deinit(&f->other_vendor.call.url);
	free(f->vendor.url);
	free(f->other_vendor.url);
	template_deinit(&f->vendor.call.body);
	template_deinit(&f->header.line);
	free(f);
	return 0;
}

static struct job *new_job(const char *payload)
{
	return job_new(clock_now_ms(), "v", mem_strdup(payload), INT64_MAX);
}

static struct call *new_call(struct fixture *f, struct lane *lane, const struct queue_take *take)
{
	static const struct queue_grant grant = { .entry_id = "1-1" };
	struct call *call = call_new(lane, NULL, new_job(f->payload), take, &grant);

	assert_true(call_make_request(call, &f->context));
	return call;
}

/* Granted so long ago. */
static struct call *call_of(struct fixture *f, struct lane *lane, int64_t ms)
{
	struct queue_take take = { .asked_mono_ms = clock_mono_ms() - ms, .guard_ms = GUARD_MS, .lease_ms = LEASE_MS };

	return new_call(f, lane, &take);
}

static struct call *call_granted_ago(struct fixture *f, int64_t ms) { return call_of(f, &f->lane, ms); }

static struct call *calls_granted_now(struct fixture *f, int n)
{
	struct call *list = NULL;

	while (n-- > 0) {
		struct call *call = call_granted_ago(f, 0);

		call->next = list;
		list = call;
	}
	return list;
}

static const struct template_rules of_the_job = { .allowed = REFERS_TO_JOB };

static void set_whole_url(struct vendor *vendor, const char *url)
{
	const char *rest;

	template_deinit(&vendor->call.url);
	free(vendor->url);
	assert_int_equal(template_add(&vendor->call.url, url, ESCAPE_URL, &of_the_job, NULL), ERR_OK);
	vendor->url = mem_strdup(template_beginning(&vendor->call.url));
	vendor->call.host_is_referred = template_host_refers(&vendor->call.url, &rest);
}

static void set_url(struct fixture *f, const char *path) { set_whole_url(&f->vendor, tiny_http_url(f->http, path)); }

/* Waits for n more calls; the first of them. The fixture owns them all. */
static struct call *wait_for(struct fixture *f, int n)
{
	int64_t give_up = clock_mono_ms() + ANSWER_WAIT_MS;
	struct call *first = NULL, **last = &first;

	while (n > 0 && clock_mono_ms() < give_up) {
		mailbox_wait(&f->done, 100);
		for (*last = mailbox_take(&f->done); *last; last = &(*last)->next)
			n--;
	}
	*last = f->ended;
	f->ended = first;
	assert_int_equal(n, 0);
	return first;
}

static struct call *do_call(struct fixture *f, const char *path)
{
	set_url(f, path);
	if (!f->running)
		start(f);
	loop_submit(f->loop, call_granted_ago(f, 0));
	return wait_for(f, 1);
}

static void wait_for_requests(struct fixture *f, int n)
{
	for (int64_t give_up = clock_mono_ms() + ANSWER_WAIT_MS; tiny_http_requests(f->http) < n;) {
		assert_true(clock_mono_ms() < give_up);
		usleep(1000);
	}
}

/* ---- Answers ---- */

static void an_answer_comes_back_whole(void **state)
{
	struct call *call = do_call(*state, "/ok");

	assert_int_equal(call->exchange.answer.transport, TRANSPORT_ANSWERED);
	assert_int_equal(call->exchange.answer.http_status, 200);
	assert_string_equal(call->exchange.answer.body, "{\"data\":1}");
	assert_int_equal(call->exchange.answer.retry_after_ms, -1);
	assert_true(call->exchange.answer.sent_at > 0);
}

static void connections_are_reused(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 5; i++)
		assert_int_equal(do_call(f, "/ok")->exchange.answer.transport, TRANSPORT_ANSWERED);
	assert_int_equal(tiny_http_requests(f->http), 5);
	assert_int_equal(tiny_http_connections(f->http), 1);
}

static void a_retry_after_is_read_and_holds_the_vendor_at_once(void **state)
{
	struct fixture *f = *state;
	struct call *call = do_call(f, "/later");

	assert_int_equal(call->exchange.answer.http_status, 429);
	assert_int_equal(call->exchange.answer.retry_after_ms, 7000);
	assert_in_range(atomic_load(&f->lane.hold_until_mono_us) / 1000 - clock_mono_ms(), 1, 7000);
	assert_int_equal(do_call(f, "/ok")->exchange.answer.transport, TRANSPORT_NOT_SENT);
	assert_int_equal(tiny_http_requests(f->http), 1);
}

static void a_401_takes_the_token_that_was_shown_from_the_lane(void **state)
{
	static const struct template_rules of_the_token = { .allowed = REFERS_TO_TOKEN };
	struct fixture *f = *state;
	struct call *call;

	f->vendor.oauth2.url = (char *)(uintptr_t)"http://127.0.0.1:1/";
	f->vendor.call.headers = &f->header;
	f->vendor.call.n_headers = 1;
	assert_int_equal(template_add_pair(&f->header.line, "Authorization", "Bearer ${auth:access_token}", ESCAPE_HEADER,
	                                   &of_the_token, NULL), ERR_OK);
	token_slot_fill(&f->lane.token, f->vendor.oauth2.key, "T1", mem_strdup("t0ken"), INT64_MAX, INT64_MAX);
	call = do_call(f, "/ok");
	assert_non_null(strstr(tiny_http_last(f->http), "\r\nAuthorization: Bearer t0ken\r\n"));
	assert_string_equal(call->exchange.answer.token_id, "T1");
	assert_int_equal(token_slot_state(&f->lane.token, f->vendor.oauth2.key, 0), TOKEN_GOOD);
	call = do_call(f, "/unauthorized");
	assert_true(answer_refuses_token(&call->exchange.answer));
	assert_int_equal(token_slot_state(&f->lane.token, f->vendor.oauth2.key, 0), TOKEN_MISSING);
}

/* ---- What the vendor says of its limits ---- */

/* Both lanes are of one account, and look at the headers. */
static void share_an_account(struct fixture *f)
{
	static const char *members[] = { "v", "other", NULL };

	f->vendor_group = (struct vendor_group){ .account = "@acme", .members = members, .n_members = 2 };
	left_init(&f->group.left);
	f->vendor.rate = (struct rate_rules){ .remaining = (char *)"x-RateLimit-remaining", .reset = (char *)"X-RateLimit-Reset",
	                                      .reset_is = RESET_AUTO, .hold_below = 1 };
	f->other_vendor.rate = f->vendor.rate;
	f->vendor.group = f->other_vendor.group = &f->vendor_group;
	f->lane.group = f->other_lane.group = &f->group;
}

static void headers_that_say_that_nothing_is_left_hold_the_account_at_once(void **state)
{
	struct fixture *f = *state;
	struct call *call;

	share_an_account(f);
	assert_int_equal(do_call(f, "/room")->exchange.answer.http_status, 200);
	assert_int_equal(lane_held_until_mono_us(&f->lane), 0);
	call = do_call(f, "/spent");
	assert_int_equal(call->exchange.answer.http_status, 200);
	assert_string_equal(call->exchange.answer.body, "{\"data\":1}");
	assert_in_range(call->hold_until_mono_us / 1000 - clock_mono_ms(), 10000, 20000);
	assert_true(lane_held_until_mono_us(&f->other_lane) >= call->hold_until_mono_us);
	assert_int_equal(do_call(f, "/ok")->exchange.answer.transport, TRANSPORT_NOT_SENT);
	assert_int_equal(tiny_http_requests(f->http), 2);
}

static void a_hold_by_headers_has_the_bound_of_the_file(void **state)
{
	struct fixture *f = *state;

	share_an_account(f);
	f->vendor.retry.max_hold_ms = 3000;
	assert_in_range(do_call(f, "/spent")->hold_until_mono_us / 1000 - clock_mono_ms(), 1, 3000);
}

static void headers_that_make_no_sense_hold_nobody(void **state)
{
	struct fixture *f = *state;

	share_an_account(f);
	for (int i = 0; i < 3; i++)
		assert_int_equal(do_call(f, "/odd")->exchange.answer.http_status, 200);
	assert_int_equal(lane_held_until_mono_us(&f->lane), 0);
	assert_true(atomic_load(&f->lane.nonsense_told));
}

/* Of two calls the earlier one is answered last: by then the other one has been told that there is room. */
static void an_answer_that_was_overtaken_holds_from_when_its_call_left(void **state)
{
	struct fixture *f = *state;
	struct call *call;

	share_an_account(f);
	call = do_call(f, "/spent-slow");
	assert_true(call->hold_until_mono_us - call->exchange.left_mono_us >= 20000000 + TINY_HTTP_SLOW_MS * 1000);
	atomic_store(&f->group.hold_until_mono_us, 0);

	set_whole_url(&f->other_vendor, tiny_http_url(f->http, "/room"));
	loop_submit(f->loop, call_granted_ago(f, 0));
	wait_for_requests(f, 2);
	loop_submit(f->loop, call_of(f, &f->other_lane, 0));
	call = wait_for(f, 2);
	while (call->lane != &f->lane)
		call = call->next;
	assert_true(call->hold_until_mono_us == call->exchange.left_mono_us + 20000000);
}

static void a_connection_that_dies_before_the_answer_is_not_used_again_by_curl(void **state)
{
	struct fixture *f = *state;
	struct call *call;

	assert_int_equal(do_call(f, "/once")->exchange.answer.transport, TRANSPORT_ANSWERED);
	call = do_call(f, "/once");
	assert_int_equal(call->exchange.answer.transport, TRANSPORT_CONNECTION_LOST);
	assert_true(call->exchange.answer.sent_at > 0);
	assert_int_equal(tiny_http_requests(f->http), 2);
}

static void nobody_there_is_no_call(void **state)
{
	struct fixture *f = *state;
	struct call *call;

	set_whole_url(&f->vendor, NOBODY_URL);
	start(f);
	loop_submit(f->loop, call_granted_ago(f, 0));
	call = wait_for(f, 1);
	assert_int_equal(call->exchange.answer.transport, TRANSPORT_CONNECT_FAILED);
	assert_int_equal(call->exchange.answer.sent_at, 0);
}

static void more_calls_than_handles_are_kept_end_at_once(void **state)
{
	struct fixture *f = *state;

	set_whole_url(&f->vendor, NOBODY_URL);
	start(f);
	loop_submit(f->loop, calls_granted_now(f, CALLS_MAX));
	for (struct call *call = wait_for(f, CALLS_MAX); call; call = call->next)
		assert_int_equal(call->exchange.answer.transport, TRANSPORT_CONNECT_FAILED);
	assert_int_equal(f->in_flight, CALLS_MAX);
	assert_int_equal(f->lane.calls, CALLS_MAX);
	assert_int_equal(f->lane.not_left, CALLS_MAX);
}

/* ---- Requests ---- */

/* The first line that was sent. */
static void expect_line(struct fixture *f, const char *line)
{
	const char *sent = tiny_http_last(f->http);

	assert_int_equal(strcspn(sent, "\r"), strlen(line));
	assert_memory_equal(sent, line, strlen(line));
}

static void expect_body(struct fixture *f, const char *body)
{
	assert_string_equal(strstr(tiny_http_last(f->http), "\r\n\r\n") + 4, body);
}

static void set_header(struct fixture *f, const char *name, const char *value)
{
	f->vendor.call.headers = &f->header;
	f->vendor.call.n_headers = 1;
	assert_int_equal(template_add_pair(&f->header.line, name, value, ESCAPE_HEADER, &of_the_job, NULL), ERR_OK);
}

static void a_request_arrives_as_it_was_made(void **state)
{
	struct fixture *f = *state;

	f->vendor.call.method = "PUT";
	f->vendor.call.body_kind = BODY_TEMPLATE;
	f->payload = "{\"id\":\"../a b?#%\",\"q\":\"&=\u00e9\",\"n\":12345678901234567890123}";
	set_header(f, "X-Id", "<${payload:/n}>");
	assert_int_equal(template_add_json(&f->vendor.call.body, NULL, &of_the_job, NULL), ERR_OK);
	/* Percent-encoded by the file's author in small letters: what was signed must be what is sent. */
	do_call(f, "/at/%c3%a9/${payload:/id}/x?a=1&q=${payload:/q}");
	expect_line(f, "PUT /at/%c3%a9/..%2Fa%20b%3F%23%25/x?a=1&q=%26%3D%C3%A9 HTTP/1.1");
	assert_non_null(strstr(tiny_http_last(f->http), "\r\nX-Id: <12345678901234567890123>\r\n"));
	expect_body(f, "null");
}

static void an_empty_header_is_sent_empty(void **state)
{
	struct fixture *f = *state;

	f->payload = "{\"a\":\" \"}";
	set_header(f, "X-Empty", "${payload:/a}");
	do_call(f, "/ok");
	assert_non_null(strstr(tiny_http_last(f->http), "\r\nX-Empty:\r\n"));
}

static void what_has_no_body_sends_none(void **state)
{
	struct fixture *f = *state;

	f->vendor.call.body_kind = BODY_NONE;
	f->vendor.call.method = "DELETE";
	do_call(f, "/ok");
	expect_line(f, "DELETE /ok HTTP/1.1");
	assert_null(strstr(tiny_http_last(f->http), "Content-Length"));
	f->vendor.call.method = "GET";
	do_call(f, "/ok");
	expect_line(f, "GET /ok HTTP/1.1");
}

static void a_job_that_does_not_fit_is_no_call(void **state)
{
	static const struct queue_grant grant = { .entry_id = "1-1" };
	struct queue_take take = { .asked_mono_ms = clock_mono_ms(), .guard_ms = GUARD_MS, .lease_ms = LEASE_MS };
	struct fixture *f = *state;
	struct call *call;

	set_url(f, "/at/${payload:/none}");
	call = call_new(&f->lane, NULL, new_job("{}"), &take, &grant);
	assert_false(call_make_request(call, &f->context));
	assert_int_equal(call->exchange.answer.transport, TRANSPORT_NOT_MADE);
	assert_string_equal(call->exchange.answer.detail, "its URL: /none of the payload is not there");
	call_free(call);
	assert_int_equal(f->lane.calls, 0);
}

/* Secrets may stand in URLs, and curl's words go into logs and jobs. */
static void curl_says_nothing_of_the_url(void **state)
{
	static const char *const urls[] = {
		"http://user:s3cret@127.0.0.1:1/s3cret?key=s3cret", "http://no-such-host.invalid/s3cret?key=s3cret",
		"http://127.0.0.1:99999/s3cret?key=s3cret", "http://[::zz]/s3cret?key=s3cret", "http://a%00b/s3cret?key=s3cret",
		"https://127.0.0.1:1/s3cret?key=s3cret", "http://h\\s3cret:s3cret/?key=s3cret",
	};
	struct fixture *f = *state;

	start(f);
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct call *call;

		set_whole_url(&f->vendor, urls[i]);
		loop_submit(f->loop, call_granted_ago(f, 0));
		call = wait_for(f, 1);
		assert_int_not_equal(call->exchange.answer.transport, TRANSPORT_ANSWERED);
		assert_null(strstr(call->exchange.answer.detail, "s3cret"));
	}
	f->vendor.timeout_ms = 200;
	assert_null(strstr(do_call(f, "/hang")->exchange.answer.detail, "hang"));
	assert_null(strstr(do_call(f, "/at-s3cret")->exchange.answer.detail, "s3cret"));
}

/* ---- Many at once ---- */

/* A listener whose queue is full lets nobody connect, and refuses nobody. */
struct full_listener { int fd, clients[3]; char url[64]; };

static void full_listener_open(struct full_listener *full)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	full->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(full->fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(full->fd, 0), 0);
	assert_int_equal(getsockname(full->fd, (struct sockaddr *)&at, &len), 0);
	for (size_t i = 0; i < sizeof(full->clients) / sizeof(full->clients[0]); i++) {
		full->clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(full->clients[i], (struct sockaddr *)&at, len);
	}
	snprintf(full->url, sizeof(full->url), "http://127.0.0.1:%d/", ntohs(at.sin_port));
}

static void full_listener_close(struct full_listener *full)
{
	for (size_t i = 0; i < sizeof(full->clients) / sizeof(full->clients[0]); i++)
		close(full->clients[i]);
	close(full->fd);
}

static int n_done(struct fixture *f)
{
	int n = 0;

	pthread_mutex_lock(&f->done.lock);
	for (struct call *call = f->done.first; call; call = call->next)
		n++;
	pthread_mutex_unlock(&f->done.lock);
	return n;
}

static void sockets_are_looked_at_between_the_beginnings_of_many(void **state)
{
	struct fixture *f = *state;
	int64_t give_up = clock_mono_ms() + ANSWER_WAIT_MS;
	eventfd_t turns;

	set_whole_url(&f->vendor, NOBODY_URL);
	start(f);
	loop_submit(f->loop, calls_granted_now(f, CALLS_MAX));
	while (n_done(f) < CALLS_MAX) {
		assert_true(clock_mono_ms() < give_up);
		usleep(1000);
	}
	/* Each turn in which calls ended has handed them over once. */
	assert_int_equal(eventfd_read(f->done.fd, &turns), 0);
	assert_in_range(turns, TURNS_AT_LEAST, CALLS_MAX);
	wait_for(f, CALLS_MAX);
}

static void a_lone_call_does_not_wait_until_those_of_another_lane_have_begun(void **state)
{
	struct fixture *f = *state;
	int before = 0;

	set_whole_url(&f->vendor, NOBODY_URL);
	set_whole_url(&f->other_vendor, NOBODY_URL);
	loop_submit(f->loop, calls_granted_now(f, CALLS_MAX));
	loop_submit(f->loop, call_of(f, &f->other_lane, 0));
	start(f);
	for (struct call *call = wait_for(f, CALLS_MAX + 1); call->lane != &f->other_lane; call = call->next)
		before++;
	assert_in_range(before, 0, CALLS_MAX / 10);
}

static void a_lane_with_more_calls_than_a_shard_has_room_for_keeps_none_from_others(void **state)
{
	struct fixture *f = *state;
	struct full_listener full;
	struct call *call;

	full_listener_open(&full);
	set_whole_url(&f->vendor, full.url);
	set_whole_url(&f->other_vendor, tiny_http_url(f->http, "/ok"));
	start(f);
	loop_submit(f->loop, calls_granted_now(f, CONNECTING));
	loop_submit(f->loop, call_of(f, &f->other_lane, 0));
	call = wait_for(f, 1);
	assert_ptr_equal(call->lane, &f->other_lane);
	assert_int_equal(call->exchange.answer.transport, TRANSPORT_ANSWERED);
	stop(f, DRAIN_MS);
	for (call = wait_for(f, CONNECTING); call->lane == &f->lane; call = call->next)
		assert_int_equal(call->exchange.answer.transport, TRANSPORT_NOT_SENT);
	full_listener_close(&full);
}

/* ---- Bounds ---- */

static void a_body_over_the_maximum_is_too_big(void **state)
{
	struct call *call = do_call(*state, "/endless");

	assert_int_equal(call->exchange.answer.transport, TRANSPORT_TOO_BIG);
	assert_true(call->exchange.answer.body_len <= BODY_MAX);
}

static void a_refusal_with_a_big_body_is_a_refusal(void **state)
{
	struct call *call = do_call(*state, "/refuse");

	assert_int_equal(call->exchange.answer.transport, TRANSPORT_ANSWERED);
	assert_int_equal(call->exchange.answer.http_status, 500);
}

static void headers_without_end_are_too_big(void **state)
{
	assert_int_equal(do_call(*state, "/headers")->exchange.answer.transport, TRANSPORT_TOO_BIG);
}

static void a_vendor_that_does_not_answer_times_out(void **state)
{
	struct fixture *f = *state;
	int64_t began = clock_mono_ms();
	struct call *call;

	f->vendor.timeout_ms = 200;
	call = do_call(f, "/hang");
	assert_int_equal(call->exchange.answer.transport, TRANSPORT_TIMEOUT);
	assert_in_range(clock_mono_ms() - began, 190, 5000);
	assert_true(call->exchange.answer.latency_ms <= clock_mono_ms() - began);
}

/* ---- Grants ---- */

static void a_grant_that_is_too_old_does_not_leave(void **state)
{
	struct fixture *f = *state;
	int before = guard_ms(&f->lane.guard);
	struct call *call;

	set_url(f, "/ok");
	start(f);
	loop_submit(f->loop, call_granted_ago(f, GUARD_MS + 1));
	call = wait_for(f, 1);
	assert_int_equal(call->exchange.answer.transport, TRANSPORT_NOT_SENT);
	assert_int_equal(call->exchange.answer.sent_at, 0);
	assert_int_equal(tiny_http_requests(f->http), 0);
	assert_true(f->lane.guard_ms > before);
}

static void without_limits_the_lease_is_the_bound(void **state)
{
	struct fixture *f = *state;

	f->vendor.n_limits = 0;
	set_url(f, "/ok");
	start(f);
	loop_submit(f->loop, call_granted_ago(f, GUARD_MS + 1));
	assert_int_equal(wait_for(f, 1)->exchange.answer.transport, TRANSPORT_ANSWERED);
	loop_submit(f->loop, call_granted_ago(f, LEASE_MS - f->vendor.timeout_ms));
	assert_int_equal(wait_for(f, 1)->exchange.answer.transport, TRANSPORT_NOT_SENT);
	assert_int_equal(tiny_http_requests(f->http), 1);
}

static void a_hold_stops_a_granted_call(void **state)
{
	struct fixture *f = *state;

	atomic_store(&f->lane.hold_until_mono_us, clock_mono_us() + 60000000);
	assert_int_equal(do_call(f, "/ok")->exchange.answer.transport, TRANSPORT_NOT_SENT);
	assert_int_equal(tiny_http_requests(f->http), 0);
	atomic_store(&f->lane.hold_until_mono_us, clock_mono_us() - 1);
	assert_int_equal(do_call(f, "/ok")->exchange.answer.transport, TRANSPORT_ANSWERED);
}

/* Granted just before its hours were over, or by a worker whose clock was ahead. */
static void out_of_hours_nothing_leaves(void **state)
{
	struct fixture *f = *state;
	int64_t minute = clock_now_ms() / 60000 % MINUTES_A_DAY;

	/* All but three minutes of the day, and the other way round. */
	hours_add(&f->vendor.hours, EVERY_DAY, (int)(minute + 2) % MINUTES_A_DAY, (int)(minute + MINUTES_A_DAY - 1) % MINUTES_A_DAY);
	assert_int_equal(do_call(f, "/ok")->exchange.answer.transport, TRANSPORT_NOT_SENT);
	assert_int_equal(tiny_http_requests(f->http), 0);
	hours_add(&f->vendor.hours, EVERY_DAY, (int)(minute + MINUTES_A_DAY - 1) % MINUTES_A_DAY, (int)(minute + 2) % MINUTES_A_DAY);
	assert_int_equal(do_call(f, "/ok")->exchange.answer.transport, TRANSPORT_ANSWERED);
	hours_deinit(&f->vendor.hours);
}

/* ---- Stopping ---- */

static void stop_gives_back_what_was_never_begun(void **state)
{
	struct fixture *f = *state;

	set_url(f, "/ok");
	start(f);
	stop(f, DRAIN_MS);
	assert_null(mailbox_take(&f->done));
	loop_submit(f->loop, call_granted_ago(f, 0));
	start(f);   /* it is told to stop already */
	stop(f, DRAIN_MS);
	assert_int_equal(wait_for(f, 1)->exchange.answer.transport, TRANSPORT_NOT_SENT);
	assert_int_equal(tiny_http_requests(f->http), 0);
}

static void stop_gives_back_what_has_not_left(void **state)
{
	struct fixture *f = *state;
	int64_t began = clock_mono_ms();
	struct full_listener full;

	full_listener_open(&full);
	set_whole_url(&f->vendor, full.url);
	start(f);
	loop_submit(f->loop, call_granted_ago(f, 0));
	usleep(100000);
	assert_null(mailbox_take(&f->done));
	stop(f, DRAIN_MS);
	assert_int_equal(wait_for(f, 1)->exchange.answer.transport, TRANSPORT_NOT_SENT);
	assert_true(clock_mono_ms() - began < f->vendor.connect_timeout_ms);
	full_listener_close(&full);
}

static void stop_waits_for_what_has_left(void **state)
{
	struct fixture *f = *state;

	set_url(f, "/slow");
	start(f);
	loop_submit(f->loop, call_granted_ago(f, 0));
	wait_for_requests(f, 1);
	stop(f, DRAIN_MS);
	assert_int_equal(wait_for(f, 1)->exchange.answer.transport, TRANSPORT_ANSWERED);
}

static void stop_gives_up_at_the_last_moment(void **state)
{
	struct fixture *f = *state;
	int64_t began = clock_mono_ms();

	set_url(f, "/hang");
	start(f);
	loop_submit(f->loop, call_granted_ago(f, 0));
	wait_for_requests(f, 1);
	stop(f, 100);
	assert_true(clock_mono_ms() - began < f->vendor.timeout_ms);
	assert_int_equal(wait_for(f, 1)->exchange.answer.transport, TRANSPORT_CONNECTION_LOST);
}

/* Between the last look at the clock and the write the thread may have been kept from running. */
static void a_call_that_was_written_too_late_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct call call = { .lane = &f->lane, .granted_mono_us = 1000000, .leave_by_mono_us = 1020000,
		.exchange.vendor = &f->vendor };
	int guard_before;

	guard_init(&f->lane.guard, 0);
	guard_before = guard_ms(&f->lane.guard);
	assert_false(calls_left_late(&call, 1019000));
	assert_false(calls_left_late(&call, 1021000));
	assert_int_equal(guard_ms(&f->lane.guard), guard_before);
	assert_true(calls_left_late(&call, 1200000));
	assert_true(guard_ms(&f->lane.guard) >= 200);
	assert_int_equal(f->lane.late, 1);
	f->vendor.n_limits = 0;
	assert_false(calls_left_late(&call, 1200000));
	assert_int_equal(f->lane.late, 1);
}

/* Many are written in one go, which may take longer than the first ones had. */
static void a_call_is_late_only_if_the_next_one_began_late(void **state)
{
	struct fixture *f = *state;
	struct call calls[3];

	for (int i = 0; i < 3; i++)
		calls[i] = (struct call){ .lane = &f->lane, .granted_mono_us = 1000000, .leave_by_mono_us = 1020000,
			.exchange = { .vendor = &f->vendor, .left_mono_us = 1015000 + 4000 * i }, .next_left = i ? &calls[i - 1] : NULL };
	assert_true(calls_left_late(&calls[2], 1050000));   /* 0 was written by 1019000, 1 by 1023000, 2 by 1050000 */
	assert_int_equal(f->lane.late, 2);
	f->lane.late = 0;
	calls[2].exchange.left_mono_us = 1021000;
	assert_false(calls_left_late(&calls[2], 1022000));
	assert_int_equal(f->lane.late, 0);
}

/* In Redis TIME, from the time that Redis gave the grant at the earliest. */
static void the_lane_hears_when_calls_of_limited_vendors_left(void **state)
{
	struct fixture *f = *state;
	struct queue_left left[QUEUE_LEFT_MAX];
	struct call calls[3];

	for (int i = 0; i < 3; i++)
		calls[i] = (struct call){ .lane = &f->lane, .granted_us = i < 2 ? 7000000 : 7004000, .granted_mono_us = 1000000,
			.leave_by_mono_us = 1020000, .exchange = { .vendor = &f->vendor, .left_mono_us = 1003000 + 1000 * i },
			.next_left = i ? &calls[i - 1] : NULL };
	assert_false(calls_left_late(&calls[2], 1006000));
	assert_int_equal(left_take(&f->lane.left, left), 2);
	assert_int_equal(left[0].granted_us, 7004000);
	assert_int_equal(left[0].n, 1);
	assert_int_equal(left[0].left_us, 7010000);   /* written by 1006000: 6 ms after it was asked for */
	assert_int_equal(left[1].granted_us, 7000000);
	assert_int_equal(left[1].n, 2);
	assert_int_equal(left[1].left_us, 7005000);   /* the second one, before the third asked */
	f->vendor.n_limits = 0;
	assert_false(calls_left_late(&calls[2], 1006000));
	assert_int_equal(left_take(&f->lane.left, left), 0);
}

/* A call without a request yet. */
static struct call *poll_of(struct fixture *f, const char *memory)
{
	static const struct queue_grant grant = { .entry_id = "1-1" };
	struct queue_take take = { .asked_mono_ms = clock_mono_ms(), .guard_ms = GUARD_MS, .lease_ms = LEASE_MS };
	struct job *job = new_job(f->payload);

	job->phase = PHASE_POLLING;
	job->poll = mem_strdup(memory);
	return call_new(&f->lane, NULL, job, &take, &grant);
}

static void a_polled_vendor_is_asked_where_it_said(void **state)
{
	struct fixture *f = *state;
	struct call *call;

	f->vendor.mode = VENDOR_POLL;
	call = do_call(f, "/submit");
	assert_int_equal(call->exchange.answer.http_status, 202);
	assert_string_equal(call->exchange.answer.location, "/asked");
	call = poll_of(f, "{\"url\":\"/asked\"}");
	assert_true(call_make_request(call, &f->context));
	loop_submit(f->loop, call);
	call = wait_for(f, 1);
	assert_int_equal(call->exchange.answer.http_status, 200);
	assert_null(call->exchange.answer.location);
}

static void without_a_place_to_ask_no_poll_leaves(void **state)
{
	struct fixture *f = *state;
	struct call *call;

	f->vendor.mode = VENDOR_POLL;
	set_url(f, "/submit");
	call = poll_of(f, "{\"url\":\"http://elsewhere/\"}");
	assert_false(call_make_request(call, &f->context));
	assert_int_equal(call->exchange.answer.transport, TRANSPORT_NOT_MADE);
	assert_non_null(strstr(call->exchange.answer.detail, "poll/any_origin is not set"));
	call_free(call);
}

/* ---- Hosts that somebody else than the vendor's file names ---- */

/* A call to the server by this name of its host, which the payload says. */
static struct call *call_by_name(struct fixture *f, const char *host)
{
	char url[128], payload[128];

	snprintf(url, sizeof(url), "http://${payload:/host}%s", strrchr(tiny_http_url(f->http, "/ok"), ':'));
	snprintf(payload, sizeof(payload), "{\"host\":\"%s\"}", host);
	set_whole_url(&f->vendor, url);
	f->payload = payload;
	if (!f->running)
		start(f);
	loop_submit(f->loop, call_granted_ago(f, 0));
	return wait_for(f, 1);
}

static void expect_kept_away(struct fixture *f, const struct call *call, const char *why)
{
	if (call->exchange.answer.transport != TRANSPORT_NOT_MADE || !strstr(call->exchange.answer.detail, why))
		fail_msg("%d %s", call->exchange.answer.transport, call->exchange.answer.detail);
	assert_int_equal(call->exchange.answer.sent_at, 0);
	assert_int_equal(tiny_http_connections(f->http), 0);
}

static void no_name_of_this_machine_leads_a_job_to_it(void **state)
{
	static const char *const names[] = {
		"127.0.0.1", "localhost", "LocalHost", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1",
		"017700000001", "127.255.255.254",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		expect_kept_away(f, call_by_name(f, names[i]), "(loopback), which only request/allow_networks");
	expect_kept_away(f, call_by_name(f, "0"), "0.0.0.0 (unspecified)");
	expect_kept_away(f, call_by_name(f, "0.0.0.0"), "0.0.0.0 (unspecified)");
	expect_kept_away(f, call_by_name(f, "169.254.169.254"), "(metadata of a cloud)");
	assert_int_equal(f->lane.not_left, (int)(sizeof(names) / sizeof(names[0])) + 3);
}

static void the_file_may_allow_it(void **state)
{
	struct network other, loopback;
	struct fixture *f = *state;

	assert_true(network_parse("10.0.0.0/8", &other) && network_parse("127.0.0.0/8", &loopback));
	f->vendor.allow_networks = (struct networks){ &other, 1 };
	expect_kept_away(f, call_by_name(f, "127.0.0.1"), "(loopback)");
	f->vendor.allow_networks = (struct networks){ &loopback, 1 };
	assert_int_equal(call_by_name(f, "localhost")->exchange.answer.http_status, 200);
	f->vendor.allow_networks.n = 0;
	f->vendor.allow_private = true;
	assert_int_equal(call_by_name(f, "127.0.0.1")->exchange.answer.http_status, 200);
}

/* curl keeps connections for whoever calls the same host and port. */
static void a_kept_connection_is_no_way_around(void **state)
{
	struct fixture *f = *state;
	struct call *call;

	assert_int_equal(do_call(f, "/ok")->exchange.answer.http_status, 200);
	for (int i = 0; i < 5; i++) {
		call = call_by_name(f, "127.0.0.1");
		assert_int_equal(call->exchange.answer.transport, TRANSPORT_NOT_MADE);
	}
	assert_int_equal(tiny_http_requests(f->http), 1);
}

static void an_acknowledgement_that_leads_to_this_machine_is_not_followed(void **state)
{
	struct fixture *f = *state;
	char memory[128];
	struct call *call;

	f->vendor.mode = VENDOR_POLL;
	f->vendor.poll.any_origin = true;
	set_whole_url(&f->vendor, "https://vendor.example/submit");
	snprintf(memory, sizeof(memory), "{\"url\":\"%s\"}", tiny_http_url(f->http, "/asked"));
	start(f);
	call = poll_of(f, memory);
	assert_true(call_make_request(call, &f->context));
	loop_submit(f->loop, call);
	call = wait_for(f, 1);
	expect_kept_away(f, call, "127.0.0.1 (loopback)");
	f->vendor.allow_private = true;
	call = poll_of(f, memory);
	assert_true(call_make_request(call, &f->context));
	loop_submit(f->loop, call);
	assert_int_equal(wait_for(f, 1)->exchange.answer.http_status, 200);
}

int main(void)
{
#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		LOOP_TEST(an_answer_comes_back_whole),
		LOOP_TEST(connections_are_reused),
		LOOP_TEST(a_retry_after_is_read_and_holds_the_vendor_at_once),
		LOOP_TEST(a_401_takes_the_token_that_was_shown_from_the_lane),
		LOOP_TEST(headers_that_say_that_nothing_is_left_hold_the_account_at_once),
		LOOP_TEST(a_hold_by_headers_has_the_bound_of_the_file),
		LOOP_TEST(headers_that_make_no_sense_hold_nobody),
		LOOP_TEST(an_answer_that_was_overtaken_holds_from_when_its_call_left),
		LOOP_TEST(a_connection_that_dies_before_the_answer_is_not_used_again_by_curl),
		LOOP_TEST(nobody_there_is_no_call),
		LOOP_TEST(more_calls_than_handles_are_kept_end_at_once),
		LOOP_TEST(a_request_arrives_as_it_was_made),
		LOOP_TEST(an_empty_header_is_sent_empty),
		LOOP_TEST(what_has_no_body_sends_none),
		LOOP_TEST(a_job_that_does_not_fit_is_no_call),
		LOOP_TEST(curl_says_nothing_of_the_url),
		LOOP_TEST(sockets_are_looked_at_between_the_beginnings_of_many),
		LOOP_TEST(a_lone_call_does_not_wait_until_those_of_another_lane_have_begun),
		LOOP_TEST(a_lane_with_more_calls_than_a_shard_has_room_for_keeps_none_from_others),
		LOOP_TEST(a_body_over_the_maximum_is_too_big),
		LOOP_TEST(a_refusal_with_a_big_body_is_a_refusal),
		LOOP_TEST(headers_without_end_are_too_big),
		LOOP_TEST(a_vendor_that_does_not_answer_times_out),
		LOOP_TEST(a_grant_that_is_too_old_does_not_leave),
		LOOP_TEST(without_limits_the_lease_is_the_bound),
		LOOP_TEST(a_hold_stops_a_granted_call),
		LOOP_TEST(out_of_hours_nothing_leaves),
		LOOP_TEST(stop_gives_back_what_was_never_begun),
		LOOP_TEST(stop_gives_back_what_has_not_left),
		LOOP_TEST(stop_waits_for_what_has_left),
		LOOP_TEST(stop_gives_up_at_the_last_moment),
		LOOP_TEST(a_call_that_was_written_too_late_is_noticed),
		LOOP_TEST(a_call_is_late_only_if_the_next_one_began_late),
		LOOP_TEST(the_lane_hears_when_calls_of_limited_vendors_left),
		LOOP_TEST(a_polled_vendor_is_asked_where_it_said),
		LOOP_TEST(without_a_place_to_ask_no_poll_leaves),
		LOOP_TEST(no_name_of_this_machine_leads_a_job_to_it),
		LOOP_TEST(the_file_may_allow_it),
		LOOP_TEST(a_kept_connection_is_no_way_around),
		LOOP_TEST(an_acknowledgement_that_leads_to_this_machine_is_not_followed),
	};
	int failed;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	failed = cmocka_run_group_tests_name("loop", tests, NULL, NULL);
	curl_global_cleanup();
	return failed;
}
