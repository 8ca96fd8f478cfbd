/* Who may call: the clients of the API and their tokens, read from one file.
 *
 *   { "clients": [ {
 *       "name": "billing",
 *       "token_sha256": "5df1...",              or an array of them, while a token is replaced
 *       "scopes": ["submit", "read"],           or "admin": both, over all tenants, and all of /health
 *       "vendors": ["acme"],                    not there: all
 *       "tenant": "billing",                    not there: sees every job
 *       "expires": "2027-01-31T00:00:00Z",      not there: never
 *       "limit": {"requests": 100, "per_seconds": 1}
 *   } ] }
 *
 * Tokens have 256 random bits (vendorfetch token new), so that a plain SHA-256 of one says nothing about it. Immutable
 * once loaded, so thread-safe.
 */
#ifndef VF_CLIENTS_H
#define VF_CLIENTS_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SCOPE_SUBMIT = 1 << 0,
	SCOPE_READ = 1 << 1,
	SCOPE_ADMIN = 1 << 2,
	SCOPES_ALL = SCOPE_SUBMIT | SCOPE_READ | SCOPE_ADMIN,
};

struct client {
	char *name;
	unsigned scopes;          /* those of admin included */
	char **vendors;           /* names, NULL-terminated; NULL: all */
	char *tenant;             /* NULL: none, sees the jobs of all */
	int64_t expires_at;       /* ms since 1970; 0: never */
	int64_t limit_requests;   /* in any ... (0: no limit) */
	int64_t limit_ms;         /* ... of these */
};

struct clients;

/* One reference is the caller's. ERR_INVALID with "file: member: reason". */
enum err clients_load(const char *path, struct clients **clients, struct err_text *why)
	__attribute__((warn_unused_result));
/* One more reference. */
struct clients *clients_hold(struct clients *clients);
/* The last one frees it. NULL is fine. */
void clients_release(struct clients *clients);

size_t clients_count(const struct clients *clients);

/* The client whose token this is, NULL if nobody's. Takes as long for any token of the same length. */
const struct client *clients_find(const struct clients *clients, const char *token);

bool client_may_use(const struct client *client, const char *vendor);

#endif
