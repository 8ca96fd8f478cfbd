#include "fair_queue.h"

#include "call.h"

#include <stddef.h>

static void append_line(struct fair_queue *queue, struct fair_line *line)
{
	line->next = NULL;
	if (queue->first)
		queue->last->next = line;
	else
		queue->first = line;
	queue->last = line;
}

void fair_queue_put(struct fair_queue *queue, struct fair_line *line, struct call *call)
{
	call->next = NULL;
	if (line->first) {
		line->last->next = call;
	} else {
		line->first = call;
		append_line(queue, line);
	}
	line->last = call;
}

struct call *fair_queue_first(const struct fair_queue *queue) { return queue->first ? queue->first->first : NULL; }

struct call *fair_queue_take(struct fair_queue *queue)
{
	struct fair_line *line = queue->first;
	struct call *call = line->first;

	queue->first = line->next;
	line->first = call->next;
	if (line->first)
		append_line(queue, line);
	call->next = NULL;
	return call;
}
