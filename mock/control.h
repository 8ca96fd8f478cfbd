/* The endpoints that are no vendor calls: /health, /stats, /calls, /config, /reset. */
#ifndef VF_MOCK_CONTROL_H
#define VF_MOCK_CONTROL_H

#include <stdbool.h>

struct conn;

/* Answers the request if it is one of these, or a GET of something unknown (404). False: it is a vendor call. */
bool control_handle(struct conn *conn);

#endif
