#include "webhook.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hook_conn.h"
#include "sign.h"
#include "url.h"
#include "util.h"

enum {
	MESSAGE_ID_MAX = 48,
	REORDER_BATCH = 8,
	REORDER_WAIT_US = 20000,        /* a batch that does not fill up goes out after this */
	RESOLVE_AGAIN_US = 5000000,     /* an unreachable receiver is looked up again this often, not more */
};

/* The waits between the tries; together about half a minute. */
static const int64_t retry_waits_us[WEBHOOK_ATTEMPTS - 1] = {
	100000, 300000, 1000000, 2000000, 4000000, 8000000, 15000000,
};

/* A receiver, by host and port. */
struct target {
	char authority[URL_AUTHORITY_MAX], host[URL_HOST_MAX], port[URL_PORT_MAX];
	struct url_address addresses[URL_ADDRESSES_MAX];
	int address_count, address;     /* the one in use; the next one is tried when it cannot be reached */
	int64_t resolved_at_us;
	uint64_t webhooks;              /* that name it */
	struct webhook *ready, **ready_end;
	struct hook_conn *idle, *busy;
	int open;
	bool pumping;
	struct webhooks *owner;
};

struct webhook {
	struct loop_timer timer;
	struct webhook *next;                   /* in its target's ready list, or in the reorder batch */
	struct webhook *all_next, **all_previous;
	struct target *target;
	struct webhook_counts *counts;
	const char *secret;
	void (*on_tried)(void *waiter);
	void *waiter;
	bool reorder;
	int attempts;
	char message_id[MESSAGE_ID_MAX];
	size_t path_len, body_len, pad;
	char text[];                            /* path, then body */
};

struct webhooks {
	struct loop *loop;
	int most_connections;
	uint64_t count;
	size_t bytes;
	struct webhook *all;
	struct target *targets[WEBHOOK_TARGETS_MAX];
	struct webhook *batch;                  /* for webhook_reorder: a stack */
	int batch_len;
	struct loop_timer batch_timer;
	struct buf body;                        /* scratch */
};

static void pump(struct target *target);

static void note_error(struct webhook *w, const char *error)
{
	snprintf(w->counts->last_error, sizeof(w->counts->last_error), "%s", error);
}

/* --- targets ----------------------------------------------------------------------------------------------------- */

static void close_all(struct hook_conn *conn)
{
	while (conn) {
		struct hook_conn *next = conn->next;

		hook_conn_close(conn);
		conn = next;
	}
}

static void target_free(struct target *target)
{
	if (!target)
		return;
	close_all(target->idle);
	close_all(target->busy);
	free(target);
}

static struct target *target_new(struct webhooks *webhooks, const struct url *url)
{
	struct target *target = mem_calloc(1, sizeof(*target));

	memcpy(target->authority, url->authority, sizeof(target->authority));
	memcpy(target->host, url->host, sizeof(target->host));
	memcpy(target->port, url->port, sizeof(target->port));
	target->ready_end = &target->ready;
	target->owner = webhooks;
	return target;
}

/* The target of the URL, made if new, in place of one that is not used any more if need be; NULL if all are used. */
static struct target *target_find(struct webhooks *webhooks, const struct url *url)
{
	struct target **unused = NULL;

	for (size_t i = 0; i < ARRAY_LEN(webhooks->targets); i++) {
		struct target **slot = &webhooks->targets[i];

		if (*slot && strcmp((*slot)->authority, url->authority) == 0)
			return *slot;
		if (!*slot || (!(*slot)->webhooks && !(*slot)->busy && !unused))
			unused = slot;
	}
	if (!unused)
		return NULL;
	target_free(*unused);
	return *unused = target_new(webhooks, url);
}

static bool target_resolve(struct target *target)
{
	int64_t now = target->owner->loop->now_us;

	if (target->address_count)
		return true;
	if (target->resolved_at_us && now - target->resolved_at_us < RESOLVE_AGAIN_US)
		return false;
	target->resolved_at_us = now;
	target->address = 0;
	target->address_count = url_resolve(target->host, target->port, target->addresses);
	return target->address_count > 0;
}

/* The address in use cannot be reached: the next try takes the next one, after all of them a new look-up. */
static void target_unreachable(struct target *target)
{
	int64_t now = target->owner->loop->now_us;

	if (!target->address_count)
		return;
	target->address = (target->address + 1) % target->address_count;
	if (!target->address && now - target->resolved_at_us >= RESOLVE_AGAIN_US)
		target->address_count = 0;
}

static void unlink_conn(struct hook_conn **list, struct hook_conn *conn)
{
	while (*list && *list != conn)
		list = &(*list)->next;
	if (*list)
		*list = conn->next;
}

/* --- the life of a webhook --------------------------------------------------------------------------------------- */

static void webhook_free(struct webhooks *webhooks, struct webhook *w)
{
	loop_timer_cancel(webhooks->loop, &w->timer);
	*w->all_previous = w->all_next;
	if (w->all_next)
		w->all_next->all_previous = w->all_previous;
	webhooks->count--;
	webhooks->bytes -= w->path_len + w->body_len;
	w->target->webhooks--;
	w->counts->queued--;
	free(w);
}

