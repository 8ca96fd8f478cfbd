/* Characters of ASCII, whatever the locale is. */
#ifndef VF_ASCII_H
#define VF_ASCII_H

#include <stdbool.h>
#include <stddef.h>

static inline bool ascii_is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static inline bool ascii_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool ascii_is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static inline bool ascii_is_alnum(char c) { return ascii_is_digit(c) || ascii_is_letter(c); }
static inline char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

/* A TCP port, 1 to 65535, in digits. */
static inline bool ascii_is_port(const char *text, size_t len)
{
	long port = 0;

	for (size_t i = 0; i < len && port <= 65535; i++) {
		if (!ascii_is_digit(text[i]))
			return false;
		port = 10 * port + (text[i] - '0');
	}
	return port >= 1 && port <= 65535;
}

/* Moves both ends of a text past white space. */
static inline void ascii_trim(const char **text, size_t *len)
{
	while (*len > 0 && ascii_is_space((*text)[*len - 1]))
		--*len;
	while (*len > 0 && ascii_is_space(**text)) {
		++*text;
		--*len;
	}
}

#endif
