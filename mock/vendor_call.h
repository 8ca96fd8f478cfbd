/* One call of a vendor: recorded, judged against the limits, given its fate by the knobs, answered. */
#ifndef VF_MOCK_VENDOR_CALL_H
#define VF_MOCK_VENDOR_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "calls.h"

struct conn;
struct webhook;

enum fate {
	FATE_UNDRAWN, FATE_ANSWER, FATE_OVER_LIMIT, FATE_TOO_MANY, FATE_FAIL, FATE_HANG, FATE_RESET, FATE_RESET_EARLY,
	FATE_CLOSE, FATE_GARBAGE, FATE_TRICKLE, FATE_ENDLESS, FATE_GZIP_BOMB, FATE_WRONG_LENGTH, FATE_SHORT_LENGTH,
	FATE_UNAUTHORIZED, FATE_TOKEN, FATES
};

struct call {
	struct call_ref ref;
	enum fate fate;
	bool in_flight;
	uint64_t job;                   /* number of the job that an async vendor made of it; 0: none yet */
	uint64_t sent;                  /* bytes of an answer without an end */
	struct webhook *awaited;        /* with webhook_before_answer: the call is answered when this one is through */
};

/* Draws the fate of the call that is about to be read, from the ratios. True: the connection is to be reset instead
 * (counted here); else vendor_call_begin() keeps to what was drawn. */
bool vendor_call_resets_early(struct conn *conn);

/* Is the request that has been read one for a job's state? It is a call like others, but not by chance. */
bool vendor_call_is_poll(const struct conn *conn);

/* Begins the call whose request has been read. Then it is answered, waits (state BUSY), or its connection is closed. */
void vendor_call_begin(struct conn *conn);

/* The same of a request for a token, which is no call. */
void vendor_call_begin_token(struct conn *conn);

/* The latency is over: does what was decided. */
void vendor_call_continue(struct conn *conn);

/* The connection closes: the call, if one waits, is over. Nothing happens if none does. */
void vendor_call_drop(struct conn *conn);

#endif
