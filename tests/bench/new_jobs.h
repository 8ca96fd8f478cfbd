/* Jobs made and stored without a client, as the pool's writer thread stores them (lib/store.h). */
#ifndef VF_NEW_JOBS_H
#define VF_NEW_JOBS_H

#include "err.h"
#include "store.h"
#include "uuid.h"

#include <stddef.h>

enum { NEW_JOBS_MAX = 1000 };

struct new_jobs {
	const char *vendor;      /* borrowed */
	size_t payload_bytes;    /* of each: an object with one text, at least 16 */
};

/* Stores n more of them (up to NEW_JOBS_MAX) as one durable batch. ids: n, filled in. An error: not all are stored. */
enum err new_jobs_insert(struct store *store, const struct new_jobs *jobs, size_t n, char (*ids)[UUID_TEXT_SIZE],
                         struct err_text *why) __attribute__((warn_unused_result));

#endif
