#include "left.h"

#include <string.h>

void left_init(struct left *left)
{
	*left = (struct left){ .n = 0 };
	pthread_mutex_init(&left->lock, NULL);
}

void left_deinit(struct left *left) { pthread_mutex_destroy(&left->lock); }

/* Under the lock: the report on this grant, a new one if there is none yet; NULL: no room. The last is the likeliest. */
static struct queue_left *report_on(struct left *left, int64_t granted_us)
{
	for (int i = left->n - 1; i >= 0; i--)
		if (left->items[i].granted_us == granted_us)
			return &left->items[i];
	if (left->n == QUEUE_LEFT_MAX)
		return NULL;
	left->items[left->n] = (struct queue_left){ .granted_us = granted_us };
	return &left->items[left->n++];
}

void left_add(struct left *left, int64_t granted_us, int64_t left_us)
{
	struct queue_left *report;

	pthread_mutex_lock(&left->lock);
	report = report_on(left, granted_us);
	if (report) {
		report->n++;
		if (left_us > report->left_us)
			report->left_us = left_us;
	}
	pthread_mutex_unlock(&left->lock);
}

int left_take(struct left *left, struct queue_left items[QUEUE_LEFT_MAX])
{
	int n;

	pthread_mutex_lock(&left->lock);
	n = left->n;
	memcpy(items, left->items, (size_t)n * sizeof(*items));
	left->n = 0;
	pthread_mutex_unlock(&left->lock);
	return n;
}
