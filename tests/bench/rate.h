/* How long each of many equal batches took, and what that makes. Not thread-safe. */
#ifndef VF_RATE_H
#define VF_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate {
	int64_t began_us;       /* monotonic */
	int64_t until_us;
	int64_t batch_began_us;
	int64_t *took_us;       /* owned, one for each batch that is over */
	size_t n;
};

/* The clock runs from here on, for this many seconds. */
void rate_init(struct rate *rate, int seconds);
void rate_deinit(struct rate *rate);

/* A batch begins. False: the time is over. */
bool rate_begin(struct rate *rate);
/* It is over. */
void rate_end(struct rate *rate);
/* One of several at the same time is over, and took so long. */
void rate_add(struct rate *rate, int64_t took_us);

/* {"per_second", "batches", "p50_ms", "p99_ms"} as one line on stdout; the first in items, not batches. */
void rate_print(struct rate *rate, size_t items_per_batch);

/* A whole number from 1 to max on the command line, or 0. */
int rate_argument(const char *text, int max);

#endif
