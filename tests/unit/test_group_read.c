#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../fcgi/group_read.h"
#include "../support/gated_store.h"
#include "clock.h"
#include "log.h"
#include "mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { READERS = 48, WAIT_MS = 10000 };

/* ---- A store that does as it is told ---- */

static struct gated_store fake;
static _Atomic int jobs;

/* Ids that begin with n are not known; the others' jobs carry them as their error. */
static enum err fake_look(struct store *store, struct store_look *items, size_t n, struct err_text *why)
{
	enum err err = gated_store_call(store, why);

	for (size_t i = 0; i < n && !err; i++) {
		atomic_fetch_add(&jobs, 1);
		if (items[i].request_id[0] == 'n')
			continue;
		items[i].job = mem_calloc(1, sizeof(struct job));
		items[i].job->error = mem_strdup(items[i].request_id);
		items[i].outcome = ERR_OK;
	}
	return err;
}

static const struct store_engine fake_engine = { .look = fake_look, .ping = gated_store_ping, .close = gated_store_close };

/* ---- Helpers ---- */

static struct store_link *the_link;
static struct group_read *group;

static int begin(void **state)
{
	(void)state;
	jobs = 0;
	the_link = gated_store_link(&fake, &fake_engine);
	group = group_read_new(the_link);
	return 0;
}

static int end(void **state)
{
	(void)state;
	group_read_free(group);
	store_link_free(the_link);
	return 0;
}

static enum err get(const char *id)
{
	struct job *job = NULL;
	enum err err = group_read_get(group, id, &job);

	if ((err == ERR_OK) != (job != NULL) || (job && strcmp(job->error, id) != 0))
		err = ERR_SYSTEM;
	job_free(job);
	return err;
}

struct reader {
	pthread_t thread;
	char id[16];
	int times;
	enum err wanted;
	int wrong;
};

static _Atomic int started;

static void *read_some(void *arg)
{
	struct reader *reader = arg;

	atomic_fetch_add(&started, 1);
	for (int i = 0; i < reader->times; i++)
		reader->wrong += get(reader->id) != reader->wanted;
	return NULL;
}

static void start_readers(struct reader *readers, int n, int times)
{
	started = 0;
	for (int i = 0; i < n; i++) {
		readers[i] = (struct reader){ .times = times, .wanted = i % 3 ? ERR_OK : ERR_NOT_FOUND };
		snprintf(readers[i].id, sizeof(readers[i].id), "%s%d", i % 3 ? "job" : "none", i);
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_some, &readers[i]), 0);
	}
}

static int end_readers(struct reader *readers, int n)
{
	int wrong = 0;

	for (int i = 0; i < n; i++) {
		pthread_join(readers[i].thread, NULL);
		wrong += readers[i].wrong;
	}
	return wrong;
}

/* ---- Tests ---- */

static void a_lone_reader_reads_for_itself(void **state)
{
	(void)state;
	assert_int_equal(get("job"), ERR_OK);
	assert_int_equal(get("none"), ERR_NOT_FOUND);
	assert_int_equal(fake.gate.came, 2);
}

/* Two reads are held up; all others come meanwhile. */
static void who_comes_during_a_read_shares_the_next(void **state)
{
	struct reader readers[READERS];

	(void)state;
	gate_shut(&fake.gate);
	start_readers(readers, READERS, 1);
	assert_true(comes_to(&started, READERS));
	assert_true(comes_to(&fake.gate.came, 2));
	gate_open(&fake.gate);
	assert_int_equal(end_readers(readers, READERS), 0);
	assert_int_equal(jobs, READERS);
	assert_in_range(fake.gate.came, 3, READERS - 1);
}

static void each_gets_its_own_answer(void **state)
{
	struct reader readers[READERS];

	(void)state;
	start_readers(readers, READERS, 500);
	assert_int_equal(end_readers(readers, READERS), 0);
	assert_int_equal(jobs, READERS * 500);
}

static void a_failure_is_everybodys_and_passes(void **state)
{
	(void)state;
	fake.fails_from = 1;
	assert_int_equal(get("job"), ERR_UNAVAILABLE);
	assert_int_equal(get("job"), ERR_UNAVAILABLE);
	assert_int_equal(fake.gate.came, 1);   /* the link was told; the second did not try */
	fake.fails_from = 0;
	for (int64_t until = clock_mono_ms() + WAIT_MS; get("job") != ERR_OK && clock_mono_ms() < until;)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	assert_int_equal(get("job"), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_lone_reader_reads_for_itself, begin, end),
		cmocka_unit_test_setup_teardown(who_comes_during_a_read_shares_the_next, begin, end),
		cmocka_unit_test_setup_teardown(each_gets_its_own_answer, begin, end),
		cmocka_unit_test_setup_teardown(a_failure_is_everybodys_and_passes, begin, end),
	};

	log_init("test", "error");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
