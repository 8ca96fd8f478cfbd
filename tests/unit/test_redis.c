#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "clock.h"
#include "redis.h"
#include "../support/private_redis.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIMEOUT_MS = 400 };

static struct private_redis *server;

static void nap_ms(int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

static struct redis *open_url(const char *url)
{
	struct redis *redis = NULL;
	struct err_text why;

	assert_int_equal(redis_new(url, TIMEOUT_MS, &redis, &why), ERR_OK);
	return redis;
}

/* Waits until it is connected; only for tests that broke the connection before. */
static void get_ready(struct redis *redis)
{
	int64_t end = clock_mono_ms() + 5000;
	struct err_text why;

	while (redis_ready(redis, &why)) {
		assert_true(clock_mono_ms() < end);
		nap_ms(10);
	}
}

static enum err run(struct redis *redis, int argc, const char **argv, redisReply **reply)
{
	return redis_command(redis, argc, argv, NULL, reply, NULL);
}

#define RUN(redis, reply, ...) \
	run(redis, (int)(sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *)), (const char *[]){ __VA_ARGS__ }, reply)

static void expect_status(struct redis *redis, const char *command, const char *status)
{
	redisReply *reply;

	assert_int_equal(RUN(redis, &reply, command), ERR_OK);
	assert_string_equal(reply->str, status);
	freeReplyObject(reply);
}

/* ---- URLs ---- */

