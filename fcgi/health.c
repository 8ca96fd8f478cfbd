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

	pthread_mutex_t lock;        /* guards what follows; never held while waiting */
	struct health_facts facts;
	int64_t asked_at_ms;         /* mono; 0 = never */
};

enum err health_new(const char *redis_url, const char *prefix, int timeout_ms, struct health **health,
                    struct err_text *why)
{
	struct health *h = mem_calloc(1, sizeof(*h));
	enum err err = queue_new(redis_url, prefix, timeout_ms, &h->queue, why);

	if (err) {
		free(h);
		return err;
	}
	h->facts.workers_alive = -1;
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

static bool count_workers(struct health *health, int *alive)
{
	return queue_ping(health->queue, NULL) == ERR_OK &&
	       queue_workers(health->queue, HEARTBEAT_MAX_AGE_MS, alive, NULL) == ERR_OK;
}

/* Asked again after a quick failure: it may only tell that the connection is an old one, of a Redis restarted
 * since. */
static void ask_redis(struct health *health, struct health_facts *facts)
{
	int64_t began_ms = clock_mono_ms();

	*facts = (struct health_facts){ .workers_alive = -1 };
	facts->redis_there = count_workers(health, &facts->workers_alive);
	if (!facts->redis_there && clock_mono_ms() - began_ms < QUICK_FAILURE_MS)
		facts->redis_there = count_workers(health, &facts->workers_alive);
	if (!facts->redis_there)
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
