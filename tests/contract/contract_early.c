/* Early callbacks: what is kept, found, paged through and dropped, also when several do so at once. */
#include "store_contract.h"

#include "mem.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *text(const char *literal) { return (char *)(uintptr_t)literal; }

static struct store_early early(const struct contract *c, const char *vendor, const char *id, const char *result,
                                const char *error)
{
	return (struct store_early){ .vendor = text(vendor), .vendor_job_id = text(id), .result = text(result),
	                             .error = text(error), .received_at = c->now, .expire_at = c->now + DAY_MS };
}

static void must_keep(struct contract *c, const char *vendor, const char *id, const char *result, const char *error)
{
	struct store_early kept = early(c, vendor, id, result, error);

	assert_ok(store_early_put(c->store, &kept, &contract_why));
}

/* The kept one is exactly this; both NULL: none is. */
static void assert_kept(struct contract *c, const char *vendor, const char *id, const char *result, const char *error)
{
	struct store_early_key key = { vendor, id };
	struct store_early *kept = NULL;
	size_t n = 99;

	assert_ok(store_early_find(c->store, &key, 1, &kept, &n, &contract_why));
	assert_int_equal(n, result || error ? 1 : 0);
	if (n) {
		assert_same_text("vendor", kept->vendor, vendor);
		assert_same_text("vendor_job_id", kept->vendor_job_id, id);
		assert_same_text("result", kept->result, result);
		assert_same_text("error", kept->error, error);
		assert_true(kept->received_at == c->now && kept->expire_at == c->now + DAY_MS);
	}
	store_early_free(kept, n);
}

static void drop(struct contract *c, const char *vendor, const char *id)
{
	struct store_early_key key = { vendor, id };

	assert_ok(store_early_drop(c->store, &key, 1, &contract_why));
}

static void what_is_kept_is_found_until_it_is_dropped(void **state)
{
	struct contract *c = *state;
	struct store *other = NULL;

	assert_kept(c, "alpha", "V-1", NULL, NULL);
	must_keep(c, "alpha", "V-1", "{\"name\":\"\xc5\xbdofie\",\"n\":1.50}", NULL);
	must_keep(c, "beta", "V-1", NULL, "no such person");
	must_keep(c, "alpha", "v-1", "null", NULL);
	assert_kept(c, "alpha", "V-1", "{\"name\":\"\xc5\xbdofie\",\"n\":1.50}", NULL);
	assert_kept(c, "beta", "V-1", NULL, "no such person");
	assert_kept(c, "beta", "v-1", NULL, NULL);
	drop(c, "alpha", "V-1");
	drop(c, "alpha", "V-1");
	assert_kept(c, "alpha", "V-1", NULL, NULL);
	assert_ok(store_open(c->uri, CONTRACT_TIMEOUT_MS, &other, &contract_why));
	store_close(c->store);
	c->store = other;
	assert_kept(c, "alpha", "v-1", "null", NULL);
	assert_kept(c, "beta", "V-1", NULL, "no such person");
}

static void a_batch_finds_and_drops_just_its_own(void **state)
{
	struct contract *c = *state;
	static const struct store_early_key keys[] = { { "alpha", "1" }, { "alpha", "2" }, { "beta", "1" }, { "none", "x" } };
	struct store_early *kept = NULL;
	size_t n = 0;

	must_keep(c, "alpha", "1", "1", NULL);
	must_keep(c, "beta", "1", "2", NULL);
	must_keep(c, "beta", "2", "3", NULL);
	assert_ok(store_early_find(c->store, keys, COUNT(keys), &kept, &n, &contract_why));
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(kept[i].result, strcmp(kept[i].vendor, "alpha") == 0 ? "1" : "2");
	store_early_free(kept, n);
	assert_ok(store_early_drop(c->store, keys, COUNT(keys), &contract_why));
	assert_kept(c, "alpha", "1", NULL, NULL);
	assert_kept(c, "beta", "1", NULL, NULL);
	assert_kept(c, "beta", "2", "3", NULL);
	assert_ok(store_early_find(c->store, keys, 0, &kept, &n, &contract_why));
	assert_int_equal(n, 0);
	assert_ok(store_early_drop(c->store, keys, 0, &contract_why));
}

static void the_first_success_stays_else_the_first_failure(void **state)
{
	struct contract *c = *state;

	must_keep(c, "alpha", "a", NULL, "first failure");
	must_keep(c, "alpha", "a", NULL, "second failure");
	assert_kept(c, "alpha", "a", NULL, "first failure");
	must_keep(c, "alpha", "a", "\"first success\"", NULL);
	assert_kept(c, "alpha", "a", "\"first success\"", NULL);
	must_keep(c, "alpha", "a", "\"second success\"", NULL);
	must_keep(c, "alpha", "a", NULL, "third failure");
	assert_kept(c, "alpha", "a", "\"first success\"", NULL);
}

/* ---- Pages ---- */

enum { PAGED = 7 };

