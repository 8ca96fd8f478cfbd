#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "log.h"
#include "mem.h"
#include "settings.h"
#include "vendors.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 128, LOG_SIZE = 16384, READERS = 4, RELOADS = 40 };

static char dir[PATH_SIZE], config[PATH_SIZE + 16];
static struct settings settings;

static void write_file(const char *name, const char *text)
{
	char path[2 * PATH_SIZE];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void remove_file(const char *name)
{
	char path[2 * PATH_SIZE];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

/* A vendor whose timeout says which of its files it is. */
static void write_vendor(const char *name, int timeout_ms, const char *more)
{
	char *text = mem_printf("{\"name\": \"%s\", \"mode\": \"sync\", \"request\": {\"url\": \"http://h/\", \"timeout_ms\": %d}%s}\n",
	                        name, timeout_ms, more), *file = mem_printf("%s.json", name);

	write_file(file, text);
	free(file);
	free(text);
}

static int setup(void **state)
{
	char *argv[] = { "test", "--config", config, "--vendors-dir", dir, NULL };

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_vendors.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(config, sizeof(config), "%s/settings", dir);
	write_file("settings", "SOME_TOKEN=one\n");
	write_vendor("a", 1000, "");
	settings_load(5, argv, "test", "A test.", &settings);
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { "settings", "routes", "a.json", "b.json", "c.json", "secret" };

	(void)state;
	settings_free(&settings);
	unsetenv("SOME_TOKEN");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		remove_file(names[i]);
	return rmdir(dir);
}

static struct vendors *open_vendors(bool with_routes)
{
	struct vendors *vendors = NULL;
	struct err_text why = { "" };

	if (vendors_new(&settings, with_routes, &vendors, &why) != ERR_OK)
		fail_msg("%s", why.text);
	return vendors;
}

/* Reloads, and gives what the log says to it. */
static bool reload(struct vendors *vendors, char said[LOG_SIZE])
{
	char *path = mem_printf("%s/log", dir);
	int before = dup(STDERR_FILENO), fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	ssize_t len;
	bool done;

	dup2(fd, STDERR_FILENO);
	done = vendors_reload(vendors);
	dup2(before, STDERR_FILENO);
	lseek(fd, 0, SEEK_SET);
	len = read(fd, said, LOG_SIZE - 1);
	said[len > 0 ? len : 0] = '\0';
	close(before);
	close(fd);
	unlink(path);
	free(path);
	return done;
}

static void expect_said(const char *said, const char *words)
{
	if (!strstr(said, words))
		fail_msg("\"%s\" is not in: %s", words, said);
}

static int64_t timeout_of(const struct generation *generation, const char *name)
{
	const struct vendor *vendor = vendor_find(generation->set, name);

	return vendor ? vendor->timeout_ms : 0;
}

/* ---- Tests ---- */

static void who_holds_a_generation_keeps_it(void **state)
{
	struct vendors *vendors = open_vendors(false);
	struct generation *held = vendors_acquire(vendors), *now;
	char said[LOG_SIZE];

	(void)state;
	assert_int_equal(held->number, 1);
	write_vendor("a", 2000, "");
	write_vendor("b", 3000, "");
	assert_true(reload(vendors, said));
	expect_said(said, "vendors=2 added=1 changed=1 removed=0 generation=2");
	assert_int_equal(vendors_number(vendors), 2);
	now = vendors_acquire(vendors);
	assert_int_equal(timeout_of(held, "a"), 1000);
	assert_int_equal(timeout_of(held, "b"), 0);
	assert_int_equal(timeout_of(now, "a"), 2000);
	assert_int_equal(timeout_of(now, "b"), 3000);
	assert_string_not_equal(held->digest, now->digest);
	vendors_free(vendors);
	assert_int_equal(timeout_of(now, "b"), 3000);
	generation_release(held);
	generation_release(now);
}

static void what_has_not_changed_is_said_to_be_so(void **state)
{
	struct vendors *vendors = open_vendors(false);
	struct generation *before = vendors_acquire(vendors), *now;
	char said[LOG_SIZE];

	(void)state;
	assert_true(reload(vendors, said));
	expect_said(said, "vendors=1 added=0 changed=0 removed=0 generation=2");
	now = vendors_acquire(vendors);
	assert_string_equal(before->digest, now->digest);
	generation_release(before);
	generation_release(now);
	write_vendor("b", 1, "");
	remove_file("a.json");
	assert_true(reload(vendors, said));
	expect_said(said, "vendors=1 added=1 changed=0 removed=1 generation=3");
	vendors_free(vendors);
}

static void bad_files_leave_what_was_and_all_mistakes_are_told_with_their_places(void **state)
{
	struct vendors *vendors = open_vendors(false);
	struct generation *now;
	char said[LOG_SIZE];

	(void)state;
	write_vendor("b", 2000, "");
	write_file("a.json", "{\"name\": \"a\", \"mode\": \"sync\",\n \"request\": {\"url\": \"http://h/\", \"timuot_ms\": 1},\n"
	                     " \"retry\": {\"max_attempts\": 0}}");
	assert_false(reload(vendors, said));
	expect_said(said, "/a.json:2:34: request/timuot_ms: unknown member, did you mean request/timeout_ms?");
	expect_said(said, "/a.json:3:12: retry/max_attempts: ");
	expect_said(said, "those that were read before stay in force generation=1");
	now = vendors_acquire(vendors);
	assert_int_equal(now->number, 1);
	assert_int_equal(timeout_of(now, "a"), 1000);
	assert_int_equal(timeout_of(now, "b"), 0);
	generation_release(now);
	write_vendor("a", 5000, "");
	assert_true(reload(vendors, said));
	expect_said(said, "vendors=2 added=1 changed=1 removed=0 generation=2");
	vendors_free(vendors);
}

static void what_this_machine_lacks_is_a_mistake(void **state)
{
	struct vendors *vendors = open_vendors(false);
	char said[LOG_SIZE];

	(void)state;
	write_vendor("a", 1000, ", \"auth\": {\"type\": \"bearer\", \"token\": \"${env:NO_SUCH_TOKEN}\"}");
	assert_false(reload(vendors, said));
	expect_said(said, "/a.json:1:");
	expect_said(said, "the environment variable NO_SUCH_TOKEN is not set");
	vendors_free(vendors);
}

static void secrets_are_read_anew(void **state)
{
	char *auth = mem_printf(", \"auth\": {\"type\": \"basic\", \"user\": \"${env:SOME_TOKEN}\", \"password\": \"${file:%s/secret}\"}",
	                        dir);
	struct vendors *vendors;
	struct generation *now;
	char said[LOG_SIZE];

	(void)state;
	write_file("secret", "first");
	write_vendor("a", 1000, auth);
	vendors = open_vendors(false);
	write_file("settings", "SOME_TOKEN=two\n");
	assert_true(reload(vendors, said));
	expect_said(said, "changed=1");
	write_file("secret", "second");
	assert_true(reload(vendors, said));
	expect_said(said, "changed=1");
	assert_null(strstr(said, "second"));
	now = vendors_acquire(vendors);
	assert_string_equal(vendor_at(now->set, 0)->secrets[0], "two");
	assert_string_equal(vendor_at(now->set, 0)->secrets[1], "second");
	generation_release(now);
	write_file("settings", "nonsense\n");
	assert_false(reload(vendors, said));
	expect_said(said, "settings line 1");
	assert_int_equal(vendors_number(vendors), 3);
	vendors_free(vendors);
	free(auth);
}

static void routes_and_the_default_vendor_go_with_the_files(void **state)
{
	char *routes = mem_printf("%s/routes", dir), *before = settings.routes, *default_before = settings.default_vendor;
	struct vendors *vendors;
	struct generation *now;
	char said[LOG_SIZE];

	(void)state;
	settings.routes = routes;
	settings.default_vendor = "a";
	write_vendor("b", 2000, "");
	write_file("routes", "{\"routes\": [{\"when\": {\"/x\": 1}, \"vendor\": \"a\"}]}");
	vendors = open_vendors(true);
	write_file("routes", "{\"routes\": [{\"when\": {\"/x\": 1}, \"vendor\": \"b\"}]}");
	assert_true(reload(vendors, said));
	now = vendors_acquire(vendors);
	assert_string_equal(vendor_routes_find(now->routes, "{\"x\":1}")->name, "b");
	generation_release(now);
	remove_file("b.json");
	assert_false(reload(vendors, said));
	expect_said(said, "routes/0/vendor: no file defines the vendor \"b\"");
	write_file("routes", "{\"routes\": [{\"when\": {\"/x\": 1}, \"vendor\": \"c\"}]}");
	write_vendor("c", 2000, "");
	remove_file("a.json");
	assert_false(reload(vendors, said));
	expect_said(said, "VENDORFETCH_DEFAULT_VENDOR: no file defines the vendor \"a\"");
	assert_int_equal(vendors_number(vendors), 2);
	vendors_free(vendors);
	settings.routes = before;
	settings.default_vendor = default_before;
	free(routes);
}

/* ---- Threads ---- */

static _Atomic bool over;

/* Every vendor of a generation has the same timeout: what is read is never half old, half new, nor freed. */
static void *read_all_the_time(void *arg)
{
	struct vendors *vendors = arg;
	size_t torn = 0;

	while (!atomic_load(&over)) {
		struct generation *held = vendors_acquire(vendors), *again = generation_share(held);

		generation_release(held);
		torn += timeout_of(again, "a") != timeout_of(again, "b") || vendor_count(again->set) != 2;
		generation_release(again);
	}
	return (void *)torn;
}

static void readers_see_one_generation_or_the_other(void **state)
{
	struct vendors *vendors;
	pthread_t readers[READERS];
	char said[LOG_SIZE];

	(void)state;
	write_vendor("b", 1000, "");
	vendors = open_vendors(false);
	atomic_store(&over, false);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_all_the_time, vendors), 0);
	for (int n = 0; n < RELOADS; n++) {
		write_vendor("a", 2000 + n, "");
		write_vendor("b", 2000 + n, "");
		assert_true(reload(vendors, said));
	}
	atomic_store(&over, true);
	for (int i = 0; i < READERS; i++) {
		void *torn;

		pthread_join(readers[i], &torn);
		assert_null(torn);
	}
	assert_int_equal(vendors_number(vendors), RELOADS + 1);
	vendors_free(vendors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_holds_a_generation_keeps_it, setup, teardown),
		cmocka_unit_test_setup_teardown(what_has_not_changed_is_said_to_be_so, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_files_leave_what_was_and_all_mistakes_are_told_with_their_places, setup, teardown),
		cmocka_unit_test_setup_teardown(what_this_machine_lacks_is_a_mistake, setup, teardown),
		cmocka_unit_test_setup_teardown(secrets_are_read_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(routes_and_the_default_vendor_go_with_the_files, setup, teardown),
		cmocka_unit_test_setup_teardown(readers_see_one_generation_or_the_other, setup, teardown),
	};

	log_init("test", "info");
	return cmocka_run_group_tests_name("vendors", tests, NULL, NULL);
}
