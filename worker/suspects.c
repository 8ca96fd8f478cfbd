#include "suspects.h"

#include "mem.h"
#include "uuid.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct suspect {
	char request_id[UUID_TEXT_SIZE];
	int64_t fence;
	int64_t since_mono_ms;
	struct suspect *next;    /* all of a round */
};

/* Two generations of a search tree (POSIX tsearch): what is seen in a round moves to the new one, the old one
 * is dropped. */
struct generation {
	void *tree;
	struct suspect *all;
};

struct suspects { struct generation old, seen; };

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct suspect *)a)->request_id, ((const struct suspect *)b)->request_id);
}

static void keep_node(void *node) { (void)node; }

static void drop(struct generation *g)
{
	struct suspect *next;

	tdestroy(g->tree, keep_node);
	for (struct suspect *s = g->all; s; s = next) {
		next = s->next;
		free(s);
	}
	*g = (struct generation){ NULL, NULL };
}

struct suspects *suspects_new(void) { return mem_calloc(1, sizeof(struct suspects)); }

void suspects_free(struct suspects *suspects)
{
	drop(&suspects->old);
	drop(&suspects->seen);
	free(suspects);
}

void suspects_begin_round(struct suspects *suspects)
{
	drop(&suspects->seen);
}

int64_t suspects_seen_for_ms(struct suspects *suspects, const char *request_id, int64_t fence, int64_t mono_ms)
{
	struct suspect *s = mem_calloc(1, sizeof(*s)), **old;

	strncpy(s->request_id, request_id, sizeof(s->request_id) - 1);
	s->fence = fence;
	s->since_mono_ms = mono_ms;
	old = tfind(s, &suspects->old.tree, by_id);
	if (old && (*old)->fence == fence)
		s->since_mono_ms = (*old)->since_mono_ms;
	if (*(struct suspect **)tsearch(s, &suspects->seen.tree, by_id) != s) {
		free(s);   /* twice in a round: cannot be, but costs nothing */
		return 0;
	}
	s->next = suspects->seen.all;
	suspects->seen.all = s;
	return mono_ms - s->since_mono_ms;
}

void suspects_end_round(struct suspects *suspects)
{
	struct generation dropped = suspects->old;

	suspects->old = suspects->seen;
	suspects->seen = dropped;
	drop(&suspects->seen);
}