static void keep_for_pages(struct contract *c)
{
	static const struct { const char *vendor, *id; int at; } order[PAGED] = {
		{ "beta", "1", 0 }, { "alpha", "2", 5 }, { "alpha", "3", 5 }, { "beta", "2", 5 }, { "alpha", "1", 6 },
		{ "beta", "0", 7 }, { "alpha", "0", 8 },
	};

	for (size_t i = 0; i < PAGED; i++) {
		struct store_early kept = early(c, order[i * 3 % PAGED].vendor, order[i * 3 % PAGED].id, "[1,2,3]", NULL);

		kept.received_at = c->now + order[i * 3 % PAGED].at;
		assert_ok(store_early_put(c->store, &kept, &contract_why));
	}
}

static void pages_meet_each_once_in_order(void **state)
{
	struct contract *c = *state;
	static const char *const expected[] = { "beta/1", "alpha/2", "alpha/3", "beta/2", "alpha/1", "beta/0" };
	struct store_early *pages[PAGED + 1] = { NULL }, *after = NULL;
	size_t n = 1, seen = 0, sizes[PAGED + 1] = { 0 };

	keep_for_pages(c);
	for (size_t page = 0; n > 0; page++) {
		assert_true(page <= PAGED);
		assert_ok(store_early_page(c->store, c->now + 7, after, 2, &pages[page], &n, &contract_why));
		sizes[page] = n;
		for (size_t i = 0; i < n; i++) {
			char *name = mem_printf("%s/%s", pages[page][i].vendor, pages[page][i].vendor_job_id);

			assert_true(seen < COUNT(expected));
			assert_string_equal(name, expected[seen++]);
			assert_null(pages[page][i].result);
			assert_null(pages[page][i].error);
			free(name);
		}
		after = n ? &pages[page][n - 1] : NULL;
	}
	assert_int_equal(seen, COUNT(expected));
	for (size_t page = 0; page <= PAGED; page++)
		store_early_free(pages[page], sizes[page]);
}

/* ---- Bounds ---- */

static void a_big_result_is_kept_and_a_bigger_one_refused(void **state)
{
	struct contract *c = *state;
	char *big = contract_text(STORE_TEXT_MAX, 'r'), *bigger = contract_text(STORE_TEXT_MAX + 1, 'r');
	struct store_early refused = early(c, "alpha", "bigger", bigger, NULL);

	must_keep(c, "alpha", "big", big, NULL);
	assert_kept(c, "alpha", "big", big, NULL);
	assert_err(store_early_put(c->store, &refused, &contract_why), ERR_TOO_BIG);
	assert_kept(c, "alpha", "bigger", NULL, NULL);
	free(big);
	free(bigger);
}

static void too_many_bytes_of_one_vendor_are_refused_until_some_are_dropped(void **state)
{
	struct contract *c = *state;
	char *big = contract_text(STORE_TEXT_MAX, 'r');
	struct store_early more = early(c, "alpha", "more", "1", NULL);
	char id[16];
	int kept = 0;

	must_keep(c, "alpha", "failed", NULL, "x");
	for (; kept * (int64_t)STORE_TEXT_MAX < STORE_EARLY_BYTES; kept++) {
		snprintf(id, sizeof(id), "%d", kept);
		must_keep(c, "alpha", id, big, NULL);
	}
	assert_err(store_early_put(c->store, &more, &contract_why), ERR_FULL);
	assert_non_null(strstr(contract_why.text, "alpha"));
	must_keep(c, "beta", "more", "1", NULL);      /* another vendor is not disturbed */
	must_keep(c, "alpha", "0", "1", NULL);        /* nor is what is kept already */
	must_keep(c, "alpha", "failed", "1", NULL);
	assert_kept(c, "alpha", "failed", "1", NULL);
	drop(c, "alpha", "0");
	assert_ok(store_early_put(c->store, &more, &contract_why));
	free(big);
}

static void what_has_expired_is_removed(void **state)
{
	struct contract *c = *state;
	struct store_early soon = early(c, "alpha", "soon", "1", NULL);
	size_t deleted = 99;

	soon.expire_at = c->now + 30000;
	assert_ok(store_early_put(c->store, &soon, &contract_why));
	must_keep(c, "alpha", "later", "1", NULL);
	assert_ok(store_expire(c->store, c->now + 29999, 100, &deleted, &contract_why));
	assert_int_equal(deleted, 0);
	assert_ok(store_expire(c->store, c->now + 30000, 100, &deleted, &contract_why));
	assert_int_equal(deleted, c->engine->expires_by_itself ? 0 : 1);
	if (!c->engine->expires_by_itself)
		assert_kept(c, "alpha", "soon", NULL, NULL);
	assert_kept(c, "alpha", "later", "1", NULL);
}

/* ---- Races ---- */

enum { RACED = 25, PUTTERS = 8 };

struct putter {
	struct store *store;
	const struct contract *c;
	int number;
	int failures;
};

static void *put_all(void *arg)
{
	struct putter *p = arg;

	for (int i = 0; i < RACED; i++) {
		char id[16], result[16];
		struct store_early mine = early(p->c, "alpha", id, NULL, "failed");

		snprintf(id, sizeof(id), "%d", i);
		snprintf(result, sizeof(result), "%d", p->number);
		if (p->number % 2) {
			mine.result = result;
			mine.error = NULL;
		}
		p->failures += store_early_put(p->store, &mine, NULL) != ERR_OK;
	}
	return NULL;
}

