/* The thread that writes what came of the calls: outcome, then the store, then Redis, in batches of whatever
 * has gathered, one call of each lane in turn (fair_queue.h): a thousand that end together do not go before another
 * vendor's one. What was answered goes before what failed: a client waits for the one, the job of the other waits again.
 *
 * A vendor's answer costs money, so it is kept and written again for as long as the store is away (the number
 * of calls in flight bounds what can gather); only a worker that has to leave gives up, and then the lease
 * brings the job back.
 */
#include "clock.h"
#include "crash_point.h"
#include "early.h"
#include "fallback.h"
#include "log.h"
#include "mem.h"
#include "pace.h"
#include "quota_count.h"
#include "reports.h"
#include "untold.h"
#include "worker.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>

enum { BATCH_MAX = 256, FAILED_EVERY = 4 /* of what is written while there is both */, STORE_AWAY_WAIT_MS = 250, IDLE_WAIT_MS = 1000 };

/* A call on its way into the store. */
struct commit_item {
	struct call *call;
	struct outcome outcome;
	const struct vendor *next;   /* the job goes on to it, for this reason; or NULL */
	enum fallback_reason reason;
	char *tried_entry;     /* what its change borrows then */
	enum err written;
	bool unsure;           /* written more than once: ERR_STALE may be our own first write, whose answer was lost */
};

struct commit {
	struct worker *worker;
	struct queue *queue;
	struct untold *untold;
	struct fair_queue answered, failed;   /* what has come and is not written yet */
	unsigned turn;             /* which of them is next */
	struct pace pace;
	struct reports reports;
	struct commit_item items[BATCH_MAX];
	struct job_change changes[BATCH_MAX];
	int n;
	bool gave_up;          /* the store was away and we have to leave: nothing more is written */
};

/* Jitter for a batch. */
static void fill_random(uint32_t *random, int n)
{
	size_t len = (size_t)n * sizeof(*random);

	/* So few bytes never block or fail once the kernel's pool is initialised. */
	if (getrandom(random, len, 0) != (ssize_t)len)
		for (int i = 0; i < n; i++)
			random[i] = (uint32_t)clock_mono_us() * 2654435761u + (uint32_t)i;
}

static bool tell_redis(struct commit *c) { return untold_tell(c->untold, c->queue, clock_mono_ms()); }

/* ---- Outcome ---- */

static const char *held_name(const struct commit_item *item)
{
	const struct vendor *vendor = item->call->exchange.vendor;

	return item->outcome.hold_of_account ? vendor_account(vendor) : vendor->name;
}

/* Its headers said that its account has no calls left: what remains of that. */
static bool add_said_hold(struct commit *c, const struct call *call)
{
	int64_t left_us = call->hold_until_mono_us - clock_mono_us();

	if (left_us <= 0)
		return false;
	untold_add(c->untold, &(struct queue_op){ .kind = QUEUE_HOLD, .vendor = vendor_account(call->exchange.vendor),
	                                          .at = (left_us + 999) / 1000 });
	return true;
}

/* Decides what becomes of each call. That a vendor asked to be left alone (this worker's loop does so already, unless it
 * was the body that said so) or that it fails, Redis is told before anything else happens. That all went well can wait until
 * Redis is told the rest. */
static void decide(struct commit *c)
{
	int64_t now = clock_now_ms();
	uint32_t random[BATCH_MAX];
	bool any_hold = false;

	reports_begin(&c->reports);
	fill_random(random, c->n);
	for (int i = 0; i < c->n; i++) {
		struct commit_item *item = &c->items[i];
		struct call *call = item->call;

		outcome_of_answer(call->exchange.vendor, call->job, &call->exchange.answer, now, random[i], &item->outcome);
		item->tried_entry = NULL;
		item->next = fallback_of_outcome(call->rules->set, call->exchange.vendor, call->job, &item->outcome, now, &item->reason);
		reports_add(&c->reports, call, item->outcome.health);
		any_hold |= add_said_hold(c, call);
		if (item->outcome.hold_ms <= 0)
			continue;
		lane_hold(call->lane, item->outcome.hold_of_account ? HOLD_OF_ACCOUNT : HOLD_OF_VENDOR,
		          clock_mono_us() + item->outcome.hold_ms * 1000);
		untold_add(c->untold, &(struct queue_op){
			.kind = QUEUE_HOLD, .vendor = held_name(item), .at = item->outcome.hold_ms });
		any_hold = true;
	}
	reports_hand_over(&c->reports, c->untold);
	if (any_hold || c->reports.urgent)
		tell_redis(c);
}

