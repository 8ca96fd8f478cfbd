/* One call to a vendor: a claimed job on its way through the worker's threads.
 *
 * intake makes it, loop carries it out, commit writes what came of it and frees it. One thread holds it at a
 * time; it is handed on through mailboxes.
 */
#ifndef VF_CALL_H
#define VF_CALL_H

#include "../http/exchange.h"
#include "job.h"
#include "lane.h"
#include "queue.h"
#include "vendors.h"

#include <stdbool.h>

struct shard;

/* From the end of a call to its commit. A lease is longer than the longest call by so much. */
enum { COMMIT_ALLOWANCE_MS = 15000 };

struct call {
	struct call *next;          /* in a mailbox or a list */
	struct lane *lane;
	struct job *job;            /* owned */
	char entry_id[QUEUE_ENTRY_ID_SIZE];
	int64_t granted_mono_us;    /* when the grant was asked for */
	int64_t granted_us;         /* Redis TIME of the grant, for a refund */
	int64_t breaker_since;      /* the breaker's spell in which it was granted */
	bool probe;                 /* the breaker is half-open and waits to hear of this call */
	struct quota_span quota;    /* what it is counted for, if its vendor has a quota */
	int64_t leave_by_mono_us;   /* the request is not written after this */
	struct generation *rules;   /* its vendor's rules are of, which it holds; NULL: nobody changes them */
	struct exchange exchange;   /* what goes to the vendor, and its answer */
	char token_id[TOKEN_ID_SIZE];   /* of the access token that it shows, or "" */

	/* Filled by the loop. */
	struct shard *shard;
	int place;                  /* in the loop's list of running calls */
	struct rate_values rate;    /* headers of its answer that the vendor file names; owned */
	int64_t hold_until_mono_us; /* all of its account is to be left alone until then: its headers say so; 0: they do not */
	struct call **just_left;    /* the loop's list of those that are being written, ... */
	struct call *next_left;     /* ... linked by this */
	bool abandoned;             /* given up by us: how it ended says nothing of the vendor */
};

/* A claimed job (taken over) with the grant that it came with. It keeps the rules of its lane's vendor as they are now, which
 * are of this generation. */
struct call *call_new(struct lane *lane, struct generation *rules, struct job *job, const struct queue_take *take,
                      const struct queue_grant *grant);
void call_free(struct call *call);

/* Makes the request that goes to the vendor. False: that is not possible with this job, or the lane's access token is gone
 * since the grant; call->exchange.answer says so, and the call is done. */
bool call_make_request(struct call *call, const struct call_context *context) __attribute__((warn_unused_result));

/* Makes the easy handle (fresh or reset) carry out this call, whose request is made. The moment that its request is about
 * to be written it puts itself into the list just_left. */
void call_prepare(struct call *call, CURL *easy, struct call **just_left);

/* Of the calls that were written one after the other until now, the last one first: each was written before the next
 * one asked whether it may leave. Those of vendors with limits go into their lanes' `left`; those that were not in time
 * all the same are added to `late` as well, and widen their guards. True if there are any of these. */
bool calls_left_late(struct call *last, int64_t now_mono_us);

/* curl is done with it: fills call->exchange.answer. Afterwards the easy handle is the caller's again. */
void call_finish(struct call *call, CURLcode code);

/* It never got to curl, or was stopped before: fills call->exchange.answer with TRANSPORT_NOT_SENT or, if it had left,
 * TRANSPORT_CONNECTION_LOST. */
void call_abandon(struct call *call);

#endif
