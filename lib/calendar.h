/* Where minutes, hours, days and months begin on the clocks of a time zone, and when in a week it is open.
 *
 * A day begins at the first instant of its date: at midnight, or where clocks jump over midnight right behind the jump; the
 * day on which they are set back has 25 hours, the other one 23. A month begins with its first day. Minutes and hours are
 * those that clocks show; a change of the clocks begins a new one, so none is longer than it says.
 * Instants are seconds since 1970 UTC; a zone of NULL is UTC. Pure and thread-safe.
 */
#ifndef VF_CALENDAR_H
#define VF_CALENDAR_H

#include "time_zone.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum calendar_unit { CALENDAR_NONE, CALENDAR_MINUTE, CALENDAR_HOUR, CALENDAR_DAY, CALENDAR_MONTH };

/* No unit of this kind is longer than this, whatever happens to clocks; ms, and more than a minute. */
int64_t calendar_longest_ms(enum calendar_unit unit);
/* The last beginning that is not after `at`, and the first one that is. Not for CALENDAR_NONE. */
int64_t calendar_start(const struct time_zone *zone, enum calendar_unit unit, int64_t at);
int64_t calendar_next(const struct time_zone *zone, enum calendar_unit unit, int64_t at);

/* ---- Hours ---- */

enum { MINUTES_A_DAY = 24 * 60, MINUTES_A_WEEK = 7 * MINUTES_A_DAY };

/* Minutes of a week that begins with Monday, as local clocks show them; `to` is not in it. */
struct hours_span { int from, to; };

/* All zero: nothing was added. */
struct hours {
	struct hours_span *spans;   /* in order, none touches the next; owned */
	size_t n;
};

/* Open on the days of the mask (bit 0: Monday) from this minute of the day to that one, 0 .. MINUTES_A_DAY; to <= from:
 * that of the next day. */
void hours_add(struct hours *hours, unsigned days, int from, int to);
void hours_deinit(struct hours *hours);
/* Do clocks show an open minute? *until: when that changes next; INT64_MAX: never. What they show twice is open twice. */
bool hours_are_open(const struct hours *hours, const struct time_zone *zone, int64_t at, int64_t *until);

#endif
