/* The thread that finds what was left behind: by a worker that died, by Redis that forgot, by a vendor that
 * never called back.
 *
 * Every worker runs it; there is no leader. Each step can be repeated and raced, works by index, a page at a
 * time, and moves a job only by a guarded change, so two repairers can at worst do nothing twice.
 */
#include "clock.h"
#include "crash_point.h"
#include "early.h"
#include "fallback.h"
#include "log.h"
#include "mem.h"
#include "queue.h"
#include "suspects.h"
#include "utf8.h"
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PAGE = 200,
	PAGES_A_ROUND = 25,            /* bounds a round; the next goes on where it matters */
	EXPIRE_PAGE = 2000,
	HEARTBEAT_MS = 5000,           /* at most; one is given before every round, which is not more seldom by default */
	LEASE_DOUBT_MS = 2000,         /* an over lease is believed only after it was seen over for so long of our own time */
	ERROR_SIZE = 1100,
	LAST_ERROR_BYTES_MAX = 600,
	STORE_BACK_DOUBT_MS = 5000,    /* and not right after the store came back: its owner may be about to commit, and a
	                                  callback that got 503 may be about to come again */
};

/* What a change says of its job. */
struct words {
	char error[ERROR_SIZE];
	char attempt[192];             /* history entry of an attempt whose worker was lost */
	char *tried;                   /* of a job that goes on to another vendor; owned */
};

struct repair {
	struct worker *worker;
	struct queue *queue;
	struct suspects *suspects;
	struct early_rounds *early;
	int64_t store_back_mono_ms;    /* when the store answered again after it had not */
	bool store_away;
	struct generation *rules;      /* of this round */
	struct queue_state *states;    /* of its vendors, in their order; asked for once in a round that needs them */
	bool states_asked;
	struct queue_glance *glances;  /* of its vendors, likewise, */
	char (*names)[VENDOR_NAME_MAX + 1];   /* by these copies, which lie together: what nobody touches for seconds is cold */
	struct queue_op ops[PAGE];
	struct job_change changes[PAGE];
	const char *vendors[PAGE];
	struct words words[PAGE];      /* what the changes borrow */
};

static bool store_answered(struct repair *r, enum err err, const struct err_text *why)
{
	bool away = err != ERR_OK;

	if (away && !r->store_away)
		log_warn("repair: the store is away error=\"%s\"", why->text);
	if (!away && r->store_away)
		r->store_back_mono_ms = clock_mono_ms();
	r->store_away = away;
	return !away;
}

/* NULL: no file has it. */
static const struct vendor *vendor_of(const struct repair *r, const char *name) { return vendor_find(r->rules->set, name); }

static bool store_is_just_back(const struct repair *r)
{
	return clock_mono_ms() - r->store_back_mono_ms < STORE_BACK_DOUBT_MS;
}

static void tell_redis(struct repair *r, size_t n)
{
	struct err_text why = { "" };

	if (n && queue_apply(r->queue, r->ops, n, &why) != ERR_OK)
		log_warn("repair: Redis could not be told, a later round will n=%zu error=\"%s\"", n, why.text);
}

/* ---- Jobs whose time has come ---- */

static void expire(struct repair *r, struct job_change *change, const struct words *words)
{
	change->event = EVENT_EXPIRE;
	change->error = words->error;
	change->expire_at = change->now + r->worker->retention_ms;
}

static bool is_lease_in_doubt(struct repair *r, const struct job_ref *ref)
{
	return store_is_just_back(r) ||
	       suspects_seen_for_ms(r->suspects, ref->request_id, ref->fence, clock_mono_ms()) < LEASE_DOUBT_MS;
}