static void bad_urls_are_refused_with_a_reason_and_without_the_password(void **state)
{
	static const struct { const char *url; enum err err; const char *says; } bad[] = {
		{ "", ERR_INVALID, "must start with" },
		{ "localhost:6379", ERR_INVALID, "must start with" },
		{ "http://localhost", ERR_INVALID, "must start with" },
		{ "rediss://localhost", ERR_UNSUPPORTED, "TLS" },
		{ "redis+cluster://a", ERR_UNSUPPORTED, "Cluster" },
		{ "redis+sentinel://a", ERR_UNSUPPORTED, "Sentinel" },
		{ "redis://a,b", ERR_UNSUPPORTED, "one server" },
		{ "redis://", ERR_INVALID, "host" },
		{ "redis://:6379", ERR_INVALID, "host" },
		{ "redis://:s3cret@", ERR_INVALID, "host" },
		{ "redis://s3cret@host", ERR_INVALID, "user without a password" },
		{ "redis://@host", ERR_INVALID, "user without a password" },
		{ "redis://user:@host", ERR_INVALID, "empty" },
		{ "redis://:s3cret%2@host", ERR_INVALID, "escape" },
		{ "redis://:s3cret%@host", ERR_INVALID, "escape" },
		{ "redis://:s3cret%zz@host", ERR_INVALID, "escape" },
		{ "redis://:s3cret%00@host", ERR_INVALID, "escape" },
		{ "redis://u%4:s3cret@host", ERR_INVALID, "escape" },
		{ "redis://host:", ERR_INVALID, "port" },
		{ "redis://host:0", ERR_INVALID, "port" },
		{ "redis://host:65536", ERR_INVALID, "port" },
		{ "redis://host:+1", ERR_INVALID, "port" },
		{ "redis://host:99999999999", ERR_INVALID, "port" },
		{ "redis://[::1", ERR_INVALID, "]" },
		{ "redis://[]", ERR_INVALID, "host" },
		{ "redis://[::1]x", ERR_INVALID, "port" },
		{ "redis://host/x", ERR_INVALID, "database" },
		{ "redis://host/-1", ERR_INVALID, "database" },
		{ "redis://host/1/2", ERR_INVALID, "database" },
		{ "redis://host?db=1", ERR_INVALID, "options" },
		{ "redis://host/1?x", ERR_INVALID, "options" },
		{ "redis://ho st", ERR_INVALID, "white space" },
		{ "redis://host\n", ERR_INVALID, "white space" },
		{ "unix://", ERR_INVALID, "absolute" },
		{ "unix://run/redis.sock", ERR_INVALID, "absolute" },
		{ "unix:///", ERR_INVALID, "absolute" },
		{ "unix:///a?db=x", ERR_INVALID, "db=NUMBER" },
		{ "unix:///a?x=1", ERR_INVALID, "db=NUMBER" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err_text why = { "" };
		struct redis *redis = NULL;
		enum err err = redis_new(bad[i].url, TIMEOUT_MS, &redis, &why);

		if (err != bad[i].err || !strstr(why.text, bad[i].says) || strstr(why.text, "s3cret"))
			fail_msg("%s: %s: %s", bad[i].url, err_str(err), why.text);
	}
}

static void good_urls_are_taken(void **state)
{
	static const char *const good[] = {
		"redis://localhost", "redis://localhost/", "redis://localhost:1/15", "redis://:p@h", "redis://u:p%40%2f@h:6379/0",
		"redis://u:p@w@h", "redis://[::1]", "redis://[::1]:6380/2", "unix:///run/redis.sock", "unix:///run/redis.sock?db=3",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		redis_free(open_url(good[i]));
	redis_free(NULL);
}

/* ---- The connection ---- */

static void connects_and_learns_run_id_and_time(void **state)
{
	struct redis *redis = open_url(private_redis_url(server));

	(void)state;
	assert_string_equal(redis_run_id(redis), "");
	assert_int_equal(redis_fd(redis), -1);
	assert_int_equal(redis_ready(redis, NULL), ERR_OK);
	assert_int_equal(strlen(redis_run_id(redis)), 40);
	assert_true(redis_fd(redis) >= 0);
	assert_int_equal(redis_learn_time(redis, NULL), ERR_OK);
	assert_true(llabs(clock_now_ms() - clock_wall_ms()) < 1000);
	redis_free(redis);
}

static void unix_socket_and_database(void **state)
{
	char url[256];
	struct redis *redis;
	redisReply *reply;

	(void)state;
	snprintf(url, sizeof(url), "%s?db=3", private_redis_unix_url(server));
	redis = open_url(url);
	assert_int_equal(redis_ready(redis, NULL), ERR_OK);
	assert_int_equal(RUN(redis, &reply, "SET", "in-db", "3"), ERR_OK);
	freeReplyObject(reply);
	redis_free(redis);

	snprintf(url, sizeof(url), "%s/3", private_redis_url(server));
	redis = open_url(url);
	assert_int_equal(redis_ready(redis, NULL), ERR_OK);
	assert_int_equal(RUN(redis, &reply, "GET", "in-db"), ERR_OK);
	assert_string_equal(reply->str, "3");
	freeReplyObject(reply);
	redis_free(redis);
}

static void password_and_user_are_used_and_decoded(void **state)
{
	char url[256];
	struct private_redis *locked;
	struct redis *redis;
	struct err_text why;
	const char *address;

	(void)state;
	/* The server asks for a password only once told so by CONFIG: until then the harness itself can talk to it. */
	locked = private_redis_start(NULL);
	address = private_redis_url(locked) + strlen("redis://");
	private_redis_do(locked, "ACL SETUSER vera on >%s ~* &* +@all", "v:ra");
	private_redis_do(locked, "CONFIG SET requirepass %s", "p@ss/w%rd");

	redis = open_url(private_redis_url(locked));
	assert_int_equal(redis_ready(redis, &why), ERR_UNAVAILABLE);
	assert_non_null(strstr(why.text, "NOAUTH"));
	redis_free(redis);

	snprintf(url, sizeof(url), "redis://:p%%40ss%%2Fw%%25rd@%s", address);
	redis = open_url(url);
	assert_int_equal(redis_ready(redis, &why), ERR_OK);
	redis_free(redis);

	snprintf(url, sizeof(url), "redis://vera:v%%3Ara@%s", address);
	redis = open_url(url);
	assert_int_equal(redis_ready(redis, &why), ERR_OK);
	redis_free(redis);

	snprintf(url, sizeof(url), "redis://vera:wrong@%s", address);
	redis = open_url(url);
	assert_int_equal(redis_ready(redis, &why), ERR_UNAVAILABLE);
	assert_non_null(strstr(why.text, "WRONGPASS"));
	assert_null(strstr(why.text, "wrong@"));
	redis_free(redis);
	private_redis_free(locked);
}

static void pipeline_answers_come_in_order_and_errors_are_answers(void **state)
{
	struct redis *redis = open_url(private_redis_url(server));
	const char *incr[] = { "INCR", "n" }, *bad[] = { "NO-SUCH-COMMAND" };
	redisReply *reply;

	(void)state;
	private_redis_flush(server);
	assert_int_equal(redis_ready(redis, NULL), ERR_OK);
	for (int i = 0; i < 100; i++)
		redis_append(redis, 2, incr, NULL);
	redis_append(redis, 1, bad, NULL);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(redis_next(redis, &reply, NULL), ERR_OK);
		assert_int_equal(reply->integer, i + 1);
		freeReplyObject(reply);
	}
	assert_int_equal(redis_next(redis, &reply, NULL), ERR_OK);
	assert_int_equal(reply->type, REDIS_REPLY_ERROR);
	freeReplyObject(reply);
	expect_status(redis, "PING", "PONG");
	redis_free(redis);
}

static void dead_server_costs_nothing_between_tries(void **state)
{
	struct redis *redis = open_url("redis://127.0.0.1:1");
	struct err_text why;
	int64_t start;

	(void)state;
	assert_int_equal(redis_ready(redis, &why), ERR_UNAVAILABLE);
	assert_non_null(strstr(why.text, "127.0.0.1:1"));
	assert_non_null(strstr(why.text, "refused"));
	start = clock_mono_ms();
	for (int i = 0; i < 1000; i++)
		assert_int_equal(redis_ready(redis, &why), ERR_UNAVAILABLE);
	assert_true(clock_mono_ms() - start < REDIS_RETRY_MS);
	assert_non_null(strstr(why.text, "refused"));
	redis_free(redis);
}

static void comes_back_after_a_restart_with_the_new_run_id(void **state)
{
	struct redis *redis = open_url(private_redis_url(server));
	char run_id[64];
	redisReply *reply;
	struct err_text why;

	(void)state;
	get_ready(redis);
	snprintf(run_id, sizeof(run_id), "%s", redis_run_id(redis));
	private_redis_restart(server);
	assert_int_equal(RUN(redis, &reply, "PING"), ERR_UNAVAILABLE);
	assert_int_equal(redis_next(redis, &reply, &why), ERR_UNAVAILABLE);
	get_ready(redis);
	assert_string_not_equal(redis_run_id(redis), run_id);
	expect_status(redis, "PING", "PONG");
	redis_free(redis);
}

/* Nothing is lost on a connection that ended while nobody used it. */
static void a_connection_that_the_server_closed_is_not_used(void **state)
{
	struct redis *redis = open_url(private_redis_url(server));
	struct err_text why;

	(void)state;
	get_ready(redis);
	expect_status(redis, "PING", "PONG");
	assert_int_equal(redis_ready(redis, &why), ERR_OK);
	expect_status(redis, "PING", "PONG");
	private_redis_restart(server);
	get_ready(redis);
	expect_status(redis, "PING", "PONG");
	redis_free(redis);
}

static void silent_server_is_given_up_after_the_timeout(void **state)
{
	struct redis *redis = open_url(private_redis_url(server)), *other = open_url(private_redis_url(server));
	redisReply *reply;
	int64_t start, took;
	struct err_text why;

	(void)state;
	get_ready(redis);
	private_redis_stop(server);
	start = clock_mono_ms();
	assert_int_equal(redis_command(redis, 1, (const char *[]){ "PING" }, NULL, &reply, &why), ERR_UNAVAILABLE);
	took = clock_mono_ms() - start;
	assert_non_null(strstr(why.text, "no answer in time"));
	assert_in_range(took, TIMEOUT_MS - 50, TIMEOUT_MS * 3);
	start = clock_mono_ms();
	assert_int_equal(redis_ready(other, &why), ERR_UNAVAILABLE);
	assert_true(clock_mono_ms() - start < TIMEOUT_MS * 3);
	private_redis_cont(server);
	get_ready(redis);
	expect_status(redis, "PING", "PONG");
	redis_free(redis);
	redis_free(other);
}

static void poll_gives_messages_and_never_waits(void **state)
{
	struct redis *redis = open_url(private_redis_url(server));
	redisReply *reply;
	struct pollfd fd;
	int64_t start;

	(void)state;
	get_ready(redis);
	assert_int_equal(RUN(redis, &reply, "SUBSCRIBE", "c"), ERR_OK);
	freeReplyObject(reply);
	start = clock_mono_ms();
	assert_int_equal(redis_poll(redis, &reply, NULL), ERR_OK);
	assert_null(reply);
	assert_true(clock_mono_ms() - start < TIMEOUT_MS / 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(private_redis_do(server, "PUBLISH c %d", i), 1);
	for (int i = 0; i < 3;) {
		fd = (struct pollfd){ .fd = redis_fd(redis), .events = POLLIN };
		assert_int_equal(redis_poll(redis, &reply, NULL), ERR_OK);
		if (!reply) {
			assert_int_equal(poll(&fd, 1, 5000), 1);
			continue;
		}
		assert_int_equal(atol(reply->element[2]->str), i++);
		freeReplyObject(reply);
	}
	private_redis_kill(server);
	fd = (struct pollfd){ .fd = redis_fd(redis), .events = POLLIN };
	assert_int_equal(poll(&fd, 1, 5000), 1);
	assert_int_equal(redis_poll(redis, &reply, NULL), ERR_UNAVAILABLE);
	assert_int_equal(redis_fd(redis), -1);
	private_redis_restart(server);
	redis_free(redis);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_urls_are_refused_with_a_reason_and_without_the_password),
		cmocka_unit_test(good_urls_are_taken),
		cmocka_unit_test(connects_and_learns_run_id_and_time),
		cmocka_unit_test(unix_socket_and_database),
		cmocka_unit_test(password_and_user_are_used_and_decoded),
		cmocka_unit_test(pipeline_answers_come_in_order_and_errors_are_answers),
		cmocka_unit_test(dead_server_costs_nothing_between_tries),
		cmocka_unit_test(comes_back_after_a_restart_with_the_new_run_id),
		cmocka_unit_test(a_connection_that_the_server_closed_is_not_used),
		cmocka_unit_test(silent_server_is_given_up_after_the_timeout),
		cmocka_unit_test(poll_gives_messages_and_never_waits),
	};

	private_redis_or_skip();
	server = private_redis_start(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
