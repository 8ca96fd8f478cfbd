/* The endpoints that are no vendor calls: /health, /stats, /calls, /config, /reset, /token, /revoke. */
#ifndef VF_MOCK_CONTROL_H
#define VF_MOCK_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

struct conn;

/* Answers the request if it is one of these, or a GET of something unknown (404). False: it is a vendor call. */
bool control_handle(struct conn *conn);

/* Enough of a request to see which endpoint it asks for. */
enum { CONTROL_START_MAX = 32 };

/* True if a request that starts with these bytes asks for an endpoint, and is not a call. */
bool control_is_meant(const char *start, size_t len);

#endif