/* The worker that called is gone. The vendor may have received the call: the attempt counts. */
static bool lease_is_over(struct repair *r, const struct job_ref *ref, struct job_change *change, struct words *words)
{
	const struct vendor *vendor = vendor_of(r, ref->vendor);
	int max_attempts = vendor ? vendor->retry.max_attempts : 1;
	char at[CLOCK_TEXT_SIZE], of_vendor[80] = "";

	if (is_lease_in_doubt(r, ref))
		return false;
	change->attempts_add = 1;
	clock_format(change->now, at);
	if (ref->tried)
		snprintf(of_vendor, sizeof(of_vendor), "\"vendor\":\"%.64s\",", ref->vendor);
	snprintf(words->attempt, sizeof(words->attempt), "{%s\"attempt\":%d,\"at\":\"%s\",\"outcome\":\"worker_lost\"}", of_vendor,
	         ref->attempts + 1, at);
	change->history_entry = words->attempt;
	if (!vendor || ref->attempts + 1 >= max_attempts || change->now >= ref->deadline_at) {
		snprintf(words->error, sizeof(words->error),
		         "the worker was lost during the call (attempt %d of %d); the vendor may have received it",
		         ref->attempts + 1, max_attempts);
		expire(r, change, words);
		return true;
	}
	change->event = EVENT_LEASE_LOST;
	change->error = "the worker was lost during the call; the vendor may have received it";
	change->next_attempt_at = change->queued_at =
		change->now + retry_wait_ms(&vendor->retry, ref->attempts + 1, -1, (uint32_t)clock_mono_us() * 2654435761u);
	change->due_at = ref->deadline_at;
	return true;
}

/* What Redis says of the vendor; that all is well, if it is away. */
static const struct queue_state *state_of(struct repair *r, const struct vendor *vendor)
{
	struct err_text why;

	if (!r->states_asked && queue_states(r->queue, r->states, vendor_count(r->rules->set), &why) != ERR_OK)
		log_debug("repair: Redis cannot say why jobs wait error=\"%s\"", why.text);
	r->states_asked = true;
	return &r->states[vendor - vendor_at(r->rules->set, 0)];
}

static void say_until(struct words *words, const char *what, int64_t until)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(until, text);
	snprintf(words->error, sizeof(words->error), "deadline passed %s %s", what, text);
}

/* A queued job: what has it waited for? */
static void say_why_it_waited(struct repair *r, const struct job_ref *ref, const struct vendor *vendor,
                              struct words *words)
{
	const struct queue_state *state = state_of(r, vendor);
	char *last = ref->error ? utf8_clean(ref->error, strlen(ref->error), LAST_ERROR_BYTES_MAX) : NULL;
	char attempts[40] = "";
	int64_t opens;

	if (ref->attempts > 0)
		snprintf(attempts, sizeof(attempts), " after %d attempt%s", ref->attempts, ref->attempts == 1 ? "" : "s");
	if (state->no_token)
		snprintf(words->error, sizeof(words->error), "deadline passed%s while there was no access token: %s%s%s", attempts,
		         state->token_reason, last ? "; last: " : "", last ? last : "");
	else if (state->breaker != BREAKER_CLOSED)
		snprintf(words->error, sizeof(words->error), "deadline passed%s while the vendor's circuit breaker was open%s%s",
		         attempts, last ? ": " : "", last ? last : "");
	else if (last)
		snprintf(words->error, sizeof(words->error), "deadline passed%s: %s", attempts, last);
	else if (state->hold_ms > 0)
		snprintf(words->error, sizeof(words->error), "deadline passed while the vendor asked to be left alone");
	else if (!vendor_is_open(vendor, clock_now_ms(), &opens))
		say_until(words, "out of the vendor's hours, which begin at", opens);
	else if (state->quota_ms > 0)
		say_until(words, "while a quota of the vendor was used up, until", clock_now_ms() + state->quota_ms);
	else
		snprintf(words->error, sizeof(words->error), "deadline passed before the job had its turn");
	free(last);
}

