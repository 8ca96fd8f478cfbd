/* What the threads of a worker share. Made by main.c before they start, freed after they have ended;
 * immutable but for the atomics, the mailboxes, what is thread-safe by itself, and what is intake's.
 *
 *   intake --(loop inbox)--> loop --(done)--> commit --(poke)--> intake          repair and tokens, beside them
 */
#ifndef VF_WORKER_H
#define VF_WORKER_H

#include "call.h"
#include "lane.h"
#include "loop.h"
#include "mailbox.h"
#include "settings.h"
#include "store.h"
#include "vendors.h"

#include <stdatomic.h>
#include <stdbool.h>

struct tokens;

struct worker {
	struct settings settings;
	char consumer[16];             /* "w<slot>": consumer in every group */
	char name[96];                 /* "<host>/w<slot>": in the workers hash */
	struct vendors *vendors;
	struct store *store;
	unsigned char callback_key[STORE_SECRET_SIZE];
	struct call_context context;
	int calls_max;                 /* most calls in flight, within the file descriptors we may have */
	int64_t retention_ms;
	struct loop *loop;
	struct tokens *tokens;
	struct mailbox done;           /* loop -> commit */
	struct mailbox intake_poke;    /* no calls, only pokes: room was freed, a lane wants a look, or it is time to leave */
	struct mailbox repair_poke;    /* likewise: it is time to leave */
	_Atomic int in_flight;         /* calls from claim to commit, all lanes */
	_Atomic bool leaving;          /* TERM came: take nothing more */
	_Atomic bool commit_may_end;   /* the loop has ended: what is in `done` is the last */
	_Atomic int64_t give_up_mono_ms; /* once leaving: commit stops waiting for an absent store then */

	/* Intake's thread alone, from its start to its end (lanes.c). */
	struct generation *rules;      /* by which it takes and makes calls */
	struct lane **lanes;           /* of all vendors that were in force since the start, by name */
	size_t n_lanes;
	struct lane_group *lane_groups;   /* all that there ever were */
	int64_t lease_ms;              /* longer than any call by these rules and its commit can take */
};

/* Intake's thread: if other vendors, or others of their rules, are in force, goes on by those; true if it did. */
bool worker_follow_rules(struct worker *worker);
/* The lane of a vendor by its name, or NULL. */
struct lane *worker_lane(const struct worker *worker, const char *name);
void worker_free_lanes(struct worker *worker);

/* Each is a thread's body; arg is the struct worker. */
void *intake_run(void *arg);
void *commit_run(void *arg);
void *repair_run(void *arg);

#endif
