#include "group_commit.h"

#include "clock.h"
#include "crash_point.h"
#include "log.h"
#include "mem.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	ITEM_OVERHEAD_BYTES = 512,   /* what an item counts for beside its texts, towards STORE_BATCH_BYTES */
	TRY_WRITE_MS = 250,          /* between tries to write after a failed batch */
};

/* One job on its way. Two hold it, the waiter and the writer; who lets go last frees it, so a waiter that
 * gave up leaves nothing behind for the writer to trip over. */
struct item {
	struct store_insert insert;   /* owns job and key; the writer's alone until done */
	struct item *next;
	bool writing;                 /* under commit->lock: left the queue */
	_Atomic int holders;
	sem_t wake;                   /* posted once; each waiter sleeps on its own, so none is woken for another */
	_Atomic bool done;            /* set before; says the same to those who check threads and do not know sem_clockwait() */
};

struct group_commit {
	struct store_link *link;
	int wait_ms;
	group_commit_stored_fn on_stored;
	void *arg;
	pthread_t thread;
	pthread_condattr_t monotonic;

	pthread_mutex_t lock;
	pthread_cond_t work;          /* of the writer */
	struct item *head, **tail;    /* waiting, oldest first */
	bool leaving;

	_Atomic int64_t batch_since_ms;    /* mono; 0 = no batch is running */
	_Atomic bool failing;              /* the last write failed */
	_Atomic bool stuck_told;           /* the log has been told that this batch takes too long */
	struct item *items[STORE_BATCH_MAX];          /* the writer's: the batch, ... */
	struct store_insert inserts[STORE_BATCH_MAX]; /* ... and as the store wants it */
};

/* ---- Items ---- */

static struct item *item_new(const struct store_insert *insert)
{
	struct item *item = mem_calloc(1, sizeof(*item));

	item->insert = *insert;
	item->insert.idempotency_key = mem_strdup(insert->idempotency_key);
	item->insert.outcome = ERR_UNAVAILABLE;
	atomic_init(&item->holders, 2);
	sem_init(&item->wake, 0, 0);
	atomic_init(&item->done, false);
	return item;
}

static void item_release(struct item *item)
{
	if (atomic_fetch_sub(&item->holders, 1) > 1)
		return;
	sem_destroy(&item->wake);
	job_free(item->insert.job);
	free((char *)item->insert.idempotency_key);
	free(item);
}

static void item_finish(struct item *item)
{
	atomic_store(&item->done, true);
	sem_post(&item->wake);
}

/* The instant ms from now, as waits on our condition variables take it. */
static struct timespec in_ms(int ms)
{
	int64_t at = clock_mono_ms() + ms;

	return (struct timespec){ .tv_sec = (time_t)(at / 1000), .tv_nsec = (long)(at % 1000) * 1000000 };
}

/* Sleeps until the item is done or wait_ms are over. A semaphore, as a condition variable costs its waiter another
 * system call: it wakes up with its mutex marked as contended. */
static bool item_wait(struct item *item, int wait_ms)
{
	struct timespec until = in_ms(wait_ms);
	int rc;

	do
		rc = sem_clockwait(&item->wake, CLOCK_MONOTONIC, &until);
	while (rc != 0 && errno == EINTR);
	return rc == 0 && atomic_load(&item->done);
}

static size_t item_bytes(const struct item *item)
{
	return strlen(item->insert.job->payload) + ITEM_OVERHEAD_BYTES;
}

/* ---- Request threads ---- */

enum err group_commit_ready(struct group_commit *commit, struct err_text *why)
{
	int64_t since = atomic_load_explicit(&commit->batch_since_ms, memory_order_relaxed);

	if (since && clock_mono_ms() - since > commit->wait_ms)
		return err_set(why, ERR_UNAVAILABLE, "the store has been writing a batch for more than %d ms",
		               commit->wait_ms);
	if (atomic_load(&commit->failing))
		return err_set(why, ERR_UNAVAILABLE, "the store could not be written");
	return store_link_get(commit->link, why) ? ERR_OK : ERR_UNAVAILABLE;
}

