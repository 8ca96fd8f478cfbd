#include "window.h"

#include <stdlib.h>

#include "util.h"

enum { FIRST_CAP = 64 };

static int64_t *time_at(const struct window *w, uint64_t i)
{
	return &w->times[(w->head + i) & (w->cap - 1)];
}

static bool has_limit(const struct window *w)
{
	return w->limit > 0 && w->span_ns > 0;
}

void window_deinit(struct window *window)
{
	free(window->times);
	*window = (struct window){ 0 };
}

void window_set(struct window *window, uint64_t limit, int64_t span_ns)
{
	window_deinit(window);
	window->limit = limit;
	window->span_ns = span_ns;
}

static void grow(struct window *w)
{
	uint64_t cap = w->cap ? w->cap * 2 : FIRST_CAP;
	int64_t *times = mem_alloc(cap * sizeof(*times));

	for (uint64_t i = 0; i < w->len; i++)
		times[i] = *time_at(w, i);
	free(w->times);
	w->times = times;
	w->head = 0;
	w->cap = cap;
}

static void drop_oldest(struct window *w)
{
	w->head++;
	w->len--;
}

/* Drops what no call can need any more, not even a late one, and makes room for one time. */
static void make_room(struct window *w, int64_t at_ns)
{
	int64_t newest = w->len && *time_at(w, w->len - 1) > at_ns ? *time_at(w, w->len - 1) : at_ns;

	if (at_ns <= newest - w->span_ns - WINDOW_LATE_NS)
		w->len = 0;
	while (w->len && *time_at(w, 0) <= newest - w->span_ns - WINDOW_LATE_NS)
		drop_oldest(w);
	if (w->len < w->cap)
		return;
	if (w->cap < WINDOW_CALLS_MAX)
		grow(w);
	else
		drop_oldest(w);
}

/* Puts the time behind all that are not later and says where. */
static uint64_t insert(struct window *w, int64_t at_ns)
{
	uint64_t i = w->len++;

	for (; i > 0 && *time_at(w, i - 1) > at_ns; i--)
		*time_at(w, i) = *time_at(w, i - 1);
	*time_at(w, i) = at_ns;
	return i;
}

/* More than `limit` calls end at i exactly if the call `limit` places before it is still inside the window. */
static bool breaks_limit(const struct window *w, uint64_t i)
{
	return i >= w->limit && *time_at(w, i - w->limit) > *time_at(w, i) - w->span_ns;
}

static uint64_t violations_from(const struct window *w, int64_t after_ns)
{
	uint64_t found = 0;

	for (uint64_t i = w->len; i > 0 && *time_at(w, i - 1) > after_ns; i--)
		found += breaks_limit(w, i - 1);
	return found;
}

/* How many calls lie in the window that ends with call i. */
static uint64_t calls_in_window(const struct window *w, uint64_t i)
{
	int64_t start = *time_at(w, i) - w->span_ns;
	uint64_t low = 0, high = i;

	while (low < high) {
		uint64_t middle = (low + high) / 2;

		if (*time_at(w, middle) > start)
			high = middle;
		else
			low = middle + 1;
	}
	return i - low + 1;
}

uint64_t window_left(const struct window *window, int64_t at_ns, int64_t *free_at_ns)
{
	uint64_t n = 0;

	*free_at_ns = at_ns;
	if (!has_limit(window))
		return UINT64_MAX;
	while (n < window->len && *time_at(window, window->len - 1 - n) > at_ns - window->span_ns)
		n++;
	if (n < window->limit)
		return window->limit - n;
	*free_at_ns = *time_at(window, window->len - window->limit) + window->span_ns;
	return 0;
}

bool window_add(struct window *window, int64_t at_ns)
{
	uint64_t place, before;

	if (!has_limit(window))
		return false;
	make_room(window, at_ns);
	before = violations_from(window, at_ns); /* of the calls that this one comes before: none, in order */
	place = insert(window, at_ns);
	window->violations += violations_from(window, at_ns) + breaks_limit(window, place) - before;
	for (uint64_t i = place; i < window->len; i++) {
		uint64_t calls = calls_in_window(window, i);

		if (calls > window->max_in_window)
			window->max_in_window = calls;
	}
	return breaks_limit(window, place);
}
