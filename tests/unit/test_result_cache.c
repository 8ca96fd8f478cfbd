#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "clock.h"
#include "mem.h"
#include "result_cache.h"
#include "uuid.h"
#include "../support/private_redis.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIMEOUT_MS = 300, LOCAL_BYTES = 64 << 10, ASKERS = 8 };

static struct private_redis *server;

static struct result_cache *open_cache(const char *prefix, size_t local_bytes)
{
	struct result_cache *cache = NULL;

	assert_int_equal(result_cache_new(private_redis_url(server), prefix, TIMEOUT_MS, local_bytes, &cache, NULL), ERR_OK);
	return cache;
}

static void put(struct result_cache *cache, const char *id, const char *answer)
{
	result_cache_put(cache, id, answer, strlen(answer));
}

static void expect(struct result_cache *cache, const char *id, const char *answer)
{
	size_t len = 0;
	char *got = result_cache_get(cache, id, &len);

	if (answer) {
		assert_non_null(got);
		assert_string_equal(got, answer);
		assert_int_equal(len, strlen(answer));
	} else {
		assert_null(got);
	}
	free(got);
}

static void new_id(char id[UUID_TEXT_SIZE]) { uuid_new(clock_now_ms(), id); }

static void gives_back_what_was_put(void **state)
{
	struct result_cache *cache = open_cache("", LOCAL_BYTES);
	char id[UUID_TEXT_SIZE];

	(void)state;
	new_id(id);
	expect(cache, id, NULL);
	put(cache, id, "{\"a\":1}");
	expect(cache, id, "{\"a\":1}");
	result_cache_free(cache);
}

static void another_process_finds_it_in_redis_for_an_hour(void **state)
{
	struct result_cache *one = open_cache("p:", LOCAL_BYTES), *two = open_cache("p:", LOCAL_BYTES);
	char id[UUID_TEXT_SIZE];
	long long seconds;

	(void)state;
	new_id(id);
	put(one, id, "answer");
	expect(two, id, "answer");
	seconds = private_redis_do(server, "TTL p:job:%s", id);
	assert_in_range(seconds, 3500, 3600);
	result_cache_free(one);
	result_cache_free(two);
}

static void prefixes_are_kept_apart(void **state)
{
	struct result_cache *one = open_cache("p:", LOCAL_BYTES), *two = open_cache("q:", LOCAL_BYTES);
	char id[UUID_TEXT_SIZE];

	(void)state;
	new_id(id);
	put(one, id, "answer");
	expect(two, id, NULL);
	result_cache_free(one);
	result_cache_free(two);
}

static void large_answers_are_not_cached(void **state)
{
	struct result_cache *cache = open_cache("", 1 << 20);
	size_t len = RESULT_CACHE_BYTES_MAX + 1;
	char *answer = mem_calloc(1, len + 1);
	char id[UUID_TEXT_SIZE];

	(void)state;
	memset(answer, 'x', len);
	new_id(id);
	put(cache, id, answer);
	expect(cache, id, NULL);
	answer[len - 1] = '\0';
	put(cache, id, answer);
	expect(cache, id, answer);
	free(answer);
	result_cache_free(cache);
}

/* Another process has put the answer into Redis meanwhile; when the store cannot be asked, it is looked for there. */
static void what_was_noted_as_unfinished_is_not_asked_of_redis(void **state)
{
	struct result_cache *one = open_cache("", LOCAL_BYTES), *two = open_cache("", LOCAL_BYTES);
	char id[UUID_TEXT_SIZE];

	(void)state;
	new_id(id);
	result_cache_note_unfinished(one, id);
	put(two, id, "answer");
	expect(one, id, NULL);
	assert_true(result_cache_forget_unfinished(one, id));
	assert_false(result_cache_forget_unfinished(one, id));
	expect(one, id, "answer");
	result_cache_free(one);
	result_cache_free(two);
}

/* It was noted, it was finished, this process has forgotten it since: Redis knows. */
static void a_note_goes_when_the_job_is_finished(void **state)
{
	struct result_cache *cache = open_cache("", 1);
	char id[UUID_TEXT_SIZE];

	(void)state;
	new_id(id);
	result_cache_note_unfinished(cache, id);
	put(cache, id, "answer");
	expect(cache, id, "answer");
	result_cache_free(cache);
}

