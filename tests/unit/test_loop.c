/* loop.c and call.c: calls begin, end, and are given back when the loop stops. */
#include "../support/loop_fixture.h"

#include "clock.h"
#include "mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	TURNS_AT_LEAST = 5,   /* to begin CALLS_MAX */
	CONNECTING = 600,     /* more than one shard has room for */
};

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

/* libcurl gives it up as if memory were out, which nobody shall read at night. */
static void a_header_without_end_says_so(void **state)
{
	struct call *call = do_call(*state, "/line");

	assert_int_equal(call->exchange.answer.transport, TRANSPORT_CONNECTION_LOST);
	assert_non_null(strstr(call->exchange.answer.detail, "100 KiB"));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(an_answer_comes_back_whole),
		LOOP_TEST(connections_are_reused),
		LOOP_TEST(a_retry_after_is_read_and_holds_the_vendor_at_once),
		LOOP_TEST(a_401_takes_the_token_that_was_shown_from_the_lane),
		LOOP_TEST(a_connection_that_dies_before_the_answer_is_not_used_again_by_curl),
		LOOP_TEST(nobody_there_is_no_call),
		LOOP_TEST(more_calls_than_handles_are_kept_end_at_once),
		LOOP_TEST(sockets_are_looked_at_between_the_beginnings_of_many),
		LOOP_TEST(a_lone_call_does_not_wait_until_those_of_another_lane_have_begun),
		LOOP_TEST(a_lane_with_more_calls_than_a_shard_has_room_for_keeps_none_from_others),
		LOOP_TEST(a_body_over_the_maximum_is_too_big),
		LOOP_TEST(a_refusal_with_a_big_body_is_a_refusal),
		LOOP_TEST(headers_without_end_are_too_big),
		LOOP_TEST(a_header_without_end_says_so),
		LOOP_TEST(a_vendor_that_does_not_answer_times_out),
		LOOP_TEST(stop_gives_back_what_was_never_begun),
		LOOP_TEST(stop_gives_back_what_has_not_left),
		LOOP_TEST(stop_waits_for_what_has_left),
		LOOP_TEST(stop_gives_up_at_the_last_moment),
	};

	return cmocka_run_group_tests_name("loop", tests, loop_fixture_group_setup, loop_fixture_group_teardown);
}
