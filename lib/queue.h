/* The queue in Redis: one stream per vendor, its delayed set, its limits and its calls in flight.
 *
 * Everything here can be rebuilt from the store (invariant I8). Keys, each with the prefix setting in front and
 * the vendor's name as the tag in literal braces, so that all keys of a vendor share a cluster slot:
 *   job-queue:{vendor}   stream, group "workers": entries with the one field `id`, the request id
 *   job-delayed:{vendor} zset: request ids by the time they are due
 *   rate_limit:{vendor}  hash: the limiter (queue_take.lua says how), hold-until, the run_id it was written under
 *   in_flight:{vendor}   zset: entry ids of open calls by the end of their lease
 *   breaker:{vendor}     hash: the circuit breaker (queue_breaker.lua says how)
 *   token:{vendor}       hash: its access token (queue_token.h)
 *   workers              hash: worker name -> time of its last heartbeat
 * All of a group (struct vendor_group) are counted in the one rate_limit:{@group}; queue_group.lua says what is there
 * besides. (So their keys are in several slots of a cluster.)
 * Scripts are lib/queue_*.lua, embedded by make (queue_scripts.h), run with EVALSHA, EVAL after NOSCRIPT. Time
 * in scripts is Redis TIME.
 *
 * A struct queue is one connection: one thread at a time. All functions answer ERR_UNAVAILABLE when Redis is
 * away, read-only, full or too slow, and work again by themselves later; a missing stream or group is made on
 * the way.
 */
#ifndef VF_QUEUE_H
#define VF_QUEUE_H

#include "err.h"
#include "quota.h"
#include "uuid.h"
#include "vendor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QUEUE_ENTRY_ID_SIZE = 48, QUEUE_BATCH_MAX = 1000, QUEUE_TICKET_SIZE = 96, QUEUE_LEFT_MAX = 16,
       QUEUE_TOKEN_REASON_SIZE = 200 };

struct queue;

enum err queue_new(const char *redis_url, const char *prefix, int timeout_ms, struct queue **queue, struct err_text *why)
	__attribute__((warn_unused_result));
void queue_free(struct queue *queue);
/* Asks Redis for the time (clock.h) over a connection of its own, before a program does anything by its own wall
 * clock. The errors of queue_new(), or ERR_UNAVAILABLE: then the wall clock serves until the first contact. */
enum err queue_learn_time(const char *redis_url, int timeout_ms, struct err_text *why) __attribute__((warn_unused_result));
/* Connects if need be: is Redis there? */
enum err queue_ping(struct queue *queue, struct err_text *why) __attribute__((warn_unused_result));

/* ---- Enqueue ---- */

struct queue_entry {
	const char *vendor;        /* borrowed */
	const char *request_id;    /* borrowed */
};

/* XADD of each in one pipeline, ended with one PUBLISH <prefix>vendorfetch:wake <vendor> per vendor in the
 * batch. After an error any of them may have been added; adding one twice is harmless (its second claim fails). */
enum err queue_push(struct queue *queue, const struct queue_entry *entries, size_t n, struct err_text *why)
	__attribute__((warn_unused_result));

/* ---- Take ---- */

enum queue_glance_kind {
	QUEUE_GLANCE_WAITING,    /* something in the stream or in the delayed set: worth a take */
	QUEUE_GLANCE_TAKEN,      /* something taken and not acknowledged, or counted as in flight: worth a queue_reclaim() */
};

struct queue_glance {
	const char *vendor;      /* in, borrowed */
	bool any;                /* out */
};

/* Of many vendors, in one pipeline of few commands, each of which keeps others from Redis for less than a millisecond. */
enum err queue_glance(struct queue *queue, enum queue_glance_kind kind, struct queue_glance *glances, size_t n,
                      struct err_text *why) __attribute__((warn_unused_result));

struct queue_grant {
	char entry_id[QUEUE_ENTRY_ID_SIZE];
	char request_id[UUID_TEXT_SIZE];
};

/* Calls of one grant that have left. Until Redis knows, it counts them for as long as they could have needed. */
struct queue_left {
	int64_t granted_us;        /* of their take */
	int n;
	int64_t left_us;           /* Redis TIME by which the last of them was written */
};