static void enqueue(struct group_commit *commit, struct item *item)
{
	bool was_empty;

	pthread_mutex_lock(&commit->lock);
	was_empty = !commit->head;
	*commit->tail = item;
	commit->tail = &item->next;
	pthread_mutex_unlock(&commit->lock);
	if (was_empty)
		pthread_cond_signal(&commit->work);
}

static void log_stuck(struct group_commit *commit)
{
	if (!atomic_exchange(&commit->stuck_told, true))
		log_error("the store does not finish a batch, answering 503 until it does waited_ms=%d",
		          commit->wait_ms);
}

static void log_unstuck(struct group_commit *commit, int64_t took_ms)
{
	if (atomic_exchange(&commit->stuck_told, false))
		log_info("the store finished the batch took_ms=%lld", (long long)took_ms);
}

/* Takes an item out of the queue again, with the writer's hold on it. Does nothing if the writer has it
 * already. */
static void withdraw(struct group_commit *commit, struct item *item)
{
	bool was_waiting;

	pthread_mutex_lock(&commit->lock);
	was_waiting = !item->writing;
	if (was_waiting) {
		struct item **at = &commit->head;

		while (*at != item)
			at = &(*at)->next;
		*at = item->next;
		if (!*at)
			commit->tail = at;
	}
	pthread_mutex_unlock(&commit->lock);
	if (was_waiting)
		item_release(item);
}

enum err group_commit_put(struct group_commit *commit, const struct store_insert *insert,
                          char request_id[UUID_TEXT_SIZE], struct err_text *why)
{
	enum err err = group_commit_ready(commit, why);
	struct item *item;

	if (err) {
		job_free(insert->job);
		return err;
	}
	item = item_new(insert);
	enqueue(commit, item);
	if (item_wait(item, commit->wait_ms)) {
		err = item->insert.outcome;
		memcpy(request_id, item->insert.job->request_id, UUID_TEXT_SIZE);
		if (err)
			err_set(why, err, "%s", err_str(err));
	} else {
		log_stuck(commit);
		withdraw(commit, item);
		err = err_set(why, ERR_UNAVAILABLE, "not stored within %d ms", commit->wait_ms);
	}
	item_release(item);
	return err;
}

/* ---- The writer ---- */

/* Under commit->lock: sleeps until there is a job, it is time to leave, or time to try the store again. */
static void wait_for_work(struct group_commit *commit)
{
	struct timespec until = in_ms(TRY_WRITE_MS);
	int timed_out = 0;

	while (!commit->head && !commit->leaving && !timed_out) {
		if (atomic_load(&commit->failing))
			timed_out = pthread_cond_timedwait(&commit->work, &commit->lock, &until);
		else
			pthread_cond_wait(&commit->work, &commit->lock);
	}
}

/* Waits for work and moves it from the queue to items: as much as one batch may hold; *n = 0: only time to try the
 * store again. False: nothing is left and it is time to leave. */
static bool take_batch(struct group_commit *commit, size_t *n_taken)
{
	size_t n = 0, bytes = 0;
	bool leave;

	pthread_mutex_lock(&commit->lock);
	wait_for_work(commit);
	leave = commit->leaving && !commit->head;
	while (commit->head && n < STORE_BATCH_MAX) {
		struct item *item = commit->head;

		bytes += item_bytes(item);
		if (n > 0 && bytes > STORE_BATCH_BYTES)
			break;
		commit->head = item->next;
		item->writing = true;
		commit->items[n++] = item;
	}
	if (!commit->head)
		commit->tail = &commit->head;
	pthread_mutex_unlock(&commit->lock);
	*n_taken = n;
	return !leave;
}

static void set_all(struct store_insert *inserts, size_t n, enum err outcome)
{
	for (size_t i = 0; i < n; i++)
		inserts[i].outcome = outcome;
}

