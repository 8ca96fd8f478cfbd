#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "settings.h"
#include "settings_file.h"
#include "../support/reference.h"

enum { ARGS_MAX = 12 };

/* A settings file of the test's own, so that the machine's is never read. */
static char config[] = "/tmp/test_settings.XXXXXX";
static char secret_path[64];

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static int empty_everything(void **state)
{
	static const char *const names[] = { "STORE_URI", "MONGODB_URI", "MONGO_URL", "STORE_URI_FILE", "MONGO_URL_FILE", "REDIS_URL",
		"LOG_LEVEL", "API_BASE_URL", "SYNC_VENDOR_URL", "ASYNC_VENDOR_URL", "VENDORFETCH_API_THREADS", "VENDORFETCH_REDIS_PREFIX",
		"VENDORFETCH_DEFAULT_VENDOR", "VENDORFETCH_ACCEPT_STATUS", "SOME_TOKEN", "OTHER_TOKEN" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
	write_file(config, "");
	return 0;
}

/* args: separated by spaces. */
static void load(const char *args, struct settings *settings)
{
	static char words[512];
	char *argv[ARGS_MAX + 1] = { (char[]){ "prog" }, (char[]){ "--config" }, config }, *rest = words, *word;
	int argc = 3;

	snprintf(words, sizeof(words), "%s", args);
	while (argc < ARGS_MAX && (word = strsep(&rest, " ")))
		if (*word)
			argv[argc++] = word;
	settings_load(argc, argv, "prog", "A program.", settings);
}

/* What the program prints before it ends, and how. */
static char *ends_with(const char *args, int expected_status, bool on_stdout)
{
	static char output[32768];
	struct settings settings;
	int pipe_fds[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t child;

	assert_int_equal(pipe(pipe_fds), 0);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		dup2(pipe_fds[1], on_stdout ? STDOUT_FILENO : STDERR_FILENO);
		load(args, &settings);
		_exit(99);
	}
	close(pipe_fds[1]);
	while ((got = read(pipe_fds[0], output + n, sizeof(output) - 1 - n)) > 0)
		n += (size_t)got;
	output[n] = '\0';
	close(pipe_fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected_status);
	return output;
}

static void assert_refused(const char *args, const char *line)
{
	char expected[512];

	snprintf(expected, sizeof(expected), "prog: %s\n", line);
	assert_string_equal(ends_with(args, 2, false), expected);
}

static void without_anything_the_defaults_hold(void **state)
{
	struct settings s;

	(void)state;
	load("", &s);
	assert_string_equal(s.store_uri, "sqlite:/var/lib/vendorfetch/vendorfetch.db");
	assert_string_equal(s.redis_url, "redis://127.0.0.1:6379/0");
	assert_string_equal(s.redis_prefix, "");
	assert_string_equal(s.log_level, "info");
	assert_string_equal(s.default_vendor, "");
	assert_int_equal(s.accept_status, 202);
	assert_int_equal(s.api_threads, 64);
	assert_int_equal(s.max_body_bytes, 1048576);
	assert_int_equal(s.worker_slot, 1);
	assert_int_equal(s.drain_ms, 25000);
	assert_string_equal(settings_env("SYNC_VENDOR_URL"), "http://127.0.0.1:3001");
	assert_string_equal(settings_env("VENDORFETCH_API_THREADS"), "64");
	assert_null(settings_env("NO_SUCH_NAME"));
	settings_free(&s);
}

static void flag_beats_environment_beats_file_beats_default(void **state)
{
	struct settings s;

	(void)state;
	write_file(config, "VENDORFETCH_API_THREADS=3\n");
	load("", &s);
	assert_int_equal(s.api_threads, 3);
	settings_free(&s);
	setenv("VENDORFETCH_API_THREADS", "4", 1);
	load("", &s);
	assert_int_equal(s.api_threads, 4);
	settings_free(&s);
	load("--api-threads 5", &s);
	assert_int_equal(s.api_threads, 5);
	settings_free(&s);
	load("--api-threads=6", &s);
	assert_int_equal(s.api_threads, 6);
	settings_free(&s);
	load("--api-threads=6 --api-threads 7", &s);
	assert_int_equal(s.api_threads, 7);
	settings_free(&s);
}

static void the_order_holds_across_aliases(void **state)
{
	struct settings s;

	(void)state;
	write_file(config, "STORE_URI=sqlite:/file\n");
	setenv("MONGO_URL", "mongodb://alias", 1);
	load("", &s);
	assert_string_equal(s.store_uri, "mongodb://alias");
	assert_string_equal(settings_env("STORE_URI"), "mongodb://alias");
	assert_string_equal(settings_env("MONGODB_URI"), "mongodb://alias");
	settings_free(&s);
	setenv("STORE_URI", "sqlite:/env", 1);
	load("", &s);
	assert_string_equal(s.store_uri, "sqlite:/env");
	settings_free(&s);
	load("--store-uri sqlite:/flag", &s);
	assert_string_equal(s.store_uri, "sqlite:/flag");
	settings_free(&s);
}

static void an_empty_variable_counts_as_none(void **state)
{
	struct settings s;

	(void)state;
	write_file(config, "REDIS_URL=redis://file\nVENDORFETCH_DEFAULT_VENDOR=x\n");
	setenv("REDIS_URL", "", 1);
	load("", &s);
	assert_string_equal(s.redis_url, "redis://file");
	assert_string_equal(s.default_vendor, "x");
	settings_free(&s);
	load("--default-vendor=", &s);
	assert_string_equal(s.default_vendor, "");
	settings_free(&s);
}

static void a_secret_may_come_from_a_file(void **state)
{
	struct settings s;

	(void)state;
	write_file(secret_path, "mongodb://u:p@h/\n");
	setenv("STORE_URI_FILE", secret_path, 1);
	load("", &s);
	assert_string_equal(s.store_uri, "mongodb://u:p@h/");
	settings_free(&s);
	setenv("STORE_URI", "sqlite:/x", 1);
	load("", &s);
	assert_string_equal(s.store_uri, "sqlite:/x");
	settings_free(&s);
	unsetenv("STORE_URI");
	unsetenv("STORE_URI_FILE");
	setenv("MONGO_URL_FILE", secret_path, 1);
	load("", &s);
	assert_string_equal(s.store_uri, "mongodb://u:p@h/");
	settings_free(&s);
	setenv("MONGO_URL_FILE", "/no/such/file", 1);
	assert_refused("", "MONGO_URL_FILE: cannot open /no/such/file: No such file or directory (from environment)");
}

static void the_file_has_the_usual_form(void **state)
{
	struct settings s;

	(void)state;
	write_file(config, "# comment\n\n  ; comment\n LOG_LEVEL = debug \r\nREDIS_URL=\"redis://a#b\"\n"
	                   "VENDORFETCH_REDIS_PREFIX=\"a\\\"b\\\\c:\"\nSYNC_VENDOR_URL=http://h/?a=b\nLOG_LEVEL=warn\n"
	                   "SOME_TOKEN=from file\nOTHER_TOKEN=\"x\"\nOTHER_TOKEN=y");
	setenv("SOME_TOKEN", "from environment", 1);
	load("", &s);
	assert_string_equal(s.log_level, "warn");
	assert_string_equal(s.redis_url, "redis://a#b");
	assert_string_equal(s.redis_prefix, "a\"b\\c:");
	assert_string_equal(s.sync_vendor_url, "http://h/?a=b");
	/* Names that are no settings are for ${env:NAME}. */
	assert_string_equal(settings_env("SOME_TOKEN"), "from environment");
	assert_string_equal(settings_env("OTHER_TOKEN"), "y");
	assert_null(getenv("LOG_LEVEL"));
	settings_free(&s);
}

static void what_vendor_files_refer_to_can_be_read_anew(void **state)
{
	struct settings s;
	struct err_text why = { "" };

	(void)state;
	write_file(config, "SOME_TOKEN=one\nOTHER_TOKEN=file\nLOG_LEVEL=warn\n");
	setenv("OTHER_TOKEN", "environment", 1);
	load("", &s);
	assert_string_equal(settings_config_path(), config);
	assert_string_equal(settings_env("SOME_TOKEN"), "one");
	write_file(config, "SOME_TOKEN=two\nOTHER_TOKEN=new\nLOG_LEVEL=debug\nTHIRD_TOKEN=three\n");
	assert_int_equal(settings_reload_env(&why), ERR_OK);
	assert_string_equal(settings_env("SOME_TOKEN"), "two");
	assert_string_equal(settings_env("OTHER_TOKEN"), "environment");
	assert_string_equal(settings_env("THIRD_TOKEN"), "three");
	assert_string_equal(settings_env("LOG_LEVEL"), "warn");
	assert_string_equal(s.log_level, "warn");
	write_file(config, "nonsense\n");
	assert_int_equal(settings_reload_env(&why), ERR_INVALID);
	assert_non_null(strstr(why.text, "line 1"));
	assert_string_equal(settings_env("SOME_TOKEN"), "two");
	write_file(config, "");
	assert_int_equal(settings_reload_env(&why), ERR_OK);
	assert_null(settings_env("SOME_TOKEN"));
	settings_free(&s);
}

static void bad_lines_are_named(void **state)
{
	char line[256];

	(void)state;
	write_file(config, "\nLOG_LEVEL\n");
	snprintf(line, sizeof(line), "%s line 2: expected NAME=VALUE", config);
	assert_refused("", line);
	write_file(config, "export A=b\n");
	snprintf(line, sizeof(line), "%s line 1: what stands before = is not a name", config);
	assert_refused("", line);
	write_file(config, "A=\"b\n");
	snprintf(line, sizeof(line), "%s line 1: the quotes of A do not close at its end", config);
	assert_refused("", line);
	write_file(config, "A=\"b\" c\n");
	assert_refused("", line);
	write_file(config, "\n\nLOG_LEVEL=loud\n");
	snprintf(line, sizeof(line), "LOG_LEVEL: is not one of error, warn, info, debug (from %s line 3)", config);
	assert_refused("", line);
}

static void a_named_file_must_be_there(void **state)
{
	(void)state;
	assert_refused("--config /no/such.conf", "cannot open /no/such.conf: No such file or directory");
}

static void values_out_of_bounds_are_named_with_their_source(void **state)
{
	(void)state;
	setenv("VENDORFETCH_API_THREADS", "0", 1);
	assert_refused("", "VENDORFETCH_API_THREADS: 0 is not between 1 and 1024 (from environment)");
	assert_refused("--api-threads 1025", "VENDORFETCH_API_THREADS: 1025 is not between 1 and 1024 (from command line)");
	assert_refused("--api-threads=9999999999999999999999",
	               "VENDORFETCH_API_THREADS: 9999999999999999999999 is not between 1 and 1024 (from command line)");
	assert_refused("--api-threads=5x", "VENDORFETCH_API_THREADS: \"5x\" is not an integer (from command line)");
	assert_refused("--api-threads=", "VENDORFETCH_API_THREADS: \"\" is not an integer (from command line)");
	assert_refused("--api-threads=1 --accept-status 204", "VENDORFETCH_ACCEPT_STATUS: 204 is not between 200 and 202 (from command line)");
	assert_refused("--api-base-url ftp://x", "API_BASE_URL: does not begin with http:// or https:// (from command line)");
	assert_refused("--api-base-url http://", "API_BASE_URL: has no host (from command line)");
	assert_refused("--api-threads=1 --redis-prefix a{b}",
	               "VENDORFETCH_REDIS_PREFIX: may only hold printable ASCII characters other than space and braces (from command line)");
}

static void a_password_is_no_flag(void **state)
{
	static const char *const flags[] = { "--redis-url redis://:hunter2@a", "--store-uri=mongodb://me:hunter2@a/db",
	                                     "--store-uri mongodb://a/db?tlsCertificateKeyFilePassword=hunter2" };

	(void)state;
	assert_refused("redis://:hunter2@a", "unexpected argument \"redis://:***@a\" (--help lists the options)");
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		const char *said = ends_with(flags[i], 2, false);

		assert_null(strstr(said, "hunter2"));
		assert_non_null(strstr(said, "has a password in it, which ps shows"));
		assert_non_null(strstr(said, "_FILE"));
	}
}

