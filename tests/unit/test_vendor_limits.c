/* What a vendor file says of limits by the calendar, of costs and of hours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../support/one_vendor.h"
#include "quota.h"

#include <unistd.h>

/* 2024-01-15T00:00:00Z, a Monday */
#define MONDAY INT64_C(1705276800000)

enum { HOUR_MS = 3600000, DAY_MS = 24 * HOUR_MS, SPARE_MS = VENDOR_CLOCK_SPARE_MS };

static void skip_without_zones(void)
{
	if (access(TIME_ZONE_DIR "/Europe/Berlin", R_OK) < 0)
		skip();
}

static void a_limit_goes_by_the_clocks_of_its_zone_or_of_the_vendor(void **state)
{
	struct vendor_set *set;
	const struct vendor *v;

	(void)state;
	skip_without_zones();
	set = one_vendor("sync", "'time_zone':'Europe/Berlin','limits':[{'calls':1000,'per':'day'},"
	                         "{'calls':1000,'per':'day','time_zone':'America/New_York'},{'calls':9,'per':'month','time_zone':'UTC'},"
	                         "{'calls':10,'per_seconds':1}]");
	v = vendor_at(set, 0);
	assert_int_equal(v->n_limits, 4);
	assert_int_equal(limit_next_start(v, &v->limits[0], MONDAY), MONDAY + 23 * HOUR_MS);
	assert_int_equal(limit_next_start(v, &v->limits[1], MONDAY), MONDAY + 5 * HOUR_MS);
	assert_int_equal(limit_start(v, &v->limits[2], MONDAY), MONDAY - (int64_t)14 * DAY_MS);
	for (int i = 0; i < 3; i++)
		assert_true(limit_is_quota(&v->limits[i]));
	assert_false(limit_is_quota(&v->limits[3]));
	vendor_set_free(set);
}

/* Also a minute: what has a beginning outlives Redis. */
static void a_limit_by_the_calendar_is_a_quota(void **state)
{
	static const char *const units[] = { "minute", "hour", "day", "month" };

	(void)state;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		char *members = mem_printf("'limits':[{'calls':7,'per':'%s','cost':2}]", units[i]);
		struct vendor_set *set = one_vendor("sync", members);
		const struct vendor_limit *limit = &vendor_at(set, 0)->limits[0];

		assert_true(limit_is_quota(limit));
		assert_int_equal(limit->unit, CALENDAR_MINUTE + i);
		assert_int_equal(limit_in_calls(limit), 3);
		vendor_set_free(set);
		free(members);
	}
}

static void expect_hours(const struct vendor *v, int64_t at_ms, bool open, int64_t until_ms)
{
	int64_t until;

	if (vendor_is_open(v, at_ms, &until) != open || until != until_ms)
		fail_msg("%lld s after Monday: until %lld s", (long long)(at_ms - MONDAY) / 1000, (long long)(until - MONDAY) / 1000);
}

/* Neither before they begin by a vendor's clock that is slow, nor when they are over by one that is fast. */
static void hours_are_kept_for_clocks_that_differ(void **state)
{
	struct vendor_set *set = one_vendor("sync", "'hours':[{'days':['mon-fri'],'from':'08:00','to':'18:00'}]");
	const struct vendor *v = vendor_at(set, 0);
	int64_t begin = MONDAY + 8 * HOUR_MS, end = MONDAY + 18 * HOUR_MS;

	(void)state;
	expect_hours(v, begin - SPARE_MS - 1, false, begin + SPARE_MS);
	expect_hours(v, begin + SPARE_MS - 1, false, begin + SPARE_MS);
	expect_hours(v, begin + SPARE_MS, true, end - SPARE_MS);
	expect_hours(v, end - SPARE_MS - 1, true, end - SPARE_MS);
	expect_hours(v, end - SPARE_MS, false, begin + DAY_MS + SPARE_MS);
	expect_hours(v, end + SPARE_MS, false, begin + DAY_MS + SPARE_MS);
	expect_hours(v, end + (int64_t)4 * DAY_MS, false, begin + (int64_t)7 * DAY_MS + SPARE_MS);
	vendor_set_free(set);
}

static void hours_may_be_on_several_days_and_over_midnight(void **state)
{
	struct vendor_set *set = one_vendor("sync", "'hours':[{'days':['fri-sun','mon'],'from':'22:00','to':'06:00'},{'days':['wed']}]");
	const struct vendor *v = vendor_at(set, 0);

	(void)state;
	expect_hours(v, MONDAY + HOUR_MS, true, MONDAY + 6 * HOUR_MS - SPARE_MS);
	expect_hours(v, MONDAY + 23 * HOUR_MS, true, MONDAY + 30 * HOUR_MS - SPARE_MS);
	expect_hours(v, MONDAY + 2 * DAY_MS + HOUR_MS, true, MONDAY + (int64_t)3 * DAY_MS - SPARE_MS);
	expect_hours(v, MONDAY + (int64_t)3 * DAY_MS, false, MONDAY + (int64_t)4 * DAY_MS + 22 * HOUR_MS + SPARE_MS);
	vendor_set_free(set);
}

