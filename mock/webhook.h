/* Sends webhooks as a real vendor does: later, over a few kept connections, again if the receiver is down.
 *
 * A delivery that is answered 5xx, 408 or 429, or not at all, is tried again with growing waits, WEBHOOK_ATTEMPTS
 * times in all; every other answer is final. Memory is bounded: above WEBHOOKS_MAX or WEBHOOK_BYTES_MAX waiting
 * webhooks new ones are dropped (and counted). Plain http only.
 */
#ifndef VF_MOCK_WEBHOOK_H
#define VF_MOCK_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"

enum {
	WEBHOOK_ATTEMPTS = 8,
	WEBHOOKS_MAX = 1000000,
	WEBHOOK_PAD_MAX = 16 * 1024 * 1024,
	WEBHOOK_TARGETS_MAX = 64,       /* different host:port at a time */
};
#define WEBHOOK_BYTES_MAX ((size_t)512 * 1024 * 1024)

struct webhooks;
struct webhook;

struct webhook_counts {
	uint64_t queued;                /* now: waiting, being sent, or waiting for another try */
	uint64_t sent;                  /* requests written, retries included */
	uint64_t accepted;              /* answered 2xx */
	uint64_t refused;               /* given up because of the answer */
	uint64_t failed;                /* given up after all tries, or impossible URL */
	uint64_t lost;                  /* not sent, as webhook_loss_ratio wants it (counted by the vendor) */
	uint64_t retried;
	uint64_t dropped;               /* no room */
	char last_error[128];           /* the last thing that went wrong, or empty */
};

struct webhook_order {
	const char *url;                /* url_len bytes; copied */
	size_t url_len;
	const char *job_id;             /* copied; the message id is made of it */
	const char *body;               /* body_len bytes of a JSON object; copied */
	size_t body_len;
	size_t pad;                     /* this many bytes of a member "padding" are added when it is sent */
	const char *secret;             /* borrowed for ever; "" when sent: not signed */
	int64_t delay_us;
	bool reorder;                   /* may wait a little for others, to be sent after them */
	struct webhook_counts *counts;  /* borrowed for ever */
	void (*on_tried)(void *waiter); /* called once, when the first try is over either way; may be NULL */
	void *waiter;
};

/* most_connections: per receiver. */
struct webhooks *webhooks_new(struct loop *loop, int most_connections);

/* Closes all connections and drops what waits, without calling on_tried. The loop frees the connections. */
void webhooks_free(struct webhooks *webhooks);

/* Queues one. NULL if it could not be (counted; on_tried is not called). on_tried is never called before this
 * returns. */
struct webhook *webhooks_add(struct webhooks *webhooks, const struct webhook_order *order);

/* The waiter has gone: on_tried is not called any more. Only before it was called. */
void webhook_forget_waiter(struct webhook *webhook);

#endif
