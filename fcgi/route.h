/* Which handler answers which method and path: one table, one line a call.
 *
 * 404, 405 with Allow, OPTIONS and HEAD (on every GET route) follow from the table. Pure; thread-safe.
 */
#ifndef VF_ROUTE_H
#define VF_ROUTE_H

#include "reply.h"
#include "request.h"

#include <stdbool.h>

struct api;

/* Fills reply from request. */
typedef void (*route_fn)(struct api *api, const struct request *request, struct reply *reply);

struct route {
	const char *method;
	const char *pattern;      /* "/jobs/{id}": a part in braces stands for any one part that is not empty */
	bool takes_body;          /* the body is read before the handler is called */
	route_fn handle;
};

/* The route of this request in a NULL-terminated table, with request->params filled; or NULL, then reply is
 * (404, 405, 204). */
const struct route *route_find(const struct route *const *routes, struct request *request, struct reply *reply);

#endif
