/* The Retry-After header (RFC 9110, 10.2.3): seconds, or one of the three forms of an HTTP-date (5.6.7). */
#include "outcome.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* Longer waits mean nothing, and this one can be added to any instant without overflow. */
static const int64_t LONGEST_MS = INT64_C(1000) * 86400 * 366 * 100;

static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

struct date {
	char month[4];
	int day, year, hour, minute, second;
};

static int64_t parse_seconds(const char *value)
{
	int64_t seconds = 0;

	for (; *value; value++) {
		if (*value < '0' || *value > '9')
			return -1;
		if (seconds < LONGEST_MS / 1000)
			seconds = seconds * 10 + (*value - '0');
	}
	return seconds < LONGEST_MS / 1000 ? seconds * 1000 : LONGEST_MS;
}

/* Each form fills a date; true if the whole text was of this form. */

static bool parse_imf_fixdate(const char *value, struct date *d)
{
	int end = 0;

	sscanf(value, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &d->day, d->month, &d->year, &d->hour, &d->minute,
	       &d->second, &end);
	return end > 0 && value[end] == '\0';
}

static bool parse_rfc850(const char *value, struct date *d)
{
	int end = 0;

	sscanf(value, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", &d->day, d->month, &d->year, &d->hour, &d->minute,
	       &d->second, &end);
	return end > 0 && value[end] == '\0';
}

static bool parse_asctime(const char *value, struct date *d)
{
	int end = 0;

	sscanf(value, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", d->month, &d->day, &d->hour, &d->minute, &d->second,
	       &d->year, &end);
	return end > 0 && value[end] == '\0';
}

static int year_of(int64_t now_ms)
{
	time_t now = (time_t)(now_ms / 1000);
	struct tm tm;

	gmtime_r(&now, &tm);
	return tm.tm_year + 1900;
}

/* Two digits that would be more than 50 years ahead are of the century before. */
static int whole_year(int two_digits, int64_t now_ms)
{
	int this_year = year_of(now_ms), year = this_year - this_year % 100 + two_digits;

	return year > this_year + 50 ? year - 100 : year;
}

/* Milliseconds since 1970, or -1 for a date that is none. */
static int64_t instant(const struct date *d)
{
	struct tm tm = { .tm_mday = d->day, .tm_year = d->year - 1900, .tm_hour = d->hour, .tm_min = d->minute,
	                 .tm_sec = d->second, .tm_mon = -1 };

	for (int i = 0; i < 12; i++)
		if (strcasecmp(d->month, months[i]) == 0)
			tm.tm_mon = i;
	if (tm.tm_mon < 0 || d->day < 1 || d->day > 31 || d->year < 1970 || d->hour < 0 || d->hour > 23 || d->minute < 0 ||
	    d->minute > 59 || d->second < 0 || d->second > 60)
		return -1;
	return (int64_t)timegm(&tm) * 1000;
}

int64_t retry_after_parse(const char *value, int64_t now_ms)
{
	struct date d = { .day = 0 };
	int64_t at;

	if (!value || value[0] == '\0')
		return -1;
	if (value[strspn(value, "0123456789")] == '\0')
		return parse_seconds(value);
	if (parse_rfc850(value, &d))
		d.year = whole_year(d.year, now_ms);
	else if (!parse_imf_fixdate(value, &d) && !parse_asctime(value, &d))
		return -1;
	at = instant(&d);
	if (at < 0)
		return -1;
	at -= now_ms;
	return at < 0 ? 0 : at > LONGEST_MS ? LONGEST_MS : at;
}
