/* Hex digits as text has them, in either case. Pure; reentrant. */
#ifndef VF_HEX_H
#define VF_HEX_H

#include <stddef.h>

/* 0 to 15; -1 for what is no hex digit. */
int hex_digit(char c);

/* What the two hex digits at the start of text say: 0 to 255; -1 if there are no two. */
int hex_byte(const char *text, size_t len);

#endif
