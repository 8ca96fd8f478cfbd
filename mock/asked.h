/* The jobs of POST /submit: one that is asked for at GET /status/<job id> until it is done.
 *
 * Memory is bounded: the last ASKED_MAX jobs are known. Older ones are unknown, as are all after a restart.
 */
#ifndef VF_MOCK_ASKED_H
#define VF_MOCK_ASKED_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "knobs.h"
#include "util.h"

enum { ASKED_MAX = 65536, ASKED_ID_MAX = 32 };

struct asked;

struct asked *asked_new(void);
void asked_free(struct asked *asked);

/* The id of a job of this number. */
void asked_id(uint64_t job, char id[ASKED_ID_MAX]);

/* A job that came now; its data is made from the seed. What becomes of it in the end is drawn here. */
void asked_add(struct asked *asked, uint64_t job, uint64_t seed, int64_t now_us, const struct knobs *knobs,
               struct rng *rng);

/* Adds what one more poll of this id is answered; gives the HTTP status. */
int asked_poll(struct asked *asked, const char *id, size_t len, int64_t now_us, const struct knobs *knobs,
               struct rng *rng, struct buf *text);

#endif