struct queue_take {
	const struct vendor *vendor;  /* in, borrowed */
	int want;                     /* in: room for so many calls, up to QUEUE_BATCH_MAX. 0: only tells by wait_ms when
	                                 there is a job that the breaker lets go: 0 = now, limits aside */
	int guard_ms;                 /* in: a call granted here leaves within so many ms after this function was called, or not at all */
	int64_t lease_ms;             /* in: how long a call counts as in flight if nobody releases it */
	const struct queue_left *left; /* in, borrowed: n_left <= QUEUE_LEFT_MAX reports. Each call is told of at most once,
	                                 also when the take fails; what is never told costs some of the limit */
	int n_left;
	struct queue_grant *grants;   /* out: room for `want`, given by the caller */
	int n;                        /* out: entries read, each with the right to one call */
	int64_t wait_ms;              /* out: when the next take is worth it: 0 = at once, -1 = only after a wake-up or a release */
	int64_t quota_wait_ms;        /* out: a quota is used up for so long; 0: none is */
	int64_t open_ms;              /* out: entries wait, and for so long the breaker lets no call out; 0: it does */
	int64_t limited_ms;           /* out: likewise limits or a hold leave no call */
	int64_t asked_mono_ms;        /* out: clock_mono_ms() before the script ran; the guard counts from here */
	int64_t granted_us;           /* out: Redis TIME of the grants in us, for QUEUE_REFUND */
	int64_t breaker_since;        /* out: the breaker's spell, for QUEUE_REPORT */
	bool probes;                  /* out: the vendor's breaker is half-open and the grants are its probes: each is to be
	                                 reported by its entry id, whatever becomes of it */
	enum err outcome;             /* out: ERR_OK; ERR_STALE: the limiter is not there, was written under another run_id, lacks
	                                 a quota, or does not count this vendor yet: call queue_limits_begin() first; ERR_UNAVAILABLE */
};

/* Atomically per vendor (one script, all vendors in one pipeline): moves due delayed jobs into the stream,
 * applies breaker, hold, limits and max_in_flight, and reads exactly as many entries as may be called now. consumer is
 * "w<slot>". The return value is ERR_OK when every item has its outcome. */
enum err queue_take(struct queue *queue, const char *consumer, struct queue_take *takes, size_t n, struct err_text *why)
	__attribute__((warn_unused_result));

/* Entries of a vendor to which none of them may be called now, without the right to a call: who goes on to another vendor
 * is moved (fallback.h), the others are given back (QUEUE_DELAY). All are to be acknowledged then. *n <= want of them; each
 * is taken as by queue_take(), so what a crash leaves behind comes back. */
enum err queue_read_waiting(struct queue *queue, const char *vendor, const char *consumer, struct queue_grant *entries,
                            int want, int *n, struct err_text *why) __attribute__((warn_unused_result));

/* Starting the limiter of a vendor after ERR_STALE, so that a restarted, wiped or restored Redis grants no second burst
 * (invariant I3). In two steps: with the ticket "" it only gives one. A ticket stands for "nothing is granted until it
 * has been used": whoever has it finds out whether the vendor was ever called and, if it has quotas, waits until every
 * earlier grant is a call or void, reads what the store counts, and comes back with it. */
struct queue_begin {
	const struct vendor *vendor;            /* borrowed, like the slots */
	bool fresh;                             /* nobody of its account was ever called before: its limits start unused. Else they
	                                           start used up, but quotas with what the slots say */
	int64_t guard_max_ms;                   /* no grant of its account is good for longer */
	const struct quota_slot *slots;         /* of any of its windows, in any order; of its account, and of each vendor in it */
	size_t n_slots;
	char ticket[QUEUE_TICKET_SIZE];
	char next_ticket[QUEUE_TICKET_SIZE];    /* out: "" it is started, by this call or by somebody else. Else not: the ticket
	                                           to come back with, which is another one if Redis forgot again */
};
enum err queue_limits_begin(struct queue *queue, struct queue_begin *begin, struct err_text *why)
	__attribute__((warn_unused_result));

/* ---- Afterwards ---- */

enum queue_op_kind {
	QUEUE_ACK,       /* entry_id: XACK + XDEL, once its claim is durable or can never succeed */
	QUEUE_RELEASE,   /* entry_id: no longer in flight */
	QUEUE_REFUND,    /* at = n: so many calls that were granted at granted_us did not leave and never will */
	QUEUE_LATE,      /* at = n: so many calls left just now, after their grants were over: the limits count them anew */
	QUEUE_DELAY,     /* request_id: into the delayed set until at */
	QUEUE_HOLD,      /* the vendor, or all of its account, is left alone for at = n ms from now */
	QUEUE_REPORT,    /* report: how calls ended, for the breaker; entry_id: that of a probe, NULL for others. To be told
	                    once at most, unless it is a probe's */
};

/* How calls ended that were granted in one spell of the vendor's breaker; or one probe (all 0: it says nothing
 * of the vendor). */