/* A job that was asked for. Its error is that of the last poll, if that failed. */
static void say_why_never_done(struct repair *r, const struct job_ref *ref, const struct vendor *vendor, struct words *words)
{
	const struct queue_state *state = state_of(r, vendor);
	char *last = ref->error ? utf8_clean(ref->error, strlen(ref->error), LAST_ERROR_BYTES_MAX) : NULL;

	snprintf(words->error, sizeof(words->error),
	         "poll deadline passed: the vendor accepted the job, but its \"%.64s\" did not say in time that it is done%s%s%s%s",
	         vendor->poll.state, last ? "; last: " : "", last ? last : "",
	         state->no_token ? "; there is no access token: " : "", state->no_token ? state->token_reason : "");
	free(last);
}

static void say_why_expired(struct repair *r, const struct job_ref *ref, struct words *words)
{
	const struct vendor *vendor = vendor_of(r, ref->vendor);

	if (!vendor)
		snprintf(words->error, sizeof(words->error), "deadline passed: no vendor file for \"%.64s\"", ref->vendor);
	else if (ref->phase == PHASE_WAITING_CALLBACK)
		snprintf(words->error, sizeof(words->error),
		         "callback deadline passed: the vendor accepted the job but did not call back within %lld s",
		         (long long)vendor->callback_timeout_ms / 1000);
	else if (ref->phase == PHASE_WAITING_POLL || ref->phase == PHASE_POLLING)
		say_why_never_done(r, ref, vendor, words);
	else
		say_why_it_waited(r, ref, vendor, words);
}

/* The worker that asked is gone: it is asked again, and no attempt is spent. */
static bool poll_lease_is_over(struct repair *r, const struct job_ref *ref, struct job_change *change, struct words *words)
{
	const struct vendor *vendor = vendor_of(r, ref->vendor);

	if (is_lease_in_doubt(r, ref))
		return false;
	if (change->now >= ref->deadline_at) {
		say_why_expired(r, ref, words);
		expire(r, change, words);
		return true;
	}
	change->event = EVENT_POLL_LOST;
	change->next_attempt_at = change->queued_at = change->now + (vendor ? vendor->poll.interval_ms : 0);
	change->due_at = ref->deadline_at;
	return true;
}

/* The vendor has had the job, and nobody knows what became of it: another may have it only if the file says so. */
static void go_on_instead(struct repair *r, const struct job_ref *ref, struct job_change *change, struct words *words)
{
	const struct vendor_set *vendors = r->rules->set;
	const struct job job = { .vendor = ref->vendor, .tried = ref->tried, .error = ref->error, .phase = ref->phase,
	                         .attempts = ref->attempts, .created_at = ref->created_at, .deadline_at = ref->deadline_at };
	const struct vendor *next = fallback_next(vendors, &job, FALLBACK_UNKNOWN, change->now);

	if (next)
		fallback_to_change(vendors, &job, next, FALLBACK_UNKNOWN, change, &words->tried);
}

/* Fills a change for a job that is due; false if it is left alone for now. */
static bool judge_due(struct repair *r, const struct job_ref *ref, int64_t now, struct job_change *change,
                      struct words *words)
{
	words->tried = NULL;
	*change = (struct job_change){
		.request_id = ref->request_id, .from = PHASE_BIT(ref->phase), .fence = ref->fence, .now = now };
	if (ref->phase == PHASE_CALLING)
		return lease_is_over(r, ref, change, words);
	if (ref->phase == PHASE_POLLING)
		return poll_lease_is_over(r, ref, change, words);
	if (ref->phase == PHASE_WAITING_CALLBACK && store_is_just_back(r))
		return false;
	say_why_expired(r, ref, words);
	expire(r, change, words);
	return true;
}

/* Of which vendor it is an entry. */
static const char *entry_vendor(const struct job_change *change, const char *vendor)
{
	return change->to_vendor ? change->to_vendor : vendor;
}

static bool is_enqueued(const struct job_change *change) { return phase_is_enqueued(job_transition(change->event)->to); }

