/* One HTTP request, as a handler sees it: method, path, query, headers, and on demand the body.
 *
 * The strings of libfcgi die with the FCGX_Request, so a struct request lives no longer than that; what
 * must live longer is copied by whoever keeps it. Everything from outside is bounded or refused here. One
 * thread at a time.
 */
#ifndef VF_REQUEST_H
#define VF_REQUEST_H

#include "clients.h"
#include "err.h"
#include "vendors.h"

#include <fcgiapp.h>
#include <stdbool.h>
#include <stddef.h>

enum { REQUEST_PARAMS_MAX = 2, REQUEST_PATH_MAX = 1024, REQUEST_QUERY_VALUE_SIZE = 512 };

struct request {
	FCGX_Request *fcgx;       /* borrowed; NULL in tests */
	const char *method;
	char path[REQUEST_PATH_MAX + 1];           /* percent-decoded */
	const char *query;        /* what follows the '?', still encoded; "" if nothing does */
	const char *prefix;       /* set by route_find(): what path has in front of the route's own; "" if nothing */
	const char *params[REQUEST_PARAMS_MAX];    /* filled by route_find(): the {...} parts of the path, in order */
	char params_text[REQUEST_PATH_MAX + 1];    /* where they are kept */
	const struct client *client;               /* set by access_enter(): who asks */
	struct clients *clients;                   /* held by it for that long */
	char *body;               /* owned, NUL-terminated; NULL before request_read_body() */
	size_t body_len;
	const struct generation *rules;            /* the vendors that were in force when it came; held by who serves it */
};

/* Fills all but the body from the parameters of a FastCGI request. ERR_INVALID: the path is not one (bad
 * percent-encoding, an encoded slash, a control character). ERR_TOO_BIG: it is over REQUEST_PATH_MAX.
 * request_deinit() is due in any case. */
enum err request_init(struct request *request, FCGX_Request *fcgx, struct err_text *why)
	__attribute__((warn_unused_result));
void request_deinit(struct request *request);

/* The path and query part of a request target, e.g. "/jobs/1?a=b"; borrows target. Errors as
 * request_init(). */
enum err request_set_target(struct request *request, const char *target, struct err_text *why)
	__attribute__((warn_unused_result));

/* Reads the body. ERR_TOO_BIG: longer than max_bytes (nothing was read). ERR_INVALID: Content-Length is no
 * number, or fewer bytes than it says came. */
enum err request_read_body(struct request *request, size_t max_bytes, struct err_text *why)
	__attribute__((warn_unused_result));

/* A header by its CGI name (CONTENT_TYPE, HTTP_IDEMPOTENCY_KEY); NULL if it was not sent. An empty
 * CONTENT_TYPE counts as not sent. */
const char *request_header(const struct request *request, const char *cgi_name);

/* The value of this name in the query, percent-decoded. ERR_NOT_FOUND; ERR_INVALID if it is badly encoded, is there
 * twice (those before us may have looked at the other), or does not fit. */
enum err request_query(const struct request *request, const char *name, char value[REQUEST_QUERY_VALUE_SIZE])
	__attribute__((warn_unused_result));

#endif
