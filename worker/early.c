#include "early.h"

#include "callback.h"
#include "clock.h"
#include "log.h"
#include "mem.h"

#include <stdlib.h>

enum { PAGE = 100, PAGES_A_ROUND = 4 };

struct early_rounds {
	struct worker *worker;
	struct queue *queue;
	struct store_early *last;    /* the place: one row, or NULL for the start */
};

/* ---- One of them ---- */

static void enqueue(void *arg, const char *vendor, const char *request_id)
{
	struct queue_entry entry = { .vendor = vendor, .request_id = request_id };
	struct err_text why = { "" };

	if (arg && queue_push(arg, &entry, 1, &why) != ERR_OK)
		log_warn("early: Redis is away, repair will queue vendor=%s request_id=%s error=\"%s\"", vendor, request_id, why.text);
}

/* The job that is meant waits in vain for anything but this, so a result that the store cannot hold fails it. */
static enum err apply_outcome(struct worker *worker, struct queue *queue, const struct store_early *kept,
                              const struct raw_answer *raw, struct job **job, enum callback_effect *effect,
                              struct err_text *why)
{
	struct outcome outcome = { .kind = kept->result ? OUTCOME_COMPLETE : OUTCOME_FAILED, .result = kept->result,
	                           .error = kept->error, .settled = SETTLED, .keeps_raw = raw };
	struct generation *rules = worker->vendors ? vendors_acquire(worker->vendors) : NULL;
	struct callback_way way = callback_straight(worker->store, rules ? rules->set : NULL);
	enum err err;

	way.enqueue = enqueue;
	way.enqueue_arg = queue;
	if (raw)
		outcome.raw = *raw;
	err = callback_apply(&way, &outcome, FENCE_ANY, worker->retention_ms, job, effect, why);
	if (err == ERR_TOO_BIG) {
		outcome.kind = OUTCOME_FAILED;
		outcome.result = NULL;
		outcome.error = (char *)(uintptr_t)"result too large for the store";
		err = callback_apply(&way, &outcome, FENCE_ANY, worker->retention_ms, job, effect, why);
	}
	generation_release(rules);
	return err;
}

static bool keeps_none(struct worker *worker, const char *name)
{
	struct generation *rules = worker->vendors ? vendors_acquire(worker->vendors) : NULL;
	const struct vendor *vendor = rules ? vendor_find(rules->set, name) : NULL;
	bool none = vendor && vendor->keep_raw_ms == 0;

	generation_release(rules);
	return none;
}

/* As it came, if that is kept; *raw is the caller's. */
static enum err get_raw(struct worker *worker, const struct store_early *kept, struct raw_answer **raw, struct err_text *why)
{
	char key[CALLBACK_RAW_KEY_SIZE];
	enum err err;

