/* Where days and the like begin on the clocks of a zone, and when it is open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../support/zone_bytes.h"
#include "calendar.h"
#include "civil.h"

#include <stdio.h>
#include <string.h>

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define LORD_HOWE "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"
#define CAIRO_LIKE "EET-2EEST,M3.5.0/0,M10.5.0/0"       /* clocks change at midnight */
#define NEWFOUNDLAND "NST3:30NDT,M3.2.0,M11.1.0"

/* An instant by its UTC text; fails unless it is one. */
static int64_t utc(const char *text)
{
	int year, month, day, hour, minute, second;

	assert_int_equal(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ", &year, &month, &day, &hour, &minute, &second), 6);
	return civil_to_days((struct civil_day){ year, month, day }) * SECONDS_A_DAY + hour * 3600 + minute * 60 + second;
}

static void expect_utc(int64_t at, const char *text, const char *what)
{
	if (at != utc(text))
		fail_msg("%s: %lld, which is %lld s after %s", what, (long long)at, (long long)(at - utc(text)), text);
}

static void days_and_numbers_of_days_are_each_others_inverse(void **state)
{
	(void)state;
	assert_int_equal(civil_to_days((struct civil_day){ 1970, 1, 1 }), 0);
	assert_int_equal(civil_weekday(0), 3);
	for (int64_t days = civil_to_days((struct civil_day){ 1599, 12, 31 }); days < 400000; days++) {
		struct civil_day day = civil_from_days(days), next = civil_from_days(days + 1);

		assert_int_equal(civil_to_days(day), days);
		assert_true(next.day == day.day + 1 ||
		            (next.day == 1 && (next.month == day.month + 1 || (next.month == 1 && next.year == day.year + 1))));
	}
	assert_int_equal(civil_from_days(civil_to_days((struct civil_day){ 2000, 2, 29 })).day, 29);
	assert_int_equal(civil_from_days(civil_to_days((struct civil_day){ 1900, 2, 28 }) + 1).month, 3);
}

static const struct { const char *zone; enum calendar_unit unit; const char *start, *next, *behind; } units[] = {
	/* 24, 23 and 25 hours */
	{ BERLIN, CALENDAR_DAY, "2024-01-14T23:00:00Z", "2024-01-15T23:00:00Z", "2024-01-16T23:00:00Z" },
	{ BERLIN, CALENDAR_DAY, "2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z", "2024-04-01T22:00:00Z" },
	{ BERLIN, CALENDAR_DAY, "2024-10-26T22:00:00Z", "2024-10-27T23:00:00Z", "2024-10-28T23:00:00Z" },
	/* no midnight: the day begins at 01:00; and a day that comes to its last hour twice */
	{ CAIRO_LIKE, CALENDAR_DAY, "2024-03-29T22:00:00Z", "2024-03-30T22:00:00Z", "2024-03-31T21:00:00Z" },
	{ CAIRO_LIKE, CALENDAR_DAY, "2024-10-25T21:00:00Z", "2024-10-26T22:00:00Z", "2024-10-27T22:00:00Z" },
	{ "UTC0", CALENDAR_MONTH, "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z", "2024-04-01T00:00:00Z" },
	{ BERLIN, CALENDAR_MONTH, "2024-02-29T23:00:00Z", "2024-03-31T22:00:00Z", "2024-04-30T22:00:00Z" },
	{ BERLIN, CALENDAR_MONTH, "2024-11-30T23:00:00Z", "2024-12-31T23:00:00Z", "2025-01-31T23:00:00Z" },
	/* the hour that is there twice is two, and no hour is longer */
	{ BERLIN, CALENDAR_HOUR, "2024-10-27T00:00:00Z", "2024-10-27T01:00:00Z", "2024-10-27T02:00:00Z" },
	{ BERLIN, CALENDAR_HOUR, "2024-03-31T00:00:00Z", "2024-03-31T01:00:00Z", "2024-03-31T02:00:00Z" },
	{ NEWFOUNDLAND, CALENDAR_HOUR, "2024-01-15T12:30:00Z", "2024-01-15T13:30:00Z", "2024-01-15T14:30:00Z" },
	{ LORD_HOWE, CALENDAR_HOUR, "2024-04-06T14:00:00Z", "2024-04-06T15:00:00Z", "2024-04-06T15:30:00Z" },
	{ "XXX-1:00:20", CALENDAR_MINUTE, "2024-01-15T12:29:40Z", "2024-01-15T12:30:40Z", "2024-01-15T12:31:40Z" },
	{ BERLIN, CALENDAR_MINUTE, "2024-10-27T00:59:00Z", "2024-10-27T01:00:00Z", "2024-10-27T01:01:00Z" },
};

static void units_begin_when_clocks_say_so(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		const char *rule = units[i].zone;
		struct time_zone *zone = zone_of_rule(rule);
		int64_t start = utc(units[i].start), next = utc(units[i].next), width = next - start;
		char what[64];

		/* From its first second to its last. */
		for (int part = 0; part <= 4; part++) {
			int64_t at = part < 4 ? start + width * part / 4 : next - 1;

			snprintf(what, sizeof(what), "%.40s, row %zu", rule, i);
			expect_utc(calendar_start(zone, units[i].unit, at), units[i].start, what);
			expect_utc(calendar_next(zone, units[i].unit, at), units[i].next, what);
		}
		expect_utc(calendar_next(zone, units[i].unit, next), units[i].behind, what);
		assert_true(width * 1000 < calendar_longest_ms(units[i].unit));
		time_zone_free(zone);
	}
}

