#include "health.h"

#include "clock.h"
#include "mem.h"
#include "queue.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { FRESH_MS = 500, HEARTBEAT_MAX_AGE_MS = 15000, QUICK_FAILURE_MS = 100 };

struct health {
	pthread_mutex_t asking;      /* held by the one who uses the connection */
	struct queue *queue;
	struct vendors *vendors;

	pthread_mutex_t lock;        /* guards what follows; never held while waiting */
	struct health_facts facts;
	int64_t asked_at_ms;         /* mono; 0 = never */
};

enum err health_new(const char *redis_url, const char *prefix, int timeout_ms, struct vendors *vendors,
                    struct health **health, struct err_text *why)
{
	struct health *h = mem_calloc(1, sizeof(*h));
	enum err err = queue_new(redis_url, prefix, timeout_ms, &h->queue, why);

	if (err) {
		free(h);
		return err;
	}
	h->facts.workers_alive = -1;
	h->vendors = vendors;
	pthread_mutex_init(&h->asking, NULL);
	pthread_mutex_init(&h->lock, NULL);
	*health = h;
	return ERR_OK;
}

void health_free(struct health *health)
{
	if (!health)
		return;
	queue_free(health->queue);
	pthread_mutex_destroy(&health->lock);
	pthread_mutex_destroy(&health->asking);
	free(health);
}

static bool last_known(struct health *health, struct health_facts *facts)
{
	bool fresh;

	pthread_mutex_lock(&health->lock);
	*facts = health->facts;
	fresh = health->asked_at_ms && clock_mono_ms() - health->asked_at_ms < FRESH_MS;
	pthread_mutex_unlock(&health->lock);
	return fresh;
}

static void add_held(struct health_facts *facts, const struct queue_state *state)
{
	struct health_held *held = &facts->held[facts->n_held];
	int64_t opens_at = 0;
	bool closed = !vendor_is_open(state->vendor, clock_now_ms(), &opens_at);

	if (state->breaker == BREAKER_CLOSED && state->hold_ms == 0 && state->quota_ms == 0 && !state->no_token && !closed)
		return;
	if (facts->n_held++ >= HEALTH_HELD_MAX)
		return;
	snprintf(held->vendor, sizeof(held->vendor), "%s", state->vendor->name);
	held->state = *state;
	held->state.vendor = NULL;   /* it goes with its generation */
	held->opens_at = closed ? opens_at : 0;
}

/* The vendors that are in force now. */
static bool look_at_vendors(struct health *health, struct health_facts *facts)
{
	struct generation *rules = vendors_acquire(health->vendors);
	size_t n = vendor_count(rules->set);
	struct queue_state *states = mem_calloc(n, sizeof(*states));
	bool there;

	for (size_t i = 0; i < n; i++)
		states[i].vendor = vendor_at(rules->set, i);
	there = queue_states(health->queue, states, n, NULL) == ERR_OK;
	for (size_t i = 0; there && i < n; i++)
		add_held(facts, &states[i]);
	free(states);
	generation_release(rules);
	return there;
}

static bool look(struct health *health, struct health_facts *facts)
{
	*facts = (struct health_facts){ .workers_alive = -1 };
	return queue_ping(health->queue, NULL) == ERR_OK &&
	       queue_workers(health->queue, HEARTBEAT_MAX_AGE_MS, &facts->workers_alive, NULL) == ERR_OK &&
	       look_at_vendors(health, facts);
}

/* Asked again after a quick failure: it may only tell that the connection is an old one, of a Redis restarted
 * since. */
static void ask_redis(struct health *health, struct health_facts *facts)
{
	int64_t began_ms = clock_mono_ms();

	bool there = look(health, facts);

	if (!there && clock_mono_ms() - began_ms < QUICK_FAILURE_MS)
		there = look(health, facts);
	facts->redis_there = there;
	if (!there)
		facts->workers_alive = -1;
	pthread_mutex_lock(&health->lock);
	health->facts = *facts;
	health->asked_at_ms = clock_mono_ms();
	pthread_mutex_unlock(&health->lock);
}

void health_ask(struct health *health, struct health_facts *facts)
{
	if (last_known(health, facts) || pthread_mutex_trylock(&health->asking) != 0)
		return;
	if (!last_known(health, facts))
		ask_redis(health, facts);
	pthread_mutex_unlock(&health->asking);
}
