#include "lane.h"

#include "clock.h"
#include "log.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Groups ---- */

static bool has(const struct lane_group *group, const struct lane *lane)
{
	for (size_t i = 0; i < group->n; i++)
		if (group->lanes[i] == lane)
			return true;
	return false;
}

/* The lanes whose vendors are in a group of the files; members has room for them. */
static size_t find_members(struct lane *const *lanes, size_t n, const struct vendor_group *group, struct lane **members)
{
	size_t n_members = 0;

	for (size_t i = 0; i < n; i++)
		if (lanes[i]->vendor && lanes[i]->vendor->group == group)
			members[n_members++] = lanes[i];
	return n_members;
}

/* One that is the same as this, and so knows what its calls were told. */
static struct lane_group *find_group(struct lane_group *groups, const char *account, struct lane *const *members, size_t n)
{
	for (; groups; groups = groups->next) {
		size_t same = 0;

		if (strcmp(groups->account, account) != 0 || groups->n != n)
			continue;
		while (same < n && has(groups, members[same]))
			same++;
		if (same == n)
			return groups;
	}
	return NULL;
}

/* What an account was asked for holds for whoever is in it. */
static struct lane_group *make_group(struct lane_group *groups, const char *account, struct lane **members, size_t n)
{
	struct lane_group *group = mem_calloc(1, sizeof(*group));
	int64_t held = 0;

	for (const struct lane_group *other = groups; other; other = other->next)
		if (strcmp(other->account, account) == 0 && atomic_load(&other->hold_until_mono_us) > held)
			held = atomic_load(&other->hold_until_mono_us);
	snprintf(group->account, sizeof(group->account), "%s", account);
	group->lanes = mem_alloc(n * sizeof(*group->lanes));
	memcpy(group->lanes, members, n * sizeof(*members));
	group->n = n;
	group->next = groups;
	left_init(&group->left);
	atomic_store(&group->hold_until_mono_us, held);
	return group;
}

static void enter(struct lane_group *group)
{
	int64_t longest = 0;

	for (size_t i = 0; i < group->n; i++)
		if (group->lanes[i]->guard_max_ms > longest)
			longest = group->lanes[i]->guard_max_ms;
	for (size_t i = 0; i < group->n; i++) {
		group->lanes[i]->guard_max_ms = longest;
		atomic_store(&group->lanes[i]->group, group);
	}
}

void lane_groups_follow(struct lane *const *lanes, size_t n, struct lane_group **groups)
{
	struct lane **members = mem_calloc(n + 1, sizeof(*members));

	for (size_t i = 0; i < n; i++) {
		const struct vendor *vendor = lanes[i]->vendor;
		struct lane_group *group;
		size_t n_members;

		if (!vendor || !vendor->group) {
			atomic_store(&lanes[i]->group, NULL);
			continue;
		}
		n_members = find_members(lanes, n, vendor->group, members);
		if (members[0] != lanes[i])
			continue;   /* the first one brings the others in */
		group = find_group(*groups, vendor->group->account, members, n_members);
		if (!group)
			group = *groups = make_group(*groups, vendor->group->account, members, n_members);
		enter(group);
	}
	free(members);
}

void lane_groups_free(struct lane_group *groups)
{
	struct lane_group *next;

	for (; groups; groups = next) {
		next = groups->next;
		left_deinit(&groups->left);
		free(groups->lanes);
		free(groups);
	}
}

/* ---- What is shared ---- */

struct left *lane_left(struct lane *lane)
{
	struct lane_group *group = atomic_load(&lane->group);

	return group ? &group->left : &lane->left;
}

void lane_look(struct lane *lane)
{
	struct lane_group *group = atomic_load(&lane->group);

	atomic_store(&lane->look, true);
	for (size_t i = 0; group && i < group->n; i++)
		if (group->lanes[i] != lane)
			atomic_store(&group->lanes[i]->room_came, true);
}

int64_t lane_held_until_mono_us(struct lane *lane)
{
	struct lane_group *group = atomic_load(&lane->group);
	int64_t own = atomic_load(&lane->hold_until_mono_us);
	int64_t shared = group ? atomic_load(&group->hold_until_mono_us) : 0;

	return own > shared ? own : shared;
}

static _Atomic int64_t *room_of(struct lane *lane)
{
	struct lane_group *group = atomic_load(&lane->group);

	return group ? &group->room_mono_us : &lane->room_mono_us;
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
	struct lane_group *group = of == HOLD_OF_ACCOUNT ? atomic_load(&lane->group) : NULL;
	_Atomic int64_t *hold_until = group ? &group->hold_until_mono_us : &lane->hold_until_mono_us;
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
