/* Names and values as queries and forms have them: a=1&b=c%20d. */
#ifndef VF_MOCK_FORM_H
#define VF_MOCK_FORM_H

#include <stdbool.h>
#include <stddef.h>

/* The raw value of the first field of this name, which points into text; NULL: there is none. */
const char *form_field(const char *text, size_t text_len, const char *name, size_t *len);

/* Decodes a raw value, cut to size; gives its length. */
size_t form_decode(const char *text, size_t len, char *out, size_t size);

/* Is the decoded value of the field this text? */
bool form_field_is(const char *text, size_t text_len, const char *name, const char *value, size_t value_len);

#endif