/* Remembers how the last write went, and logs when that changes. */
static void set_failing(struct group_commit *commit, enum err err, const struct err_text *why)
{
	bool failing = err != ERR_OK;

	if (atomic_exchange(&commit->failing, failing) == failing)
		return;
	if (failing)
		log_error("a batch was not stored, answering 503 until the store can be written error=\"%s\"",
		          why->text);
	else
		log_info("the store can be written again");
}

/* The link is not told of a failure: what reads may go on. */
static void try_write(struct group_commit *commit)
{
	struct err_text why = { "" };
	struct store *store = store_link_get(commit->link, NULL);

	if (store)
		set_failing(commit, store_try_write(store, &why), &why);
}

static void insert_batch(struct group_commit *commit, size_t n)
{
	struct err_text why = { "" };
	struct store *store = store_link_get(commit->link, NULL);
	int64_t since = clock_mono_ms();
	enum err err;

	if (!store) {
		set_all(commit->inserts, n, ERR_UNAVAILABLE);
		return;
	}
	atomic_store(&commit->batch_since_ms, since);
	CRASH_POINT("accept_before_insert");
	err = store_insert(store, commit->inserts, n, &why);
	CRASH_POINT("accept_after_insert");
	atomic_store(&commit->batch_since_ms, 0);
	set_failing(commit, err, &why);
	log_unstuck(commit, clock_mono_ms() - since);
	if (err)
		set_all(commit->inserts, n, ERR_UNAVAILABLE);
}

static bool is_stored(enum err outcome) { return outcome == ERR_OK || outcome == ERR_EXISTS; }

/* Waiters first: nobody waits for what becomes of the others' ids. ERR_EXISTS is told on, too: the batch that
 * stored the job may have lost its answer, and then its id went nowhere. */
static void finish_batch(struct group_commit *commit, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		commit->items[i]->insert.outcome = commit->inserts[i].outcome;
		item_finish(commit->items[i]);
	}
	for (size_t i = 0; i < n; i++) {
		const struct job *job = commit->items[i]->insert.job;

		if (commit->on_stored && is_stored(commit->inserts[i].outcome))
			commit->on_stored(commit->arg, job->vendor, job->request_id);
		item_release(commit->items[i]);
	}
}

static void *run(void *arg)
{
	struct group_commit *commit = arg;
	size_t n;

	while (take_batch(commit, &n)) {
		if (n == 0) {
			try_write(commit);
			continue;
		}
		for (size_t i = 0; i < n; i++)
			commit->inserts[i] = commit->items[i]->insert;
		insert_batch(commit, n);
		finish_batch(commit, n);
	}
	return NULL;
}

/* ---- Life ---- */

struct group_commit *group_commit_new(struct store_link *link, int wait_ms, group_commit_stored_fn on_stored, void *arg)
{
	struct group_commit *commit = mem_calloc(1, sizeof(*commit));
	int failed;

	commit->link = link;
	commit->wait_ms = wait_ms;
	commit->on_stored = on_stored;
	commit->arg = arg;
	commit->tail = &commit->head;
	pthread_condattr_init(&commit->monotonic);
	pthread_condattr_setclock(&commit->monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&commit->lock, NULL);
	pthread_cond_init(&commit->work, &commit->monotonic);
	failed = pthread_create(&commit->thread, NULL, run, commit);
	if (failed) {
		log_error("cannot start the writer thread error=\"%s\"", strerror(failed));
		abort();
	}
	return commit;
}

void group_commit_free(struct group_commit *commit)
{
	if (!commit)
		return;
	pthread_mutex_lock(&commit->lock);
	commit->leaving = true;
	pthread_cond_signal(&commit->work);
	pthread_mutex_unlock(&commit->lock);
	pthread_join(commit->thread, NULL);
	pthread_cond_destroy(&commit->work);
	pthread_mutex_destroy(&commit->lock);
	pthread_condattr_destroy(&commit->monotonic);
	free(commit);
}
