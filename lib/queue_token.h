/* Access tokens in Redis: all workers share a vendor's token, and of those that need one a single one fetches it.
 *
 *   token:{vendor}   hash: the token (sealed, token_seal.h), who fetches the next one, and when that may be (queue_token.lua
 *                    says how)
 *
 * Over the connection of a struct queue (queue.h), with its errors: ERR_UNAVAILABLE, and it works again by itself later.
 */
#ifndef VF_QUEUE_TOKEN_H
#define VF_QUEUE_TOKEN_H

#include "queue.h"
#include "token_seal.h"

enum { QUEUE_TOKEN_REST_MS = 1000 };   /* from a token to the fetching of the next one, whatever happens to it */

enum queue_token_answer {
	QUEUE_TOKEN_THERE,       /* id, sealed, use_ms, renew_ms */
	QUEUE_TOKEN_FETCH,       /* it is on you to fetch one, within lease_ms, and to tell by keep, fail or leave; failures */
	QUEUE_TOKEN_WAIT,        /* ask again after wait_ms: somebody else fetches, or it could not be fetched: reason */
};

struct queue_token_ask {
	const char *vendor;              /* in, borrowed, like known */
	const char *known;               /* in: the id of the token that the worker has; another one is wanted. "": it has none */
	bool refused;                    /* in: the vendor refused that one, so nobody may use it any more */
	int64_t lease_ms;                /* in */
	enum queue_token_answer answer;  /* out, like all that follows */
	char id[TOKEN_ID_SIZE];
	char *sealed;                    /* owned by the caller; NULL if there is none */
	int64_t use_ms, renew_ms;        /* it may be used for so long; its successor is to be fetched after so long */
	int failures;                    /* in a row, of all workers */
	int64_t wait_ms;
	char reason[QUEUE_TOKEN_REASON_SIZE];
};

/* worker: its name, the same for all its asks. */
enum err queue_token_ask(struct queue *queue, const char *worker, struct queue_token_ask *ask, struct err_text *why)
	__attribute__((warn_unused_result));

/* A token was fetched; the next one is not for QUEUE_TOKEN_REST_MS. */
enum err queue_token_keep(struct queue *queue, const char *vendor, const char *worker, const char *id, const char *sealed,
                          int64_t use_ms, int64_t renew_ms, struct err_text *why) __attribute__((warn_unused_result));
/* None could be fetched; nobody tries for wait_ms. reason: without secrets; cut to QUEUE_TOKEN_REASON_SIZE. */
enum err queue_token_fail(struct queue *queue, const char *vendor, const char *worker, int64_t wait_ms, const char *reason,
                          struct err_text *why) __attribute__((warn_unused_result));
/* It was to fetch one, and leaves that to others. */
enum err queue_token_leave(struct queue *queue, const char *vendor, const char *worker, struct err_text *why);

#endif
