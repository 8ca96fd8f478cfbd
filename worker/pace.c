#include "pace.h"

#include <stdbool.h>
#include <stddef.h>

/* Of the distance to a longer batch the shortest one moves by 1/DECAY. */
enum { DECAY = 64 };

void pace_init(struct pace *pace, int max) { *pace = (struct pace){ .max = max, .most = max }; }

static bool is_shared(const struct pace *pace, int64_t now_mono_us) { return now_mono_us < pace->shared_until_mono_us; }

int pace_most(const struct pace *pace, int64_t now_mono_us)
{
	return is_shared(pace, now_mono_us) ? pace->most : pace->max;
}

/* Goes by small batches only: with large ones it would grow, and they with it. */
static void note_shortest(struct pace *pace, int n, int64_t took_us)
{
	if (n > PACE_LEAST)
		return;
	if (took_us < pace->shortest_us || !pace->shortest_us)
		pace->shortest_us = took_us;
	else
		pace->shortest_us += (took_us - pace->shortest_us) / DECAY;
}

/* What a batch of n that took so long says of how many are enough. One that was not full and was short says nothing. */
static int enough(const struct pace *pace, int n, int64_t took_us)
{
	int64_t target_us = PACE_BATCH_MS * 1000, most = pace->most;

	if (target_us < 2 * pace->shortest_us)
		target_us = 2 * pace->shortest_us;
	if (took_us > target_us && n > PACE_LEAST)
		most = n * target_us / took_us;
	else if (took_us < target_us / 2 && n >= most)
		most = 2 * most;
	/* One batch that was held up says little of the next: no more than halved at once. */
	if (most < pace->most / 2)
		most = pace->most / 2;
	if (most < PACE_LEAST)
		most = PACE_LEAST;
	return (int)(most < pace->max ? most : pace->max);
}

void pace_note(struct pace *pace, const void *lane, int n, int64_t began_mono_us, int64_t ended_mono_us)
{
	if (!lane || (pace->lane && lane != pace->lane))
		pace->shared_until_mono_us = ended_mono_us + PACE_ALONE_MS * 1000;
	if (lane)
		pace->lane = lane;
	note_shortest(pace, n, ended_mono_us - began_mono_us);
	pace->most = enough(pace, n, ended_mono_us - began_mono_us);
}