/* What became of it. */
static void log_moved(const struct job_change *change, const char *vendor)
{
	if (change->to_vendor)
		log_info("repair: goes on to the next vendor vendor=%s next=%s request_id=%s error=\"%s\"", vendor, change->to_vendor,
		         change->request_id, change->error);
	else if (is_enqueued(change))
		log_info("repair: lease over, queued again vendor=%s request_id=%s fence=%lld", vendor, change->request_id,
		         (long long)change->fence);
	else
		log_info("repair: failed vendor=%s request_id=%s error=\"%s\"", vendor, change->request_id, change->error);
}

/* What came in time counts, even if whoever had to apply it crashed. False: not all of it could be applied (the store is
 * away, or we have to leave), so nothing may end now. */
static bool apply_what_came(struct repair *r, const struct job_ref *refs, size_t n_refs)
{
	struct store_early_key keys[PAGE];
	size_t n = 0;

	for (size_t i = 0; i < n_refs; i++)
		if (refs[i].phase == PHASE_WAITING_CALLBACK && refs[i].vendor_job_id)
			keys[n++] = (struct store_early_key){ refs[i].vendor, refs[i].vendor_job_id };
	return early_apply(r->worker, r->queue, keys, n);
}

static void tell_of_changes(struct repair *r, size_t n)
{
	size_t n_ops = 0;

	CRASH_POINT("repair_after_change");
	for (size_t i = 0; i < n; i++) {
		if (r->changes[i].outcome != ERR_OK)
			continue;
		log_moved(&r->changes[i], r->vendors[i]);
		if (is_enqueued(&r->changes[i]))
			r->ops[n_ops++] = (struct queue_op){ .kind = QUEUE_DELAY, .vendor = entry_vendor(&r->changes[i], r->vendors[i]),
			                                     .request_id = r->changes[i].request_id,
			                                     .at = r->changes[i].next_attempt_at };
	}
	tell_redis(r, n_ops);
}

static void change_due_page(struct repair *r, const struct job_ref *refs, size_t n_refs)
{
	int64_t now = clock_now_ms();
	size_t n = 0;
	struct err_text why = { "" };

	if (!apply_what_came(r, refs, n_refs)) {
		r->store_away = true;   /* ends the round */
		return;
	}
	for (size_t i = 0; i < n_refs; i++)
		if (judge_due(r, &refs[i], now, &r->changes[n], &r->words[n])) {
			if (r->changes[n].event == EVENT_EXPIRE && refs[i].phase != PHASE_QUEUED)
				go_on_instead(r, &refs[i], &r->changes[n], &r->words[n]);
			r->vendors[n++] = refs[i].vendor;
		}
	if (n > 0 && store_answered(r, store_change(r->worker->store, r->changes, n, &why), &why))
		tell_of_changes(r, n);
	for (size_t i = 0; i < n; i++)
		free(r->words[i].tried);
}

static void look_at_due(struct repair *r)
{
	char after_id[UUID_TEXT_SIZE] = "";
	int64_t after_due_at = 0, now = clock_now_ms();
	struct err_text why = { "" };

	for (int page = 0; page < PAGES_A_ROUND; page++) {
		struct job_ref *refs = NULL;
		size_t n = 0;

		if (!store_answered(r, store_find_due(r->worker->store, now, after_due_at, after_id, PAGE, &refs, &n, &why), &why))
			return;
		if (n) {
			after_due_at = refs[n - 1].due_at;
			snprintf(after_id, sizeof(after_id), "%s", refs[n - 1].request_id);
			change_due_page(r, refs, n);
		}
		job_refs_free(refs, n);
		if (n == 0 || r->store_away || atomic_load(&r->worker->leaving))
			return;
	}
}

/* ---- Jobs whose stream entry is lost ---- */

/* Moves queued_at first, then adds the entry: a crash in between is found again by the same rule. False: the
 * same page would come again. */
