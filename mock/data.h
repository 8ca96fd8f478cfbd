/* What the vendors answer: a plausible person, always the same for the same call, with what cleaning has to remove. */
#ifndef VF_MOCK_DATA_H
#define VF_MOCK_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* A body is echoed up to this length. */
enum { DATA_ECHO_MAX = 64 * 1024 };

/* Adds one JSON object made from the seed. With `received`, the body of the call, echoed under that name if it is a
 * JSON object or array of at most DATA_ECHO_MAX bytes. */
void data_add(struct buf *out, uint64_t seed, const char *received, size_t received_len);

#endif
