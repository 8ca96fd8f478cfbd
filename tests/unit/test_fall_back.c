/* Jobs that wait for a vendor which cannot be called: which of them are moved, and what Redis is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/fall_back.h"
#include "../support/queue_fixture.h"
#include "../support/vendor_text.h"
#include "clock.h"
#include "mem.h"
#include "store_engine.h"

#include <stdio.h>
#include <string.h>

#define VENDOR(name, members) "{'name':'" name "','mode':'sync','request':{'url':'http://h/'}" members "}"
#define TIMED_OUT "[{\"attempt\":1,\"outcome\":\"timeout\"}]"

enum { WAIT_MS = 5000, HOUR_MS = 3600000 };

static const char *const texts[] = {
	VENDOR("first", ",'fallback':{'vendors':['second'],'after_seconds':60}"),
	VENDOR("second", ""),
};
static struct private_redis *server;
static struct vendor_set *vendors;
static struct lane lanes[2], *places[2] = { &lanes[0], &lanes[1] };
static struct generation rules;

struct lane *worker_lane(const struct worker *worker, const char *name)
{
	for (size_t i = 0; i < worker->n_lanes; i++)
		if (strcmp(worker->lanes[i]->name, name) == 0)
			return worker->lanes[i];
	return NULL;
}

/* ---- A store of a few jobs ---- */

static const struct known {
	const char *vendor;           /* NULL: there is no such job */
	enum phase phase;
	const char *history;
	int64_t later_ms;
	bool raced;                   /* somebody changes it between look and change */
	bool moves, waits;            /* what is to become of it; neither: its entry was one too many */
} jobs[] = {
	{ "first", PHASE_QUEUED, NULL, 0, false, true, false },
	{ "first", PHASE_QUEUED, "[{\"attempt\":1,\"outcome\":\"http_500\"}]", 0, false, true, false },
	{ "first", PHASE_QUEUED, TIMED_OUT, 0, false, false, true },
	{ "first", PHASE_QUEUED, NULL, HOUR_MS, false, false, true },
	{ "first", PHASE_WAITING_POLL, NULL, 0, false, false, true },
	{ "first", PHASE_CALLING, NULL, 0, false, false, false },
	{ "first", PHASE_DONE, NULL, 0, false, false, false },
	{ "first", PHASE_QUEUED, NULL, 0, true, false, false },
	{ "second", PHASE_QUEUED, NULL, 0, false, false, false },
	{ NULL, PHASE_DONE, NULL, 0, false, false, false },
};
enum { JOBS = sizeof(jobs) / sizeof(jobs[0]) };

static int changes;
static bool away;

static const char *id_of(size_t i)
{
	static char id[UUID_TEXT_SIZE];

	snprintf(id, sizeof(id), "0199f0c2-0000-7000-8000-00000000000%zx", i);
	return id;
}

static const struct known *known_of(const char *id)
{
	char last = id[UUID_TEXT_SIZE - 2];

	return &jobs[last <= '9' ? last - '0' : last - 'a' + 10];
}

static enum err fake_look(struct store *store, struct store_look *items, size_t n, struct err_text *why)
{
	(void)store;
	if (away)
		return err_set(why, ERR_UNAVAILABLE, "away");
	for (size_t i = 0; i < n; i++) {
		const struct known *known = known_of(items[i].request_id);
		int64_t now = clock_now_ms();
		struct job *job;

		if (!known->vendor)
			continue;
		job = job_new(now, known->vendor, NULL, now + HOUR_MS);
		job->phase = known->phase;
		job->fence = 3;
		job->attempts = known->history != NULL;
		job->history = known->history ? mem_strdup(known->history) : NULL;
		job->next_attempt_at = known->later_ms ? now + known->later_ms : now - WAIT_MS;   /* well before whoever looks */
		snprintf(job->request_id, sizeof(job->request_id), "%s", items[i].request_id);
		items[i].job = job;
		items[i].outcome = ERR_OK;
	}
	return ERR_OK;
}

static enum err fake_change(struct store *store, struct job_change *items, size_t n, struct err_text *why)
{
	(void)store, (void)why;
	for (size_t i = 0; i < n; i++, changes++) {
		const struct known *known = known_of(items[i].request_id);

		assert_true(known->moves || known->raced);
		assert_int_equal(items[i].event, EVENT_FALL_BACK);
		assert_int_equal(items[i].from, PHASE_BIT(PHASE_QUEUED));
		assert_int_equal(items[i].fence, 3);
		assert_string_equal(items[i].vendor, "first");
		assert_string_equal(items[i].to_vendor, "second");
		assert_non_null(strstr(items[i].tried_entry, "\"outcome\":\"open\""));
		items[i].outcome = known->raced ? ERR_STALE : ERR_OK;
	}
	return ERR_OK;
}

static const struct store_engine engine = { .look = fake_look, .change = fake_change };
static struct store store = { &engine };

/* ---- Tests ---- */

