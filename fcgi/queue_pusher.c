#include "queue_pusher.h"

#include "clock.h"
#include "crash_point.h"
#include "log.h"
#include "mem.h"
#include "queue.h"
#include "uuid.h"
#include "vendor.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RETRY_MS = 250 };

struct id {
	char vendor[VENDOR_NAME_MAX + 1];
	char request_id[UUID_TEXT_SIZE];
};

struct queue_pusher {
	struct queue *queue;          /* the thread's alone */
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t work;
	struct id *ring;              /* QUEUE_PUSHER_MAX; from 0 again when empty, so a healthy one touches little of it */
	size_t first, count;
	size_t dropped;               /* since the ring was full */
	bool leaving;
	int64_t leave_by_ms;          /* mono */
};

static void *run(void *arg);

enum err queue_pusher_new(const char *redis_url, const char *prefix, int timeout_ms, struct queue_pusher **pusher,
                          struct err_text *why)
{
	struct queue_pusher *p = mem_calloc(1, sizeof(*p));
	pthread_condattr_t attr;
	enum err err = queue_new(redis_url, prefix, timeout_ms, &p->queue, why);
	int failed;

	if (err) {
		free(p);
		return err;
	}
	p->ring = mem_calloc(QUEUE_PUSHER_MAX, sizeof(*p->ring));
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->work, &attr);
	pthread_condattr_destroy(&attr);
	failed = pthread_create(&p->thread, NULL, run, p);
	if (failed) {
		log_error("cannot start the queue thread error=\"%s\"", strerror(failed));
		abort();
	}
	*pusher = p;
	return ERR_OK;
}

void queue_pusher_free(struct queue_pusher *pusher, int drain_ms)
{
	if (!pusher)
		return;
	pthread_mutex_lock(&pusher->lock);
	pusher->leaving = true;
	pusher->leave_by_ms = clock_mono_ms() + drain_ms;
	pthread_cond_signal(&pusher->work);
	pthread_mutex_unlock(&pusher->lock);
	pthread_join(pusher->thread, NULL);
	if (pusher->count)
		log_warn("left ids for repair to find jobs=%zu", pusher->count);
	pthread_cond_destroy(&pusher->work);
	pthread_mutex_destroy(&pusher->lock);
	queue_free(pusher->queue);
	free(pusher->ring);
	free(pusher);
}

void queue_pusher_put(struct queue_pusher *pusher, const char *vendor, const char *request_id)
{
	bool full;

	pthread_mutex_lock(&pusher->lock);
	full = pusher->count == QUEUE_PUSHER_MAX;
	if (full) {
		if (pusher->dropped++ == 0)
			log_warn("too many ids wait for Redis, dropping more: repair will find those jobs waiting=%zu",
			         pusher->count);
	} else {
		struct id *id = &pusher->ring[(pusher->first + pusher->count++) % QUEUE_PUSHER_MAX];

		snprintf(id->vendor, sizeof(id->vendor), "%s", vendor);
		snprintf(id->request_id, sizeof(id->request_id), "%s", request_id);
		if (pusher->count == 1)
			pthread_cond_signal(&pusher->work);
	}
	pthread_mutex_unlock(&pusher->lock);
}

size_t queue_pusher_waiting(struct queue_pusher *pusher)
{
	size_t count;

	pthread_mutex_lock(&pusher->lock);
	count = pusher->count;
	pthread_mutex_unlock(&pusher->lock);
	return count;
}

/* ---- The thread ---- */

/* Copies the oldest ids, without taking them off yet. 0 = it is time to leave. */
static size_t wait_for_batch(struct queue_pusher *pusher, struct id *batch)
{
	size_t n;

	pthread_mutex_lock(&pusher->lock);
	while (!pusher->count && !pusher->leaving)
		pthread_cond_wait(&pusher->work, &pusher->lock);
	n = pusher->count < QUEUE_BATCH_MAX ? pusher->count : QUEUE_BATCH_MAX;
	if (pusher->leaving && clock_mono_ms() > pusher->leave_by_ms)
		n = 0;
	for (size_t i = 0; i < n; i++)
		batch[i] = pusher->ring[(pusher->first + i) % QUEUE_PUSHER_MAX];
	pthread_mutex_unlock(&pusher->lock);
	return n;
}

static void take_off(struct queue_pusher *pusher, size_t n)
{
	pthread_mutex_lock(&pusher->lock);
	pusher->count -= n;
	pusher->first = pusher->count ? (pusher->first + n) % QUEUE_PUSHER_MAX : 0;
	if (pusher->dropped)
		log_warn("ids fit again dropped=%zu", pusher->dropped);
	pusher->dropped = 0;
	pthread_mutex_unlock(&pusher->lock);
}

static void pause_before_retry(struct queue_pusher *pusher)
{
	int64_t until = clock_mono_ms() + RETRY_MS;
	struct timespec ts = { .tv_sec = (time_t)(until / 1000), .tv_nsec = (long)(until % 1000) * 1000000 };
	int timed_out = 0;

	pthread_mutex_lock(&pusher->lock);
	while (!timed_out)
		timed_out = pthread_cond_timedwait(&pusher->work, &pusher->lock, &ts);
	pthread_mutex_unlock(&pusher->lock);
}

static enum err push(struct queue_pusher *pusher, const struct id *batch, size_t n, struct err_text *why)
{
	struct queue_entry entries[QUEUE_BATCH_MAX];

	for (size_t i = 0; i < n; i++)
		entries[i] = (struct queue_entry){ .vendor = batch[i].vendor, .request_id = batch[i].request_id };
	return queue_push(pusher->queue, entries, n, why);
}

static void *run(void *arg)
{
	struct queue_pusher *pusher = arg;
	struct id *batch = mem_alloc(QUEUE_BATCH_MAX * sizeof(*batch));
	struct err_text why = { "" };
	bool away = false;
	size_t n;

	while ((n = wait_for_batch(pusher, batch)) > 0) {
		enum err err = push(pusher, batch, n, &why);

		CRASH_POINT("push_after_xadd");
		if (err && !away)
			log_warn("cannot tell Redis about new jobs, keeping their ids reason=\"%s\"", why.text);
		if (!err && away)
			log_info("telling Redis about new jobs again waiting=%zu", queue_pusher_waiting(pusher));
		away = err != ERR_OK;
		if (away)
			pause_before_retry(pusher);
		else
			take_off(pusher, n);
	}
	free(batch);
	return NULL;
}
