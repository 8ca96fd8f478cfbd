/* What a vendor said, as it came: kept beside the job that it ended, for vendors whose file wants that
 * (response/keep_raw_seconds), for exactly so long.
 *
 * It holds what cleaning takes out of results, so it goes into the store and to who asks for it there, and nowhere else:
 * not into Redis, no cache, no log.
 */
#ifndef VF_RAW_ANSWER_H
#define VF_RAW_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RAW_ANSWER_BYTES_MAX = 15 << 20,     /* as large as any answer or callback may be */
	RAW_ANSWER_TYPE_BYTES_MAX = 255,
};

/* Whose the texts are, whoever has one says. */
struct raw_answer {
	int http_status;        /* of an answer; 0: it came as a callback */
	char *content_type;     /* raw_answer_is_type(), or NULL */
	char *body;             /* any bytes; as it was before compression */
	size_t body_len;
	int64_t received_at;
	int64_t expire_at;      /* nobody gets it any more then, and it is removed */
};

/* Is this the value of a Content-Type header that can be passed on: printable, and not too long? */
bool raw_answer_is_type(const char *value);

/* Frees it with its texts. NULL is fine. */
void raw_answer_free(struct raw_answer *raw);

#endif
