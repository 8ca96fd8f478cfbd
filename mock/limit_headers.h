/* Headers in which the vendor says what is left of its limit, in the forms that real ones have. */
#ifndef VF_MOCK_LIMIT_HEADERS_H
#define VF_MOCK_LIMIT_HEADERS_H

#include <stdbool.h>
#include <stdint.h>

#include "window.h"

enum { LIMIT_HEADERS_MAX = 256 };

/* Is this one of the forms, or empty: none? */
bool limit_headers_valid(const char *form);

/* Writes the header lines, each with its line end; nothing without a form or a limit. */
void limit_headers_write(const char *form, const struct window *window, int64_t now_ns, char out[LIMIT_HEADERS_MAX]);

#endif
