/* What the tests of the queue have in common: vendors, jobs, one take, and what must be left at the end
 * (nothing). */
#ifndef VF_TEST_QUEUE_FIXTURE_H
#define VF_TEST_QUEUE_FIXTURE_H

#include "private_redis.h"
#include "queue.h"

#include <stdint.h>

enum { FIXTURE_TIMEOUT_MS = 500, FIXTURE_LEASE_MS = 60000, FIXTURE_GUARD_MS = 20, FIXTURE_GUARD_MAX_MS = 500, FIXTURE_TRAVEL_MS = 10 };

/* A queue with the prefix "t:"; the caller frees it. */
struct queue *fixture_queue(const struct private_redis *server);

/* A vendor of this name with these limits; borrows the name. */
struct vendor fixture_vendor(const char *name, const struct vendor_limit *limits, size_t n_limits);

/* Pushes n new jobs. */
void fixture_push(struct queue *queue, const char *vendor, int n);

/* One take of one vendor as consumer w1; all of it is in the answer. grants has room for `want`. */
struct queue_take fixture_take(struct queue *queue, const struct vendor *vendor, int want,
                               struct queue_grant *grants);
/* The same, where the outcome must be ERR_OK; gives n and, if wait_ms is not NULL, that. The grants are
 * acknowledged and released. */
int fixture_take_n(struct queue *queue, const struct vendor *vendor, int want, int64_t *wait_ms);
/* Both steps of queue_limits_begin(), which must go well; the second with these slots, all of the vendor's. */
void fixture_begin_with(struct queue *queue, const struct vendor *vendor, bool fresh, const struct quota_slot *slots,
                        size_t n_slots);
/* The same without slots. */
void fixture_begin(struct queue *queue, const struct vendor *vendor, bool fresh);

/* Acknowledges and releases n grants. */
void fixture_finish(struct queue *queue, const char *vendor, const struct queue_grant *grants, int n);

/* Fails unless stream, pending list, delayed set and in_flight of the vendor are empty. */
void fixture_expect_empty(struct private_redis *server, const char *vendor);

/* ---- Many clients at once ---- */

/* A call may reach the vendor at any time from granted_us to that and its guard and the travel. */
struct fixture_call { int64_t granted_us, guard_ms; };

struct fixture_hammer {
	struct fixture_call *calls;   /* in order of time; the caller frees them */
	int n;
	int64_t took_ms;              /* from before the first take to after the last: more than was asked for */
};

/* Flushes the server, pushes 5,000 jobs, and takes them with 8 threads as fast as the limits let them, for so many ms. */
void fixture_hammer_run(struct fixture_hammer *hammer, struct private_redis *server, const struct vendor *vendor,
                        int64_t ms);
/* For qsort(). */
int fixture_call_by_time(const void *a, const void *b);

/* What a test expects a limiter to let through at least: n, or 0 where everything runs many times slower (valgrind,
 * VENDORFETCH_SLOW). What must not be exceeded holds there, too. */
int64_t fixture_least(int64_t n);

void fixture_nap_ms(int64_t ms);
/* Waits until queue_ping() says ERR_OK again. */
void fixture_wait_for_redis(struct queue *queue);
/* clock of the machine, which is Redis TIME here, in us */
int64_t fixture_wall_us(void);

#endif
