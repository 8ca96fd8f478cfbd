/* The thread that gets access tokens, against a small HTTP server and a real Redis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/tokens.h"
#include "../support/queue_fixture.h"
#include "../support/tiny_http.h"
#include "clock.h"
#include "mem.h"
#include "queue_token.h"
#include "secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 2, WORKERS_MAX = 3, WAIT_MS = 20000 };

#define TEXT(literal) ((char *)(uintptr_t)(literal))

static struct private_redis *server;

/* ---- Workers with nothing but lanes, and their tokens threads ---- */

struct one {
	char name[16];
	struct settings settings;
	struct mailbox intake_poke;
	struct tokens *tokens;
	struct lane lanes[LANES];
};

struct fixture {
	struct tiny_http *http;
	struct vendor vendors[LANES];
	struct one all[WORKERS_MAX];
	int n;
};

static void start_worker(struct fixture *f)
{
	struct one *one = &f->all[f->n++];

	*one = (struct one){ .settings = { .redis_url = TEXT(private_redis_url(server)), .redis_prefix = TEXT("t:"),
	                                   .redis_timeout_ms = FIXTURE_TIMEOUT_MS } };
	snprintf(one->name, sizeof(one->name), "h/w%d", f->n);
	for (int i = 0; i < LANES; i++) {
		one->lanes[i].vendor = &f->vendors[i];
		snprintf(one->lanes[i].name, sizeof(one->lanes[i].name), "%s", f->vendors[i].name);
		token_slot_init(&one->lanes[i].token);
	}
	assert_int_equal(mailbox_init(&one->intake_poke), 0);
	assert_int_equal(tokens_new(&one->settings, one->name, &one->intake_poke, &one->tokens, NULL), ERR_OK);
	assert_int_equal(tokens_start(one->tokens, NULL), ERR_OK);
}

static void stop_worker(struct one *one)
{
	tokens_stop(one->tokens);
	tokens_free(one->tokens);
	for (int i = 0; i < LANES; i++)
		token_slot_deinit(&one->lanes[i].token);
	mailbox_deinit(&one->intake_poke);
}

static void set_endpoint(struct fixture *f, int i, const char *path)
{
	free(f->vendors[i].oauth2.url);
	f->vendors[i].oauth2.url = mem_strdup(path[0] == '/' ? tiny_http_url(f->http, path) : path);
}

static int setup(void **state)
{
	static const char *const names[LANES] = { "v0", "v1" };
	struct fixture *f = mem_calloc(1, sizeof(*f));

	private_redis_flush(server);
	f->http = tiny_http_start();
	for (int i = 0; i < LANES; i++) {
		f->vendors[i] = (struct vendor){ .name = TEXT(names[i]), .timeout_ms = 30000, .connect_timeout_ms = 1000,
			.retry = { .max_hold_ms = 60000 },
			.oauth2 = { .form = TEXT("grant_type=client_credentials"), .authorization = TEXT("Authorization: Basic YTpi"),
			            .life_ms = 300000 } };
		set_endpoint(f, i, "/token");
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < f->n; i++)
		stop_worker(&f->all[i]);
	for (int i = 0; i < LANES; i++)
		free(f->vendors[i].oauth2.url);
	tiny_http_free(f->http);
	free(f);
	return 0;
}

/* ---- What they come to ---- */

/* Wants one as intake does, until there is one; the caller owns it. */
static char *wait_for_token(struct one *one, int lane, char id[TOKEN_ID_SIZE])
{
	struct token_slot *slot = &one->lanes[lane].token;
	int64_t give_up = clock_mono_ms() + WAIT_MS;
	char *text = NULL;

	while (!text && clock_mono_ms() < give_up) {
		tokens_want(one->tokens, &one->lanes[lane]);
		fixture_nap_ms(2);
		text = token_slot_copy(slot, one->lanes[lane].vendor->oauth2.key, clock_mono_ms(), id);
	}
	assert_non_null(text);
	return text;
}

static void expect_token(struct one *one, int lane, const char *expected)
{
	char id[TOKEN_ID_SIZE], *text = wait_for_token(one, lane, id);

	assert_string_equal(text, expected);
	secret_free(text);
}

static long long failures_of(const char *vendor)
{
	return private_redis_do(server, "HEXISTS t:token:{%s} failures", vendor);
}

