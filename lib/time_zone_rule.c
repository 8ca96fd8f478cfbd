/* The POSIX TZ string at the end of a TZif file: CET-1CEST,M3.5.0,M10.5.0/3. Hours may be signed and go beyond a day, as
 * RFC 8536 (3.3.1) has it. */
#include "time_zone_priv.h"

#include "civil.h"

#include <string.h>

enum { HOURS_OF_OFFSET = 24, HOURS_OF_TIME = 167, DEFAULT_TIME = 2 * 3600, LAST_WEEK = 5, NAME_LEAST = 3 };

/* ---- Reading; each goes on at *p ---- */

static bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

static bool read_char(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* The name of a kind of time: letters, or anything in <>. */
static bool read_name(const char **p)
{
	const char *start = *p, *close;

	if (**p == '<') {
		close = strchr(*p, '>');
		*p = close ? close + 1 : *p;
		return close && close - start > NAME_LEAST;
	}
	while (is_letter(**p))
		(*p)++;
	return *p - start >= NAME_LEAST;
}

static bool read_number(const char **p, int least, int most, int *number)
{
	const char *start = *p;

	for (*number = 0; **p >= '0' && **p <= '9' && *number <= most; (*p)++)
		*number = *number * 10 + (**p - '0');
	return *p > start && *number >= least && *number <= most;
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(const char **p, int hours_max, int32_t *seconds)
{
	bool negative = read_char(p, '-');
	int hours, minutes = 0, rest = 0;

	if (!negative)
		read_char(p, '+');
	if (!read_number(p, 0, hours_max, &hours))
		return false;
	if (read_char(p, ':') && !read_number(p, 0, 59, &minutes))
		return false;
	if (read_char(p, ':') && !read_number(p, 0, 59, &rest))
		return false;
	*seconds = (hours * 60 + minutes) * 60 + rest;
	if (negative)
		*seconds = -*seconds;
	return true;
}

/* What POSIX writes is how far behind UTC a clock is. */
static bool read_offset(const char **p, int32_t *offset)
{
	if (!read_time(p, HOURS_OF_OFFSET, offset))
		return false;
	*offset = -*offset;
	return true;
}

static bool read_weekday(const char **p, struct rule_day *day)
{
	return read_number(p, 1, 12, &day->month) && read_char(p, '.') && read_number(p, 1, LAST_WEEK, &day->week) &&
	       read_char(p, '.') && read_number(p, 0, 6, &day->day);
}

static bool read_day(const char **p, struct rule_day *day)
{
	bool well;

	*day = (struct rule_day){ .kind = RULE_ZERO_BASED, .time = DEFAULT_TIME };
	if (!read_char(p, ','))
		return false;
	if (read_char(p, 'M')) {
		day->kind = RULE_WEEKDAY;
		well = read_weekday(p, day);
	} else if (read_char(p, 'J')) {
		day->kind = RULE_JULIAN;
		well = read_number(p, 1, 365, &day->day);
	} else {
		well = read_number(p, 0, 365, &day->day);
	}
	return well && (!read_char(p, '/') || read_time(p, HOURS_OF_TIME, &day->time));
}

bool zone_rule_parse(const char *text, struct zone_rule *rule)
{
	const char *p = text;

	*rule = (struct zone_rule){ .has_summer = false };
	if (!read_name(&p) || !read_offset(&p, &rule->standard))
		return false;
	if (*p == '\0')
		return true;
	rule->has_summer = true;
	rule->summer = rule->standard + 3600;
	if (!read_name(&p) || (*p != ',' && !read_offset(&p, &rule->summer)))
		return false;
	return read_day(&p, &rule->to_summer) && read_day(&p, &rule->to_standard) && *p == '\0';
}

/* ---- Days of a year ---- */

static int64_t first_of(int64_t year, int month) { return civil_to_days((struct civil_day){ year, month, 1 }); }

static int64_t weekday_of_month(int64_t year, const struct rule_day *day)
{
	int64_t first = first_of(year, day->month), end = day->month == 12 ? first_of(year + 1, 1) : first_of(year, day->month + 1);
	/* Mondays are 0 in civil.h, and 1 here. */
	int64_t at = first + floor_mod(day->day - 1 - civil_weekday(first), DAYS_A_WEEK) + (int64_t)DAYS_A_WEEK * (day->week - 1);

	return at < end ? at : at - DAYS_A_WEEK;
}

/* Local seconds since 1970. */
static int64_t local_time_of(int64_t year, const struct rule_day *day)
{
	int64_t first = first_of(year, 1);
	bool is_leap = first_of(year + 1, 1) - first == 366;
	int64_t days;

	if (day->kind == RULE_WEEKDAY)
		days = weekday_of_month(year, day);
	else if (day->kind == RULE_JULIAN)
		days = first + day->day - 1 + (is_leap && day->day >= 60);   /* the 29th of February has no number */
	else
		days = first + day->day;
	return days * SECONDS_A_DAY + day->time;
}

/* ---- Offsets ---- */

/* The last change so far, and the next. Of two at the same instant the one to summer time counts: so rules say that it
 * never ends. */
struct search { int64_t at, last, next; int32_t offset; };

static void consider(struct search *search, int64_t when, int32_t offset, bool to_summer)
{
	if (when > search->at) {
		if (when < search->next)
			search->next = when;
	} else if (when > search->last || (when == search->last && to_summer)) {
		search->last = when;
		search->offset = offset;
	}
}

int32_t zone_rule_offset(const struct zone_rule *rule, int64_t at, int64_t *until)
{
	struct search search = { .at = at, .last = INT64_MIN, .next = INT64_MAX, .offset = rule->standard };
	int64_t year = civil_from_days(floor_div(at, SECONDS_A_DAY)).year;

	/* A change may lie a week outside of its year. */
	for (int64_t y = year - 2; rule->has_summer && y <= year + 2; y++) {
		consider(&search, local_time_of(y, &rule->to_summer) - rule->standard, rule->summer, true);
		consider(&search, local_time_of(y, &rule->to_standard) - rule->summer, rule->standard, false);
	}
	*until = search.next;
	return search.offset;
}
