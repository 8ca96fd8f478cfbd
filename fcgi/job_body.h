/* The body of POST /jobs: which of its members name the vendor, and which part of it is the payload.
 *
 * One table in job_body.c has all names that clients use for them. Pure but for the reply; one thread at a time.
 */
#ifndef VF_JOB_BODY_H
#define VF_JOB_BODY_H

#include "json_strict.h"
#include "reply.h"
#include "request.h"
#include "vendor.h"

enum { JOB_BODY_NAMES = 6 };

struct job_body {
	char *text;                                   /* compact; owned */
	struct json_wanted members[JOB_BODY_NAMES];   /* those of the table, where they lie in text */
};

/* Reads the body of a request; other_names: beside `vendor` and `payload` the other names count, too. False: it is no
 * JSON object, and reply says so. job_body_deinit() is due in any case. */
bool job_body_read(struct job_body *body, const struct request *request, const struct json_limits *limits,
                   bool other_names, struct reply *reply) __attribute__((warn_unused_result));
void job_body_deinit(struct job_body *body);

/* The vendor that the query and the body name: *vendor is NULL if none is named. False: what they name is no vendor, or
 * not the same one, and reply says so. */
bool job_body_vendor(const struct job_body *body, const struct request *request, const struct vendor_set *vendors,
                     const struct vendor **vendor, struct reply *reply) __attribute__((warn_unused_result));

/* Makes the body into its payload, a compact JSON text that the caller owns. */
char *job_body_take_payload(struct job_body *body);

#endif