static struct worker new_worker(void)
{
	rules.set = vendors;
	for (size_t i = 0; i < 2; i++) {
		lanes[i] = (struct lane){ .vendor = vendor_at(vendors, i) };
		snprintf(lanes[i].name, sizeof(lanes[i].name), "%s", lanes[i].vendor->name);
	}
	return (struct worker){ .store = &store, .rules = &rules, .lanes = places, .n_lanes = 2, .consumer = "w1" };
}

/* All jobs wait in the stream, and a take has made the group. */
static struct queue *with_entries(void)
{
	struct queue *queue = fixture_queue(server);
	struct queue_grant grant;

	private_redis_flush(server);
	fixture_push(queue, "first", 1);
	assert_int_equal(fixture_take(queue, vendor_at(vendors, 0), 1, &grant).n, 1);
	fixture_finish(queue, "first", &grant, 1);
	for (size_t i = 0; i < JOBS; i++) {
		struct queue_entry entry = { "first", id_of(i) };

		assert_int_equal(queue_push(queue, &entry, 1, NULL), ERR_OK);
	}
	changes = 0;
	away = false;
	return queue;
}

static void those_that_may_go_and_the_others_wait(void **state)
{
	struct worker worker = new_worker();
	struct queue *queue = with_entries();
	struct queue_take take = { .outcome = ERR_OK, .open_ms = WAIT_MS };
	int64_t began = clock_now_ms();

	(void)state;
	assert_false(fall_back_waiting(&worker, queue, &lanes[0], &take));
	assert_int_equal(changes, 3);
	assert_int_equal(private_redis_do(server, "XLEN t:job-queue:{first}"), 0);
	for (size_t i = 0; i < JOBS; i++) {
		struct queue_entry here = { "first", id_of(i) }, there = { "second", id_of(i) };
		bool delayed[2];

		assert_int_equal(queue_is_delayed(queue, &here, 1, &delayed[0], NULL), ERR_OK);
		assert_int_equal(queue_is_delayed(queue, &there, 1, &delayed[1], NULL), ERR_OK);
		assert_int_equal(delayed[0], jobs[i].waits);
		assert_int_equal(delayed[1], jobs[i].moves);
	}
	/* Until the vendor may be called again, or the job is due. */
	assert_int_equal(private_redis_do(server, "ZCOUNT t:job-delayed:{first} 0 %lld", (long long)began + WAIT_MS - 1), 0);
	assert_int_equal(private_redis_do(server, "ZCOUNT t:job-delayed:{first} 0 %lld", (long long)clock_now_ms() + WAIT_MS), 2);
	assert_true(atomic_load(&lanes[1].look));
	assert_false(atomic_load(&lanes[0].look));
	queue_free(queue);
}

static void nothing_is_touched_without_a_reason(void **state)
{
	static const struct { size_t lane; int64_t open_ms, limited_ms; } rows[] = {
		{ 0, 0, 0 }, { 0, 0, 60000 }, { 1, WAIT_MS, HOUR_MS },
	};
	struct worker worker = new_worker();
	struct queue *queue = with_entries();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct queue_take take = { .outcome = ERR_OK, .open_ms = rows[i].open_ms, .limited_ms = rows[i].limited_ms };

		assert_false(fall_back_waiting(&worker, queue, &lanes[rows[i].lane], &take));
	}
	assert_int_equal(private_redis_do(server, "XLEN t:job-queue:{first}"), JOBS);
	assert_false(fall_back_is_limited(lanes[0].vendor, 60000));
	assert_true(fall_back_is_limited(lanes[0].vendor, 60001));
	assert_false(fall_back_is_limited(lanes[1].vendor, HOUR_MS));
	queue_free(queue);
}

/* They come back by repair: nothing is acknowledged. */
static void a_store_that_is_away_costs_no_entry(void **state)
{
	struct worker worker = new_worker();
	struct queue *queue = with_entries();
	struct queue_take take = { .outcome = ERR_OK, .open_ms = WAIT_MS };

	(void)state;
	away = true;
	assert_false(fall_back_waiting(&worker, queue, &lanes[0], &take));
	assert_int_equal(private_redis_do(server, "XLEN t:job-queue:{first}"), JOBS);
	assert_int_equal(private_redis_do(server, "ZCARD t:job-delayed:{first}"), 0);
	queue_free(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_that_may_go_and_the_others_wait),
		cmocka_unit_test(nothing_is_touched_without_a_reason),
		cmocka_unit_test(a_store_that_is_away_costs_no_entry),
	};
	struct err_text why = { "" };
	int failed;

	private_redis_or_skip();
	server = private_redis_start(NULL);
	vendors = vendor_texts_load(texts, 2, &why);
	if (!vendors) {
		fprintf(stderr, "%s\n", why.text);
		return 1;
	}
	failed = cmocka_run_group_tests_name("fall_back", tests, NULL, NULL);
	vendor_set_free(vendors);
	private_redis_free(server);
	return failed;
}