static void without_hours_it_is_always_open(void **state)
{
	static const char *const members[] = { "", "'hours':[]", "'hours':[{}]", "'hours':[{'to':'12:00'},{'from':'12:00'}]" };

	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		struct vendor_set *set = one_vendor("sync", members[i]);

		expect_hours(vendor_at(set, 0), MONDAY, true, INT64_MAX);
		vendor_set_free(set);
	}
}

static const char days_message[] =
	"hours/0/days: must be \"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\" or \"sun\", or two of them like \"mon-fri\"";

static const struct { const char *members, *message; } mistakes[] = {
	{ "'time_zone':'Europe/Berlln'", "time_zone: there is no time zone \"Europe/Berlln\" in /usr/share/zoneinfo" },
	{ "'time_zone':'../../etc/passwd'",
	  "time_zone: \"../../etc/passwd\" is not the name of a time zone (such as Europe/Berlin or UTC)" },
	{ "'time_zone':1", "time_zone: must be a string" },
	{ "'limits':[{'calls':1,'per':'week'}]", "limits/0/per: must be \"minute\", \"hour\", \"day\" or \"month\"" },
	{ "'limits':[{'calls':1,'per':'day','per_seconds':5}]", "limits/0/per: per_seconds says already how long it is" },
	{ "'limits':[{'calls':1,'per':'day','burst':5}]", "limits/0/burst: goes with per_seconds only" },
	{ "'limits':[{'calls':1,'per_seconds':5,'time_zone':'UTC'}]", "limits/0/time_zone: goes with per only" },
	{ "'limits':[{'calls':4,'per':'day','cost':5}]", "limits/0/cost: is more than calls, so there could never be a call" },
	{ "'limits':[{'calls':9,'per_seconds':1,'burst':2,'cost':3}]",
	  "limits/0/cost: is more than burst, so there could never be a call" },
	{ "'limits':[{'calls':4,'per':'day','cost':0}]", "limits/0/cost: 0 is not between 1 and 1000000000" },
	{ "'hours':{}", "hours: must be an array" },
	{ "'hours':[1]", "hours/0: must be an object" },
	{ "'hours':[{'days':[]}]", "hours/0/days: is empty: it would never be open" },
	{ "'hours':[{'days':['mon','monday']}]", days_message },
	{ "'hours':[{'days':['mon-']}]", days_message },
	{ "'hours':[{'days':['']}]", days_message },
	{ "'hours':[{'days':[1]}]", days_message },
	{ "'hours':[{'from':'8:00'}]", "hours/0/from: must be a time like \"08:00\", up to \"24:00\"" },
	{ "'hours':[{'from':'08:60'}]", "hours/0/from: must be a time like \"08:00\", up to \"24:00\"" },
	{ "'hours':[{'to':'24:01'}]", "hours/0/to: must be a time like \"08:00\", up to \"24:00\"" },
	{ "'hours':[{'to':'08: 1'}]", "hours/0/to: must be a time like \"08:00\", up to \"24:00\"" },
	{ "'hours':[{'to':'08:-1'}]", "hours/0/to: must be a time like \"08:00\", up to \"24:00\"" },
	{ "'hours':[{'from':'24:00'}]", "hours/0/from: is the end of a day; the next one begins at \"00:00\"" },
	{ "'hours':[{'from':'08:00','to':'08:00'}]",
	  "hours/0/to: is the same as from; a whole day is from \"00:00\" to \"24:00\"" },
	{ "'hours':[{'form':'08:00'}]", "hours/0/form: unknown member, did you mean hours/*/from?" },
};

static void mistakes_are_named(void **state)
{
	(void)state;
	skip_without_zones();
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
		one_vendor_refused("sync", mistakes[i].members, mistakes[i].message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_goes_by_the_clocks_of_its_zone_or_of_the_vendor),
		cmocka_unit_test(a_limit_by_the_calendar_is_a_quota),
		cmocka_unit_test(hours_are_kept_for_clocks_that_differ),
		cmocka_unit_test(hours_may_be_on_several_days_and_over_midnight),
		cmocka_unit_test(without_hours_it_is_always_open),
		cmocka_unit_test(mistakes_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
