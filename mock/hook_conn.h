/* One outgoing connection of the webhook sender: sends a request, reads the answer, is kept for the next.
 * Which webhook goes over which connection, and what an answer means, is decided in webhook.c.
 */
#ifndef VF_MOCK_HOOK_CONN_H
#define VF_MOCK_HOOK_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "http.h"
#include "loop.h"
#include "url.h"

/* The longest that connecting, sending and answering may take together. */
enum { HOOK_TIMEOUT_US = 10000000 };

struct hook_conn;

struct hook_events {
	/* The request has been written. */
	void (*on_sent)(struct hook_conn *conn);

	/* The exchange is over. status: of the answer, or 0 and what happened. stale: the connection was a kept one
	 * and had ended before any byte of an answer came; it says nothing about the receiver. If hook_conn_usable()
	 * the connection can take another request. */
	void (*on_done)(struct hook_conn *conn, int status, const char *error, bool stale);

	/* The receiver closed the connection while it was kept; it is closed. */
	void (*on_gone)(struct hook_conn *conn);
};

struct hook_conn {
	void *owner, *job;              /* the caller's: whom it belongs to, what it is sending (NULL: kept, idle) */
	struct hook_conn *next;         /* the caller's, for a list */

	struct loop_io io;
	struct loop_timer timer;
	struct loop *loop;
	const struct hook_events *events;
	struct buf out, in;
	size_t out_at;
	struct http_msg msg;
	bool sent, used_before;
};

/* Begins to connect. NULL with errno: no socket, or refused at once. */
struct hook_conn *hook_conn_open(struct loop *loop, const struct url_address *address, const struct hook_events *events,
                                 void *owner) __attribute__((warn_unused_result));

/* Sends what the caller has put into conn->out for `job` (not NULL). on_done may be called before this returns. */
void hook_conn_send(struct hook_conn *conn, void *job);

bool hook_conn_usable(const struct hook_conn *conn);

/* Closes without calling anything; freed when the turn of the loop ends. */
void hook_conn_close(struct hook_conn *conn);

#endif
