/* The lanes of a worker, and how they follow the vendors in force.
 *
 * Intake's thread: between two takes nobody but the calls in flight needs the rules of before, and those have their own. A lane
 * never goes: calls, and what Redis has yet to be told, may still speak of it, and a vendor that comes back finds it.
 */
#include "clock.h"
#include "mem.h"
#include "time_zone.h"
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_lanes(const void *a, const void *b)
{
	return strcmp((*(struct lane *const *)a)->name, (*(struct lane *const *)b)->name);
}

static int compare_to_lane(const void *name, const void *lane)
{
	return strcmp(name, (*(struct lane *const *)lane)->name);
}

static struct lane *find(const struct worker *worker, size_t n, const char *name)
{
	struct lane **found = n ? bsearch(name, worker->lanes, n, sizeof(*worker->lanes), compare_to_lane) : NULL;

	return found ? *found : NULL;
}

struct lane *worker_lane(const struct worker *worker, const char *name) { return find(worker, worker->n_lanes, name); }

static struct lane *lane_new(struct worker *worker, const char *name)
{
	struct lane *lane = mem_calloc(1, sizeof(*lane));

	snprintf(lane->name, sizeof(lane->name), "%s", name);
	lane->in_flight = &worker->in_flight;
	left_init(&lane->left);
	token_slot_init(&lane->token);
	guard_init(&lane->guard, 0);
	atomic_store(&lane->guard_ms, guard_ms(&lane->guard));
	return lane;
}

/* For vendors that had none yet. */
static void add_lanes(struct worker *worker)
{
	const struct vendor_set *set = worker->rules->set;
	size_t before = worker->n_lanes;

	worker->lanes = mem_realloc(worker->lanes, (before + vendor_count(set)) * sizeof(*worker->lanes));
	for (size_t i = 0; i < vendor_count(set); i++)
		if (!find(worker, before, vendor_at(set, i)->name))
			worker->lanes[worker->n_lanes++] = lane_new(worker, vendor_at(set, i)->name);
	qsort(worker->lanes, worker->n_lanes, sizeof(*worker->lanes), compare_lanes);
}

static bool is_same_zone(const struct time_zone *a, const struct time_zone *b)
{
	return strcmp(a ? time_zone_name(a) : "", b ? time_zone_name(b) : "") == 0;
}

static bool is_same_limit(const struct vendor_limit *a, const struct vendor_limit *b)
{
	return a->calls == b->calls && a->per_ms == b->per_ms && a->burst == b->burst && a->cost == b->cost &&
	       a->unit == b->unit && is_same_zone(a->time_zone, b->time_zone);
}

/* What was counted ahead of the calls was counted for the windows of before. */
static bool has_other_limits(const struct vendor *before, const struct vendor *now)
{
	if (!before || !now || before->n_limits != now->n_limits || !is_same_zone(before->time_zone, now->time_zone) ||
	    strcmp(vendor_account(before), vendor_account(now)) != 0)
		return true;
	for (size_t i = 0; i < now->n_limits; i++)
		if (!is_same_limit(&before->limits[i], &now->limits[i]))
			return true;
	return false;
}

static void follow(struct lane *lane, const struct generation *rules)
{
	const struct vendor *now = vendor_find(rules->set, lane->name);

	if (now && strcmp(now->name, lane->name) != 0)   /* it is an alias of another one by now */
		now = NULL;
	if (has_other_limits(lane->vendor, now))
		lane->quota = (struct quota_reserve){ .left = 0 };
	lane->vendor = now;
	/* Nothing is taken for a vendor that no file names; its jobs wait, in the store and in its stream. */
	lane->next_take_mono_ms = now ? 0 : INT64_MAX;
	if (now && guard_longest_ms(now->connect_timeout_ms) > lane->guard_max_ms)
		lane->guard_max_ms = guard_longest_ms(now->connect_timeout_ms);
}

bool worker_follow_rules(struct worker *worker)
{
	struct generation *before = worker->rules;
	int64_t longest;

	if (before && before->number == vendors_number(worker->vendors))
		return false;
	worker->rules = vendors_acquire(worker->vendors);
	add_lanes(worker);
	for (size_t i = 0; i < worker->n_lanes; i++)
		follow(worker->lanes[i], worker->rules);
	lane_groups_follow(worker->lanes, worker->n_lanes, &worker->lane_groups);
	longest = vendor_longest_call_ms(worker->rules->set) + COMMIT_ALLOWANCE_MS;
	worker->lease_ms = worker->settings.lease_ms > longest ? worker->settings.lease_ms : longest;
	generation_release(before);
	return true;
}

void worker_free_lanes(struct worker *worker)
{
	for (size_t i = 0; i < worker->n_lanes; i++) {
		left_deinit(&worker->lanes[i]->left);
		token_slot_deinit(&worker->lanes[i]->token);
		free(worker->lanes[i]);
	}
	lane_groups_free(worker->lane_groups);
	free(worker->lanes);
	generation_release(worker->rules);
}
