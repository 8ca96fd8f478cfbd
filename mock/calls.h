/* What one vendor remembers of the calls that came: all of them in a few bytes, the latest with headers and body.
 *
 * Memory is bounded: CALLS_MAX calls and CALL_IDS_BYTES of ids are kept and later ones only counted; bodies and header
 * blocks are kept of the last CALLS_KEPT calls, each up to CALL_KEPT_BYTES.
 */
#ifndef VF_MOCK_CALLS_H
#define VF_MOCK_CALLS_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum {
	CALLS_MAX = 2000000,
	CALL_ID_MAX = 200,              /* longer ids are cut */
	CALL_IDS_BYTES = 128 * 1024 * 1024,
	CALLS_KEPT = 10000,
	CALL_KEPT_BYTES = 4096,
};

#define CALL_NONE UINT32_MAX

struct calls;

/* Names a recorded call; one of an earlier round (before calls_reset) names nothing. */
struct call_ref {
	uint32_t index;                 /* CALL_NONE: not recorded */
	uint32_t round;
};

/* All counted since the last reset. */
struct calls_totals {
	uint64_t recorded, dropped, distinct_ids, repeated_ids;
};

struct calls *calls_new(void);
void calls_free(struct calls *calls);

/* Forgets all calls and gives their memory back. */
void calls_reset(struct calls *calls);

/* Records a call that came at at_us (wall clock). An empty id stands for "none". *attempt: how many calls of this id
 * came so far, this one included; 0 without an id or if memory is used up. */
struct call_ref calls_add(struct calls *calls, int64_t at_us, const char *id, size_t id_len, uint32_t *attempt);

/* Keeps header block and body of a recorded call, cut to CALL_KEPT_BYTES each. */
void calls_keep(struct calls *calls, struct call_ref ref, const char *head, size_t head_len, const char *body,
                size_t body_len);

/* Notes the status with which the call was answered. Calls without an answer keep 0. */
void calls_set_status(struct calls *calls, struct call_ref ref, int status);

struct calls_totals calls_totals(const struct calls *calls);

/* Adds a JSON array of up to `limit` calls from number `offset` on, in the order of their recording. */
void calls_list(const struct calls *calls, uint64_t offset, uint64_t limit, struct buf *out);

/* Adds a JSON array of the calls of one id, oldest first, at most `limit` (the newest), with request line, headers
 * and body where they are kept. */
void calls_list_id(const struct calls *calls, const char *id, size_t id_len, uint64_t limit, struct buf *out);

#endif