struct queue_report {
	const struct breaker_rules *rules;   /* borrowed */
	int64_t since;                       /* the spell: breaker_since of the take */
	int successes, failures;
	int connect_row;                     /* the last so many found no connection; they are among the failures, too */
	bool connected;                      /* one before these did */
};

struct queue_op {
	enum queue_op_kind kind;
	const char *vendor;       /* the vendor's name; QUEUE_REFUND, QUEUE_LATE: vendor_account(); QUEUE_HOLD: which of them is
	                             held. Borrowed, like the others */
	const char *entry_id;
	const char *request_id;
	int64_t at;
	int64_t granted_us;       /* QUEUE_REFUND: of the take. One that comes when its call no longer counts gives nothing back */
	struct queue_report report;
};

/* All in one pipeline. Logs it if a report opened or closed a breaker. What is refused because of one vendor's keys
 * (one of another type) is logged and is no error: to tell it again would not help, and the other ops were carried
 * out. */
enum err queue_apply(struct queue *queue, const struct queue_op *ops, size_t n, struct err_text *why)
	__attribute__((warn_unused_result));

/* ---- Repair ---- */

/* The stream has been delivered up to this time: a queued job whose entry could exist earlier, less some grace,
 * has lost it. The time part of the group's last-delivered-id; now, if the stream is missing, empty or fully
 * delivered. */
enum err queue_delivered_until(struct queue *queue, const char *vendor, int64_t *at, struct err_text *why)
	__attribute__((warn_unused_result));

/* Entries that were taken min_idle_ms ago and never acknowledged go to the end of the stream again, to the end
 * of XAUTOCLAIM's cursor (bounded per call). Their grants stay spent. What is left of entries whose consumer was
 * deleted (XGROUP DELCONSUMER) is removed, a page a call: their jobs are lost from the stream. */
enum err queue_reclaim(struct queue *queue, const char *vendor, const char *consumer, int64_t min_idle_ms, int *n,
                       struct err_text *why) __attribute__((warn_unused_result));

/* Which of these are in the delayed set? present[i] is set. */
enum err queue_is_delayed(struct queue *queue, const struct queue_entry *entries, size_t n, bool *present,
                          struct err_text *why) __attribute__((warn_unused_result));

/* ---- Workers ---- */

/* Says that this worker lives; also teaches the clock Redis TIME. Old entries are removed. */
enum err queue_heartbeat(struct queue *queue, const char *worker, struct err_text *why) __attribute__((warn_unused_result));
/* Takes it back on leaving. */
enum err queue_sign_off(struct queue *queue, const char *worker, struct err_text *why);
/* How many workers gave a heartbeat in the last max_age_ms. */
enum err queue_workers(struct queue *queue, int64_t max_age_ms, int *n, struct err_text *why)
	__attribute__((warn_unused_result));
/* Why a vendor's jobs wait, beside its short limits and its hours. */
struct queue_state {
	const struct vendor *vendor;   /* in, borrowed */
	enum breaker_state breaker;    /* out */
	int64_t open_ms;               /* out: left while the breaker is open */
	int64_t hold_ms;               /* out: left while the vendor wants to be left alone; 0 = it does not */
	bool no_token;                 /* out: there is no access token, and the last one could not be fetched */
	int64_t token_ms;              /* out: then, until the next try */
	char token_reason[QUEUE_TOKEN_REASON_SIZE];   /* out: and why */
	int64_t quota_ms;              /* out: left until a used up quota has calls again; 0 = none is used up */
};

/* After an error the states say nothing of use, but that all is well. */
enum err queue_states(struct queue *queue, struct queue_state *states, size_t n, struct err_text *why)
	__attribute__((warn_unused_result));

/* Entries waiting: stream length + delayed. */
enum err queue_depth(struct queue *queue, const char *vendor, int64_t *waiting, int64_t *delayed, struct err_text *why)
	__attribute__((warn_unused_result));

/* ---- Wake-up ---- */

struct queue_wake;   /* a subscription of its own connection */

enum err queue_wake_new(const char *redis_url, const char *prefix, int timeout_ms, struct queue_wake **wake,
                        struct err_text *why) __attribute__((warn_unused_result));
void queue_wake_free(struct queue_wake *wake);
/* Subscribes again if need be. The socket to poll for reading, or -1 while Redis is away (call again later). */
int queue_wake_fd(struct queue_wake *wake);
/* Calls on_wake for each vendor named since; to be called when the socket is readable. */
typedef void (*queue_wake_fn)(const char *vendor, void *arg);
void queue_wake_read(struct queue_wake *wake, queue_wake_fn on_wake, void *arg);

#endif
