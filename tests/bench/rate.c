#include "rate.h"

#include "clock.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>

void rate_init(struct rate *rate, int seconds)
{
	*rate = (struct rate){ .began_us = clock_mono_us() };
	rate->until_us = rate->began_us + (int64_t)seconds * 1000000;
}

void rate_deinit(struct rate *rate)
{
	free(rate->took_us);
}

bool rate_begin(struct rate *rate)
{
	rate->batch_began_us = clock_mono_us();
	return rate->batch_began_us < rate->until_us;
}

void rate_end(struct rate *rate)
{
	rate_add(rate, clock_mono_us() - rate->batch_began_us);
}

void rate_add(struct rate *rate, int64_t took_us)
{
	if ((rate->n & (rate->n - 1)) == 0)   /* full at every power of two */
		rate->took_us = mem_realloc(rate->took_us, (rate->n ? 2 * rate->n : 1) * sizeof(*rate->took_us));
	rate->took_us[rate->n++] = took_us;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double percentile_ms(const struct rate *rate, size_t percent)
{
	return rate->n ? (double)rate->took_us[(rate->n - 1) * percent / 100] / 1000 : 0;
}

void rate_print(struct rate *rate, size_t items_per_batch)
{
	double seconds = (double)(clock_mono_us() - rate->began_us) / 1e6;

	if (rate->n)
		qsort(rate->took_us, rate->n, sizeof(*rate->took_us), compare);
	printf("{\"per_second\": %.1f, \"batches\": %zu, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
	       (double)(rate->n * items_per_batch) / seconds, rate->n, percentile_ms(rate, 50), percentile_ms(rate, 99));
}

int rate_argument(const char *text, int max)
{
	char *end;
	long value = strtol(text, &end, 10);

	return *text && !*end && value >= 1 && value <= max ? (int)value : 0;
}
