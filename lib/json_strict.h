/* JSON from outside: RFC 8259 to the letter, with bounds, into json-c values.
 *
 * json-c's own parser, strict or not, accepts what is not JSON (single quotes, NaN, raw control characters, lone
 * surrogates), lets the last of two equal names win, and clamps big integers. This one refuses the former and
 * keeps numbers that fit no machine type as they were written. Everything after parsing (reading, pointers,
 * printing) is json-c's. Reentrant.
 */
#ifndef VF_JSON_STRICT_H
#define VF_JSON_STRICT_H

#include "buffer.h"
#include "err.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

struct json_limits {
	size_t max_bytes;
	int max_depth;             /* nesting of arrays and objects */
	size_t max_members;        /* values in all, names not counted */
	size_t max_string_bytes;   /* of one string, its escapes resolved, of one name, or of one number */
	bool are_settings;         /* they are VENDORFETCH_JSON_MAX_..., and errors say so */
};

/* What requests, callbacks and vendor answers are held to unless said otherwise. */
extern const struct json_limits JSON_LIMITS_DEFAULT;

/* Parses one JSON text with nothing but white space around it. *value is owned by the caller (json_object_put);
 * the JSON text `null` gives *value == NULL with ERR_OK. U+0000 in a name of a member is NUL_IN_NAME in json-c, and
 * json_text() prints it as it came. ERR_INVALID or ERR_TOO_BIG: why names the byte offset, and the JSON Pointer
 * (RFC 6901) of the place in `pointer` (cut to its size; may be NULL). */
enum err json_strict_parse(const char *text, size_t len, const struct json_limits *limits, struct json_object **value,
                           char *pointer, size_t pointer_size, struct err_text *why) __attribute__((warn_unused_result));

/* The same for texts that people write: on an error *at is its byte, and why the reason alone. */
enum err json_strict_parse_at(const char *text, size_t len, const struct json_limits *limits, struct json_object **value,
                              char *pointer, size_t pointer_size, size_t *at, struct err_text *why)
	__attribute__((warn_unused_result));

/* A member of the outermost object to look out for. */
struct json_wanted {
	const char *name;
	size_t at, value_at, end;    /* where its name and its value begin in the compact text, and where it ends; 0 = not there */
};

/* The same checks, errors and limits, but instead of values the text that json_text() would make of them (the caller
 * owns it; NULL on an error): for a fraction of the time and memory. limits->max_bytes is under 4 GiB. */
enum err json_strict_compact(const char *text, size_t len, const struct json_limits *limits, struct json_wanted *wanted,
                             size_t n_wanted, char **compact, char *pointer, size_t pointer_size,
                             struct err_text *why) __attribute__((warn_unused_result));

/* Compact text of a value (NULL gives `null`), numbers as they came in; the caller owns it. len may be NULL. */
char *json_text(struct json_object *value, size_t *len);

/* A value of its own, equal to this one (NULL gives NULL); the caller owns it. */
struct json_object *json_copy(struct json_object *value);

/* The value at a JSON Pointer ("" = the whole). True if there is one (it may be null, *found NULL). Borrowed
 * from value. */
bool json_at(struct json_object *value, const char *pointer, struct json_object **found);

/* Its steps: json_pointer_next() copies the first token of a pointer that begins with '/', its escapes resolved,
 * into token (room for the pointer) and gives the rest of the pointer; json_step() finds the member or item of
 * that name. */
const char *json_pointer_next(const char *pointer, char *token);
bool json_step(struct json_object *value, const char *token, struct json_object **found);

/* The other way: appends a token with what has to be escaped in a pointer escaped, and U+0000 as NUL_IN_NAME. */
void json_pointer_put(struct buffer *out, const char *token, size_t len);

/* The string (or the number's text) at a pointer, borrowed until value goes or is printed again; NULL if it is
 * not there or neither. A string with U+0000 in it is none either: cut there it would be taken for another. */
const char *json_string_at(struct json_object *value, const char *pointer);

#endif