static void a_path_prefix_is_parts_after_slashes(void **state)
{
	static const char *const good[] = { "/api", "/api/v1", "/a-b/c_d/e~f/1.0" };
	static const char *const bad[] = { "/", "api", "/api/", "//api", "/api//v1", "/..", "/api/./v1", "/a?b", "/a%20", "/(a|b)",
	                                   "/a\"b" };
	struct settings s;
	char args[256];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(args, sizeof(args), "--path-prefix %s", good[i]);
		load(args, &s);
		assert_string_equal(s.path_prefix, good[i]);
		settings_free(&s);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(args, sizeof(args), "--path-prefix=%s", bad[i]);
		assert_refused(args, "VENDORFETCH_PATH_PREFIX: is not like /api/v1: parts of letters, digits, '.', '_', '~' and '-', "
		                     "each after a slash (from command line)");
	}
	snprintf(args, sizeof(args), "--path-prefix /%0128d", 0);
	assert_refused(args, "VENDORFETCH_PATH_PREFIX: has more than 128 characters (from command line)");
}

static void odd_options_are_refused(void **state)
{
	(void)state;
	assert_refused("--no-such 1", "unknown option --no-such (--help lists them)");
	assert_refused("--no-such=1", "unknown option --no-such (--help lists them)");
	assert_refused("--vendorfetch-api-threads=1", "unknown option --vendorfetch-api-threads (--help lists them)");
	assert_refused("--api-threads", "--api-threads needs a value");
	assert_refused("-x", "unexpected argument \"-x\" (--help lists the options)");
	assert_refused("--", "unexpected argument \"--\" (--help lists the options)");
	assert_refused("run", "unexpected argument \"run\" (--help lists the options)");
}

