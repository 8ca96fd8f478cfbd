/* What clocks show: the files of tzdata, their rules, and files that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../support/zone_bytes.h"
#include "time_zone.h"
#include "time_zone_table.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 1024 };

static void every_change_of_the_files_is_known_to_the_second(void **state)
{
	(void)state;
	if (access(TIME_ZONE_DIR "/Europe/Berlin", R_OK) < 0)
		skip();
	for (size_t i = 0; i < sizeof(offsets_of_files) / sizeof(offsets_of_files[0]); i++) {
		const struct offset_row *row = &offsets_of_files[i];
		struct time_zone *zone = NULL;
		struct err_text why = { "" };
		int64_t until;

		if (time_zone_load(TIME_ZONE_DIR, row->zone, &zone, &why) != ERR_OK)
			fail_msg("%s", why.text);
		if (time_zone_offset(zone, row->at, &until) != row->offset)
			fail_msg("%s at %lld: %d", row->zone, (long long)row->at, (int)time_zone_offset(zone, row->at, NULL));
		assert_true(until > row->at);
		time_zone_free(zone);
	}
}

static void rules_go_on_behind_the_last_change(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(offsets_of_rules) / sizeof(offsets_of_rules[0]); i++) {
		const struct offset_row *row = &offsets_of_rules[i];
		struct time_zone *zone = zone_of_rule(row->zone);
		int64_t until;

		if (time_zone_offset(zone, row->at, &until) != row->offset)
			fail_msg("%s at %lld: %d", row->zone, (long long)row->at, (int)time_zone_offset(zone, row->at, NULL));
		/* The table has the second before each change. */
		if (i + 1 < sizeof(offsets_of_rules) / sizeof(offsets_of_rules[0]) && row[1].at == row->at + 1)
			assert_int_equal(until, row->at + 1);
		assert_true(until > row->at);
		time_zone_free(zone);
	}
}

static void utc_needs_no_file(void **state)
{
	struct time_zone *zone = NULL;
	int64_t until;

	(void)state;
	assert_int_equal(time_zone_load("/no/such/folder", "UTC", &zone, NULL), ERR_OK);
	assert_int_equal(time_zone_offset(zone, 1700000000, &until), 0);
	assert_true(until == INT64_MAX);
	assert_int_equal(time_zone_offset(NULL, 1700000000, &until), 0);
	time_zone_free(zone);
}

static void what_is_not_there_is_named(void **state)
{
	static const struct { const char *dir, *name, *text; } cases[] = {
		{ "/", "Europe/Berlln", "there is no time zone \"Europe/Berlln\" in /" },
		{ "/", "usr", "there is no time zone \"usr\" in /" },
		{ "/no/such", "Europe/Berlin", "\"Europe/Berlin\" is not to be found: there is no /no/such (Debian: package tzdata)" },
		{ "/", "../etc/passwd", "\"../etc/passwd\" is not the name of a time zone (such as Europe/Berlin or UTC)" },
		{ "/", "/etc/passwd", "\"/etc/passwd\" is not the name of a time zone (such as Europe/Berlin or UTC)" },
		{ "/", "etc//passwd", "\"etc//passwd\" is not the name of a time zone (such as Europe/Berlin or UTC)" },
		{ "/", "", "\"\" is not the name of a time zone (such as Europe/Berlin or UTC)" },
		{ "/", "etc/passwd", "\"etc/passwd\": the file //etc/passwd is not a time zone file" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct time_zone *zone = NULL;
		struct err_text why = { "" };

		assert_int_equal(time_zone_load(cases[i].dir, cases[i].name, &zone, &why), ERR_INVALID);
		assert_string_equal(why.text, cases[i].text);
	}
}

static enum err parse(const unsigned char *bytes, size_t len)
{
	struct time_zone *zone = NULL;
	enum err err = time_zone_parse(bytes, len, &zone, NULL);

	if (err == ERR_OK)
		time_zone_free(zone);
	return err;
}

/* Nothing behind the end is read (the sanitizers would tell), whatever is cut off or changed. */
static void files_that_are_not_whole_are_refused(void **state)
{
	unsigned char bytes[FILE_MAX], changed[FILE_MAX];
	size_t len = zone_bytes(bytes, 3600, "CET-1CEST,M3.5.0,M10.5.0/3");

	(void)state;
	assert_int_equal(parse(bytes, len), ERR_OK);
	for (size_t i = 0; i < len; i++) {
		unsigned char *cut = test_malloc(i + 1);

		memcpy(cut, bytes, i);
		assert_int_equal(parse(cut, i), ERR_INVALID);
		test_free(cut);
	}
	for (size_t i = 0; i < len * 256; i++) {
		memcpy(changed, bytes, len);
		changed[i / 256] = (unsigned char)(i % 256);
		(void)parse(changed, len);
	}
}

static void rules_that_are_none_are_refused(void **state)
{
	static const char *const rules[] = {
		"C-1", "CET", "CET-25", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
		"CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J300", "CET-1CEST,366,J300", "CET-1CEST,M3.5.0/168,M10.5.0", "CET-1:60",
		"CET-1CEST,M3.5.0,M10.5.0 ", "<+01-1", "<>-1", "CET-1CEST,M3.5.0,M10.5.0/3,", "CET-1CEST,M3.5.0/,M10.5.0", "CET-1:",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		unsigned char bytes[FILE_MAX];
		size_t len = zone_bytes(bytes, 0, rules[i]);

		if (parse(bytes, len) != ERR_INVALID)
			fail_msg("%s is taken for a rule", rules[i]);
	}
}

/* No rule: nothing is known, so the last offset stays. */
static void a_file_without_a_rule_keeps_its_last_offset(void **state)
{
	unsigned char bytes[FILE_MAX];
	size_t len = zone_bytes(bytes, -7200, "");
	struct time_zone *zone = NULL;
	int64_t until;

	(void)state;
	assert_int_equal(time_zone_parse(bytes, len, &zone, NULL), ERR_OK);
	assert_int_equal(time_zone_offset(zone, 4000000000, &until), -7200);
	assert_true(until == INT64_MAX);
	time_zone_free(zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_change_of_the_files_is_known_to_the_second),
		cmocka_unit_test(rules_go_on_behind_the_last_change),
		cmocka_unit_test(utc_needs_no_file),
		cmocka_unit_test(what_is_not_there_is_named),
		cmocka_unit_test(files_that_are_not_whole_are_refused),
		cmocka_unit_test(rules_that_are_none_are_refused),
		cmocka_unit_test(a_file_without_a_rule_keeps_its_last_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
