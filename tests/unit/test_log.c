#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <unistd.h>
#include <cmocka.h>

#include "log.h"

/* stderr goes into this file while a test runs. */
static FILE *captured;
static int real_stderr;

static int capture(void **state)
{
	(void)state;
	captured = tmpfile();
	real_stderr = dup(STDERR_FILENO);
	/* O_APPEND as a log file has it. */
	fcntl(fileno(captured), F_SETFL, O_APPEND);
	dup2(fileno(captured), STDERR_FILENO);
	return 0;
}

static int release(void **state)
{
	(void)state;
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	fclose(captured);
	return 0;
}

static const char *logged(void)
{
	static char text[1 << 20];

	rewind(captured);
	text[fread(text, 1, sizeof(text) - 1, captured)] = '\0';
	return text;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* What follows time, level, program and process id. */
static const char *message(const char *line) { return strstr(line, "] ") + 2; }

static void a_line_has_time_level_program_and_text(void **state)
{
	char expected[64];
	const char *line;

	(void)state;
	log_init("prog", "info");
	log_warn("it is late by=%d", 5);
	line = logged();
	assert_int_equal(strlen("2026-11-22T15:46:00.123Z"), strcspn(line, " "));
	assert_int_equal(line[10], 'T');
	assert_int_equal(line[23], 'Z');
	snprintf(expected, sizeof(expected), " warn prog[%d] it is late by=5\n", (int)getpid());
	assert_string_equal(line + 24, expected);
}

static void what_comes_from_outside_cannot_forge_a_line(void **state)
{
	(void)state;
	log_init("prog", "info");
	log_error("bad name=%s", "x\n2026-01-01T00:00:00.000Z error prog[1] forged\r\t\x1b[31m\x7f");
	assert_int_equal(count_lines(logged()), 1);
	assert_string_equal(message(logged()), "bad name=\"x\\x0a2026-01-01T00:00:00.000Z error prog[1] forged\\x0d\\x09\\x1b[31m\\x7f\"\n");
}

static void what_comes_from_outside_cannot_forge_a_value(void **state)
{
	static const struct { const char *text, *plain, *quoted; } texts[] = {
		{ "word", "word", "word" },
		{ "", "", "" },
		{ "a=b&c", "a=b&c", "a=b&c" },
		{ "two words", "\"two words\"", "two words" },
		{ "x vendor=other", "\"x vendor=other\"", "x vendor=other" },
		{ "x\" vendor=\"other", "\"x\\\" vendor=\\\"other\"", "x\\\" vendor=\\\"other" },
		{ "x\\\" vendor=\"other", "\"x\\\\\\\" vendor=\\\"other\"", "x\\\\\\\" vendor=\\\"other" },
		{ "\\", "\\", "\\\\" },
		{ "\"", "\"\\\"\"", "\\\"" },
		{ "x\xc2\x85y=\"1\"", "\"x\\xc2\\x85y=\\\"1\\\"\"", "x\\xc2\\x85y=\\\"1\\\"" },
	};
	char expected[256];
	size_t start = 0;

	(void)state;
	log_init("prog", "info");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		log_info("it came a=%s n=%d b=\"%s: %s\" c=%s", texts[i].text, 1, "why", texts[i].text, "end");
		snprintf(expected, sizeof(expected), "it came a=%s n=1 b=\"why: %s\" c=end\n", texts[i].plain, texts[i].quoted);
		assert_string_equal(message(logged() + start), expected);
		start = strlen(logged());
	}
}

static void numbers_are_written_as_printf_does(void **state)
{
	(void)state;
	log_init("prog", "info");
	log_info("%d %d %lld %u %llu %zu 100%% \"%d\"", INT_MIN, INT_MAX, LLONG_MIN, UINT_MAX, ULLONG_MAX, SIZE_MAX, -1);
	assert_string_equal(message(logged()), "-2147483648 2147483647 -9223372036854775808 4294967295 18446744073709551615 "
	                    "18446744073709551615 100% \"-1\"\n");
}