static void a_day_that_is_left_out_is_none(void **state)
{
	struct time_zone *zone = NULL;

	(void)state;
	if (time_zone_load(TIME_ZONE_DIR, "Pacific/Apia", &zone, NULL) != ERR_OK)
		skip();
	expect_utc(calendar_next(zone, CALENDAR_DAY, utc("2011-12-29T12:00:00Z")), "2011-12-30T10:00:00Z", "the 31st behind the 29th");
	expect_utc(calendar_start(zone, CALENDAR_DAY, utc("2011-12-30T12:00:00Z")), "2011-12-30T10:00:00Z", "the 31st");
	time_zone_free(zone);
}

/* ---- Hours ---- */

enum { WORKDAYS = 0x1f, EVERY_DAY = 0x7f, FRIDAY = 0x10, SUNDAY = 0x40 };

static const struct { unsigned days; int from, to; const char *zone, *at; bool open; const char *until; } times[] = {
	{ WORKDAYS, 480, 1080, "UTC0", "2024-01-15T07:59:59Z", false, "2024-01-15T08:00:00Z" },
	{ WORKDAYS, 480, 1080, "UTC0", "2024-01-15T08:00:00Z", true, "2024-01-15T18:00:00Z" },
	{ WORKDAYS, 480, 1080, "UTC0", "2024-01-15T17:59:59Z", true, "2024-01-15T18:00:00Z" },
	{ WORKDAYS, 480, 1080, "UTC0", "2024-01-19T18:00:00Z", false, "2024-01-22T08:00:00Z" },
	{ WORKDAYS, 480, 1080, BERLIN, "2024-01-15T07:00:00Z", true, "2024-01-15T17:00:00Z" },
	/* clocks change while it is closed */
	{ WORKDAYS, 480, 1080, BERLIN, "2024-03-29T17:00:00Z", false, "2024-04-01T06:00:00Z" },
	{ WORKDAYS, 480, 1080, BERLIN, "2024-10-25T16:00:00Z", false, "2024-10-28T07:00:00Z" },
	/* over midnight, over the end of the week, and both with a change of the clocks in between */
	{ FRIDAY, 1320, 360, "UTC0", "2024-01-19T23:00:00Z", true, "2024-01-20T06:00:00Z" },
	{ FRIDAY, 1320, 360, "UTC0", "2024-01-20T06:00:00Z", false, "2024-01-26T22:00:00Z" },
	{ SUNDAY, 1320, 360, "UTC0", "2024-01-21T22:00:00Z", true, "2024-01-22T06:00:00Z" },
	{ SUNDAY, 1320, 360, "UTC0", "2024-01-22T05:59:59Z", true, "2024-01-22T06:00:00Z" },
	{ EVERY_DAY, 1320, 360, BERLIN, "2024-03-30T23:00:00Z", true, "2024-03-31T04:00:00Z" },
	{ EVERY_DAY, 1320, 360, BERLIN, "2024-10-26T23:00:00Z", true, "2024-10-27T05:00:00Z" },
	/* clocks jump over the beginning, over all of it, and show the end twice */
	{ EVERY_DAY, 150, 240, BERLIN, "2024-03-31T00:59:59Z", false, "2024-03-31T01:00:00Z" },
	{ EVERY_DAY, 150, 240, BERLIN, "2024-03-31T01:00:00Z", true, "2024-03-31T02:00:00Z" },
	{ EVERY_DAY, 130, 170, BERLIN, "2024-03-31T00:30:00Z", false, "2024-04-01T00:10:00Z" },
	{ EVERY_DAY, 60, 150, BERLIN, "2024-10-26T23:30:00Z", true, "2024-10-27T00:30:00Z" },
	{ EVERY_DAY, 60, 150, BERLIN, "2024-10-27T00:30:00Z", false, "2024-10-27T01:00:00Z" },
	{ EVERY_DAY, 60, 150, BERLIN, "2024-10-27T01:00:00Z", true, "2024-10-27T01:30:00Z" },
};