/* ---- Store ---- */

static bool must_give_up(const struct commit *c)
{
	return atomic_load(&c->worker->commit_may_end) &&
	       clock_mono_ms() >= atomic_load(&c->worker->give_up_mono_ms);
}

/* Writes n changes, waiting for the store if it is away; true if they had to be written again. Their outcomes
 * stay ERR_UNAVAILABLE only if the worker has to leave. */
static bool write_changes(struct commit *c, int n)
{
	struct err_text why = { "" };
	bool again = false;

	for (int i = 0; i < n; i++)
		c->changes[i].outcome = ERR_UNAVAILABLE;
	while (!c->gave_up && store_change(c->worker->store, c->changes, (size_t)n, &why) != ERR_OK) {
		if (!again)
			log_warn("commit: the store is away, answers are kept n=%d error=\"%s\"", n, why.text);
		again = true;
		c->gave_up = must_give_up(c);
		if (!c->gave_up)
			poll(NULL, 0, STORE_AWAY_WAIT_MS);
	}
	if (again && !c->gave_up)
		log_info("commit: the store is back n=%d", n);
	return again;
}

static void write_outcomes(struct commit *c)
{
	int64_t now = clock_now_ms();
	bool unsure;

	for (int i = 0; i < c->n; i++) {
		struct commit_item *item = &c->items[i];
		const struct job *job = item->call->job;

		outcome_to_change(&item->outcome, job, now, c->worker->retention_ms, &c->changes[i]);
		if (item->next)
			fallback_to_change(c->items[i].call->rules->set, job, item->next, item->reason, &c->changes[i], &item->tried_entry);
	}
	unsure = write_changes(c, c->n);
	for (int i = 0; i < c->n; i++) {
		c->items[i].written = c->changes[i].outcome;
		c->items[i].unsure = unsure;
	}
}

/* What the first write could not settle: a success whose attempt was given up meanwhile may still finish the
 * job, and a result that the store cannot hold fails it. */
static bool second_change(const struct commit_item *item, struct job_change *change)
{
	if (item->written == ERR_STALE && change->event == EVENT_SUCCEED) {
		change->fence = FENCE_ANY;
		change->from = 0;
		change->attempts_add = 0;   /* it was counted when its lease was lost */
		change->history_entry = NULL;
		return true;
	}
	if (item->written == ERR_TOO_BIG) {
		log_warn("commit: the result is too large for the store, the job fails vendor=%s request_id=%s",
		         item->call->job->vendor, item->call->job->request_id);
		change->event = EVENT_FAIL;
		change->result = NULL;
		change->error = "result too large for the store";
		return true;
	}
	return false;
}

static void write_the_rest(struct commit *c)
{
	int place[BATCH_MAX], n = 0;

	for (int i = 0; i < c->n; i++) {
		if (!second_change(&c->items[i], &c->changes[i]))
			continue;
		place[n] = i;
		c->changes[n++] = c->changes[i];
	}
	if (n == 0)
		return;
	write_changes(c, n);
	for (int i = 0; i < n; i++)
		c->items[place[i]].written = c->changes[i].outcome;
}

