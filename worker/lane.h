/* What a worker knows of one vendor while it runs: when to take next, how long its grants are good for, what
 * is in flight. It is there from the moment that a file named the vendor until the worker ends; with whose rules it is taken
 * from may change (lanes.c), a call keeps those that it was made by.
 *
 * Lanes keep vendors apart (invariant I6): nothing that is waited for in one is waited for in another.
 */
#ifndef VF_LANE_H
#define VF_LANE_H

#include "fair_queue.h"
#include "guard.h"
#include "left.h"
#include "queue.h"
#include "token_slot.h"
#include "vendor.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Of a vendor with a quota: calls that the store counts already (quota_count.h). Times are Redis TIME. */
struct quota_reserve {
	struct quota_span span;             /* for grants that are given, and void, within it */
	int64_t left;
	int64_t granted;                    /* since the last write */
	int64_t written_at;
};

/* A start of the vendor's limiter that is under way (limits_begin.h). */
struct limits_start {
	char ticket[QUEUE_TICKET_SIZE];
	int64_t seen_mono_ms;               /* for the first time */
};

struct lane_group;

struct lane {
	char name[VENDOR_NAME_MAX + 1];
	const struct vendor *vendor;        /* intake's: by which it takes and makes calls; NULL: no file names it now */
	_Atomic(struct lane_group *) group; /* with whom it shares its account, or NULL; intake changes it */
	_Atomic int *in_flight;             /* the worker's count of calls from claim to commit */
	_Atomic int calls;                  /* those of this lane */
	_Atomic int not_left;               /* of them: their requests were not written yet */
	int64_t next_take_mono_ms;          /* intake's: not before this */
	bool closed;                        /* intake's: it had jobs when its hours were over */
	int64_t used_up_until;              /* intake's: the end of a used up quota that the log was told of last */
	int64_t gather_until_mono_ms;       /* intake's: a wake-up does not lead to a take before this */
	struct quota_reserve quota;         /* intake's, and */
	struct limits_start limits_start;   /* this */
	struct fair_line to_begin;          /* the loop's: calls that were submitted */
	int home_shard;                     /* where it looks for room for them first, from 1 on; 0: not chosen yet */
	struct fair_line to_commit;         /* commit's: calls that were answered, ... */
	struct fair_line to_commit_failed;  /* ... and those that failed */
	struct guard guard;                 /* the loop's */
	int64_t guard_max_ms;               /* intake's: no grant was or is good for longer */
	_Atomic int guard_ms;               /* loop writes, intake reads */
	_Atomic int late;                   /* calls that left after their grants were over; intake tells Redis */
	struct left left;                   /* loop adds, intake tells Redis; of a lane in a group: see lane_left() */
	struct token_slot token;            /* of a vendor that wants one */
	_Atomic bool look;                  /* commit, repair: something changed, take again */
	_Atomic bool room_came;             /* commit: what it waits for may have come, if it waits */
	_Atomic int64_t hold_until_mono_us; /* a Retry-After came in: granted calls do not leave before this */
	_Atomic int64_t room_mono_us;       /* when the newest call left whose answer said that there was room; see lane_note_room() */
	_Atomic bool nonsense_told;         /* of its headers; once is enough */
};

/* The lanes of vendors that share an account: made by lane_groups_follow(), and what they share. Who is in it never changes:
 * others are another group. */
struct lane_group {
	struct lane_group *next;
	char account[VENDOR_NAME_MAX + 2];
	struct lane **lanes;
	size_t n;
	struct left left;
	_Atomic int64_t hold_until_mono_us;
	_Atomic int64_t room_mono_us;
};

/* Groups n lanes, whose vendors are of one set, as their files say now. Each group's lanes have the longest of their guards'
 * bounds, for whichever of them starts the limiter. *groups: all that there ever were, NULL at first, to be given to
 * lane_groups_free() in the end: calls may still speak of one that is gone. Intake's thread. */
void lane_groups_follow(struct lane *const *lanes, size_t n, struct lane_group **groups);
void lane_groups_free(struct lane_group *groups);

/* Where it is noted when calls of this lane left: any lane of the group may tell of it. */
struct left *lane_left(struct lane *lane);

/* A call has ended, or will not be made: the lane takes again, and so do those that waited for room in the same account.
 * Thread-safe. */
void lane_look(struct lane *lane);

/* Until when this worker leaves it alone. Thread-safe. */
int64_t lane_held_until_mono_us(struct lane *lane);

/* A call that left at this moment was answered that the account has calls left. Thread-safe. */
void lane_note_room(struct lane *lane, int64_t left_mono_us);
/* Has a call that left later than this one been answered so? Thread-safe. */
bool lane_had_room_after(struct lane *lane, int64_t left_mono_us);

enum lane_hold_of { HOLD_OF_VENDOR, HOLD_OF_ACCOUNT };

/* The vendor, or all of its account, is left alone until then, by this worker; never shortened by a later call. True if it
 * was not on hold: worth a line in the log. Thread-safe. */
bool lane_hold(struct lane *lane, enum lane_hold_of of, int64_t until_mono_us);

/* How long until the vendor's hours begin; 0: they are on. Says in the log when that changes. Intake's thread only. */
int64_t lane_closed_ms(struct lane *lane);
/* A take found a quota used up for so long; says so in the log. Intake's thread only. */
void lane_used_up(struct lane *lane, int64_t ms);

#endif