static void help_and_version_are_answered(void **state)
{
	char *help = ends_with("--help", 0, true);

	(void)state;
	assert_non_null(strstr(help, "A program."));
	assert_non_null(strstr(help, "--store-uri, STORE_URI, MONGODB_URI, MONGO_URL"));
	assert_non_null(strstr(help, "--api-threads, VENDORFETCH_API_THREADS"));
	assert_non_null(strstr(help, "1 to 1024."));
	assert_memory_equal(ends_with("--version", 0, true), "prog ", 5);
	assert_non_null(strstr(ends_with("--print-settings-reference", 0, true), "| `VENDORFETCH_DRAIN_MS` | `--drain-ms` |"));
}

static void the_base_url_loses_its_last_slash(void **state)
{
	struct settings s;

	(void)state;
	load("--api-base-url https://api.example/base//", &s);
	assert_string_equal(s.api_base_url, "https://api.example/base");
	settings_free(&s);
}

static void the_reference_in_the_docs_is_current(void **state)
{
	(void)state;
	reference_check("docs/settings.md", settings_print_reference);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(without_anything_the_defaults_hold, empty_everything),
		cmocka_unit_test_setup(flag_beats_environment_beats_file_beats_default, empty_everything),
		cmocka_unit_test_setup(the_order_holds_across_aliases, empty_everything),
		cmocka_unit_test_setup(an_empty_variable_counts_as_none, empty_everything),
		cmocka_unit_test_setup(a_secret_may_come_from_a_file, empty_everything),
		cmocka_unit_test_setup(the_file_has_the_usual_form, empty_everything),
		cmocka_unit_test_setup(what_vendor_files_refer_to_can_be_read_anew, empty_everything),
		cmocka_unit_test_setup(bad_lines_are_named, empty_everything),
		cmocka_unit_test_setup(a_named_file_must_be_there, empty_everything),
		cmocka_unit_test_setup(values_out_of_bounds_are_named_with_their_source, empty_everything),
		cmocka_unit_test_setup(a_password_is_no_flag, empty_everything),
		cmocka_unit_test_setup(a_path_prefix_is_parts_after_slashes, empty_everything),
		cmocka_unit_test_setup(odd_options_are_refused, empty_everything),
		cmocka_unit_test_setup(help_and_version_are_answered, empty_everything),
		cmocka_unit_test_setup(the_base_url_loses_its_last_slash, empty_everything),
		cmocka_unit_test(the_reference_in_the_docs_is_current),
	};
	int failed;

	close(mkstemp(config));
	snprintf(secret_path, sizeof(secret_path), "%s.secret", config);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(config);
	unlink(secret_path);
	return failed;
}
