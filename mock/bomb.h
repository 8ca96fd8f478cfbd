/* A decompression bomb: a quarter of a MiB of gzip that unpacks to a quarter of a GiB. */
#ifndef VF_MOCK_BOMB_H
#define VF_MOCK_BOMB_H

#include "buf.h"

enum { BOMB_UNPACKED_BYTES = 268435585 };   /* all of them 'x' */

/* Adds a whole, valid gzip file (RFC 1952) of BOMB_UNPACKED_BYTES. */
void bomb_add(struct buf *out);

#endif
