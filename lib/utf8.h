/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing over U+10FFFF. Pure; reentrant. */
#ifndef VF_UTF8_H
#define VF_UTF8_H

#include "buffer.h"

#include <stddef.h>
#include <stdint.h>

/* The length in bytes of the one character at s, which has len > 0 bytes; 0 if there is no valid one. */
size_t utf8_sequence(const char *s, size_t len);

/* The same for one that may be shown as it is; 0 if whoever shows the byte must write it as \xNN: no character, or one that
 * a terminal or a reader obeys (a control, the end of a line or paragraph, what turns the direction of text). */
size_t utf8_printable(const char *s, size_t len);

/* Appends one character. */
void utf8_append(struct buffer *out, uint32_t character);

/* The longest len' <= max at which valid UTF-8 of len bytes can be cut without cutting a character. */
size_t utf8_cut(const char *s, size_t len, size_t max);

/* A copy of at most max bytes in which every byte that belongs to no character is a '?'. The caller owns it. */
char *utf8_clean(const char *s, size_t len, size_t max);

#endif