static void of_many_who_keep_the_same_one_success_stays(void **state)
{
	struct contract *c = *state;
	struct putter putters[PUTTERS];
	struct store_early *kept = NULL;
	size_t n = 0;

	for (int i = 0; i < PUTTERS; i++)
		putters[i] = (struct putter){ .store = c->store, .c = c, .number = i };
	run_together(PUTTERS, put_all, putters, sizeof(putters[0]));
	for (int i = 0; i < PUTTERS; i++)
		assert_int_equal(putters[i].failures, 0);
	assert_ok(store_early_page(c->store, c->now, NULL, RACED * 2, &kept, &n, &contract_why));
	assert_int_equal(n, RACED);
	for (size_t i = 0; i < n; i++) {
		struct store_early_key key = { kept[i].vendor, kept[i].vendor_job_id };
		struct store_early *one = NULL;
		size_t found = 0;

		assert_ok(store_early_find(c->store, &key, 1, &one, &found, &contract_why));
		assert_int_equal(found, 1);
		assert_non_null(one->result);
		assert_null(one->error);
		assert_int_equal(atoi(one->result) % 2, 1);
		store_early_free(one, found);
	}
	store_early_free(kept, n);
}

/* The two sides of "write, then look": one keeps and looks for the job, the other writes the id and looks for what is
 * kept. At least one of them finds the other, every time. */
struct side {
	struct store *store;
	const struct contract *c;
	struct job **jobs;
	bool is_vendor;
	bool found[RACED];
	int failures;
};

static bool vendor_side(struct side *s, int i, const char *id)
{
	struct store_early mine = early(s->c, "alpha", id, "1", NULL);
	struct job *job = NULL;
	enum err err;

	s->failures += store_early_put(s->store, &mine, NULL) != ERR_OK;
	err = store_get_by_vendor_job_id(s->store, "alpha", id, &job, NULL);
	s->failures += err != ERR_OK && err != ERR_NOT_FOUND;
	s->failures += job && strcmp(job->request_id, s->jobs[i]->request_id) != 0;
	job_free(job);
	return err == ERR_OK;
}

static bool worker_side(struct side *s, int i, const char *id)
{
	struct job_change change = { .request_id = s->jobs[i]->request_id, .event = EVENT_AWAIT_CALLBACK, .fence = 1,
	                             .now = s->c->now, .due_at = s->c->now + LEASE_MS, .vendor_job_id = id };
	struct store_early_key key = { "alpha", id };
	struct store_early *kept = NULL;
	size_t n = 0;

	s->failures += store_change(s->store, &change, 1, NULL) != ERR_OK || change.outcome != ERR_OK;
	s->failures += store_early_find(s->store, &key, 1, &kept, &n, NULL) != ERR_OK;
	store_early_free(kept, n);
	return n > 0;
}

static void *write_then_look(void *arg)
{
	struct side *s = arg;

	for (int i = 0; i < RACED; i++) {
		char id[16];

		snprintf(id, sizeof(id), "V-%d", i);
		s->found[i] = s->is_vendor ? vendor_side(s, i, id) : worker_side(s, i, id);
	}
	return NULL;
}

static void who_writes_and_then_looks_finds_the_other_or_is_found(void **state)
{
	struct contract *c = *state;
	struct store *other = NULL;
	struct job *jobs[RACED];
	struct side sides[2];

	assert_ok(store_open(c->uri, CONTRACT_TIMEOUT_MS, &other, &contract_why));
	for (int i = 0; i < RACED; i++)
		jobs[i] = must_have_in_phase(c->store, c->now, "alpha", PHASE_CALLING);
	sides[0] = (struct side){ .store = c->store, .c = c, .jobs = jobs, .is_vendor = true };
	sides[1] = (struct side){ .store = other, .c = c, .jobs = jobs };
	run_together(2, write_then_look, sides, sizeof(sides[0]));
	assert_int_equal(sides[0].failures, 0);
	assert_int_equal(sides[1].failures, 0);
	for (int i = 0; i < RACED; i++) {
		assert_true(sides[0].found[i] || sides[1].found[i]);
		job_free(jobs[i]);
	}
	store_close(other);
}

static const struct CMUnitTest tests[] = {
	contract_test(what_is_kept_is_found_until_it_is_dropped),
	contract_test(a_batch_finds_and_drops_just_its_own),
	contract_test(the_first_success_stays_else_the_first_failure),
	contract_test(pages_meet_each_once_in_order),
	contract_test(a_big_result_is_kept_and_a_bigger_one_refused),
	contract_test(too_many_bytes_of_one_vendor_are_refused_until_some_are_dropped),
	contract_test(what_has_expired_is_removed),
	contract_test(of_many_who_keep_the_same_one_success_stays),
	contract_test(who_writes_and_then_looks_finds_the_other_or_is_found),
};
const struct contract_group contract_early = CONTRACT_GROUP(tests);
