#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../fcgi/group_commit.h"
#include "../../fcgi/store_link.h"
#include "clock.h"
#include "log.h"
#include "mem.h"
#include "store_engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WAIT_MS = 300, THREADS = 32 };

/* ---- A store that does as it is told ---- */

struct fake {
	struct store base;
	_Atomic int insert_ms;        /* how long an insert takes */
	_Atomic int insert_fails;     /* err of every batch, and of tries to write */
	_Atomic int ping_fails;
	_Atomic int open_fails;
	_Atomic int batches, jobs, largest, tries;
	_Atomic size_t largest_bytes;
};

static struct fake fake;

static void nap_ms(int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/* The payload says what becomes of its job. */
static enum err outcome_of(struct store_insert *item)
{
	const char *payload = item->job->payload;

	if (strcmp(payload, "\"exists\"") == 0) {
		memcpy(item->job->request_id, "first", 6);
		return ERR_EXISTS;
	}
	if (strcmp(payload, "\"conflict\"") == 0)
		return ERR_CONFLICT;
	return strcmp(payload, "\"too big\"") == 0 ? ERR_TOO_BIG : ERR_OK;
}

static enum err fake_insert(struct store *store, struct store_insert *items, size_t n, struct err_text *why)
{
	size_t bytes = 0;

	(void)store;
	atomic_fetch_add(&fake.batches, 1);
	nap_ms(fake.insert_ms);
	if (fake.insert_fails)
		return err_set(why, fake.insert_fails, "told to fail");
	for (size_t i = 0; i < n; i++) {
		items[i].outcome = outcome_of(&items[i]);
		bytes += strlen(items[i].job->payload);
		atomic_fetch_add(&fake.jobs, items[i].outcome == ERR_OK);
	}
	if ((int)n > fake.largest)
		fake.largest = (int)n;
	if (bytes > fake.largest_bytes)
		fake.largest_bytes = bytes;
	return ERR_OK;
}

static enum err fake_ping(struct store *store, struct err_text *why)
{
	(void)store;
	return fake.ping_fails ? err_set(why, ERR_UNAVAILABLE, "told to be away") : ERR_OK;
}

static enum err fake_try_write(struct store *store, struct err_text *why)
{
	(void)store;
	atomic_fetch_add(&fake.tries, 1);
	return fake.insert_fails ? err_set(why, fake.insert_fails, "told to fail") : ERR_OK;
}

static void fake_close(struct store *store) { (void)store; }

static const struct store_engine fake_engine = {
	.insert = fake_insert, .ping = fake_ping, .try_write = fake_try_write, .close = fake_close,
};

static enum err fake_open(void *arg, struct store **store, struct err_text *why)
{
	(void)arg;
	if (fake.open_fails)
		return err_set(why, ERR_UNAVAILABLE, "not there yet");
	*store = &fake.base;
	return ERR_OK;
}

/* ---- One commit with its link, for each test ---- */

static struct store_link *the_link;
static struct group_commit *commit;
static _Atomic int told;

static void on_stored(void *arg, const char *vendor, const char *request_id)
{
	(void)arg;
	if (strcmp(vendor, "v") == 0 && request_id[0])
		atomic_fetch_add(&told, 1);
}

static bool becomes(enum err wanted, int within_ms)
{
	int64_t end = clock_mono_ms() + within_ms;

	while (group_commit_ready(commit, NULL) != wanted && clock_mono_ms() < end)
		nap_ms(5);
	return group_commit_ready(commit, NULL) == wanted;
}

static int start(bool away, int wait_ms)
{
	memset(&fake, 0, sizeof(fake));
	fake.base.engine = &fake_engine;
	fake.open_fails = away;
	told = 0;
	the_link = store_link_new(fake_open, NULL, wait_ms);
	commit = group_commit_new(the_link, wait_ms, on_stored, NULL);
	return away || becomes(ERR_OK, 2000) ? 0 : -1;
}

static int begin(void **state) { (void)state; return start(false, WAIT_MS); }
static int begin_patient(void **state) { (void)state; return start(false, 30000); }
static int begin_away(void **state) { (void)state; return start(true, WAIT_MS); }

static int end(void **state)
{
	(void)state;
	group_commit_free(commit);
	store_link_free(the_link);
	return 0;
}

static enum err put_text(char *payload, char request_id[UUID_TEXT_SIZE])
{
	struct store_insert insert = { .job = job_new(clock_now_ms(), "v", payload, clock_now_ms() + 1000), .idempotency_key = "k" };

	return group_commit_put(commit, &insert, request_id, NULL);
}

static enum err put(const char *payload)
{
	char request_id[UUID_TEXT_SIZE];

	return put_text(mem_strdup(payload), request_id);
}

/* Many threads, each putting some jobs; how often each err came back. */
struct putter {
	pthread_t thread;
	const char *payload;
	size_t payload_bytes;    /* > 0: a string this long instead */
	int times;
	int counts[16];
	int64_t slowest_ms;
};

static char *payload_of(const struct putter *putter)
{
	char *text;

	if (!putter->payload_bytes)
		return mem_strdup(putter->payload);
	text = mem_alloc(putter->payload_bytes + 1);
	memset(text, 'x', putter->payload_bytes);
	text[putter->payload_bytes] = '\0';
	return text;
}

static void *put_many(void *arg)
{
	struct putter *putter = arg;
	char request_id[UUID_TEXT_SIZE];

	for (int i = 0; i < putter->times; i++) {
		char *payload = payload_of(putter);
		int64_t before = clock_mono_ms();

		putter->counts[-put_text(payload, request_id)]++;
		if (clock_mono_ms() - before > putter->slowest_ms)
			putter->slowest_ms = clock_mono_ms() - before;
	}
	return NULL;
}

static void start_putters(struct putter *putters, int n, struct putter like)
{
	for (int i = 0; i < n; i++) {
		putters[i] = like;
		assert_int_equal(pthread_create(&putters[i].thread, NULL, put_many, &putters[i]), 0);
	}
}

static struct putter join_putters(struct putter *putters, int n)
{
	struct putter sum = { .times = 0 };

	for (int i = 0; i < n; i++) {
		pthread_join(putters[i].thread, NULL);
		for (int e = 0; e < 16; e++)
			sum.counts[e] += putters[i].counts[e];
		if (putters[i].slowest_ms > sum.slowest_ms)
			sum.slowest_ms = putters[i].slowest_ms;
	}
	return sum;
}

/* ---- A store that is well ---- */

static void a_lone_job_is_stored_at_once(void **state)
{
	int64_t before = clock_mono_ms();

	(void)state;
	assert_int_equal(put("1"), ERR_OK);
	assert_true(clock_mono_ms() - before < 1000);
	assert_int_equal(fake.jobs, 1);
}

static void what_gathers_while_a_batch_runs_is_the_next_batch(void **state)
{
	struct putter putters[THREADS], sum;

	(void)state;
	fake.insert_ms = 50;
	start_putters(putters, THREADS, (struct putter){ .payload = "1", .times = 3 });
	sum = join_putters(putters, THREADS);
	assert_int_equal(sum.counts[0], 3 * THREADS);
	assert_int_equal(fake.jobs, 3 * THREADS);
	/* How many come while one batch is written is up to the machine. */
	assert_in_range(fake.batches, 3, getenv("VENDORFETCH_SLOW") ? 3 * THREADS - 1 : THREADS);
	assert_in_range(fake.largest, getenv("VENDORFETCH_SLOW") ? 2 : THREADS / 4, THREADS);
}

static void each_item_gets_its_own_outcome(void **state)
{
	static const char *const payloads[] = { "1", "\"exists\"", "\"conflict\"", "\"too big\"" };
	static const enum err outcomes[] = { ERR_OK, ERR_EXISTS, ERR_CONFLICT, ERR_TOO_BIG };
	struct putter putters[4];

	(void)state;
	fake.insert_ms = 20;
	for (int i = 0; i < 4; i++)
		start_putters(&putters[i], 1, (struct putter){ .payload = payloads[i], .times = 3 });
	for (int i = 0; i < 4; i++)
		assert_int_equal(join_putters(&putters[i], 1).counts[-outcomes[i]], 3);
	assert_int_equal(group_commit_ready(commit, NULL), ERR_OK);
}

static void a_used_key_gives_the_first_id(void **state)
{
	char request_id[UUID_TEXT_SIZE];

	(void)state;
	assert_int_equal(put_text(mem_strdup("\"exists\""), request_id), ERR_EXISTS);
	assert_string_equal(request_id, "first");
}

static void tells_of_stored_jobs_only(void **state)
{
	(void)state;
	assert_int_equal(put("1"), ERR_OK);
	assert_int_equal(put("\"exists\""), ERR_EXISTS);
	assert_int_equal(put("\"conflict\""), ERR_CONFLICT);
	assert_int_equal(put("1"), ERR_OK);
	group_commit_free(commit);
	commit = NULL;
	assert_int_equal(told, 3);
}

static void batches_are_bounded_by_bytes(void **state)
{
	struct putter putters[THREADS], sum;

	(void)state;
	fake.insert_ms = 20;
	start_putters(putters, THREADS, (struct putter){ .payload_bytes = STORE_BATCH_BYTES / 8, .times = 1 });
	sum = join_putters(putters, THREADS);
	assert_int_equal(sum.counts[0], THREADS);
	assert_true(fake.largest_bytes <= STORE_BATCH_BYTES);
	assert_true(fake.batches >= 5);
}

/* ---- A store that is not ---- */

static void a_failed_batch_fails_its_jobs_and_then_everyone_at_once(void **state)
{
	int64_t before;

	(void)state;
	fake.insert_fails = ERR_UNAVAILABLE;
	fake.ping_fails = 1;
	assert_int_equal(put("1"), ERR_UNAVAILABLE);
	before = clock_mono_ms();
	for (int i = 0; i < 100; i++)
		assert_int_equal(put("1"), ERR_UNAVAILABLE);
	assert_true(clock_mono_ms() - before < WAIT_MS);
	assert_int_equal(fake.batches, 1);
}

static void comes_back_when_a_probe_succeeds(void **state)
{
	(void)state;
	fake.insert_fails = ERR_UNAVAILABLE;
	fake.ping_fails = 1;
	assert_int_equal(put("1"), ERR_UNAVAILABLE);
	fake.insert_fails = 0;
	fake.ping_fails = 0;
	assert_true(becomes(ERR_OK, 1000));
	assert_int_equal(put("1"), ERR_OK);
}

/* The store can be read all the time, and no job comes by to find out that it can be written again. */
static void stays_away_until_a_try_to_write_succeeds(void **state)
{
	int64_t end = clock_mono_ms() + 5000;

	(void)state;
	fake.insert_fails = ERR_UNAVAILABLE;
	assert_int_equal(put("1"), ERR_UNAVAILABLE);
	while (fake.tries < 3 && clock_mono_ms() < end) {
		assert_int_equal(group_commit_ready(commit, NULL), ERR_UNAVAILABLE);
		nap_ms(5);
	}
	assert_true(fake.tries >= 3);
	assert_int_equal(put("1"), ERR_UNAVAILABLE);
	assert_non_null(store_link_get(the_link, NULL));
	fake.insert_fails = 0;
	assert_true(becomes(ERR_OK, 1000));
	assert_int_equal(fake.batches, 1);
	assert_int_equal(put("1"), ERR_OK);
}

static void notices_an_absent_store_without_any_job(void **state)
{
	(void)state;
	fake.ping_fails = 1;
	assert_true(becomes(ERR_UNAVAILABLE, 3000));
	assert_int_equal(put("1"), ERR_UNAVAILABLE);
	assert_int_equal(fake.batches, 0);
}

static void nobody_waits_longer_than_wait_ms_for_a_store_that_hangs(void **state)
{
	struct putter putters[THREADS], sum;
	int64_t before;

	(void)state;
	fake.insert_ms = 8 * WAIT_MS;
	start_putters(putters, THREADS, (struct putter){ .payload = "1", .times = 1 });
	sum = join_putters(putters, THREADS);
	assert_int_equal(sum.counts[-ERR_UNAVAILABLE], THREADS);
	assert_in_range(sum.slowest_ms, WAIT_MS - 20, 6 * WAIT_MS);
	assert_true(becomes(ERR_UNAVAILABLE, 2 * WAIT_MS));   /* the batch may have begun after who waited for it */
	before = clock_mono_ms();
	assert_int_equal(put("1"), ERR_UNAVAILABLE);   /* stuck: not even WAIT_MS now */
	assert_true(clock_mono_ms() - before < WAIT_MS);
	fake.insert_ms = 0;
	assert_true(becomes(ERR_OK, 16 * WAIT_MS));
	assert_int_equal(put("1"), ERR_OK);
}

/* The writer holds the batch that its waiters left; those that still queued are gone. */
static void who_gave_up_leaves_nothing_behind(void **state)
{
	struct putter putters[THREADS];

	(void)state;
	for (int round = 0; round < 3; round++) {
		fake.insert_ms = WAIT_MS + 20;
		start_putters(putters, THREADS, (struct putter){ .payload = "1", .times = 2 });
		join_putters(putters, THREADS);
		fake.insert_ms = 0;
		assert_true(becomes(ERR_OK, 4000));
	}
	assert_int_equal(put("1"), ERR_OK);
}

static void waits_for_a_store_that_comes_later(void **state)
{
	(void)state;
	assert_int_equal(put("1"), ERR_UNAVAILABLE);
	assert_int_equal(group_commit_ready(commit, NULL), ERR_UNAVAILABLE);
	fake.open_fails = 0;
	assert_true(becomes(ERR_OK, 1000));
	assert_int_equal(put("1"), ERR_OK);
}

static void says_why_the_store_is_away(void **state)
{
	struct err_text why = { "" };

	(void)state;
	nap_ms(50);
	assert_null(store_link_get(the_link, &why));
	assert_string_equal(why.text, "not there yet");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_lone_job_is_stored_at_once, begin_patient, end),
		cmocka_unit_test_setup_teardown(what_gathers_while_a_batch_runs_is_the_next_batch, begin_patient, end),
		cmocka_unit_test_setup_teardown(each_item_gets_its_own_outcome, begin_patient, end),
		cmocka_unit_test_setup_teardown(a_used_key_gives_the_first_id, begin, end),
		cmocka_unit_test_setup_teardown(tells_of_stored_jobs_only, begin_patient, end),
		cmocka_unit_test_setup_teardown(batches_are_bounded_by_bytes, begin_patient, end),
		cmocka_unit_test_setup_teardown(a_failed_batch_fails_its_jobs_and_then_everyone_at_once, begin, end),
		cmocka_unit_test_setup_teardown(comes_back_when_a_probe_succeeds, begin, end),
		cmocka_unit_test_setup_teardown(stays_away_until_a_try_to_write_succeeds, begin, end),
		cmocka_unit_test_setup_teardown(notices_an_absent_store_without_any_job, begin, end),
		cmocka_unit_test_setup_teardown(nobody_waits_longer_than_wait_ms_for_a_store_that_hangs, begin, end),
		cmocka_unit_test_setup_teardown(who_gave_up_leaves_nothing_behind, begin, end),
		cmocka_unit_test_setup_teardown(waits_for_a_store_that_comes_later, begin_away, end),
		cmocka_unit_test_setup_teardown(says_why_the_store_is_away, begin_away, end),
	};

	log_init("test_group_commit", "error");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
