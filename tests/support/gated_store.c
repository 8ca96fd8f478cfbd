#include "gated_store.h"

#include "clock.h"

#include <stdlib.h>
#include <time.h>

enum { STALL_MS = 20000, WAIT_MS = 10000 };

enum err gated_store_call(struct store *base, struct err_text *why)
{
	struct gated_store *store = (struct gated_store *)base;

	gate_pass(&store->gate);
	if (store->fails_from && store->gate.came >= store->fails_from)
		return err_set(why, ERR_UNAVAILABLE, "told to fail");
	return ERR_OK;
}

enum err gated_store_ping(struct store *base, struct err_text *why)
{
	struct gated_store *store = (struct gated_store *)base;

	if (store->fails_from && store->gate.came >= store->fails_from)
		return err_set(why, ERR_UNAVAILABLE, "told to be away");
	return ERR_OK;
}

void gated_store_close(struct store *store) { (void)store; }

static enum err open_it(void *arg, struct store **store, struct err_text *why)
{
	struct gated_store *gated = arg;

	(void)why;
	*store = &gated->base;
	return ERR_OK;
}

struct store_link *gated_store_link(struct gated_store *store, const struct store_engine *engine)
{
	struct store_link *link;

	*store = (struct gated_store){ .base = { engine }, .gate = GATE_OPEN };
	link = store_link_new(open_it, store, STALL_MS);
	for (int64_t end = clock_mono_ms() + WAIT_MS; !store_link_get(link, NULL) && clock_mono_ms() < end;)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	return link;
}