	if (keeps_none(worker, kept->vendor))
		return ERR_OK;
	callback_raw_key(kept->vendor, kept->vendor_job_id, kept->error, key);
	err = store_raw_get(worker->store, key, clock_now_ms(), raw, why);
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* What could not be dropped expires. */
static void drop_raw(struct worker *worker, const struct store_early *kept)
{
	char complete[CALLBACK_RAW_KEY_SIZE], failed[CALLBACK_RAW_KEY_SIZE];
	const char *const keys[] = { complete, failed };
	struct err_text why = { "" };

	callback_raw_key(kept->vendor, kept->vendor_job_id, false, complete);
	callback_raw_key(kept->vendor, kept->vendor_job_id, true, failed);
	if (store_raw_drop(worker->store, keys, 2, &why) != ERR_OK)
		log_warn("early: a raw answer stays until it expires vendor=%s error=\"%s\"", kept->vendor, why.text);
}

/* True if it has done its work and can go. */
static bool apply_one(struct worker *worker, struct queue *queue, const struct store_early *kept, bool *store_away)
{
	enum callback_effect effect = CALLBACK_TOO_SOON;
	struct err_text why = { "" };
	struct raw_answer *raw = NULL;
	struct job *job = NULL;
	enum err err = store_get_by_vendor_job_id(worker->store, kept->vendor, kept->vendor_job_id, &job, &why);

	if (err == ERR_OK)
		err = get_raw(worker, kept, &raw, &why);
	if (err == ERR_OK)
		err = apply_outcome(worker, queue, kept, raw, &job, &effect, &why);
	if (raw && err == ERR_OK && effect != CALLBACK_TOO_SOON)
		drop_raw(worker, kept);
	raw_answer_free(raw);
	if (err == ERR_OK && effect == CALLBACK_COUNTS)
		log_info("early: the callback that came before its job's acknowledgement is applied vendor=%s request_id=%s",
		         kept->vendor, job->request_id);
	else if (err != ERR_OK && err != ERR_NOT_FOUND)
		log_warn("early: a kept callback could not be applied, repair will vendor=%s vendor_job_id=%s error=\"%s\"",
		         kept->vendor, kept->vendor_job_id, why.text);
	*store_away |= err == ERR_UNAVAILABLE;
	job_free(job);
	return err == ERR_OK && effect != CALLBACK_TOO_SOON;
}

/* ---- A batch ---- */

/* False: not all of them were tried. */
static bool apply_all(struct worker *worker, struct queue *queue, const struct store_early *kept, size_t n)
{
	struct store_early_key *done = mem_calloc(n, sizeof(*done));
	struct err_text why = { "" };
	bool store_away = false;
	size_t n_done = 0, i = 0;

	for (; i < n && !store_away && !atomic_load(&worker->leaving); i++)
		if (apply_one(worker, queue, &kept[i], &store_away))
			done[n_done++] = (struct store_early_key){ kept[i].vendor, kept[i].vendor_job_id };
	if (store_early_drop(worker->store, done, n_done, &why) != ERR_OK) {
		log_warn("early: callbacks that were applied could not be dropped, repair will n=%zu error=\"%s\"", n_done, why.text);
		store_away = true;
	}
	free(done);
	return i == n && !store_away;
}

bool early_apply(struct worker *worker, struct queue *queue, const struct store_early_key *keys, size_t n)
{
	struct store_early *kept = NULL;
	struct err_text why = { "" };
	size_t n_kept = 0;
	bool well = true;

	if (store_early_find(worker->store, keys, n, &kept, &n_kept, &why) != ERR_OK) {
		log_warn("early: could not look for callbacks, repair will n=%zu error=\"%s\"", n, why.text);
		return false;
	}
	if (n_kept)
		well = apply_all(worker, queue, kept, n_kept);
	store_early_free(kept, n_kept);
	return well;
}

/* ---- Rounds ---- */

struct early_rounds *early_rounds_new(struct worker *worker, struct queue *queue)
{
	struct early_rounds *rounds = mem_calloc(1, sizeof(*rounds));

	rounds->worker = worker;
	rounds->queue = queue;
	return rounds;
}

void early_rounds_free(struct early_rounds *rounds)
{
	store_early_free(rounds->last, 1);
	free(rounds);
}

/* The last row of a page becomes the place where the next begins; without rows it is the start again. */
static void move_on(struct early_rounds *rounds, struct store_early *page, size_t n)
{
	store_early_free(rounds->last, 1);
	rounds->last = NULL;
	if (n == 0)
		return;
	rounds->last = mem_alloc(sizeof(*rounds->last));
	*rounds->last = page[n - 1];
	page[n - 1] = (struct store_early){ 0 };
}

/* Those whose job is there by now. Most of what lies here longer belongs to no job at all: no text of it is read. */
static bool apply_page(struct worker *worker, struct queue *queue, const struct store_early *page, size_t n)
{
	struct store_early_key keys[PAGE];
	struct err_text why = { "" };
	size_t n_keys = 0;

	for (size_t i = 0; i < n; i++) {
		struct job *job = NULL;
		enum err err = store_get_by_vendor_job_id(worker->store, page[i].vendor, page[i].vendor_job_id, &job, &why);

		job_free(job);
		if (err != ERR_OK && err != ERR_NOT_FOUND) {
			log_warn("early: could not look for jobs error=\"%s\"", why.text);
			return false;
		}
		if (err == ERR_OK)
			keys[n_keys++] = (struct store_early_key){ page[i].vendor, page[i].vendor_job_id };
	}
	return early_apply(worker, queue, keys, n_keys);
}

bool early_round(struct early_rounds *rounds, int64_t grace_ms)
{
	int64_t until = clock_now_ms() - grace_ms;
	struct err_text why = { "" };
	bool well = true, more = true;

	for (int i = 0; i < PAGES_A_ROUND && well && more && !atomic_load(&rounds->worker->leaving); i++) {
		struct store_early *page = NULL;
		size_t n = 0;

		if (store_early_page(rounds->worker->store, until, rounds->last, PAGE, &page, &n, &why) != ERR_OK) {
			log_warn("early: could not look for what is kept error=\"%s\"", why.text);
			return false;
		}
		well = n == 0 || apply_page(rounds->worker, rounds->queue, page, n);
		more = n == PAGE;
		if (well)
			move_on(rounds, page, more ? n : 0);
		store_early_free(page, n);
	}
	return well;
}
