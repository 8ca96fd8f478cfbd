/* Where a callback has what: its job, what it says of a failure, its result. By the places that the vendor file names;
 * its defaults know what vendors usually send. What becomes of the job: outcome.h and callback.h. Pure; reentrant.
 */
#ifndef VF_CALLBACK_BODY_H
#define VF_CALLBACK_BODY_H

#include "err.h"
#include "vendor.h"

#include <json-c/json.h>
#include <stdbool.h>

/* The id of its job: what its header has (callback/job_id_header; NULL: it is not there) if that is visible ASCII,
 * else what its body has at callback/job_id. Ours or the vendor's own; NULL if there is none. Borrowed from header
 * or body. */
const char *callback_body_job_id(const struct vendor *vendor, const char *header, struct json_object *body);

/* Does it only tell that the vendor is at work (a rule of callback/verdicts says ignore)? Then it changes nothing. */
bool callback_body_is_no_news(const struct vendor *vendor, struct json_object *body);

/* The vendor's words at callback/error, cleaned, or NULL. The caller owns them. */
char *callback_body_words(const struct vendor *vendor, struct json_object *body);

/* Why it is a failure, for the job's error, or NULL: it is none. The caller owns it. */
char *callback_body_failure(const struct vendor *vendor, struct json_object *body);

/* Its result, borrowed from body: at the first of its places where there is more than null, else null (*value
 * NULL), which has to be there, or the body says that it is a success. ERR_INVALID: there is none; why names the
 * places. */
enum err callback_body_result(const struct vendor *vendor, struct json_object *body, struct json_object **value,
                              struct err_text *why) __attribute__((warn_unused_result));

#endif
