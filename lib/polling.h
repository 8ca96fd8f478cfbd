/* Asking a vendor how its job is coming along: how often, what its answer says, and where, if the vendor names that. The
 * request is made in request.c.
 *
 * What becomes of the job is decided in outcome.c. Pure; thread-safe.
 */
#ifndef VF_POLLING_H
#define VF_POLLING_H

#include "err.h"
#include "token_seal.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

struct job;
struct vendor;

enum {
	POLL_URL_BYTES_MAX = 2048,
	POLL_UNUSABLE_MAX = 5,     /* so many answers in a row that say nothing fail the job */
};

/* One vendor's rules, as its file states them. Texts are owned by the vendor, lists NULL-terminated. */
struct polling_rules {
	bool has_url;              /* struct vendor's `ask` says where to ask; false: the acknowledgement does ... */
	char *url_at;              /* ... at this JSON Pointer, or (NULL) in its Location header, ... */
	bool any_origin;           /* ... and it may lead to another scheme, host or port than request/url */
	char *state;               /* JSON Pointer into the answers: one of the next two, or it is still at work */
	char **done_values;
	char **failed_values;
	char *result;              /* JSON Pointer into an answer that says done */
	int64_t interval_ms;       /* until the first poll; grows by factor with each, up to max_interval_ms */
	double factor;
	int64_t max_interval_ms;
	int64_t timeout_ms;        /* from the acknowledgement on */
};

/* ---- What is kept of a job between its calls and polls ---- */

struct polling_memory {
	char *url;                 /* as the acknowledgement said; NULL: poll/url does. Owned */
	int polls;                 /* so far */
	int unusable;              /* the last so many of them said nothing */
	char refused_token[TOKEN_ID_SIZE];   /* the access token that its last call or poll was refused with, or "" */
};

/* Of struct job's `poll`; all zero of NULL, like members that are not there, or not as polling_memory_text() writes
 * them. */
void polling_memory_read(const char *text, struct polling_memory *memory);
/* A JSON object; the caller owns it. */
char *polling_memory_text(const struct polling_memory *memory);
void polling_memory_deinit(struct polling_memory *memory);

/* ---- Where ---- */

/* The URL that a vendor has named, absolute or relative to request/url; *foreign: of another scheme, host or port than
 * that, so that nothing secret may go there. ERR_INVALID: it is no http URL, or leads to another origin than it may. *url
 * is owned by the caller. */
enum err polling_resolve_url(const struct vendor *vendor, const char *reference, char **url, bool *foreign,
                             struct err_text *why) __attribute__((warn_unused_result));

/* What an acknowledgement says of it (body: NULL if it is no JSON; location: its header, or NULL) for this job, of which
 * the vendor gave vendor_job_id (or NULL). ERR_INVALID: not enough. *memory is to be given to polling_memory_deinit()
 * either way. */
enum err polling_begin(const struct vendor *vendor, const struct job *job, const char *vendor_job_id,
                       struct json_object *body, const char *location, struct polling_memory *memory,
                       struct err_text *why) __attribute__((warn_unused_result));

/* ---- When ---- */

/* The wait after so many polls, up to a tenth longer so that jobs that came together spread. random: any 32 bits. */
int64_t polling_wait_ms(const struct polling_rules *rules, int polls, uint32_t random);

/* ---- What its answer says ---- */

enum polling_says {
	POLL_WORKING,
	POLL_DONE,
	POLL_FAILED,
	POLL_UNUSABLE,             /* nothing of the kind */
};

/* The value at rules->state: a string, or the text of a number, true, false or null; borrowed from body. NULL: none of
 * these, or a string with U+0000 in it. */
const char *polling_state(const struct polling_rules *rules, struct json_object *body);
/* What that means, in upper or lower case. */
enum polling_says polling_read(const struct polling_rules *rules, struct json_object *body);

#endif