static bool requeue_page(struct repair *r, const struct vendor *vendor, const struct job_ref *refs, size_t n_refs)
{
	struct queue_entry entries[PAGE];
	bool delayed[PAGE] = { false };
	struct err_text why = { "" };
	int64_t now = clock_now_ms();
	size_t n = 0, n_push = 0;

	for (size_t i = 0; i < n_refs; i++)
		entries[i] = (struct queue_entry){ .vendor = vendor->name, .request_id = refs[i].request_id };
	if (queue_is_delayed(r->queue, entries, n_refs, delayed, &why) != ERR_OK)
		return false;
	for (size_t i = 0; i < n_refs; i++)
		if (!delayed[i])
			r->changes[n++] = (struct job_change){
				.request_id = refs[i].request_id, .fence = refs[i].fence,
				.event = refs[i].phase == PHASE_WAITING_POLL ? EVENT_REQUEUE_POLL : EVENT_REQUEUE,
				.queued_at_guard = refs[i].queued_at, .now = now, .queued_at = now,
				.next_attempt_at = refs[i].queued_at, .due_at = refs[i].deadline_at };
	if (n == 0 || !store_answered(r, store_change(r->worker->store, r->changes, n, &why), &why))
		return false;
	CRASH_POINT("repair_after_requeue");
	for (size_t i = 0; i < n; i++)
		if (r->changes[i].outcome == ERR_OK)
			entries[n_push++] = (struct queue_entry){ .vendor = vendor->name, .request_id = r->changes[i].request_id };
	if (n_push == 0)
		return true;
	if (queue_push(r->queue, entries, n_push, &why) == ERR_OK) {
		log_info("repair: lost from the stream, queued again vendor=%s jobs=%zu", vendor->name, n_push);
		return true;
	}
	log_warn("repair: Redis is away, a later round will queue vendor=%s jobs=%zu error=\"%s\"", vendor->name, n_push,
	         why.text);
	return false;
}

static void look_for_lost(struct repair *r, const struct vendor *vendor)
{
	struct err_text why = { "" };
	struct job_ref *refs;
	bool more = true;
	int64_t until;
	size_t n;

	if (queue_delivered_until(r->queue, vendor->name, &until, &why) != ERR_OK)
		return;
	for (int page = 0; more && page < PAGES_A_ROUND && !r->store_away && !atomic_load(&r->worker->leaving); page++) {
		refs = NULL;
		n = 0;
		if (!store_answered(r, store_find_queued(r->worker->store, vendor->name,
		                                         until - r->worker->settings.repair_grace_ms, PAGE, &refs, &n, &why), &why))
			return;
		more = n > 0 && requeue_page(r, vendor, refs, n);
		job_refs_free(refs, n);
	}
}

/* Goes through the vendors that have queued jobs, by their names. */
static void look_for_all_lost(struct repair *r)
{
	char *name = mem_strdup("");
	struct err_text why = { "" };

	while (!r->store_away && !atomic_load(&r->worker->leaving)) {
		int64_t before = clock_now_ms() - r->worker->settings.repair_grace_ms;
		const struct vendor *vendor;
		struct job_ref *refs = NULL;
		size_t n = 0;

		if (!store_answered(r, store_next_queued(r->worker->store, name, &refs, &n, &why), &why) || n == 0)
			break;
		free(name);
		name = mem_strdup(refs->vendor);
		vendor = vendor_of(r, name);
		/* No stream has been delivered further than to this moment. */
		if (vendor && refs->queued_at < before)
			look_for_lost(r, vendor);
		job_refs_free(refs, n);
	}
	free(name);
}

/* False: Redis is away. (It may also refuse this vendor's keys alone, which is no reason to leave the others.) */
static bool reclaim(struct repair *r, const struct vendor *vendor)
{
	struct err_text why = { "" };
	enum err err;
	int n = 0;

	err = queue_reclaim(r->queue, vendor->name, r->worker->consumer, r->worker->settings.repair_grace_ms, &n,
	                    &why);
	if (n)
		log_info("repair: taken but never claimed, queued again vendor=%s entries=%d", vendor->name, n);
	return err == ERR_OK || queue_ping(r->queue, &why) == ERR_OK;
}

