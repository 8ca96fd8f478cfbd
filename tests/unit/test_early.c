/* Which kept callbacks a worker gets to: all of them, or it says that something is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/early.h"
#include "mem.h"
#include "store_engine.h"

static int looked_up, dropped;

/* ---- A store that has kept every callback, and has none of their jobs ---- */

static enum err fake_find(struct store *store, const struct store_early_key *keys, size_t n, struct store_early **kept,
                          size_t *n_kept, struct err_text *why)
{
	(void)store, (void)why;
	*kept = mem_calloc(n, sizeof(**kept));
	for (size_t i = 0; i < n; i++)
		(*kept)[i] = (struct store_early){ .vendor = mem_strdup(keys[i].vendor),
		                                   .vendor_job_id = mem_strdup(keys[i].vendor_job_id) };
	*n_kept = n;
	return ERR_OK;
}

static enum err fake_get(struct store *store, const char *vendor, const char *vendor_job_id, struct job **job,
                         struct err_text *why)
{
	(void)store, (void)vendor, (void)vendor_job_id;
	*job = NULL;
	looked_up++;
	return err_set(why, ERR_NOT_FOUND, "no such job");
}

static enum err fake_drop(struct store *store, const struct store_early_key *keys, size_t n, struct err_text *why)
{
	(void)store, (void)keys, (void)why;
	dropped += (int)n;
	return ERR_OK;
}

static const struct store_engine engine = { .early_find = fake_find, .early_drop = fake_drop,
	                                    .get_by_vendor_job_id = fake_get };
static struct store store = { &engine };
static const struct store_early_key keys[] = { { "v", "1" }, { "v", "2" } };

static bool apply(bool leaving)
{
	struct worker worker = { .store = &store };

	atomic_store(&worker.leaving, leaving);
	looked_up = dropped = 0;
	return early_apply(&worker, NULL, keys, 2);
}

static void all_are_tried(void **state)
{
	(void)state;
	assert_true(apply(false));
	assert_int_equal(looked_up, 2);
	assert_int_equal(dropped, 0);
}

/* Repair must not take it for "nothing came", and end jobs whose callback is kept. */
static void who_has_to_leave_says_that_something_is_left(void **state)
{
	(void)state;
	assert_false(apply(true));
	assert_int_equal(looked_up, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_tried),
		cmocka_unit_test(who_has_to_leave_says_that_something_is_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
