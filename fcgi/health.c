#include "health.h"

#include "clock.h"
#include "mem.h"
#include "queue.h"

#include <pthread.h>
#include <stdlib.h>

enum { FRESH_MS = 500, HEARTBEAT_MAX_AGE_MS = 15000, QUICK_FAILURE_MS = 100 };

struct health {
	pthread_mutex_t asking;      /* held by the one who uses the connection */
	struct queue *queue;
	struct queue_state *states;  /* of all vendors */
	size_t n_states;

	pthread_mutex_t lock;        /* guards what follows; never held while waiting */
	struct health_facts facts;
	int64_t asked_at_ms;         /* mono; 0 = never */
};

enum err health_new(const char *redis_url, const char *prefix, int timeout_ms, const struct vendor_set *vendors,
                    struct health **health, struct err_text *why)
{
	struct health *h = mem_calloc(1, sizeof(*h));
	enum err err = queue_new(redis_url, prefix, timeout_ms, &h->queue, why);

	if (err) {
		free(h);
		return err;
	}
	h->facts.workers_alive = -1;
	h->n_states = vendor_count(vendors);
	h->states = mem_calloc(h->n_states, sizeof(*h->states));
	for (size_t i = 0; i < h->n_states; i++)
		h->states[i].vendor = vendor_at(vendors, i);
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
	free(health->states);
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

static bool look(struct health *health, struct health_facts *facts)
{
	*facts = (struct health_facts){ .workers_alive = -1 };
	if (queue_ping(health->queue, NULL) != ERR_OK ||
	    queue_workers(health->queue, HEARTBEAT_MAX_AGE_MS, &facts->workers_alive, NULL) != ERR_OK ||
	    queue_states(health->queue, health->states, health->n_states, NULL) != ERR_OK)
		return false;
	for (size_t i = 0; i < health->n_states; i++) {
		const struct queue_state *state = &health->states[i];

		if (state->breaker == BREAKER_CLOSED && state->hold_ms == 0 && state->quota_ms == 0 && !state->no_token &&
		    vendor_is_open(state->vendor, clock_now_ms(), NULL))
			continue;
		if (facts->n_held < HEALTH_HELD_MAX)
			facts->held[facts->n_held] = *state;
		facts->n_held++;
	}
	return true;
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
