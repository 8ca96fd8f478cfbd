/* More names for what is in the answers about a job: VENDORFETCH_EXTRA_FIELDS, such as
 * "request_id=requestId,jobId;result=data". The same value is there under each of its names.
 *
 * Answers are made and cached without them, and get them on their way out: so a cache may be shared by processes of
 * other settings. Immutable once made, so thread-safe.
 */
#ifndef VF_EXTRA_FIELDS_H
#define VF_EXTRA_FIELDS_H

#include "err.h"

#include <stddef.h>

struct extra_fields;

/* text "": none. ERR_INVALID: why says what is wrong with which part of it. */
enum err extra_fields_new(const char *text, struct extra_fields **fields, struct err_text *why)
	__attribute__((warn_unused_result));
/* NULL is fine. */
void extra_fields_free(struct extra_fields *fields);

/* Adds them to an answer, a JSON object and a line end. Takes the answer and gives the one to send, of *len bytes. */
char *extra_fields_add(const struct extra_fields *fields, char *answer, size_t *len)
	__attribute__((warn_unused_result));

#endif
