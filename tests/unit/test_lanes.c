/* How a worker's lanes follow the vendors in force. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/worker.h"
#include "log.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/test_lanes.XXXXXX";
static struct worker worker;

static char *path_of(const char *name) { return mem_printf("%s/%s.json", dir, name); }

static void write_vendor(const char *name, int timeout_ms, const char *more)
{
	char *path = path_of(name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fprintf(file, "{\"name\": \"%s\", \"mode\": \"sync\", \"request\": {\"url\": \"http://h/\", \"timeout_ms\": %d}%s}", name,
	        timeout_ms, more);
	fclose(file);
	free(path);
}

static void remove_vendor(const char *name)
{
	char *path = path_of(name);

	unlink(path);
	free(path);
}

static void reload(void)
{
	assert_true(vendors_reload(worker.vendors));
	assert_true(worker_follow_rules(&worker));
	assert_false(worker_follow_rules(&worker));
}

static int setup(void **state)
{
	char *argv[] = { "test", "--config", "/dev/null", "--vendors-dir", dir, NULL };
	struct err_text why;

	(void)state;
	write_vendor("b", 1000, ", \"limits\": [{\"calls\": 1000, \"per_seconds\": 86400}]");
	write_vendor("d", 1000, "");
	worker = (struct worker){ .calls_max = 10 };
	settings_load(5, argv, "test", "A test.", &worker.settings);
	if (vendors_new(&worker.settings, false, &worker.vendors, &why) != ERR_OK)
		return -1;
	return worker_follow_rules(&worker) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	worker_free_lanes(&worker);
	vendors_free(worker.vendors);
	settings_free(&worker.settings);
	for (const char *name = "abcd"; *name; name++)
		remove_vendor((char[]){ *name, '\0' });
	return 0;
}

static void a_new_vendor_has_a_lane_and_the_others_keep_theirs(void **state)
{
	struct lane *b = worker_lane(&worker, "b"), *d = worker_lane(&worker, "d");

	(void)state;
	d->next_take_mono_ms = 77;
	write_vendor("a", 1000, "");
	write_vendor("c", 1000, ", \"aliases\": [\"other\"]");
	reload();
	assert_ptr_equal(worker_lane(&worker, "b"), b);
	assert_ptr_equal(worker_lane(&worker, "d"), d);
	assert_string_equal(worker_lane(&worker, "a")->vendor->name, "a");
	assert_string_equal(worker_lane(&worker, "c")->vendor->name, "c");
	assert_null(worker_lane(&worker, "other"));
	assert_int_equal(worker.n_lanes, 4);
	assert_int_equal(d->next_take_mono_ms, 0);
}

static void a_vendor_without_a_file_is_not_taken_from_until_it_has_one_again(void **state)
{
	struct lane *b = worker_lane(&worker, "b");

	(void)state;
	remove_vendor("b");
	write_vendor("d", 1000, ", \"aliases\": [\"b\"]");
	reload();
	assert_ptr_equal(worker_lane(&worker, "b"), b);
	assert_null(b->vendor);
	assert_int_equal(b->next_take_mono_ms, INT64_MAX);
	write_vendor("d", 1000, "");
	write_vendor("b", 4000, "");
	reload();
	assert_ptr_equal(worker_lane(&worker, "b"), b);
	assert_int_equal(b->vendor->timeout_ms, 4000);
	assert_int_equal(b->next_take_mono_ms, 0);
}

/* Counted ahead for a window that is not there any more, they must not be taken back from the new one. */
static void what_was_counted_ahead_is_good_for_the_same_limits_only(void **state)
{
	struct lane *b = worker_lane(&worker, "b");

	(void)state;
	b->quota.left = 4;
	write_vendor("b", 2000, ", \"limits\": [{\"calls\": 1000, \"per_seconds\": 86400}]");
	reload();
	assert_int_equal(b->quota.left, 4);
	write_vendor("b", 2000, ", \"limits\": [{\"calls\": 1000, \"per_seconds\": 3600}]");
	reload();
	assert_int_equal(b->quota.left, 0);
}

static void leases_are_longer_than_the_longest_call_that_may_be_made_now(void **state)
{
	(void)state;
	assert_int_equal(worker.lease_ms, worker.settings.lease_ms);
	write_vendor("d", 600000, "");
	reload();
	assert_int_equal(worker.lease_ms, 600000 + COMMIT_ALLOWANCE_MS);
}

static void the_longest_grant_that_was_ever_given_is_remembered(void **state)
{
	struct lane *d = worker_lane(&worker, "d");
	int64_t before = d->guard_max_ms;

	(void)state;
	assert_int_equal(before, GUARD_MAX_MS + 3000);
	write_vendor("d", 10, "");
	reload();
	assert_int_equal(d->guard_max_ms, before);
}

/* Whoever is in a group now shares what its account was asked for, and a group that has the same lanes is the same. */
static void groups_are_as_the_files_say(void **state)
{
	struct lane *b = worker_lane(&worker, "b"), *d = worker_lane(&worker, "d"), *a;
	struct lane_group *first;
	int64_t until = INT64_MAX / 2;

	(void)state;
	assert_null(atomic_load(&b->group));
	write_vendor("b", 1000, ", \"group\": \"acme\"");
	write_vendor("d", 1000, ", \"group\": \"acme\"");
	reload();
	first = atomic_load(&b->group);
	assert_non_null(first);
	assert_ptr_equal(atomic_load(&d->group), first);
	assert_true(lane_hold(d, HOLD_OF_ACCOUNT, until));
	write_vendor("d", 2000, ", \"group\": \"acme\"");
	reload();
	assert_ptr_equal(atomic_load(&d->group), first);
	write_vendor("a", 1000, ", \"group\": \"acme\"");
	remove_vendor("b");
	reload();
	a = worker_lane(&worker, "a");
	assert_null(atomic_load(&b->group));
	assert_ptr_not_equal(atomic_load(&a->group), first);
	assert_ptr_equal(atomic_load(&a->group), atomic_load(&d->group));
	assert_int_equal(atomic_load(&a->group)->n, 2);
	assert_int_equal(lane_held_until_mono_us(a), until);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_new_vendor_has_a_lane_and_the_others_keep_theirs, setup, teardown),
		cmocka_unit_test_setup_teardown(a_vendor_without_a_file_is_not_taken_from_until_it_has_one_again, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_counted_ahead_is_good_for_the_same_limits_only, setup, teardown),
		cmocka_unit_test_setup_teardown(leases_are_longer_than_the_longest_call_that_may_be_made_now, setup, teardown),
		cmocka_unit_test_setup_teardown(groups_are_as_the_files_say, setup, teardown),
		cmocka_unit_test_setup_teardown(the_longest_grant_that_was_ever_given_is_remembered, setup, teardown),
	};
	int failed;

	log_init("test", "error");
	if (!mkdtemp(dir))
		return 1;
	failed = cmocka_run_group_tests_name("lanes", tests, NULL, NULL);
	rmdir(dir);
	return failed;
}