static void wait_for_failure(struct one *one, int lane)
{
	for (int64_t give_up = clock_mono_ms() + WAIT_MS; !failures_of(one->lanes[lane].vendor->name); fixture_nap_ms(2)) {
		assert_true(clock_mono_ms() < give_up);
		tokens_want(one->tokens, &one->lanes[lane]);
	}
}

/* ---- Tests ---- */

static void all_workers_come_to_one_token(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < WORKERS_MAX; i++)
		start_worker(f);
	for (int i = 0; i < WORKERS_MAX; i++)
		tokens_want(f->all[i].tokens, &f->all[i].lanes[0]);
	for (int i = 0; i < WORKERS_MAX; i++)
		expect_token(&f->all[i], 0, "T1");
	assert_int_equal(tiny_http_requests(f->http), 1);
	assert_non_null(strstr(tiny_http_last(f->http), "POST /token HTTP/1.1\r\n"));
	assert_non_null(strstr(tiny_http_last(f->http), "Content-Type: application/x-www-form-urlencoded\r\n"));
	assert_non_null(strstr(tiny_http_last(f->http), "Authorization: Basic YTpi\r\n"));
	assert_non_null(strstr(tiny_http_last(f->http), "\r\n\r\ngrant_type=client_credentials"));
	assert_true(atomic_load(&f->all[0].lanes[0].look));
}

static void nobody_wants_one_so_none_is_fetched(void **state)
{
	struct fixture *f = *state;

	start_worker(f);
	expect_token(&f->all[0], 1, "T1");
	assert_int_equal(tiny_http_requests(f->http), 1);
	assert_int_equal(token_slot_state(&f->all[0].lanes[0].token, f->vendors[0].oauth2.key, clock_mono_ms()), TOKEN_MISSING);
}

static void one_that_was_refused_is_replaced_once(void **state)
{
	char first[TOKEN_ID_SIZE];
	struct fixture *f = *state;

	start_worker(f);
	start_worker(f);
	secret_free(wait_for_token(&f->all[0], 0, first));
	expect_token(&f->all[1], 0, "T1");
	token_slot_refuse(&f->all[0].lanes[0].token, first);
	expect_token(&f->all[0], 0, "T2");
	/* The other worker hears of it later, and comes to the same. */
	token_slot_refuse(&f->all[1].lanes[0].token, first);
	expect_token(&f->all[1], 0, "T2");
	/* A call that left with the first one is answered at last. */
	token_slot_refuse(&f->all[0].lanes[0].token, first);
	expect_token(&f->all[0], 0, "T2");
	assert_int_equal(tiny_http_requests(f->http), 2);
}

static void an_endpoint_that_hangs_keeps_no_other_vendor_waiting(void **state)
{
	struct fixture *f = *state;

	set_endpoint(f, 0, "/hang");
	start_worker(f);
	tokens_want(f->all[0].tokens, &f->all[0].lanes[0]);
	while (tiny_http_requests(f->http) < 1)
		fixture_nap_ms(1);
	expect_token(&f->all[0], 1, "T2");   /* of the second request */
	assert_int_equal(token_slot_state(&f->all[0].lanes[0].token, f->vendors[0].oauth2.key, clock_mono_ms()), TOKEN_MISSING);
}

/* Its lease would last longer than this test waits. */
static void who_leaves_while_it_fetches_leaves_it_to_others(void **state)
{
	struct fixture *f = *state;

	set_endpoint(f, 0, "/hang");
	start_worker(f);
	tokens_want(f->all[0].tokens, &f->all[0].lanes[0]);
	while (tiny_http_requests(f->http) < 1)
		fixture_nap_ms(1);
	stop_worker(&f->all[--f->n]);
	set_endpoint(f, 0, "/token");
	f->n = 1;                      /* under another name */
	start_worker(f);
	expect_token(&f->all[1], 0, "T2");
	stop_worker(&f->all[1]);
	f->n = 0;
}

static void expect_failure(struct fixture *f, const char *path, const char *reason)
{
	struct queue_state state = { .vendor = &f->vendors[0] };
	struct queue *queue = fixture_queue(server);

	private_redis_flush(server);
	set_endpoint(f, 0, path);
	start_worker(f);
	wait_for_failure(&f->all[f->n - 1], 0);
	assert_int_equal(queue_states(queue, &state, 1, NULL), ERR_OK);
	assert_true(state.no_token);
	assert_in_range(state.token_ms, 1, 60000);
	if (!strstr(state.token_reason, reason))
		fail_msg("%s: %s", path, state.token_reason);
	stop_worker(&f->all[--f->n]);
	queue_free(queue);
}

