#include "fall_back.h"

#include "clock.h"
#include "crash_point.h"
#include "fallback.h"
#include "log.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 200, OPS_A_JOB = 2, STAYS_MS_MAX = 60000 };

/* Some jobs of one lane on their way. */
struct page {
	struct worker *worker;
	struct queue *queue;
	struct lane *lane;
	enum fallback_reason reason;
	int64_t now, wait_ms;
	struct queue_grant entries[PAGE];
	struct store_look looks[PAGE];
	const struct vendor *next[PAGE];   /* NULL: it stays */
	char *tried[PAGE];                 /* what its change borrows */
	struct job_change changes[PAGE];
	int place[PAGE];                   /* of each change, among the entries */
	struct queue_op ops[PAGE * OPS_A_JOB];
	int n, n_changes, n_ops;
};

bool fall_back_is_limited(const struct vendor *vendor, int64_t limited_ms)
{
	return vendor->leaving.on & FALLBACK_BIT(FALLBACK_EXHAUSTED) && limited_ms > vendor->leaving.after_ms;
}

/* False: those who wait, if any, have to. */
static bool find_reason(const struct lane *lane, const struct queue_take *take, enum fallback_reason *reason, int64_t *wait_ms)
{
	*reason = FALLBACK_OPEN;
	*wait_ms = take->open_ms;
	if (take->open_ms > 0 && lane->vendor->leaving.on & FALLBACK_BIT(FALLBACK_OPEN))
		return true;
	*reason = FALLBACK_EXHAUSTED;
	*wait_ms = take->limited_ms;
	return fall_back_is_limited(lane->vendor, take->limited_ms);
}

static bool unavailable(const struct page *page, const char *why)
{
	log_warn("fallback: the store did not answer, repair will bring the jobs back vendor=%s jobs=%d error=\"%s\"",
	         page->lane->name, page->n, why);
	return false;
}

static bool look(struct page *page)
{
	struct err_text why = { "" };

	for (int i = 0; i < page->n; i++)
		page->looks[i] = (struct store_look){ .request_id = page->entries[i].request_id };
	return store_look(page->worker->store, page->looks, (size_t)page->n, &why) == ERR_OK || unavailable(page, why.text);
}

static bool is_here(const struct page *page, const struct job *job)
{
	return job && phase_is_enqueued(job->phase) && strcmp(job->vendor, page->lane->name) == 0;
}

/* By each job's own list: this vendor may be in several. */
static const struct vendor *next_of(const struct page *page, const struct job *job)
{
	const struct vendor_set *vendors = page->worker->rules->set;
	const struct vendor *first;

	if (!is_here(page, job) || job->phase != PHASE_QUEUED || job->next_attempt_at > page->now)
		return NULL;
	first = fallback_first(vendors, job);
	if (page->reason == FALLBACK_EXHAUSTED && (!first || page->wait_ms <= first->fallback.after_ms))
		return NULL;
	return fallback_of_queued(vendors, job, page->reason, page->now);
}

static void decide(struct page *page)
{
	for (int i = 0; i < page->n; i++) {
		const struct job *job = page->looks[i].job;
		struct job_change *change = &page->changes[page->n_changes];

		page->next[i] = next_of(page, job);
		if (!page->next[i])
			continue;
		*change = (struct job_change){ .request_id = job->request_id, .fence = job->fence, .now = page->now };
		fallback_to_change(page->worker->rules->set, job, page->next[i], page->reason, change, &page->tried[i]);
		page->place[page->n_changes++] = i;
	}
}

static void add_op(struct page *page, enum queue_op_kind kind, const char *vendor, int i, int64_t at)
{
	page->ops[page->n_ops++] = (struct queue_op){ .kind = kind, .vendor = vendor, .entry_id = page->entries[i].entry_id,
	                                              .request_id = page->entries[i].request_id, .at = at };
}

static void wake(struct page *page, const struct vendor *vendor)
{
	struct lane *lane = worker_lane(page->worker, vendor->name);

	if (lane)
		atomic_store(&lane->look, true);
}

/* Those that were moved. What did not match was changed by somebody else, who has given it what it needs. */
static bool move(struct page *page)
{
	struct err_text why = { "" };

	if (page->n_changes == 0)
		return true;
	if (store_change(page->worker->store, page->changes, (size_t)page->n_changes, &why) != ERR_OK)
		return unavailable(page, why.text);
	CRASH_POINT("fallback_after_change");
	for (int k = 0; k < page->n_changes; k++) {
		int i = page->place[k];

		if (page->changes[k].outcome != ERR_OK)
			continue;
		log_info("fallback: goes on to the next vendor vendor=%s next=%s request_id=%s reason=%s", page->lane->name,
		         page->next[i]->name, page->entries[i].request_id, fallback_reason_name(page->reason));
		add_op(page, QUEUE_DELAY, page->next[i]->name, i, page->now);
		wake(page, page->next[i]);
	}
	return true;
}

/* Those that wait on: for the vendor, or for their own time. All others have left, or were never here. */
static void put_back(struct page *page)
{
	int64_t wait = page->wait_ms < STAYS_MS_MAX ? page->wait_ms : STAYS_MS_MAX;

	for (int i = 0; i < page->n; i++) {
		const struct job *job = page->looks[i].job;
		if (page->next[i] || !is_here(page, job))
			continue;
		add_op(page, QUEUE_DELAY, page->lane->name, i,
		       job->next_attempt_at > page->now ? job->next_attempt_at : page->now + wait);
	}
}

static void tell_redis(struct page *page)
{
	struct err_text why = { "" };
	enum err err = queue_apply(page->queue, page->ops, (size_t)page->n_ops, &why);

	CRASH_POINT("fallback_before_ack");
	page->n_ops = 0;
	for (int i = 0; i < page->n; i++)
		add_op(page, QUEUE_ACK, page->lane->name, i, 0);
	if (err == ERR_OK)
		err = queue_apply(page->queue, page->ops, (size_t)page->n_ops, &why);
	if (err != ERR_OK)
		log_warn("fallback: Redis could not be told, repair will vendor=%s jobs=%d error=\"%s\"", page->lane->name,
		         page->n, why.text);
}

static void free_page(struct page *page)
{
	for (int i = 0; i < page->n; i++) {
		job_free(page->looks[i].job);
		free(page->tried[i]);
	}
	free(page);
}

bool fall_back_waiting(struct worker *worker, struct queue *queue, struct lane *lane, const struct queue_take *take)
{
	struct err_text why = { "" };
	enum fallback_reason reason;
	struct page *page;
	int64_t wait_ms;
	bool more;

	if (!find_reason(lane, take, &reason, &wait_ms))
		return false;
	page = mem_calloc(1, sizeof(*page));
	page->worker = worker;
	page->queue = queue;
	page->lane = lane;
	page->reason = reason;
	page->wait_ms = wait_ms;
	page->now = clock_now_ms();
	if (queue_read_waiting(queue, lane->name, worker->consumer, page->entries, PAGE, &page->n, &why) != ERR_OK)
		log_debug("fallback: cannot read what waits vendor=%s error=\"%s\"", lane->name, why.text);
	more = page->n == PAGE;
	if (page->n > 0 && look(page)) {
		decide(page);
		if (move(page)) {
			put_back(page);
			tell_redis(page);
		} else {
			more = false;
		}
	}
	free_page(page);
	return more;
}
