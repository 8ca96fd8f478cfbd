#include "claim.h"

#include "clock.h"
#include "crash_point.h"
#include "log.h"
#include "mem.h"
#include "quota_count.h"

#include <stdlib.h>

enum {
	OPS_A_ITEM = 5,
	HAND_OVER_MS = 2,   /* making requests of large payloads takes time, in which those that are made should leave */
};

/* Calls on their way to the loop. */
struct made {
	struct call *first, **tail;
	int64_t since_mono_ms;
};

struct op_list {
	struct queue_op *ops;
	size_t n;
};

static void add(struct op_list *list, enum queue_op_kind kind, const struct claim_item *item, int64_t at)
{
	list->ops[list->n++] = (struct queue_op){
		.kind = kind,
		.vendor = item->lane->name,
		.entry_id = item->grant->entry_id,
		.request_id = item->grant->request_id,
		.at = at,
		.granted_us = item->take->granted_us,
		.report.rules = &item->lane->vendor->breaker,
	};
}

/* Its grant becomes no call. */
static void return_grant(struct op_list *list, const struct claim_item *item)
{
	if (item->take->probes) {
		add(list, QUEUE_REPORT, item, 0);
		atomic_store(&item->lane->look, true);   /* another may go at once; no answer will tell us so */
	}
	add(list, QUEUE_RELEASE, item, 0);
	add(list, QUEUE_REFUND, item, 1);
	list->ops[list->n - 1].vendor = vendor_account(item->lane->vendor);
}

/* Its grant was not used; the entry has done its duty (a job that is not due yet gets a delayed one first). */
static void give_back(struct op_list *list, const struct claim_item *item, const struct store_claim *claim)
{
	if (claim->outcome == ERR_NOT_DUE)
		add(list, QUEUE_DELAY, item, claim->not_before);
	else
		log_debug("claim: dropped an entry vendor=%s request_id=%s reason=%s", item->lane->name,
		          item->grant->request_id, err_str(claim->outcome));
	return_grant(list, item);
	add(list, QUEUE_ACK, item, 0);
}

static bool any_unavailable(const struct store_claim *claims, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (claims[i].outcome == ERR_UNAVAILABLE)
			return true;
	return false;
}

static void hand_over(struct worker *worker, struct made *made)
{
	loop_submit(worker->loop, made->first);
	*made = (struct made){ .tail = &made->first, .since_mono_ms = clock_mono_ms() };
}

static void add_call(struct worker *worker, struct made *made, struct call *call)
{
	*made->tail = call;
	made->tail = &call->next;
	if (clock_mono_ms() - made->since_mono_ms >= HAND_OVER_MS)
		hand_over(worker, made);
}

/* The calls that came of it go on, in order; fills the list with what Redis has to know. */
static void make_calls(struct worker *worker, const struct claim_item *items, struct store_claim *claims, size_t n,
                       struct op_list *list)
{
	struct made made = { .tail = &made.first, .since_mono_ms = clock_mono_ms() };
	struct call *call, *unmade = NULL;

	for (size_t i = 0; i < n; i++) {
		if (claims[i].outcome != ERR_OK) {
			quota_count_unused(items[i].lane);
			/* Claimed or not, nobody calls for it now. Its entry may be the only one. */
			if (claims[i].outcome == ERR_UNAVAILABLE)
				return_grant(list, &items[i]);
			else
				give_back(list, &items[i], &claims[i]);
			continue;
		}
		call = call_new(items[i].lane, worker->rules, claims[i].job, items[i].take, items[i].grant);
		if (call_make_request(call, &worker->context)) {
			add_call(worker, &made, call);
		} else {
			call->next = unmade;
			unmade = call;
		}
		add(list, QUEUE_ACK, &items[i], 0);
	}
	hand_over(worker, &made);
	mailbox_put(&worker->done, unmade);
}

static void tell_redis(struct queue *queue, struct op_list *list, size_t n)
{
	struct err_text why = { "" };

	if (list->n && queue_apply(queue, list->ops, list->n, &why) != ERR_OK)
		log_warn("claim: Redis could not be told, repair will clean up entries=%zu error=\"%s\"", n, why.text);
	free(list->ops);
}

void claim_nothing(struct queue *queue, const struct claim_item *items, size_t n)
{
	struct op_list list = { .ops = mem_calloc(n * OPS_A_ITEM, sizeof(*list.ops)) };

	for (size_t i = 0; i < n; i++)
		return_grant(&list, &items[i]);
	tell_redis(queue, &list, n);
}

enum err claim_and_call(struct worker *worker, struct queue *queue, const struct claim_item *items, size_t n)
{
	struct store_claim *claims = mem_calloc(n, sizeof(*claims));
	struct op_list list = { .ops = mem_calloc(n * OPS_A_ITEM, sizeof(*list.ops)) };
	int64_t now = clock_now_ms();
	struct err_text why = { "" };
	enum err err;

	for (size_t i = 0; i < n; i++)
		claims[i] = (struct store_claim){ .request_id = items[i].grant->request_id, .vendor = items[i].lane->vendor->name };
	err = store_claim(worker->store, claims, n, now, now + worker->lease_ms, &why);
	CRASH_POINT("claim_after");
	if (err != ERR_OK)
		log_warn("claim: the store did not answer jobs=%zu error=\"%s\"", n, why.text);
	else if (any_unavailable(claims, n))
		err = ERR_UNAVAILABLE;
	make_calls(worker, items, claims, n, &list);
	tell_redis(queue, &list, n);
	free(claims);
	return err;
}
