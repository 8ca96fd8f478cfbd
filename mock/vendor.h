/* One vendor: its behaviour, what it has counted, and the parts of the process that it uses. */
#ifndef VF_MOCK_VENDOR_H
#define VF_MOCK_VENDOR_H

#include <stdbool.h>
#include <stdint.h>

#include "asked.h"
#include "buf.h"
#include "calls.h"
#include "knobs.h"
#include "loop.h"
#include "tokens.h"
#include "util.h"
#include "webhook.h"
#include "window.h"

enum { STATUS_MAX = 599 };

/* Counted since the start or the last reset; in_flight is what it is now. Times are microseconds since 1970. */
struct vendor_stats {
	uint64_t calls, answered, by_status[STATUS_MAX + 1];
	uint64_t hung, reset, closed, client_gone;      /* calls that got no answer, or no end of one, and why */
	uint64_t trickled, endless, cut_short;
	uint64_t reset_early;                           /* connections; their calls were not read and are not counted */
	uint64_t bad_requests;                          /* not HTTP, or over a bound: not calls */
	uint64_t in_flight, max_in_flight_seen, in_flight_violations;
	uint64_t no_callback_url;
	uint64_t polls;                                 /* of the calls; they count as calls, but have no id */
	uint64_t token_requests, tokens_given;          /* requests to POST /token are no calls */
	uint64_t unauthorized;                          /* calls without the token that is required */
	uint64_t stamped_by_kernel;                     /* calls whose time is the kernel's receive timestamp */
	int64_t first_call_at_us, last_call_at_us;
};

struct vendor {
	const char *name;                               /* "sync" or "async" */
	bool async;
	struct knobs knobs;
	struct window window;                           /* set by vendor_apply_limits() */
	struct calls *calls;                            /* owned, like */
	struct asked *asked;
	struct tokens *tokens;
	struct vendor_stats stats;
	struct webhook_counts webhooks;
	uint64_t next_job;                              /* never goes back, not even over restarts: see vendor_init() */
	struct buf text;                                /* scratch for the answer being made */
	struct conn *conns;                             /* all open connections */
	struct loop *loop;                              /* these three are shared and outlive the vendor */
	struct rng *rng;
	struct webhooks *sender;
};

/* Sets up everything but knobs, loop, rng and sender, which the caller fills in before. */
void vendor_init(struct vendor *vendor, const char *name, bool async);
void vendor_deinit(struct vendor *vendor);

/* Takes limit_calls and limit_seconds over from the knobs; the window forgets what it counted. */
void vendor_apply_limits(struct vendor *vendor);

/* Clears counters and recorded calls. Calls in flight and webhooks on their way stay. */
void vendor_reset(struct vendor *vendor);

/* Adds the counters as one JSON object (GET /stats). */
void vendor_stats_json(const struct vendor *vendor, struct buf *out);

#endif
