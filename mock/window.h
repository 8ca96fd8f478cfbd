/* Counts calls against "at most `limit` calls in any window of `span`", exactly.
 *
 * Pure: times come in as arguments, so the tests never sleep. It judges what a client did; it does not hold anybody
 * back. The call at time t breaks the limit if, with it, more than `limit` calls lie in (t - span, t]; calls of the
 * same time count in the order in which they were added.
 *
 * Times may come in slightly out of order (several connections are read one after the other, and the kernel's
 * timestamps say when the data came): up to WINDOW_LATE_NS late the result is the same as in order, and a late call
 * can turn calls that were already judged into violations.
 */
#ifndef VF_MOCK_WINDOW_H
#define VF_MOCK_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOW_LATE_NS INT64_C(5000000000)

/* The most calls remembered: 32 MiB of times. Above it max_in_window stands still; violations stay exact. */
#define WINDOW_CALLS_MAX (UINT64_C(1) << 22)

/* All zero bytes is a window without a limit. Read the two results; touch nothing else. */
struct window {
	uint64_t violations;
	uint64_t max_in_window; /* the most calls that any (t - span, t] held */

	int64_t span_ns;
	uint64_t limit;
	int64_t *times; /* ring, sorted; owned */
	uint64_t head, len, cap; /* cap is 0 or a power of two */
};

/* Forgets everything and sets the limit. limit 0 or span_ns 0: no limit, nothing is counted. The window must be
 * zeroed or initialised. limit < WINDOW_CALLS_MAX. */
void window_set(struct window *window, uint64_t limit, int64_t span_ns);

/* Frees the times; the window has no limit afterwards. */
void window_deinit(struct window *window);

/* How many more calls may come at this moment. 0: *free_at_ns is when the next one may. Without a limit: UINT64_MAX. */
uint64_t window_left(const struct window *window, int64_t at_ns, int64_t *free_at_ns);

/* Counts a call that came at at_ns. True if this call breaks the limit. A time that lies further back than
 * span + WINDOW_LATE_NS means that the clock was set back: the window starts anew from it. */
bool window_add(struct window *window, int64_t at_ns);

#endif
