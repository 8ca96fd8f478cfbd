#include "store_link.h"

#include "clock.h"
#include "log.h"
#include "mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	PROBE_AWAY_MS = 250,     /* between probes while it is away */
	PROBE_THERE_MS = 1000,   /* and while it is there and wanted; */
	PROBE_IDLE_MS = 30000,   /* a process that nobody asks for anything hardly wakes up */
	LOG_AGAIN_MS = 60000,    /* still away: say so again */
};

struct store_link {
	store_link_open_fn open;
	void *arg;
	int stall_ms;
	pthread_t thread;

	pthread_mutex_t lock;            /* guards what follows up to the next gap */
	pthread_cond_t poke;             /* of the thread: something changed */
	struct store *store;             /* NULL before it was opened */
	struct err_text reason;          /* why it is away */
	bool leaving;
	int64_t away_since_ms;           /* mono, for the log */

	_Atomic(struct store *) there;   /* the store while it is there, else NULL; what store_link_get() reads */
	_Atomic int64_t probe_since_ms;  /* mono; 0 = no probe is running */
	_Atomic int64_t old_from_ms;     /* mono; who wants the store after this has it probed */
};

static const int64_t never_old = INT64_MAX;   /* while it is away, or about to be probed */

static void *run(void *arg);

struct store_link *store_link_new(store_link_open_fn open, void *arg, int stall_ms)
{
	struct store_link *link = mem_calloc(1, sizeof(*link));
	pthread_condattr_t attr;
	int failed;

	link->open = open;
	link->arg = arg;
	link->stall_ms = stall_ms;
	link->away_since_ms = clock_mono_ms();
	atomic_init(&link->old_from_ms, never_old);
	err_set(&link->reason, ERR_UNAVAILABLE, "the store is not open yet");
	pthread_mutex_init(&link->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&link->poke, &attr);
	pthread_condattr_destroy(&attr);
	failed = pthread_create(&link->thread, NULL, run, link);
	if (failed) {
		log_error("cannot start the store thread error=\"%s\"", strerror(failed));
		abort();
	}
	return link;
}

void store_link_free(struct store_link *link)
{
	if (!link)
		return;
	pthread_mutex_lock(&link->lock);
	link->leaving = true;
	pthread_cond_signal(&link->poke);
	pthread_mutex_unlock(&link->lock);
	pthread_join(link->thread, NULL);
	store_close(link->store);
	pthread_cond_destroy(&link->poke);
	pthread_mutex_destroy(&link->lock);
	free(link);
}

static void have_it_probed(struct store_link *link)
{
	if (atomic_exchange(&link->old_from_ms, never_old) == never_old)
		return;
	pthread_mutex_lock(&link->lock);
	pthread_cond_signal(&link->poke);
	pthread_mutex_unlock(&link->lock);
}

struct store *store_link_get(struct store_link *link, struct err_text *why)
{
	struct store *store = atomic_load_explicit(&link->there, memory_order_acquire);
	int64_t since = atomic_load_explicit(&link->probe_since_ms, memory_order_relaxed), now = clock_mono_ms();

	if (now > atomic_load_explicit(&link->old_from_ms, memory_order_relaxed))
		have_it_probed(link);
	if (store && since && now - since > link->stall_ms) {
		err_set(why, ERR_UNAVAILABLE, "the store has not answered for %d ms", link->stall_ms);
		return NULL;
	}
	if (!store && why) {
		pthread_mutex_lock(&link->lock);
		*why = link->reason;
		pthread_mutex_unlock(&link->lock);
	}
	return store;
}

void store_link_report(struct store_link *link, enum err err, const struct err_text *why)
{
	if (err != ERR_UNAVAILABLE && err != ERR_SYSTEM)
		return;
	pthread_mutex_lock(&link->lock);
	link->reason = *why;
	if (atomic_exchange(&link->there, NULL)) {
		link->away_since_ms = clock_mono_ms();
		log_error("the store went away, answering 503 until it is back reason=\"%s\"", why->text);
		pthread_cond_signal(&link->poke);
	}
	pthread_mutex_unlock(&link->lock);
}

/* ---- The thread ---- */

/* One try to open it. */
static enum err open_once(struct store_link *link, struct err_text *why)
{
	struct store *store = NULL;
	enum err err = link->open(link->arg, &store, why);

	if (err == ERR_INVALID || err == ERR_UNSUPPORTED) {
		log_error("cannot use the store: %s", why->text);
		sleep(1);   /* whoever starts us again at once shall not spin */
		_exit(1);
	}
	if (!err) {
		pthread_mutex_lock(&link->lock);
		link->store = store;
		pthread_mutex_unlock(&link->lock);
	}
	return err;
}

static enum err probe(struct store_link *link, struct err_text *why)
{
	enum err err;

	if (!link->store)   /* only this thread writes it */
		return open_once(link, why);
	atomic_store(&link->probe_since_ms, clock_mono_ms());
	err = store_ping(link->store, why);
	atomic_store(&link->probe_since_ms, 0);
	return err;
}

static void set_there(struct store_link *link)
{
	pthread_mutex_lock(&link->lock);
	if (!atomic_load(&link->there)) {
		log_info("the store is there after_ms=%lld", (long long)(clock_mono_ms() - link->away_since_ms));
		atomic_store_explicit(&link->there, link->store, memory_order_release);
	}
	pthread_mutex_unlock(&link->lock);
}

/* Sleeps until the next probe, or until it is poked: it was reported away, or somebody wants it after PROBE_THERE_MS. True if
 * it is time to leave. */
static bool pause_after(struct store_link *link, bool there)
{
	int64_t now = clock_mono_ms(), until = now + (there ? PROBE_IDLE_MS : PROBE_AWAY_MS);
	struct timespec ts = { .tv_sec = (time_t)(until / 1000), .tv_nsec = (long)(until % 1000) * 1000000 };
	bool leaving;

	pthread_mutex_lock(&link->lock);
	if (!link->leaving) {
		atomic_store(&link->old_from_ms, there ? now + PROBE_THERE_MS : never_old);
		pthread_cond_timedwait(&link->poke, &link->lock, &ts);
		atomic_store(&link->old_from_ms, never_old);
	}
	leaving = link->leaving;
	pthread_mutex_unlock(&link->lock);
	return leaving;
}

static void log_still_away(int64_t *logged_at, const struct err_text *why)
{
	int64_t now = clock_mono_ms();

	if (*logged_at && now - *logged_at < LOG_AGAIN_MS)
		return;
	log_warn("waiting for the store reason=\"%s\"", why->text);
	*logged_at = now;
}

static void *run(void *arg)
{
	struct store_link *link = arg;
	struct err_text why = { "" };
	int64_t logged_at = 0;
	enum err err;

	do {
		err = probe(link, &why);
		if (!err) {
			set_there(link);
			logged_at = 0;
			continue;
		}
		store_link_report(link, ERR_UNAVAILABLE, &why);
		log_still_away(&logged_at, &why);
	} while (!pause_after(link, !err));
	return NULL;
}
