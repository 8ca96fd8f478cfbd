#include "calendar.h"

#include "civil.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- Units ---- */

enum { MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS, LONGEST_MONTH_DAYS = 31 };

/* Of hours and minutes the longest that they are on any clock; a day may be longer by what clocks are set back. */
static const struct { int64_t longest_ms; int32_t seconds; } units[] = {
	[CALENDAR_MINUTE] = { 2 * MINUTE_MS, 60 },
	[CALENDAR_HOUR] = { 2 * HOUR_MS, 3600 },
	[CALENDAR_DAY] = { 2 * (int64_t)DAY_MS, SECONDS_A_DAY },
	[CALENDAR_MONTH] = { (LONGEST_MONTH_DAYS + 1) * (int64_t)DAY_MS, 0 },
};

int64_t calendar_longest_ms(enum calendar_unit unit) { return units[unit].longest_ms; }

/* The local time at which the unit behind that of a local time begins. */
static int64_t local_next(enum calendar_unit unit, int64_t local)
{
	struct civil_day day;

	if (unit != CALENDAR_MONTH)
		return (floor_div(local, units[unit].seconds) + 1) * units[unit].seconds;
	day = civil_from_days(floor_div(local, SECONDS_A_DAY));
	return civil_to_days((struct civil_day){ day.year + day.month / 12, day.month % 12 + 1, 1 }) * SECONDS_A_DAY;
}

int64_t calendar_next(const struct time_zone *zone, enum calendar_unit unit, int64_t at)
{
	int64_t until, next = local_next(unit, at + time_zone_offset(zone, at, &until));
	int64_t from = at + 1;   /* of what has the offset that is looked at */

	for (int64_t now = at;; now = from = until) {
		int64_t begins = next - time_zone_offset(zone, now, &until);

		if (begins < from)
			return from;   /* clocks jump over it */
		if (begins < until)
			return begins;
		if (unit == CALENDAR_MINUTE || unit == CALENDAR_HOUR)
			return until;
	}
}

int64_t calendar_start(const struct time_zone *zone, enum calendar_unit unit, int64_t at)
{
	int64_t start = at - units[unit].longest_ms / 1000, next;

	while ((next = calendar_next(zone, unit, start)) <= at)
		start = next;
	return start;
}

/* ---- Hours ---- */

static int compare_spans(const void *a, const void *b)
{
	const struct hours_span *x = a, *y = b;

	return x->from != y->from ? (x->from > y->from) - (x->from < y->from) : (x->to > y->to) - (x->to < y->to);
}

static void add_span(struct hours *hours, int from, int to)
{
	hours->spans = mem_realloc(hours->spans, (hours->n + 1) * sizeof(*hours->spans));
	hours->spans[hours->n++] = (struct hours_span){ from, to };
}

static void join_spans(struct hours *hours)
{
	size_t n = 0;

	qsort(hours->spans, hours->n, sizeof(*hours->spans), compare_spans);
	for (size_t i = 0; i < hours->n; i++) {
		struct hours_span span = hours->spans[i];

		if (n > 0 && span.from <= hours->spans[n - 1].to)
			hours->spans[n - 1].to = span.to > hours->spans[n - 1].to ? span.to : hours->spans[n - 1].to;
		else
			hours->spans[n++] = span;
	}
	hours->n = n;
}

void hours_add(struct hours *hours, unsigned days, int from, int to)
{
	for (int day = 0; day < DAYS_A_WEEK; day++) {
		int begin = day * MINUTES_A_DAY + from, end = day * MINUTES_A_DAY + to + (to <= from ? MINUTES_A_DAY : 0);

		if (!(days & 1u << day))
			continue;
		add_span(hours, begin, end < MINUTES_A_WEEK ? end : MINUTES_A_WEEK);
		if (end > MINUTES_A_WEEK)
			add_span(hours, 0, end - MINUTES_A_WEEK);
	}
	if (hours->n > 0)
		join_spans(hours);
}

void hours_deinit(struct hours *hours)
{
	free(hours->spans);
	*hours = (struct hours){ .n = 0 };
}

/* The second of the week that a local time is in. */
static int64_t of_week(int64_t local)
{
	int64_t days = floor_div(local, SECONDS_A_DAY);

	return civil_weekday(days) * (int64_t)SECONDS_A_DAY + floor_mod(local, SECONDS_A_DAY);
}

/* Is this second of the week in a span? *left: seconds until that may be otherwise, if clocks go on as they do. */
static bool is_in_span(const struct hours *hours, int64_t second, int64_t *left)
{
	for (size_t i = 0; i < hours->n; i++) {
		int64_t from = hours->spans[i].from * 60LL, to = hours->spans[i].to * 60LL;

		*left = second < from ? from - second : to - second;
		if (second < to)
			return second >= from;
	}
	*left = MINUTES_A_WEEK * 60LL - second;
	return false;
}

bool hours_are_open(const struct hours *hours, const struct time_zone *zone, int64_t at, int64_t *until)
{
	int64_t end, left, offset = time_zone_offset(zone, at, &end);
	bool open = is_in_span(hours, of_week(at + offset), &left);
	int64_t horizon = at + 2 * MINUTES_A_WEEK * 60LL;   /* what has not changed by then never will */

	for (int64_t now = at; now < horizon;) {
		now = end - now > left ? now + left : end;
		offset = time_zone_offset(zone, now, &end);
		if (is_in_span(hours, of_week(now + offset), &left) != open) {
			*until = now;
			return open;
		}
	}
	*until = INT64_MAX;
	return open;
}