static void bad_answers_are_failures_with_a_reason(void **state)
{
	struct fixture *f = *state;

	f->vendors[0].timeout_ms = 300;
	expect_failure(f, "/ok", "its token endpoint answered 200, without an access_token");
	expect_failure(f, "/endless", "its token endpoint answered 200 with more than 131072 bytes");
	expect_failure(f, "/headers", "its token endpoint answered 200 with more than 262144 bytes of headers");
	expect_failure(f, "/hang", "its token endpoint cannot be asked: ");
	expect_failure(f, "/submit", "its token endpoint answered 202, but its body is not JSON");
	expect_failure(f, "/later", "its token endpoint answered 429");
	expect_failure(f, "http://127.0.0.1:1/", "its token endpoint cannot be asked: ");
}

/* The endpoint asks for 7 s; nobody asks it again before. */
static void it_is_not_asked_again_at_once(void **state)
{
	struct queue_state told = { .vendor = NULL };
	struct fixture *f = *state;
	struct queue *queue = fixture_queue(server);

	set_endpoint(f, 0, "/later");
	told.vendor = &f->vendors[0];
	start_worker(f);
	start_worker(f);
	wait_for_failure(&f->all[0], 0);
	assert_int_equal(queue_states(queue, &told, 1, NULL), ERR_OK);
	assert_in_range(told.token_ms, 2000, 7000);
	for (int i = 0; i < 50; i++) {
		tokens_want(f->all[0].tokens, &f->all[0].lanes[0]);
		tokens_want(f->all[1].tokens, &f->all[1].lanes[0]);
		fixture_nap_ms(2);
	}
	assert_int_equal(tiny_http_requests(f->http), 1);
	queue_free(queue);
}

/* Its file was changed: what lies in Redis is another client's. */
static void a_token_that_cannot_be_opened_is_replaced(void **state)
{
	struct fixture *f = *state;

	start_worker(f);
	expect_token(&f->all[0], 0, "T1");
	stop_worker(&f->all[--f->n]);
	private_redis_do(server, "HSET t:token:{v0} next_at 0");
	f->vendors[0].oauth2.key[0] = 1;
	start_worker(f);
	expect_token(&f->all[0], 0, "T2");
}

/* The vendor files are read again: what the lane wants then is fetched by other rules, and those before are gone. */
static void a_lane_may_have_other_rules_meanwhile(void **state)
{
	struct fixture *f = *state;
	struct vendor before = f->vendors[0], *now = mem_alloc(sizeof(*now));

	start_worker(f);
	expect_token(&f->all[0], 0, "T1");
	private_redis_do(server, "HSET t:token:{v0} next_at 0");
	*now = before;
	now->oauth2.url = mem_strdup(before.oauth2.url);
	now->oauth2.key[0] = 1;
	memset(f->vendors[0].oauth2.url, 'x', strlen(f->vendors[0].oauth2.url));
	f->all[0].lanes[0].vendor = now;
	expect_token(&f->all[0], 0, "T2");
	free(now->oauth2.url);
	free(now);
}

static void in_redis_it_is_not_readable(void **state)
{
	struct fixture *f = *state;

	start_worker(f);
	expect_token(&f->all[0], 0, "T1");
	assert_int_equal(private_redis_do(server, "HSTRLEN t:token:{v0} sealed"), 40);   /* base64 of 12 + 2 + 16 bytes */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_workers_come_to_one_token),
		TEST(nobody_wants_one_so_none_is_fetched),
		TEST(one_that_was_refused_is_replaced_once),
		TEST(an_endpoint_that_hangs_keeps_no_other_vendor_waiting),
		TEST(who_leaves_while_it_fetches_leaves_it_to_others),
		TEST(bad_answers_are_failures_with_a_reason),
		TEST(it_is_not_asked_again_at_once),
		TEST(a_token_that_cannot_be_opened_is_replaced),
		TEST(a_lane_may_have_other_rules_meanwhile),
		TEST(in_redis_it_is_not_readable),
	};
	int failed;

	private_redis_or_skip();
	server = private_redis_start(NULL);
	failed = cmocka_run_group_tests_name("tokens", tests, NULL, NULL);
	private_redis_free(server);
	return failed;
}
