/* What becomes of a job after its vendor answered: a pure function of (vendor's rules, job, answer, now, random).
 *
 * The worker calls it for answers, the webhook handler for callbacks, so both decide alike, and both clean the
 * result with the same code (clean.h). Nothing here touches the store, Redis or a clock. Reentrant.
 */
#ifndef VF_OUTCOME_H
#define VF_OUTCOME_H

#include "buffer.h"
#include "job.h"
#include "vendor.h"

#include <json-c/json.h>

/* How a call ended on the wire. */
enum transport {
	TRANSPORT_ANSWERED,        /* a complete HTTP answer; the status says the rest */
	TRANSPORT_NOT_MADE,        /* the job cannot be put into a request of this vendor */
	TRANSPORT_NOT_SENT,        /* the request did not leave: grant too old, or the worker is leaving */
	TRANSPORT_CONNECT_FAILED,  /* no connection, name not found, TLS refused: surely not received */
	TRANSPORT_TIMEOUT,         /* may have been received */
	TRANSPORT_CONNECTION_LOST, /* may have been received */
	TRANSPORT_TOO_BIG,         /* answer over max_response_bytes */
	TRANSPORT_LOCAL_ERROR,     /* our own doing: bad URL, out of sockets */
	TRANSPORT_COUNT
};

/* Did the request surely not leave, so that what was granted for it is free again? */
bool transport_is_unsent(enum transport transport);

struct answer {
	enum transport transport;
	int http_status;           /* with TRANSPORT_ANSWERED */
	const char *body;          /* borrowed */
	size_t body_len;
	int64_t retry_after_ms;    /* from retry_after_parse(), or -1 */
	const char *location;      /* the Location header, or NULL; borrowed */
	const char *content_type;  /* likewise, of vendors whose raw answers are kept */
	bool is_cut;               /* the body is not all that came */
	const char *token_id;      /* of the access token that the call has shown, or NULL; borrowed */
	int64_t sent_at;           /* clock_now_ms() when the request left, 0 if it did not */
	int64_t latency_ms;
	const char *detail;        /* the transport's own words for a failure, or NULL; no secrets */
};

/* Does it say that the access token is not good (401)? */
bool answer_refuses_token(const struct answer *answer);

/* What a call says about its vendor, for the circuit breaker. */
enum vendor_health {
	HEALTH_UNKNOWN,            /* nothing: it did not leave, or the fault is ours */
	HEALTH_ALIVE,              /* it lives; neither a success nor a failure (429) */
	HEALTH_SUCCESS,            /* it answered; that it may have refused the job is the job's trouble */
	HEALTH_FAILURE,
	HEALTH_UNREACHABLE,        /* a failure: there is not even a connection */
};

/* What a call leaves behind at its vendor. */
enum settled {
	SETTLED_AS_BEFORE,         /* nothing: it was surely not received. What earlier ones left is still there */
	SETTLED,                   /* the vendor is done with the job */
	UNSETTLED,                 /* it may be at work on it, or may begin yet */
};

enum outcome_kind {
	OUTCOME_COMPLETE,
	OUTCOME_FAILED,
	OUTCOME_RETRY,             /* at retry_at */
	OUTCOME_RETURNED,          /* at retry_at, without costing an attempt */
	OUTCOME_AWAIT_CALLBACK,    /* until callback_until */
	OUTCOME_AWAIT_POLL,        /* to be asked for at retry_at, and failed at deadline_at */
	OUTCOME_POLL_AGAIN,        /* at retry_at */
};

/* Owns its texts but those of raw; outcome_deinit frees them. */
struct outcome {
	enum outcome_kind kind;
	int attempts_add;
	int64_t retry_at;
	int64_t callback_until;
	int64_t deadline_at;       /* the job's new one; 0: it keeps its own */
	enum vendor_health health;
	enum settled settled;
	int64_t hold_ms;           /* > 0: the whole vendor is to be left alone for so long (429, 503 with Retry-After, and
	                              what its file calls limited) */
	bool hold_of_account;      /* ... and all that share its account */
	char *result;              /* JSON text, cleaned */
	char *error;               /* plain text */
	char *vendor_job_id;
	char *poll;                /* what is to be kept until the next poll (polling.h); NULL: as it was */
	struct raw_answer raw;     /* with keeps_raw: what ended the job, as it came; borrows from answer or callback */
	bool keeps_raw;
	char *history_entry;       /* JSON object: attempt, at, outcome, latency_ms, http_status?, polls?, error? ; NULL if the
	                              call does not count. Of all polls of a job only the one that ends it has one */
};

/* How long the whole vendor is to be left alone after this answer, ms; 0: not at all. The same as the outcome's hold_ms,
 * for whoever cannot wait for the outcome; but without what the vendor file says of bodies. */
int64_t outcome_hold_ms(const struct vendor *vendor, const struct answer *answer);
/* Does such a hold go for all that share the vendor's account? A 429 speaks of the account, a 503 of the vendor. The same as
 * the outcome's hold_of_account. */
bool outcome_holds_account(const struct answer *answer);

/* Of a call or, if the job's phase says so, a poll. random: any 32 random bits, for jitter. */
void outcome_of_answer(const struct vendor *vendor, const struct job *job, const struct answer *answer, int64_t now,
                       uint32_t random, struct outcome *outcome);

/* A callback's body (already parsed): OUTCOME_COMPLETE, OUTCOME_FAILED, or OUTCOME_RETRY, whose time depends on the job
 * (callback.h). ERR_INVALID: it carries neither a result nor an error. */
enum err outcome_of_callback(const struct vendor *vendor, struct json_object *body, struct outcome *outcome,
                             struct err_text *why) __attribute__((warn_unused_result));

/* What goes with the outcome of a callback if its vendor's raw answers are kept. Borrows raw's texts; its expire_at
 * is set here. (Of an answer outcome_of_answer() does so.) */
void outcome_keep_raw(const struct vendor *vendor, const struct raw_answer *raw, struct outcome *outcome);

void outcome_deinit(struct outcome *outcome);

/* How entries of a job's history begin, its brace still open. Of a job that has had more than one vendor it says which. */
void outcome_begin_entry(struct buffer *entry, const struct job *job, int attempt, const char *at);

/* The job gets an entry in the queue, for retry_at. */
bool outcome_is_enqueued(const struct outcome *outcome);

/* The guarded change that writes this outcome of a call, with the fence of its attempt. (A success that comes
 * back ERR_STALE may be written again with FENCE_ANY and without counting the attempt; see worker/commit.c.)
 * Borrows from outcome and job. retention_ms: how long a finished job stays. */
void outcome_to_change(const struct outcome *outcome, const struct job *job, int64_t now, int64_t retention_ms,
                       struct job_change *change);

/* Retry-After (RFC 9110, 10.2.3): seconds or an HTTP-date, as a wait from now_ms in ms; -1 if it is neither.
 * Never negative otherwise. */
int64_t retry_after_parse(const char *value, int64_t now_ms);

#endif