static void the_least_recently_used_goes_first(void **state)
{
	struct result_cache *cache = open_cache("", LOCAL_BYTES);
	char ids[100][UUID_TEXT_SIZE], answer[1001];

	(void)state;
	memset(answer, 'x', 1000);
	answer[1000] = '\0';
	for (int i = 0; i < 100; i++) {
		new_id(ids[i]);
		put(cache, ids[i], answer);
		expect(cache, ids[0], answer);
	}
	private_redis_flush(server);
	expect(cache, ids[0], answer);
	expect(cache, ids[99], answer);
	expect(cache, ids[1], NULL);
	expect(cache, ids[30], NULL);
	result_cache_free(cache);
}

static void without_redis_it_works_alone_and_does_not_wait(void **state)
{
	struct result_cache *cache = open_cache("", LOCAL_BYTES);
	char id[UUID_TEXT_SIZE], other[UUID_TEXT_SIZE];
	int64_t before;

	(void)state;
	new_id(id);
	new_id(other);
	expect(cache, other, NULL);
	private_redis_stop(server);
	put(cache, id, "answer");
	before = clock_mono_ms();
	for (int i = 0; i < 100; i++) {
		expect(cache, id, "answer");
		expect(cache, other, NULL);
	}
	assert_true(clock_mono_ms() - before < TIMEOUT_MS);
	private_redis_cont(server);
	result_cache_free(cache);
}

static void comes_back_after_redis_did(void **state)
{
	struct result_cache *cache = open_cache("", LOCAL_BYTES);
	char id[UUID_TEXT_SIZE];
	int64_t end;

	(void)state;
	new_id(id);
	put(cache, id, "one");
	private_redis_kill(server);
	private_redis_restart(server);
	for (end = clock_mono_ms() + 5000; clock_mono_ms() < end && !private_redis_do(server, "EXISTS job:%s", id);) {
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
		put(cache, id, "one");
	}
	assert_int_equal(private_redis_do(server, "EXISTS job:%s", id), 1);
	result_cache_free(cache);
}

struct asker { pthread_t thread; struct result_cache *cache; char (*ids)[UUID_TEXT_SIZE]; };

static void *ask_and_put(void *arg)
{
	struct asker *asker = arg;

	for (int i = 0; i < 500; i++) {
		const char *id = asker->ids[i % 50];
		size_t len;
		char *got = result_cache_get(asker->cache, id, &len);

		if (got && strcmp(got, id) != 0)
			abort();
		if (!got)
			put(asker->cache, id, id);
		free(got);
	}
	return NULL;
}

static void many_threads_may_use_it(void **state)
{
	struct result_cache *cache = open_cache("", 4096);
	struct asker askers[ASKERS];
	char ids[50][UUID_TEXT_SIZE];

	(void)state;
	for (int i = 0; i < 50; i++)
		new_id(ids[i]);
	for (int i = 0; i < ASKERS; i++) {
		askers[i] = (struct asker){ .cache = cache, .ids = ids };
		assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_and_put, &askers[i]), 0);
	}
	for (int i = 0; i < ASKERS; i++)
		pthread_join(askers[i].thread, NULL);
	result_cache_free(cache);
}

static void refuses_a_bad_url(void **state)
{
	struct result_cache *cache = NULL;
	struct err_text why = { "" };

	(void)state;
	assert_int_equal(result_cache_new("rediss://host", "", TIMEOUT_MS, LOCAL_BYTES, &cache, &why), ERR_UNSUPPORTED);
	assert_null(cache);
	assert_true(why.text[0] != '\0');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_back_what_was_put),
		cmocka_unit_test(another_process_finds_it_in_redis_for_an_hour),
		cmocka_unit_test(prefixes_are_kept_apart),
		cmocka_unit_test(large_answers_are_not_cached),
		cmocka_unit_test(what_was_noted_as_unfinished_is_not_asked_of_redis),
		cmocka_unit_test(a_note_goes_when_the_job_is_finished),
		cmocka_unit_test(the_least_recently_used_goes_first),
		cmocka_unit_test(without_redis_it_works_alone_and_does_not_wait),
		cmocka_unit_test(comes_back_after_redis_did),
		cmocka_unit_test(many_threads_may_use_it),
		cmocka_unit_test(refuses_a_bad_url),
	};
	int failed;

	private_redis_or_skip();
	server = private_redis_start(NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	private_redis_free(server);
	return failed;
}
