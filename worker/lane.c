#include "lane.h"

#include "clock.h"
#include "log.h"
#include "mem.h"

#include <stdlib.h>

/* ---- Groups ---- */

static struct lane_group *group_of(struct lane *lanes, size_t n, struct lane_group *groups, size_t *n_groups,
                                   const struct vendor_group *group)
{
	for (size_t i = 0; i < n; i++)
		if (lanes[i].group && lanes[i].vendor->group == group)
			return lanes[i].group;
	groups[*n_groups].lanes = mem_calloc(group->n_members, sizeof(*groups->lanes));
	left_init(&groups[*n_groups].left);
	return &groups[(*n_groups)++];
}

static void share_guard_bound(struct lane_group *group)
{
	int64_t longest = 0;

	for (size_t i = 0; i < group->n; i++)
		if (group->lanes[i]->guard.max_ms > longest)
			longest = group->lanes[i]->guard.max_ms;
	for (size_t i = 0; i < group->n; i++)
		group->lanes[i]->guard.max_ms = longest;
}

struct lane_group *lane_groups_new(struct lane *lanes, size_t n, size_t *n_groups)
{
	struct lane_group *groups = mem_calloc(n + 1, sizeof(*groups));   /* lanes point into it: it never moves */

	*n_groups = 0;
	for (size_t i = 0; i < n; i++) {
		struct lane *lane = &lanes[i];

		if (!lane->vendor->group)
			continue;
		lane->group = group_of(lanes, i, groups, n_groups, lane->vendor->group);
		lane->group->lanes[lane->group->n++] = lane;
	}
	for (size_t i = 0; i < *n_groups; i++)
		share_guard_bound(&groups[i]);
	return groups;
}

void lane_groups_free(struct lane_group *groups, size_t n_groups)
{
	for (size_t i = 0; i < n_groups; i++) {
		left_deinit(&groups[i].left);
		free(groups[i].lanes);
	}
	free(groups);
}

/* ---- What is shared ---- */

struct left *lane_left(struct lane *lane) { return lane->group ? &lane->group->left : &lane->left; }

void lane_look(struct lane *lane)
{
	atomic_store(&lane->look, true);
	for (size_t i = 0; lane->group && i < lane->group->n; i++)
		if (lane->group->lanes[i] != lane)
			atomic_store(&lane->group->lanes[i]->room_came, true);
}

int64_t lane_held_until_mono_us(struct lane *lane)
{
	int64_t own = atomic_load(&lane->hold_until_mono_us);
	int64_t shared = lane->group ? atomic_load(&lane->group->hold_until_mono_us) : 0;

	return own > shared ? own : shared;
}

static _Atomic int64_t *room_of(struct lane *lane)
{
	return lane->group ? &lane->group->room_mono_us : &lane->room_mono_us;
}

void lane_note_room(struct lane *lane, int64_t left_mono_us)
{
	_Atomic int64_t *room = room_of(lane);
	int64_t before = atomic_load(room);

	while (before < left_mono_us && !atomic_compare_exchange_weak(room, &before, left_mono_us))
		;
}

bool lane_had_room_after(struct lane *lane, int64_t left_mono_us) { return atomic_load(room_of(lane)) > left_mono_us; }

bool lane_hold(struct lane *lane, enum lane_hold_of of, int64_t until_mono_us)
{
	bool shared = of == HOLD_OF_ACCOUNT && lane->group;
	_Atomic int64_t *hold_until = shared ? &lane->group->hold_until_mono_us : &lane->hold_until_mono_us;
	int64_t before = atomic_load(hold_until);
	bool was_free = before <= clock_mono_us();

	while (before < until_mono_us && !atomic_compare_exchange_weak(hold_until, &before, until_mono_us))
		;
	return was_free;
}

/* ---- Why it waits ---- */

enum { WORTH_A_LINE_MS = 5000 };   /* a quota that is used up for less: of any span the next call is often near */

int64_t lane_closed_ms(struct lane *lane)
{
	int64_t now = clock_now_ms(), until;
	bool closed = !vendor_is_open(lane->vendor, now, &until);
	char text[CLOCK_TEXT_SIZE];

	if (closed != lane->closed) {
		lane->closed = closed;
		if (until == INT64_MAX)
			text[0] = '\0';
		else
			clock_format(until, text);
		log_info("the vendor's hours %s vendor=%s until=%s", closed ? "are over, its jobs wait" : "have begun", lane->vendor->name,
		         text);
	}
	return closed ? until - now : 0;
}

void lane_used_up(struct lane *lane, int64_t ms)
{
	int64_t until = clock_now_ms() + ms;
	char text[CLOCK_TEXT_SIZE];

	/* What a look tells may differ by a little. */
	if (ms < WORTH_A_LINE_MS || until - lane->used_up_until < WORTH_A_LINE_MS)
		return;
	lane->used_up_until = until;
	clock_format(until, text);
	log_info("a quota is used up, the vendor's jobs wait vendor=%s until=%s", lane->vendor->name, text);
}
