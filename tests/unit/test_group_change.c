#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../fcgi/group_change.h"
#include "../support/gated_store.h"
#include "log.h"
#include "mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { WRITERS = 48 };

/* ---- A store whose changes say by their error what becomes of them ---- */

static struct gated_store fake;
static _Atomic int changed;
static _Atomic size_t most_bytes;

static enum err fake_change(struct store *store, struct job_change *items, size_t n, struct err_text *why)
{
	size_t bytes = 0;
	enum err err = gated_store_call(store, why);

	for (size_t i = 0; i < n; i++) {
		items[i].outcome = err ? ERR_UNAVAILABLE : strcmp(items[i].error, "stale") == 0 ? ERR_STALE :
		                   strcmp(items[i].error, "too big") == 0 ? ERR_TOO_BIG : ERR_OK;
		atomic_fetch_add(&changed, items[i].outcome == ERR_OK);
		bytes += strlen(items[i].error) + (items[i].result ? strlen(items[i].result) : 0);
	}
	if (bytes > most_bytes)
		most_bytes = bytes;
	return err;
}

static const struct store_engine fake_engine = { .change = fake_change, .ping = gated_store_ping,
	                                         .close = gated_store_close };

/* ---- Helpers ---- */

static struct store_link *the_link;
static struct group_change *group;

static int begin(void **state)
{
	(void)state;
	changed = 0;
	most_bytes = 0;
	the_link = gated_store_link(&fake, &fake_engine);
	group = group_change_new(the_link);
	return 0;
}

static int end(void **state)
{
	(void)state;
	group_change_free(group);
	store_link_free(the_link);
	return 0;
}

struct writer {
	pthread_t thread;
	const char *error, *result;
	enum err err, outcome;
};

static _Atomic int started;

static void *write_one(void *arg)
{
	struct writer *writer = arg;
	struct job_change change = { .request_id = "id", .error = writer->error, .result = writer->result };

	atomic_fetch_add(&started, 1);
	writer->err = group_change_put(group, &change);
	writer->outcome = change.outcome;
	return NULL;
}

/* One of each error in turn; the first is held up until the others have come. */
static void write_all(struct writer writers[WRITERS], const char *const *errors, int n_errors, const char *result)
{
	started = 0;
	gate_shut(&fake.gate);
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){ .error = errors[i % n_errors], .result = result };
		assert_int_equal(pthread_create(&writers[i].thread, NULL, write_one, &writers[i]), 0);
	}
	assert_true(comes_to(&started, WRITERS));
	assert_true(comes_to(&fake.gate.came, 1));
	gate_open(&fake.gate);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i].thread, NULL);
}

static const char *const good[] = { "good" };

/* ---- Tests ---- */

static void a_lone_change_is_written_at_once(void **state)
{
	struct writer writer = { .error = "good" };

	(void)state;
	write_one(&writer);
	write_one(&writer);
	assert_int_equal(writer.err, ERR_OK);
	assert_int_equal(writer.outcome, ERR_OK);
	assert_int_equal(fake.gate.came, 2);
	assert_int_equal(changed, 2);
}

static void what_comes_during_a_write_shares_the_next(void **state)
{
	struct writer writers[WRITERS];

	(void)state;
	write_all(writers, good, 1, NULL);
	assert_int_equal(changed, WRITERS);
	assert_in_range(fake.gate.came, 2, WRITERS / 2);
}

static void a_bad_one_does_not_harm_its_neighbours(void **state)
{
	static const char *const errors[] = { "good", "stale", "too big" };
	static const enum err outcomes[] = { ERR_OK, ERR_STALE, ERR_TOO_BIG };
	struct writer writers[WRITERS];

	(void)state;
	write_all(writers, errors, 3, NULL);
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(writers[i].err, ERR_OK);
		assert_int_equal(writers[i].outcome, outcomes[i % 3]);
	}
	assert_int_equal(changed, WRITERS / 3);
}

static void a_failed_batch_is_everybodys_failure(void **state)
{
	struct writer writers[WRITERS];
	int failed = 0;

	(void)state;
	fake.fails_from = 2;
	write_all(writers, good, 1, NULL);
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(writers[i].err, writers[i].outcome);
		failed += writers[i].err == ERR_UNAVAILABLE;
	}
	assert_in_range(failed, WRITERS / 2, WRITERS - 1);
	assert_int_equal(changed, WRITERS - failed);
	assert_int_equal(fake.gate.came, 2);     /* the link was told; nobody tried again */
	assert_null(store_link_get(the_link, NULL));
}

static void texts_bound_a_batch(void **state)
{
	size_t bytes = STORE_BATCH_BYTES / 4;
	char *text = mem_alloc(bytes);
	struct writer writers[WRITERS];

	(void)state;
	memset(text, 'x', bytes);
	text[bytes - 1] = '\0';
	write_all(writers, good, 1, text);
	assert_int_equal(changed, WRITERS);
	assert_in_range(most_bytes, STORE_BATCH_BYTES / 2, STORE_BATCH_BYTES);
	assert_in_range(fake.gate.came, WRITERS / 4, WRITERS - 1);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_lone_change_is_written_at_once, begin, end),
		cmocka_unit_test_setup_teardown(what_comes_during_a_write_shares_the_next, begin, end),
		cmocka_unit_test_setup_teardown(a_bad_one_does_not_harm_its_neighbours, begin, end),
		cmocka_unit_test_setup_teardown(a_failed_batch_is_everybodys_failure, begin, end),
		cmocka_unit_test_setup_teardown(texts_bound_a_batch, begin, end),
	};

	log_init("test", "error");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