static void it_is_open_when_clocks_say_so(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct hours hours = { .n = 0 };
		struct time_zone *zone = zone_of_rule(times[i].zone);
		int64_t until;
		char what[64];

		hours_add(&hours, times[i].days, times[i].from, times[i].to);
		snprintf(what, sizeof(what), "row %zu at %s", i, times[i].at);
		if (hours_are_open(&hours, zone, utc(times[i].at), &until) != times[i].open)
			fail_msg("%s", what);
		expect_utc(until, times[i].until, what);
		hours_deinit(&hours);
		time_zone_free(zone);
	}
}

static void what_touches_is_one(void **state)
{
	struct hours hours = { .n = 0 };
	int64_t until;

	(void)state;
	hours_add(&hours, EVERY_DAY, 0, 720);
	hours_add(&hours, WORKDAYS, 600, MINUTES_A_DAY);
	assert_true(hours_are_open(&hours, NULL, utc("2024-01-15T01:00:00Z"), &until));
	expect_utc(until, "2024-01-20T12:00:00Z", "Saturday noon");
	hours_add(&hours, EVERY_DAY, 720, 0);
	assert_true(hours_are_open(&hours, NULL, utc("2024-01-15T01:00:00Z"), &until));
	assert_true(until == INT64_MAX);
	hours_deinit(&hours);
}

/* Second by second: what is said of `until` is so, in the nights in which clocks change. */
static void until_is_the_next_change(void **state)
{
	static const char *const nights[] = { "2024-03-30T22:00:00Z", "2024-10-26T22:00:00Z" };
	struct time_zone *zone = zone_of_rule(BERLIN);
	struct hours hours = { .n = 0 };

	(void)state;
	for (int from = 45; from < 300; from += 70)
		hours_add(&hours, EVERY_DAY, from, from + 25);
	for (size_t i = 0; i < sizeof(nights) / sizeof(nights[0]); i++) {
		int64_t at = utc(nights[i]), until;
		bool open = hours_are_open(&hours, zone, at, &until), now;

		for (int64_t end = at + 8 * 3600; at < end; at++) {
			int64_t next;

			now = hours_are_open(&hours, zone, at, &next);
			assert_int_equal(now != open, at == until);
			assert_true(at == until || next == until);
			open = now;
			until = next;
		}
	}
	hours_deinit(&hours);
	time_zone_free(zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_and_numbers_of_days_are_each_others_inverse),
		cmocka_unit_test(units_begin_when_clocks_say_so),
		cmocka_unit_test(a_day_that_is_left_out_is_none),
		cmocka_unit_test(it_is_open_when_clocks_say_so),
		cmocka_unit_test(what_touches_is_one),
		cmocka_unit_test(until_is_the_next_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