/* The vendor's own ids are written now: callbacks that knew nothing else may have come before. */
static void look_for_early(struct commit *c)
{
	struct store_early_key keys[BATCH_MAX];
	size_t n = 0;

	for (int i = 0; i < c->n; i++) {
		const struct commit_item *item = &c->items[i];
		bool waits = item->outcome.kind == OUTCOME_AWAIT_CALLBACK && item->outcome.vendor_job_id;

		if (waits && (item->written == ERR_OK || (item->written == ERR_STALE && item->unsure)))
			keys[n++] = (struct store_early_key){ item->call->lane->name, item->outcome.vendor_job_id };
	}
	early_apply(c->worker, c->queue, keys, n);
}

/* ---- Redis, and the end ---- */

/* The job is queued now, as far as we know. An entry too many does no harm: its claim fails. */
static bool needs_entry(const struct commit_item *item)
{
	return (item->next || outcome_is_enqueued(&item->outcome)) &&
	       (item->written == ERR_OK || (item->written == ERR_STALE && item->unsure));
}

static void add_ops(struct commit *c, const struct commit_item *item)
{
	const struct call *call = item->call;
	const char *vendor = call->lane->name;

	if (needs_entry(item) && item->next)
		untold_add(c->untold, &(struct queue_op){ .kind = QUEUE_DELAY, .vendor = item->next->name,
		                                          .request_id = call->job->request_id, .at = clock_now_ms() });
	else if (needs_entry(item))
		untold_add(c->untold, &(struct queue_op){ .kind = QUEUE_DELAY, .vendor = vendor, .request_id = call->job->request_id,
		                                          .at = item->outcome.retry_at });
	if (call->exchange.vendor->max_in_flight > 0)
		untold_add(c->untold, &(struct queue_op){ .kind = QUEUE_RELEASE, .vendor = vendor, .entry_id = call->entry_id });
	if (transport_is_unsent(call->exchange.answer.transport) && call->exchange.vendor->n_limits > 0)
		untold_add(c->untold, &(struct queue_op){ .kind = QUEUE_REFUND, .vendor = vendor_account(call->exchange.vendor), .at = 1,
		                                          .granted_us = call->granted_us });
}

/* The store counts calls of vendors with a quota before they leave; these did not. */
static void take_back_unsent(struct commit *c)
{
	struct quota_unsent unsent[BATCH_MAX];
	size_t n = 0;

	for (int i = 0; i < c->n; i++) {
		const struct call *call = c->items[i].call;

		if (transport_is_unsent(call->exchange.answer.transport) && vendor_has_quota(call->exchange.vendor))
			unsent[n++] = (struct quota_unsent){ .vendor = call->exchange.vendor, .span = call->quota };
	}
	if (n && !c->gave_up)
		quota_count_take_back(c->worker->store, unsent, n);
}

static void log_written(const struct commit_item *item)
{
	const struct job *job = item->call->job;

	if (item->written == ERR_STALE && !item->unsure)
		log_info("commit: came too late, the job has moved on vendor=%s request_id=%s fence=%lld", job->vendor,
		         job->request_id, (long long)job->fence);
	else if (item->written != ERR_OK && item->written != ERR_STALE)
		log_error("commit: not written, its lease will bring it back vendor=%s request_id=%s reason=%s", job->vendor,
		          job->request_id, err_str(item->written));
	else if (outcome_is_enqueued(&item->outcome) && item->call->exchange.answer.transport == TRANSPORT_NOT_SENT)
		log_debug("commit: not sent, back to the queue vendor=%s request_id=%s reason=\"%s\"", job->vendor, job->request_id,
		          item->call->exchange.answer.detail);
	else if (item->next)
		log_info("commit: goes on to the next vendor vendor=%s next=%s request_id=%s attempts=%d reason=%s error=\"%s\"",
		         job->vendor, item->next->name, job->request_id, job->attempts + item->outcome.attempts_add,
		         fallback_reason_name(item->reason), item->outcome.error);
	else if (item->outcome.error)
		log_info("commit: %s vendor=%s request_id=%s attempts=%d error=\"%s\"",
		         item->outcome.kind == OUTCOME_FAILED ? "failed" : "will be tried again", job->vendor, job->request_id,
		         job->attempts + item->outcome.attempts_add, item->outcome.error);
}

