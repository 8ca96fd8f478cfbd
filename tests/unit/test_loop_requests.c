/* loop.c, call.c and exchange.c: what is sent, and to whom. */
#include "../support/loop_fixture.h"

#include "clock.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- Polls ---- */

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
	const struct CMUnitTest tests[] = {
		LOOP_TEST(a_request_arrives_as_it_was_made),
		LOOP_TEST(an_empty_header_is_sent_empty),
		LOOP_TEST(what_has_no_body_sends_none),
		LOOP_TEST(a_job_that_does_not_fit_is_no_call),
		LOOP_TEST(curl_says_nothing_of_the_url),
		LOOP_TEST(a_polled_vendor_is_asked_where_it_said),
		LOOP_TEST(without_a_place_to_ask_no_poll_leaves),
		LOOP_TEST(no_name_of_this_machine_leads_a_job_to_it),
		LOOP_TEST(the_file_may_allow_it),
		LOOP_TEST(a_kept_connection_is_no_way_around),
		LOOP_TEST(an_acknowledgement_that_leads_to_this_machine_is_not_followed),
	};

	return cmocka_run_group_tests_name("loop: requests", tests, loop_fixture_group_setup, loop_fixture_group_teardown);
}
