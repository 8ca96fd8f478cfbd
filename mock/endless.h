/* An answer without an end: chunks of a JSON text that never closes its string. */
#ifndef VF_MOCK_ENDLESS_H
#define VF_MOCK_ENDLESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;

/* Sends on from byte *at of the answer, head included, which is moved: at most `most` bytes, or as many as the socket
 * takes now. False: the connection is closed. */
bool endless_send(struct conn *conn, uint64_t *at, size_t most) __attribute__((warn_unused_result));

#endif
