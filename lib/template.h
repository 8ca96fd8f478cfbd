/* Texts with references in ${...} that are filled in call by call: a request is made of them.
 *
 * A text is compiled once, at load. What is known then becomes literal; the rest becomes a list of segments, each a
 * literal followed by one reference. Rendering parses nothing but the payload, and escapes every value for the place
 * where it stands, so that no value can be read as anything but a value. A template is immutable once compiled, so
 * that all threads may render it.
 *
 *   ${payload:/a/b}        what the payload has at this JSON Pointer; without it nothing can be rendered
 *   ${payload:/a/b|text}   the same, or the text (the pointer ends at the first '|')
 *   ${job:request_id}  ${job:callback_url}  ${time:s}  ${time:ms}  ${time:rfc3339}
 *   ${job:vendor_job_id}   once the vendor has accepted the job
 *   ${request:method}  ${request:host}  ${request:path}  ${request:query}  ${request:body}  ${request:body_sha256}
 *   ${request:signature}   of the finished request
 *   ${auth:access_token}   that a token endpoint gave
 *
 * An entry of a list (a query parameter, a form's field, a header, a member or item of a JSON body) that is exactly one
 * ${payload:...|} with an empty text is left out when the payload has nothing there.
 */
#ifndef VF_TEMPLATE_H
#define VF_TEMPLATE_H

#include "buffer.h"
#include "err.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEMPLATE_REFERENCES_MAX = 256, TEMPLATE_BYTES_MAX = 1 << 20 };

/* Where a value stands, and so what must not get through. */
enum template_escape {
	ESCAPE_NONE,       /* as it is */
	ESCAPE_URL,        /* stays in its path segment, or behind a '?' in its query value; literals are as they are */
	ESCAPE_QUERY,      /* a query value; the literals are escaped, too */
	ESCAPE_FORM,       /* the same in application/x-www-form-urlencoded */
	ESCAPE_HEADER,     /* no control characters */
	ESCAPE_JSON,       /* inside a JSON string */
	ESCAPE_COUNT
};

/* What a reference stands for. */
enum refer {
	REFER_NOTHING,
	REFER_PAYLOAD, REFER_REQUEST_ID, REFER_CALLBACK_URL, REFER_TIME_S, REFER_TIME_MS, REFER_TIME_RFC3339,
	REFER_METHOD, REFER_HOST, REFER_PATH, REFER_QUERY, REFER_BODY, REFER_BODY_SHA256, REFER_SIGNATURE,
	REFER_ACCESS_TOKEN,
	REFER_VENDOR_JOB_ID,
	REFER_COUNT
};

#define REFER_BIT(refer) (1u << (refer))
/* What is known before the request is made. */
#define REFERS_TO_JOB (REFER_BIT(REFER_METHOD) - 2)
/* The same of the request that asks for a job which its vendor has accepted. */
#define REFERS_TO_ACCEPTED_JOB ((REFERS_TO_JOB & ~REFER_BIT(REFER_CALLBACK_URL)) | REFER_BIT(REFER_VENDOR_JOB_ID))
/* What is known once it is made, and once it is signed. */
#define REFERS_TO_REQUEST (REFER_BIT(REFER_SIGNATURE) - REFER_BIT(REFER_METHOD))
#define REFERS_TO_SIGNATURE REFER_BIT(REFER_SIGNATURE)
#define REFERS_TO_TOKEN REFER_BIT(REFER_ACCESS_TOKEN)

/* All zero is an empty one. */
struct template {
	struct template_segment *segments;
	size_t n;
	size_t n_references;
	unsigned refers;       /* REFER_BITs of what is in it */
};

/* What may stand in a text. */
struct template_rules {
	unsigned allowed;      /* REFER_BITs */
	/* Appends what a reference stands for that is known now; ERR_NOT_FOUND: it is not of this kind. */
	enum err (*fixed)(const char *reference, const void *arg, struct buffer *out, struct err_text *why);
	const void *arg;
};

/* NULL is fine. Wipes the literals, which may be secrets. */
void template_deinit(struct template *t);

/* Each of these appends to a template. ERR_INVALID: why says what is wrong, never with what a reference stands for; the
 * template is to be given to template_deinit() either way. */

enum err template_add(struct template *t, const char *text, enum template_escape escape,
                      const struct template_rules *rules, struct err_text *why) __attribute__((warn_unused_result));

/* An entry of a list: "name=value" with ESCAPE_QUERY or ESCAPE_FORM, "name: value" with ESCAPE_HEADER, which is a list
 * of one. A query is appended to a URL, with its '?' if there is none yet. */
enum err template_add_pair(struct template *t, const char *name, const char *text, enum template_escape escape,
                           const struct template_rules *rules, struct err_text *why)
	__attribute__((warn_unused_result));

/* A JSON value in whose strings references may stand. A string that is exactly one ${payload:...} becomes the value
 * with its type, numbers to the digit. */
enum err template_add_json(struct template *t, struct json_object *value, const struct template_rules *rules,
                           struct err_text *why) __attribute__((warn_unused_result));

/* The literal that it begins with, "" if there is none; borrowed. */
const char *template_beginning(const struct template *t);

/* Has a URL a reference in front of its path, in its host or port? *rest: then the literal behind the last one there, up to
 * the path or more; borrowed. */
bool template_host_refers(const struct template *url, const char **rest);

/* ---- Rendering ---- */

/* What references stand for now. Borrows every text; one thread at a time. */
struct template_values {
	const char *payload;               /* JSON text */
	struct { const char *bytes; size_t len; } texts[REFER_COUNT];   /* of all others that are referred to */
	struct json_object *parsed;        /* of the payload, once somebody asked for a part of it */
	bool is_parsed;
};

/* Frees what rendering has put into it. */
void template_values_deinit(struct template_values *values);

/* Appends to out, whose maximum is the bound. ERR_INVALID: the values do not fit; why names the pointer, never the
 * value (bytes may be NULL of the vendor's id of the job alone: it has none). ERR_TOO_BIG: it is longer than out may be. */
enum err template_render(const struct template *t, struct template_values *values, struct buffer *out,
                         struct err_text *why) __attribute__((warn_unused_result));

/* Has the path of this URL a segment that is "." or ".." (percent-encoded or not)? It would lead elsewhere. */
bool template_url_has_dots(const char *url);

#endif
