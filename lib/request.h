/* The request that goes to a vendor, made of a job as the vendor's file says. Pure; reentrant.
 *
 * The values of a job are data wherever they stand: template.h escapes them, and what cannot be said in its place is an
 * error of the job, found before anything is sent.
 */
#ifndef VF_REQUEST_H
#define VF_REQUEST_H

#include "job.h"
#include "vendor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	REQUEST_URL_BYTES_MAX = 32 << 10,
	REQUEST_HEADER_BYTES_MAX = 64 << 10,   /* of one line */
	REQUEST_BODY_BYTES_MAX = 16 << 20,
};

struct request {
	const char *method;
	char *url;
	char **headers;        /* lines "Name: value" */
	size_t n_headers;
	const char *body;      /* NULL: none is sent */
	size_t body_len;
	char *own_body;        /* NULL if body is the job's payload */
	bool is_foreign;       /* a poll that goes where the vendor said, to another origin: it shows nobody who we are */
	bool host_is_foreign;  /* not the vendor's file, but the job or an acknowledgement says which host is called */
};

/* What it needs to know of the program, and of a call whose vendor wants an access token. */
struct call_context {
	const char *api_base_url;
	const unsigned char *callback_key;   /* STORE_SECRET_SIZE bytes */
	const char *access_token;            /* NULL: none is wanted */
};

/* Fills a request that is all zero, of a call or (job->phase) a poll; request_clear() frees it either way. It borrows
 * the job's payload. now: what ${time:} says, ms since 1970. ERR_INVALID or ERR_TOO_BIG: it cannot be made of this job,
 * or of a job to be polled that could never be asked for; why says which part and why, with no value of the job and no
 * secret in it. */
enum err request_make(const struct vendor *vendor, const struct job *job, const struct call_context *context,
                      int64_t now, struct request *request, struct err_text *why) __attribute__((warn_unused_result));
void request_clear(struct request *request);

/* Could the vendor be asked for this job, going by the vendor file? vendor_job_id: the one it gave, or NULL if that is not
 * known yet: then any may come. Errors as above. */
enum err request_try_poll(const struct vendor *vendor, const struct job *job, const char *vendor_job_id,
                          struct err_text *why) __attribute__((warn_unused_result));

#endif
