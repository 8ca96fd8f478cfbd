/* Between the parts of the strict parser: json_strict.c (structure), json_scalar.c (strings and numbers) and
 * json_locate.c (where something is in a text). Nobody else's. */
#ifndef VF_JSON_PARSER_H
#define VF_JSON_PARSER_H

#include "buffer.h"
#include "json_names.h"
#include "json_strict.h"

#include <stdbool.h>

/* Bytes of the text or of parser->unescaped: valid until the next string is read. */
struct json_span {
	const char *bytes;
	size_t len;
	bool escaped;    /* as it was written: bytes are not a part of the text */
};

/* Where the parser is, as a chain from the innermost container outwards; lives on the C stack. */
struct json_place {
	const struct json_place *up;    /* NULL: the whole text */
	struct json_span name;          /* the member's, its bytes NULL in an array */
	size_t index;
};

struct json_parser {
	const char *text;
	size_t len;
	size_t at;
	size_t n_values;
	int depth;
	const struct json_limits *limits;
	struct buffer unescaped;        /* the string read last, if it had escapes */
	/* What is made of the text: json-c values, or (compact not NULL) its compact form and no values at all. */
	struct buffer *compact;
	struct json_names names;        /* of all objects, in compact */
	uint32_t n_objects;
	struct json_wanted *wanted;
	size_t n_wanted;
	char *pointer;
	size_t pointer_size;
	size_t *failed_at;              /* not NULL: gets the byte of an error, which why does not name then */
	struct err_text *why;
};

/* Each moves the parser past what it read, or fills the caller's pointer and why. */
enum err json_parser__string(struct json_parser *p, const struct json_place *place, struct json_span *string);
enum err json_parser__number(struct json_parser *p, const struct json_place *place, struct json_object **value);

/* Fills the caller's pointer and why with the place, and gives err back. */
enum err json_parser__fail(struct json_parser *p, size_t at, const struct json_place *place, enum err err,
                           const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* "expected what", and whether that is because the text ends. */
enum err json_parser__expected(struct json_parser *p, const struct json_place *place, const char *what);

/* A text that names a setting, if the limits are settings, else "". */
static inline const char *json_parser__setting(const struct json_parser *p, const char *text)
{
	return p->limits->are_settings ? text : "";
}

/* value, or the end of the process: json-c answers NULL only when memory is out. */
struct json_object *json_parser__made(struct json_object *value);

static inline bool json_parser__next_is(const struct json_parser *p, char c)
{
	return p->at < p->len && p->text[p->at] == c;
}

static inline bool json_parser__take(struct json_parser *p, char c)
{
	if (!json_parser__next_is(p, c))
		return false;
	p->at++;
	return true;
}

static inline void json_parser__skip_space(struct json_parser *p)
{
	while (p->at < p->len) {
		char c = p->text[p->at];

		if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return;
		p->at++;
	}
}

#endif