static bool worth_another_try(int status)
{
	return !status || status >= 500 || status == 408 || status == 429;
}

/* One try is over. status 0: no answer. The webhook may be gone afterwards; the waiter is told last, because it may
 * queue new webhooks. */
static void attempt_over(struct webhooks *webhooks, struct webhook *w, int status, const char *error)
{
	void (*on_tried)(void *waiter) = w->on_tried;
	void *waiter = w->waiter;
	char text[32];

	w->on_tried = NULL;
	w->attempts++;
	if (status < 200 || status > 299) {
		snprintf(text, sizeof(text), "answered %d", status);
		note_error(w, status ? text : error);
	}
	if (status >= 200 && status <= 299) {
		w->counts->accepted++;
		webhook_free(webhooks, w);
	} else if (!worth_another_try(status)) {
		w->counts->refused++;
		webhook_free(webhooks, w);
	} else if (w->attempts == WEBHOOK_ATTEMPTS) {
		w->counts->failed++;
		webhook_free(webhooks, w);
	} else {
		w->counts->retried++;
		loop_timer_set(webhooks->loop, &w->timer, webhooks->loop->now_us + retry_waits_us[w->attempts - 1]);
	}
	if (on_tried)
		on_tried(waiter);
}

static void make_ready(struct webhook *w)
{
	w->next = NULL;
	*w->target->ready_end = w;
	w->target->ready_end = &w->next;
}

static struct webhook *take_ready(struct target *target)
{
	struct webhook *w = target->ready;

	target->ready = w->next;
	if (!target->ready)
		target->ready_end = &target->ready;
	return w;
}

/* Back to the front: its connection was dead before it was used. */
static void put_back(struct webhook *w)
{
	w->next = w->target->ready;
	w->target->ready = w;
	if (!w->next)
		w->target->ready_end = &w->next;
}

/* Sends the batch, the last one first. */
static void release_batch(struct webhooks *webhooks)
{
	struct webhook *w = webhooks->batch, *next;

	webhooks->batch = NULL;
	webhooks->batch_len = 0;
	loop_timer_cancel(webhooks->loop, &webhooks->batch_timer);
	for (struct webhook *at = w; at; at = next) {
		next = at->next;
		make_ready(at);
	}
	for (size_t i = 0; i < ARRAY_LEN(webhooks->targets); i++)
		if (webhooks->targets[i])
			pump(webhooks->targets[i]);
}

static void on_batch_due(struct loop_timer *timer)
{
	release_batch(container_of(timer, struct webhooks, batch_timer));
}

static void on_webhook_due(struct loop_timer *timer)
{
	struct webhook *w = container_of(timer, struct webhook, timer);
	struct webhooks *webhooks = w->target->owner;

	if (!w->reorder || w->attempts) {
		make_ready(w);
		pump(w->target);
		return;
	}
	if (!webhooks->batch)
		loop_timer_set(webhooks->loop, &webhooks->batch_timer, webhooks->loop->now_us + REORDER_WAIT_US);
	w->next = webhooks->batch;
	webhooks->batch = w;
	if (++webhooks->batch_len == REORDER_BATCH)
		release_batch(webhooks);
}

/* --- sending ----------------------------------------------------------------------------------------------------- */

static void on_sent(struct hook_conn *conn)
{
	((struct webhook *)conn->job)->counts->sent++;
}

static void on_done(struct hook_conn *conn, int status, const char *error, bool stale)
{
	struct target *target = conn->owner;
	struct webhook *w = conn->job;

	conn->job = NULL;
	unlink_conn(&target->busy, conn);
	if (hook_conn_usable(conn)) {
		conn->next = target->idle;
		target->idle = conn;
	} else {
		target->open--;
	}
	if (stale) {
		put_back(w);
	} else {
		if (!status && !conn->sent)
			target_unreachable(target);
		attempt_over(target->owner, w, status, error);
	}
	pump(target);
}

static void on_gone(struct hook_conn *conn)
{
	struct target *target = conn->owner;

	unlink_conn(&target->idle, conn);
	target->open--;
}

static const struct hook_events events = { .on_sent = on_sent, .on_done = on_done, .on_gone = on_gone };

static void write_body(struct buf *body, const struct webhook *w)
{
	body->len = 0;
	buf_add(body, w->text + w->path_len, w->body_len);
	if (!w->pad)
		return;
	body->len--;
	buf_add_str(body, ",\"padding\":\"");
	buf_add_fill(body, 'x', w->pad);
	buf_add_str(body, "\"}");
}

