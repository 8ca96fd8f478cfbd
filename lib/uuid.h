/* Request ids: UUID version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then random bits.
 *
 * Ids made later sort later (within a process even in the same millisecond), which keeps the store's index
 * insertions at its right edge.
 */
#ifndef VF_UUID_H
#define VF_UUID_H

#include <stdbool.h>
#include <stdint.h>

enum { UUID_TEXT_SIZE = 37 };

/* Writes a new id for the instant now_ms, lower case with hyphens. Thread-safe. */
void uuid_new(int64_t now_ms, char out[UUID_TEXT_SIZE]);

/* True for 36 characters of lower-case hexadecimal with hyphens in the places of a UUID, any version. */
bool uuid_is_valid(const char *text);

/* Reads a UUID in either case (RFC 9562, section 4) into out as we write them, in lower case. False if it is none. */
bool uuid_parse(const char *text, char out[UUID_TEXT_SIZE]);

#endif
