/* Calls that wait for a thread, so that lanes get their turns and none waits for all that another has: a line for each
 * lane, first come first served within it, and one call of each line in turn. A lane with few calls is through after as
 * many rounds, however many others have.
 *
 * The lines lie in the lanes (lane.h), a queue knows those that have calls. One thread at a time; nothing is allocated. */
#ifndef VF_FAIR_QUEUE_H
#define VF_FAIR_QUEUE_H

struct call;

/* All zero: empty. */
struct fair_line {
	struct call *first, *last;
	struct fair_line *next;   /* the line whose turn is after this one's, while this one has calls */
};

/* All zero: empty. */
struct fair_queue {
	struct fair_line *first, *last;   /* lines with calls, by their turns */
};

/* The call goes to the end of its lane's line in this queue. */
void fair_queue_put(struct fair_queue *queue, struct fair_line *line, struct call *call);
/* The call whose turn it is, or NULL. */
struct call *fair_queue_first(const struct fair_queue *queue);
/* Takes that one out; its line has its next turn after all others. There has to be one. */
struct call *fair_queue_take(struct fair_queue *queue);

#endif
