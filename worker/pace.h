/* How many jobs of all lanes one batch may have, so that what comes in meanwhile does not wait for long.
 *
 * While a thread has jobs of one lane only, as many as there may be: large batches are cheap, and nobody is kept waiting.
 * From the moment that there are others, so many that a batch takes about PACE_BATCH_MS, as those before it did; where
 * the smallest one takes half of that or more, twice as long as that: smaller ones would bring nobody on. Pure; one
 * thread at a time. */
#ifndef VF_PACE_H
#define VF_PACE_H

#include <stdint.h>

enum {
	PACE_BATCH_MS = 5,
	PACE_LEAST = 32,         /* never fewer */
	PACE_ALONE_MS = 500,     /* a lane is alone again when there was no other for so long */
};

struct pace {
	int max;                 /* of a batch */
	int most;                /* while there is more than one lane */
	int64_t shortest_us;     /* of the last small batches: forgotten slowly */
	int64_t shared_until_mono_us;
	const void *lane;        /* of the last batch that was of one lane only */
};

void pace_init(struct pace *pace, int max);
/* PACE_LEAST .. max: the next batch may have so many. */
int pace_most(const struct pace *pace, int64_t now_mono_us);
/* A batch of n jobs of this lane (NULL: of several) has begun and ended at these times. */
void pace_note(struct pace *pace, const void *lane, int n, int64_t began_mono_us, int64_t ended_mono_us);

#endif