static void what_is_not_printable_is_written_in_hex(void **state)
{
	static const struct { const char *text, *shown; } texts[] = {
		{ "\x7f", "\\x7f" },
		{ "\xc2\x80\xc2\x85\xc2\x9f", "\\xc2\\x80\\xc2\\x85\\xc2\\x9f" },             /* C1: 0x85 is a line's end, 0x9b begins a sequence */
		{ "\xc2\x9b" "31m", "\\xc2\\x9b31m" },
		{ "\xe2\x80\xa8\xe2\x80\xa9", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9" },             /* U+2028, U+2029 */
		{ "\xe2\x80\xaa\xe2\x80\xae", "\\xe2\\x80\\xaa\\xe2\\x80\\xae" },             /* U+202A, U+202E */
		{ "\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9" },             /* U+2066, U+2069 */
		{ "\xe2\x80\x8e\xd8\x9c", "\\xe2\\x80\\x8e\\xd8\\x9c" },                       /* U+200E, U+061C */
		{ "\xc0\x8a\xe0\x80\x8a", "\\xc0\\x8a\\xe0\\x80\\x8a" },                       /* a line's end, overlong */
		{ "\x80\xff\xfe", "\\x80\\xff\\xfe" },
		{ "\xed\xa0\x80\xf4\x90\x80\x80", "\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80" },   /* a surrogate; over U+10FFFF */
		{ "caf\xc3", "caf\\xc3" },
		{ "\xc2\xa0\xe2\x80\xa7\xe2\x80\xaf\xf0\x9f\x98\x80", "\xc2\xa0\xe2\x80\xa7\xe2\x80\xaf\xf0\x9f\x98\x80" },   /* their neighbours */
	};
	char expected[256];
	size_t start = 0;

	(void)state;
	log_init("prog", "info");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		log_info("x=%s", texts[i].text);
		snprintf(expected, sizeof(expected), "x=%s\n", texts[i].shown);
		assert_string_equal(message(logged() + start), expected);
		start = strlen(logged());
	}
}

static void utf8_stays_readable(void **state)
{
	(void)state;
	log_init("prog", "info");
	log_info("caf\xc3\xa9");
	assert_string_equal(message(logged()), "caf\xc3\xa9\n");
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
	char text[10000];

	(void)state;
	log_init("prog", "info");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	memset(text, '\n', sizeof(text) - 1);
	log_info("%s", text);
	assert_int_equal(count_lines(logged()), 2);
	assert_true(strcspn(logged(), "\n") < 2048);
	assert_true(strlen(strchr(logged(), '\n') + 1) <= 2048);
}

static void the_level_says_what_is_written(void **state)
{
	static const struct { const char *level; size_t lines; } levels[] = {
		{ "error", 1 }, { "warn", 2 }, { "info", 3 }, { "debug", 4 }, { "nonsense", 3 }, { NULL, 3 },
	};
	size_t lines = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		log_init("prog", levels[i].level);
		log_error("e");
		log_warn("w");
		log_info("i");
		log_debug("d");
		lines += levels[i].lines;
		assert_int_equal(count_lines(logged()), lines);
	}
}

enum { THREADS = 4, LINES = 500 };

static void *write_lines(void *arg)
{
	for (int i = 0; i < LINES; i++)
		log_info("thread=%d line=%d end", *(int *)arg, i);
	return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
	pthread_t threads[THREADS];
	int numbers[THREADS];
	const char *line;

	(void)state;
	log_init("prog", "info");
	for (int t = 0; t < THREADS; t++) {
		numbers[t] = t;
		assert_int_equal(pthread_create(&threads[t], NULL, write_lines, &numbers[t]), 0);
	}
	for (int t = 0; t < THREADS; t++)
		pthread_join(threads[t], NULL);
	line = logged();
	assert_int_equal(count_lines(line), THREADS * LINES);
	for (; *line; line = strchr(line, '\n') + 1) {
		int thread, number, end = 0;

		sscanf(message(line), "thread=%d line=%d end%n", &thread, &number, &end);
		assert_int_equal(message(line)[end], '\n');
		assert_true(end > 0);
	}
}

#define CAPTURED(test) cmocka_unit_test_setup_teardown(test, capture, release)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CAPTURED(a_line_has_time_level_program_and_text),
		CAPTURED(what_comes_from_outside_cannot_forge_a_line),
		CAPTURED(what_comes_from_outside_cannot_forge_a_value),
		CAPTURED(numbers_are_written_as_printf_does),
		CAPTURED(what_is_not_printable_is_written_in_hex),
		CAPTURED(utf8_stays_readable),
		CAPTURED(a_long_line_is_cut_and_still_ends),
		CAPTURED(the_level_says_what_is_written),
		CAPTURED(lines_of_threads_do_not_mix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
