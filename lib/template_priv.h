/* Between the parts of the templates. Nobody else's.
 *
 *   template.c          compiles texts into segments
 *   template_escape.c   what becomes of a value in the place where it stands
 *   template_render.c   fills segments in
 */
#ifndef VF_TEMPLATE_PRIV_H
#define VF_TEMPLATE_PRIV_H

#include "template.h"

/* A literal and the reference behind it. */
struct template_segment {
	bool begins_entry;             /* of a list: something separates it from the entry before */
	enum template_escape list;     /* of which kind */
	struct buffer text;
	enum refer refer;              /* REFER_NOTHING: only the literal */
	enum template_escape escape;   /* of what is referred to */
	bool is_typed;                 /* with ESCAPE_JSON: a value, not a part of a string */
	bool is_optional;              /* left out with its literal when there is nothing */
	char *pointer;                 /* of REFER_PAYLOAD */
	char *fallback;                /* or NULL */
};

/* Appends a value as the escape has it. NULL, or what is wrong with the value; then nothing was appended. */
const char *template__append(struct buffer *out, const char *bytes, size_t len, enum template_escape escape);

#endif
