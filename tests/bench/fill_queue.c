/* A backlog, or a steady stream, of jobs for one vendor without the cost of HTTP: stored in durable batches, then pushed
 * to Redis, by the code with which the pool does both.
 *
 *   fill_queue STORE_URI REDIS_URL VENDOR COUNT PAYLOAD_BYTES PER_SECOND
 *
 * PER_SECOND 0: as fast as it goes. Else a batch every 10 ms; one that is late is made up for, so a slow system does not
 * make the load smaller. Status 0: all jobs are stored and in Redis; one line of JSON says how fast: {"per_second"}.
 */
#include "clock.h"
#include "new_jobs.h"
#include "queue.h"
#include "rate.h"
#include "store.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { BATCH = 500, PACE_US = 10000, TIMEOUT_MS = 60000, NUMBER_MAX = 1000000000, BYTES_MIN = 16, BYTES_MAX = 1 << 20 };

struct fill {
	struct store *store;
	struct queue *queue;
	struct new_jobs jobs;
	size_t count, per_second;
	size_t done;
	int64_t began_us;
};

static void sleep_until_us(int64_t until_us)
{
	struct timespec at = { .tv_sec = (time_t)(until_us / 1000000), .tv_nsec = (long)(until_us % 1000000) * 1000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL))
		;
}

/* How many have to go now; waits for the time of the next. */
static size_t next_batch(const struct fill *fill)
{
	size_t left = fill->count - fill->done, due = left;

	while (fill->per_second) {
		int64_t now = clock_mono_us(), passed = now - fill->began_us;
		size_t until_now = fill->per_second * (size_t)(passed / PACE_US + 1) / (1000000 / PACE_US);

		due = until_now > fill->done ? until_now - fill->done : 0;
		if (due)
			break;
		sleep_until_us(fill->began_us + (passed / PACE_US + 1) * PACE_US);
	}
	due = due < left ? due : left;
	return due < BATCH ? due : BATCH;
}

static enum err add_batch(struct fill *fill, size_t n, struct err_text *why)
{
	struct queue_entry entries[BATCH];
	char ids[BATCH][UUID_TEXT_SIZE];
	enum err err = new_jobs_insert(fill->store, &fill->jobs, n, ids, why);

	for (size_t i = 0; i < n; i++)
		entries[i] = (struct queue_entry){ .vendor = fill->jobs.vendor, .request_id = ids[i] };
	return err ? err : queue_push(fill->queue, entries, n, why);
}

static enum err run(struct fill *fill, const char *store_uri, const char *redis_url, struct err_text *why)
{
	enum err err = queue_learn_time(redis_url, TIMEOUT_MS, why);

	if (!err)
		err = store_open(store_uri, TIMEOUT_MS, &fill->store, why);
	if (!err)
		err = queue_new(redis_url, "", TIMEOUT_MS, &fill->queue, why);
	fill->began_us = clock_mono_us();
	while (!err && fill->done < fill->count) {
		size_t n = next_batch(fill);

		err = add_batch(fill, n, why);
		fill->done += n;
	}
	if (!err)
		printf("{\"per_second\": %.1f}\n", (double)fill->count * 1e6 / (double)(clock_mono_us() - fill->began_us));
	queue_free(fill->queue);
	store_close(fill->store);
	return err;
}

int main(int argc, char **argv)
{
	struct err_text why = { "" };
	struct fill fill = { 0 };

	if (argc == 7) {
		fill.jobs.vendor = argv[3];
		fill.count = (size_t)rate_argument(argv[4], NUMBER_MAX);
		fill.jobs.payload_bytes = (size_t)rate_argument(argv[5], BYTES_MAX);
		fill.per_second = (size_t)rate_argument(argv[6], NUMBER_MAX);
	}
	if (!fill.count || fill.jobs.payload_bytes < BYTES_MIN || (!fill.per_second && strcmp(argv[6], "0") != 0)) {
		fprintf(stderr, "usage: fill_queue STORE_URI REDIS_URL VENDOR COUNT PAYLOAD_BYTES PER_SECOND\n");
		return 2;
	}
	if (run(&fill, argv[1], argv[2], &why) != ERR_OK) {
		fprintf(stderr, "fill_queue: %s\n", why.text);
		return 1;
	}
	return 0;
}
