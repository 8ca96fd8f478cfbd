/* One connection of a client to a vendor: reads a request, has it answered, writes the answer, goes on.
 *
 * One request at a time: while a call waits for its answer nothing more is read, so pipelined requests wait in the
 * kernel and memory stays bounded. What a request means is decided in control.c and vendor_call.c.
 */
#ifndef VF_MOCK_CONN_H
#define VF_MOCK_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "http.h"
#include "loop.h"
#include "vendor.h"
#include "vendor_call.h"

enum conn_state {
	CONN_READING,   /* a request, or waiting for one */
	CONN_BUSY,      /* the call waits: for its latency, for a webhook, or for ever */
	CONN_WRITING,   /* the answer did not fit into the socket */
	CONN_LINGERING, /* answered and shut down; reads until the client has seen it */
	CONN_CLOSED,
};

struct conn {
	struct loop_io io;
	struct loop_timer timer;         /* BUSY: the latency; LINGERING: the end; READING: the next turn */
	struct vendor *vendor;
	struct conn *next, **previous;   /* in vendor->conns */
	enum conn_state state;
	bool readable, peer_closed, continue_sent, close_after, linger;
	bool stamped;                    /* arrived_ns is the kernel's */
	struct http_msg msg;
	struct buf in, out;
	size_t out_at, pad_left;
	const char *tail;                /* static text that ends the answer after the padding */
	int64_t arrived_ns;              /* when the first byte of the request came, since 1970 */
	int64_t read_ns;                 /* the same of the latest read */
	struct call call;                /* meaningful while CONN_BUSY */
	enum fate next_fate;             /* of the next call, if it was drawn before the call was read */
};

struct answer {
	int status;
	const char *type;                /* of the body; NULL: application/json */
	const char *header_name, *header_value; /* one more header, or NULL */
	const char *headers;             /* more header lines, each with its end, or NULL */
	const char *body;                /* copied; may be vendor->text */
	size_t len;
	size_t pad;                      /* this many 'x' follow the body */
	const char *tail;                /* static text after the padding, or NULL */
	int length_lie;                  /* Content-Length says so much more than is sent */
};

/* Takes the socket over, which must be non-blocking. The connection frees itself when it is closed.
 * False with errno: the socket is closed. */
bool conn_open(struct vendor *vendor, int fd) __attribute__((warn_unused_result));

/* Answers the request that was read. Then the state is READING, WRITING, LINGERING or CLOSED. */
void conn_answer(struct conn *conn, const struct answer *answer);

/* Answers {"error":{"code":status,"message":...}}. */
void conn_answer_error(struct conn *conn, int status, const char *message);

/* Sends bytes as they are, for a call that is BUSY. How many the socket took; -1: the connection is closed. */
ssize_t conn_send(struct conn *conn, const void *bytes, size_t len) __attribute__((warn_unused_result));

/* Reads and answers as long as there is something to read. To be called after an answer that was not given from
 * within the reading of its own request. */
void conn_run(struct conn *conn);

/* Closes. A call that still waits is over (vendor_call_drop): it counts as left by its client. */
void conn_close(struct conn *conn);

/* The same with a reset (RST) instead of an orderly end. */
void conn_reset(struct conn *conn);

#endif
