/* The threads that take requests from the web server and answer them, one request a thread at a time.
 *
 * The socket belongs to the web server alone (0660): libfcgi has no time limit of its own for a peer that
 * sends half a request.
 */
#ifndef VF_ACCEPT_POOL_H
#define VF_ACCEPT_POOL_H

#include "api.h"
#include "err.h"

struct accept_pool;

/* Starts n threads on a listening socket, which becomes non-blocking. ERR_INVALID: it does not listen.
 * ERR_SYSTEM. api is borrowed. */
enum err accept_pool_new(struct api *api, int listen_fd, int n, struct accept_pool **pool, struct err_text *why)
	__attribute__((warn_unused_result));

/* Takes no more requests, finishes those that were taken, and returns when the last thread has left.
 * Connections that nobody took yet stay in the socket's backlog for the other processes. */
void accept_pool_free(struct accept_pool *pool);

/* What a thread does with one request that it has accepted; for tests/fuzz, too. */
void accept_pool__serve(struct api *api, FCGX_Request *fcgx);

#endif
