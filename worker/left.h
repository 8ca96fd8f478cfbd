/* What a worker has to tell the limiter of its calls of one vendor: when they left.
 *
 * The loop adds, intake takes all of it along with its next take. Bounded: what finds no room is not told, and costs
 * some of the limit. Thread-safe.
 */
#ifndef VF_LEFT_H
#define VF_LEFT_H

#include "queue.h"

#include <pthread.h>
#include <stdint.h>

struct left {
	pthread_mutex_t lock;
	struct queue_left items[QUEUE_LEFT_MAX];
	int n;
};

void left_init(struct left *left);
void left_deinit(struct left *left);
/* A call of the grant given at granted_us (Redis TIME) was written by left_us. */
void left_add(struct left *left, int64_t granted_us, int64_t left_us);
/* Empties it into items; gives how many there are. */
int left_take(struct left *left, struct queue_left items[QUEUE_LEFT_MAX]);

#endif
