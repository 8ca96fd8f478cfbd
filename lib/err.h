/* The one error currency: 0 is well, anything else is negative.
 *
 * A function that can fail for a reason worth telling takes a `struct err_text *why` (may be NULL) and fills it
 * before it returns the code. Whoever handles the error logs the text once, or sends it to the client.
 */
#ifndef VF_ERR_H
#define VF_ERR_H

#include <stdbool.h>

enum err {
	ERR_OK = 0,
	ERR_INVALID = -1,     /* bad input; the text names the place */
	ERR_NOT_FOUND = -2,   /* no such thing */
	ERR_EXISTS = -3,      /* it is there already */
	ERR_CONFLICT = -4,    /* it is there already, and it is something else */
	ERR_STALE = -5,       /* a guard did not match: somebody else was first */
	ERR_NOT_DUE = -6,     /* not yet */
	ERR_TOO_BIG = -7,     /* over a limit */
	ERR_UNAVAILABLE = -8, /* store or Redis away or too slow: try again; it may or may not have been done */
	ERR_UNSUPPORTED = -9, /* not in this build, or not with this version */
	ERR_FULL = -10,       /* no room now: try again later */
	ERR_SYSTEM = -11,     /* a system call failed; the text carries strerror */
};

struct err_text { char text[512]; };

/* A fixed, short description of the code. */
const char *err_str(enum err err);

/* True if the same call may succeed later without a change of its input. */
bool err_is_retryable(enum err err);

/* Writes the text (cut to the buffer) and returns err, so that `return err_set(why, ERR_INVALID, "...")` works.
 * why may be NULL. */
enum err err_set(struct err_text *why, enum err err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
