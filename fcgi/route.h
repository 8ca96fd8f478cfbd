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
	unsigned scope;           /* SCOPE_...: what a client needs (fcgi/access.h); 0: nothing, or the handler looks itself */
};

/* The route of this request in a NULL-terminated table, with request->params filled; or NULL, then reply is
 * (404, 405, 204). Every path is also there with prefix in front ("" = none; borrowed by request->prefix). */
const struct route *route_find(const struct route *const *routes, const char *prefix, struct request *request,
                               struct reply *reply);

/* Does the prefix begin as a path of the table does? Then that path would not be found without it. */
bool route_prefix_clashes(const struct route *const *routes, const char *prefix);

#endif
