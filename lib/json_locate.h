/* Where something is in a JSON text, for messages to whoever wrote it. Pure; reentrant. */
#ifndef VF_JSON_LOCATE_H
#define VF_JSON_LOCATE_H

#include <stddef.h>

/* The byte at which what a JSON Pointer names begins: a member at its name, an item of an array and the whole text
 * at the value. If it is not there: the deepest of its places that is. The text has passed json_strict_parse(). */
size_t json_locate(const char *text, size_t len, const char *pointer);

/* As editors show it: both from 1, columns in characters of UTF-8. */
struct json_position { size_t line, column; };

/* The position of a byte (len: of the end). The bytes before it may be anything. */
struct json_position json_position(const char *text, size_t at);

#endif