/* Of the vendors of which anything is taken. False likewise. */
static bool reclaim_all(struct repair *r)
{
	size_t n = vendor_count(r->rules->set);
	struct err_text why;

	if (queue_glance(r->queue, QUEUE_GLANCE_TAKEN, r->glances, n, &why) != ERR_OK)
		return false;
	for (size_t i = 0; i < n && !atomic_load(&r->worker->leaving); i++)
		if (r->glances[i].any && !reclaim(r, vendor_at(r->rules->set, i)))
			return false;
	return true;
}

/* A page a transaction, so that others get to write in between. */
static void remove_expired(struct repair *r)
{
	struct err_text why = { "" };
	size_t deleted = EXPIRE_PAGE;

	for (int page = 0; page < PAGES_A_ROUND && deleted == EXPIRE_PAGE && !atomic_load(&r->worker->leaving); page++)
		if (!store_answered(r, store_expire(r->worker->store, clock_now_ms(), EXPIRE_PAGE, &deleted, &why), &why))
			return;
}

/* Goes on by the rules that are in force. */
static void follow_rules(struct repair *r)
{
	size_t n;

	if (r->rules && r->rules->number == vendors_number(r->worker->vendors))
		return;
	generation_release(r->rules);
	r->rules = vendors_acquire(r->worker->vendors);
	n = vendor_count(r->rules->set);
	r->states = mem_realloc(r->states, n * sizeof(*r->states));
	r->glances = mem_realloc(r->glances, n * sizeof(*r->glances));
	r->names = mem_realloc(r->names, n * sizeof(*r->names));
	for (size_t i = 0; i < n; i++) {
		r->states[i] = (struct queue_state){ .vendor = vendor_at(r->rules->set, i) };
		snprintf(r->names[i], sizeof(r->names[i]), "%s", r->states[i].vendor->name);
		r->glances[i] = (struct queue_glance){ .vendor = r->names[i] };
	}
}

static void repair_round(struct repair *r)
{
	struct err_text why = { "" };
	struct worker *worker = r->worker;

	follow_rules(r);
	if (!store_answered(r, store_ping(worker->store, &why), &why))
		return;
	suspects_begin_round(r->suspects);
	r->states_asked = false;
	look_at_due(r);
	suspects_end_round(r->suspects);
	if (!r->store_away && !atomic_load(&worker->leaving))
		r->store_away = !early_round(r->early, worker->settings.repair_grace_ms);
	if (!r->store_away && reclaim_all(r))
		look_for_all_lost(r);
	if (!atomic_load(&worker->leaving))
		remove_expired(r);
}

/* ---- The thread ---- */

static struct repair *repair_new(struct worker *worker)
{
	struct repair *r = mem_calloc(1, sizeof(*r));
	const struct settings *s = &worker->settings;

	r->worker = worker;
	r->suspects = suspects_new();
	r->store_back_mono_ms = INT64_MIN / 2;
	if (queue_new(s->redis_url, s->redis_prefix, (int)s->redis_timeout_ms, &r->queue, NULL) != ERR_OK)
		abort();   /* main() has checked the URL: this cannot be */
	r->early = early_rounds_new(worker, r->queue);
	return r;
}

void *repair_run(void *arg)
{
	struct worker *worker = arg;
	struct repair *r = repair_new(worker);
	int64_t next_round = 0;

	while (!atomic_load(&worker->leaving)) {
		int64_t wait;

		/* Redis away is said once, by intake. */
		(void)!queue_heartbeat(r->queue, worker->name, NULL);
		if (clock_mono_ms() >= next_round) {
			repair_round(r);
			next_round = clock_mono_ms() + worker->settings.repair_period_ms;
		}
		wait = next_round - clock_mono_ms();
		mailbox_wait(&worker->repair_poke, (int)(wait < 0 ? 0 : wait < HEARTBEAT_MS ? wait : HEARTBEAT_MS));
	}
	queue_sign_off(r->queue, worker->name, NULL);
	queue_free(r->queue);
	suspects_free(r->suspects);
	early_rounds_free(r->early);
	generation_release(r->rules);
	free(r->states);
	free(r->glances);
	free(r->names);
	free(r);
	return NULL;
}