/* Nobody else says so. */
static void wake_next(const struct commit *c, const struct commit_item *item)
{
	struct lane *lane = item->next ? worker_lane(c->worker, item->next->name) : NULL;

	if (lane)
		atomic_store(&lane->look, true);
}

static void finish_batch(struct commit *c)
{
	for (int i = 0; i < c->n; i++)
		add_ops(c, &c->items[i]);
	tell_redis(c);
	take_back_unsent(c);
	for (int i = 0; i < c->n; i++) {
		struct commit_item *item = &c->items[i];

		log_written(item);
		lane_look(item->call->lane);
		wake_next(c, item);
		free(item->tried_entry);
		outcome_deinit(&item->outcome);
		call_free(item->call);
	}
	mailbox_poke(&c->worker->intake_poke);
}

/* ---- Batch by batch ---- */

static bool has_failed(const struct answer *answer)
{
	return answer->transport != TRANSPORT_ANSWERED || answer->http_status < 200 || answer->http_status > 299;
}

static void receive(struct commit *c)
{
	struct call *call = mailbox_take(&c->worker->done), *next;

	for (; call; call = next) {
		next = call->next;
		if (has_failed(&call->exchange.answer))
			fair_queue_put(&c->failed, &call->lane->to_commit_failed, call);
		else
			fair_queue_put(&c->answered, &call->lane->to_commit, call);
	}
}

/* Where the next call is; NULL: there is none. */
static struct fair_queue *next_queue(struct commit *c)
{
	bool of_failed = c->turn % FAILED_EVERY == 0;
	struct fair_queue *first = of_failed ? &c->failed : &c->answered, *other = of_failed ? &c->answered : &c->failed;

	if (fair_queue_first(first))
		return first;
	return fair_queue_first(other) ? other : NULL;
}

/* As much as one batch of the store may hold, and as others may wait for. Its lane, or NULL if there are several. */
static struct lane *fill_batch(struct commit *c)
{
	int most = pace_most(&c->pace, clock_mono_us());
	struct lane *lane = fair_queue_first(next_queue(c))->lane;
	struct fair_queue *queue;
	size_t bytes = 0;

	for (c->n = 0; c->n < most && (queue = next_queue(c)); c->n++, c->turn++) {
		struct call *call = fair_queue_first(queue);

		bytes += call->exchange.body.len * (call->exchange.vendor->keep_raw_ms ? 2 : 1);
		if (c->n > 0 && bytes > STORE_BATCH_BYTES)
			break;
		if (call->lane != lane)
			lane = NULL;
		c->items[c->n].call = fair_queue_take(queue);
	}
	return lane;
}

static void commit_some(struct commit *c)
{
	int64_t began = clock_mono_us();
	const struct lane *lane = fill_batch(c);

	decide(c);
	CRASH_POINT("commit_before");
	write_outcomes(c);
	write_the_rest(c);
	CRASH_POINT("commit_after");
	look_for_early(c);
	finish_batch(c);
	pace_note(&c->pace, lane, c->n, began, clock_mono_us());
}

void *commit_run(void *arg)
{
	struct commit *c = mem_calloc(1, sizeof(*c));
	const struct settings *s;
	struct err_text why = { "" };
	bool last;

	c->worker = arg;
	s = &c->worker->settings;
	if (queue_new(s->redis_url, s->redis_prefix, (int)s->redis_timeout_ms, &c->queue, &why) != ERR_OK)
		abort();   /* main() has checked the URL: this cannot be */
	c->untold = untold_new();
	pace_init(&c->pace, BATCH_MAX);
	do {
		last = atomic_load(&c->worker->commit_may_end);
		for (receive(c); next_queue(c); receive(c))
			commit_some(c);
		/* Asked anew: the poke that came with it may have been taken with the last calls. */
		if (!atomic_load(&c->worker->commit_may_end))
			mailbox_wait(&c->worker->done, tell_redis(c) ? -1 : IDLE_WAIT_MS);
	} while (!last);
	untold_free(c->untold);
	queue_free(c->queue);
	free(c);
	return NULL;
}
