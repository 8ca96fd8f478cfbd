/* A store for tests of what many threads do with it: its calls wait at a gate, and fail when they are told to. The
 * test brings the engine; each of its functions begins with gated_store_call(). */
#ifndef VF_TEST_GATED_STORE_H
#define VF_TEST_GATED_STORE_H

#include "../../fcgi/store_link.h"
#include "gate.h"
#include "store_engine.h"

struct gated_store {
	struct store base;
	struct gate gate;
	_Atomic int fails_from;    /* the call of this number (1: the first) and all later ones fail, and pings; 0: none */
};

/* For the engine. */
enum err gated_store_call(struct store *store, struct err_text *why);
enum err gated_store_ping(struct store *store, struct err_text *why);
void gated_store_close(struct store *store);

/* Makes it a new one with this engine, with a link that it is there for. The caller frees the link. */
struct store_link *gated_store_link(struct gated_store *store, const struct store_engine *engine);

#endif
