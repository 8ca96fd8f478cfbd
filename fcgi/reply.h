/* What goes back to the client: status, headers, body. Errors are problem documents (RFC 9457).
 *
 * A handler fills a struct reply; only reply_send() talks to libfcgi. So handlers can be tested without a
 * web server. ("Answer" is taken: in lib/outcome.h it is what a vendor says to us.) One thread at a time.
 */
#ifndef VF_REPLY_H
#define VF_REPLY_H

#include "buffer.h"

#include <fcgiapp.h>
#include <stdbool.h>
#include <stddef.h>

struct reply {
	int status;
	const char *content_type;  /* NULL without a body */
	char *own_content_type;    /* owned: what content_type points to, if it is no literal; else NULL */
	struct buffer headers;     /* "Name: value\r\n" lines beside Content-Type and Content-Length */
	char *body;                /* owned; NULL = none */
	size_t body_len;
};

void reply_init(struct reply *reply);
void reply_deinit(struct reply *reply);

/* The reason phrase of a status that this program uses. */
const char *reply_title(int status);

/* Adds a header. The value must hold no line break; what comes from outside never goes in unchecked. */
void reply_header(struct reply *reply, const char *name, const char *value);

/* A JSON body; takes body. */
void reply_json(struct reply *reply, int status, char *body, size_t len);

/* Any bytes, with a Content-Type that holds no line break. Takes both. */
void reply_bytes(struct reply *reply, int status, char *content_type, char *body, size_t len);

/* A problem document. detail is made from fmt; it must be UTF-8. */
void reply_problem(struct reply *reply, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same with errors: [{detail, pointer}], pointer being a JSON Pointer into the request's body. */
void reply_problem_at(struct reply *reply, int status, const char *pointer, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* 503 with Retry-After: the store is away. The reason is for the log, not for clients. */
void reply_unavailable(struct reply *reply);

/* Writes it. head: the request was HEAD, so the body is left out and its length told. False if the web
 * server went away. */
bool reply_send(const struct reply *reply, FCGX_Request *fcgx, bool head);

#endif
