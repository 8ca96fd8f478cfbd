/* JSON text <-> BSON, exact to the byte, or not at all.
 *
 * A payload is stored as a document only when printing that document gives the very text that came in; then
 * users can query its members, and clients still get back what they sent. Everything else stays text.
 * This is not extended JSON: {"$date": ...} is refused, not understood, and integers stay integers.
 * Pure; thread-safe (the process must keep LC_NUMERIC "C"); neither direction recurses.
 */
#ifndef VF_BSON_JSON_H
#define VF_BSON_JSON_H

#include "buffer.h"

#include <bson/bson.h>

enum {
	BSON_JSON_MAX_BYTES = 1 << 20,   /* of BSON */
	BSON_JSON_MAX_DEPTH = 64,        /* objects and arrays within each other */
};

/* Appends the JSON value of len bytes at text (compact: no white space; need not end in NUL) to doc under key.
 * False, and doc unchanged, if it cannot be kept exactly: too large or deep, numbers or escapes that would be
 * printed differently, member names that are empty, start with $, or contain a dot or NUL, or text that is not
 * compact JSON. Bytes over 0x7f are taken as they are: the caller has checked UTF-8. */
bool bson_json_append(bson_t *doc, const char *key, const char *text, size_t len) __attribute__((warn_unused_result));

/* Appends the value at iter as compact JSON text. False if it holds a type that bson_json_append() never writes
 * (somebody edited the document) or is nested too deep; then out holds a part of it. Look at out->overflowed too. */
bool bson_json_print(struct buffer *out, const bson_iter_t *iter) __attribute__((warn_unused_result));

#endif