static void write_request(struct buf *out, struct buf *body, const struct webhook *w)
{
	char timestamp[24], signature[SIGN_TEXT_MAX];

	write_body(body, w);
	buf_add_str(out, "POST ");
	buf_add(out, w->text, w->path_len);
	buf_addf(out, " HTTP/1.1\r\nHost: %s\r\nUser-Agent: vendorfetch-mock\r\nContent-Type: application/json\r\n",
	         w->target->authority);
	if (*w->secret) {
		snprintf(timestamp, sizeof(timestamp), "%lld", (long long)time(NULL));
		sign_webhook(w->secret, w->message_id, timestamp, body->data, body->len, signature);
		buf_addf(out, "webhook-id: %s\r\nwebhook-timestamp: %s\r\nwebhook-signature: %s\r\n", w->message_id,
		         timestamp, signature);
	}
	buf_addf(out, "Content-Length: %zu\r\n\r\n", body->len);
	buf_add(out, body->data, body->len);
	buf_reset(body, 1 << 20);
}

/* A kept connection or a new one, now busy; NULL with the reason. */
static struct hook_conn *take_connection(struct target *target, const char **error)
{
	struct hook_conn *conn = target->idle;

	if (conn) {
		target->idle = conn->next;
	} else if (!target_resolve(target)) {
		*error = "the host name cannot be resolved";
		return NULL;
	} else {
		conn = hook_conn_open(target->owner->loop, &target->addresses[target->address], &events, target);
		if (!conn) {
			*error = strerror(errno);
			target_unreachable(target);
			return NULL;
		}
		target->open++;
	}
	conn->next = target->busy;
	target->busy = conn;
	return conn;
}

/* Sends what is ready over the connections that are free. Sending can end at once and come back here: the flag leaves
 * the work to the call that is already at it. */
static void pump(struct target *target)
{
	struct webhooks *webhooks = target->owner;

	if (target->pumping)
		return;
	target->pumping = true;
	while (target->ready && (target->idle || target->open < webhooks->most_connections)) {
		const char *error = NULL;
		struct webhook *w = take_ready(target);
		struct hook_conn *conn = take_connection(target, &error);

		if (!conn) {
			attempt_over(webhooks, w, 0, error);
			continue;
		}
		write_request(&conn->out, &webhooks->body, w);
		hook_conn_send(conn, w);
	}
	target->pumping = false;
}

/* --- the interface ----------------------------------------------------------------------------------------------- */

struct webhooks *webhooks_new(struct loop *loop, int most_connections)
{
	struct webhooks *webhooks = mem_calloc(1, sizeof(*webhooks));

	webhooks->loop = loop;
	webhooks->most_connections = most_connections;
	webhooks->batch_timer.on_due = on_batch_due;
	return webhooks;
}

void webhooks_free(struct webhooks *webhooks)
{
	if (!webhooks)
		return;
	while (webhooks->all)
		webhook_free(webhooks, webhooks->all);
	loop_timer_cancel(webhooks->loop, &webhooks->batch_timer);
	for (size_t i = 0; i < ARRAY_LEN(webhooks->targets); i++)
		target_free(webhooks->targets[i]);
	buf_deinit(&webhooks->body);
	free(webhooks);
}

static struct webhook *make_webhook(struct webhooks *webhooks, const struct webhook_order *order,
                                    const struct url *url, struct target *target)
{
	struct webhook *w = mem_alloc(sizeof(*w) + url->path_len + order->body_len);

	*w = (struct webhook){ .timer.on_due = on_webhook_due, .target = target, .counts = order->counts,
		               .secret = order->secret, .on_tried = order->on_tried, .waiter = order->waiter,
		               .reorder = order->reorder, .path_len = url->path_len, .body_len = order->body_len,
		               .pad = order->pad, .all_next = webhooks->all, .all_previous = &webhooks->all };
	snprintf(w->message_id, sizeof(w->message_id), "msg_%s", order->job_id);
	memcpy(w->text, url->path, url->path_len);
	memcpy(w->text + url->path_len, order->body, order->body_len);
	if (w->all_next)
		w->all_next->all_previous = &w->all_next;
	webhooks->all = w;
	webhooks->count++;
	webhooks->bytes += w->path_len + w->body_len;
	target->webhooks++;
	w->counts->queued++;
	return w;
}

struct webhook *webhooks_add(struct webhooks *webhooks, const struct webhook_order *order)
{
	struct url url;
	struct target *target;
	struct webhook *w;

	if (!url_read(order->url, order->url_len, &url)) {
		order->counts->failed++;
		snprintf(order->counts->last_error, sizeof(order->counts->last_error), "not an http URL: %.*s",
		         (int)(order->url_len < 80 ? order->url_len : 80), order->url);
		return NULL;
	}
	if (webhooks->count >= WEBHOOKS_MAX ||
	    webhooks->bytes + url.path_len + order->body_len > WEBHOOK_BYTES_MAX) {
		order->counts->dropped++;
		return NULL;
	}
	target = target_find(webhooks, &url);
	if (!target) {
		order->counts->dropped++;
		return NULL;
	}
	w = make_webhook(webhooks, order, &url, target);
	loop_timer_set(webhooks->loop, &w->timer, webhooks->loop->now_us + order->delay_us);
	return w;
}

void webhook_forget_waiter(struct webhook *webhook)
{
	webhook->on_tried = NULL;
}
