/* Who may do what: looks at each request before its body is read.
 *
 * With a file of clients (fcgi/clients.h) a request needs the bearer token of one (RFC 6750) whose scopes cover its
 * route. Without one, clients on this machine (loopback addresses) may do everything and others nothing, unless
 * VENDORFETCH_OPEN says that they may. Thread-safe.
 */
#ifndef VF_ACCESS_H
#define VF_ACCESS_H

#include "clients.h"
#include "job.h"
#include "reply.h"
#include "request.h"
#include "route.h"
#include "settings.h"

/* The challenge that comes with a 403: the token is good, but not for this. */
#define ACCESS_INSUFFICIENT_SCOPE "Bearer realm=\"vendorfetch\", error=\"insufficient_scope\""

struct access;

/* ERR_INVALID: the file, or REDIS_URL. Says in the log who may call. */
enum err access_new(const struct settings *settings, struct access **access, struct err_text *why)
	__attribute__((warn_unused_result));
/* NULL is fine. */
void access_free(struct access *access);

/* Reads the file again; on an error the clients stay who they are. */
enum err access_reload(struct access *access, struct err_text *why) __attribute__((warn_unused_result));

/* Sets request->client, which is never NULL then, until access_leave(). False: reply says why not (401, 403, 429). */
bool access_enter(struct access *access, const struct route *route, struct request *request, struct reply *reply);
void access_leave(struct request *request);

/* Is it a job of the client's tenant and vendors? Others are unknown to it. */
bool access_may_see(const struct client *client, const struct job *job);

#endif
