/* Texts that nobody else is to see: their end, and where people write them without noticing. Reentrant. */
#ifndef VF_SECRET_H
#define VF_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrites a text (to its NUL) and frees it. NULL is fine. */
void secret_free(char *text);
/* The same for len bytes. */
void secret_free_bytes(void *bytes, size_t len);

/* Has the URL a password in it, or options by which one may be given? */
bool secret_in_url(const char *url);

/* A copy without these, for logs; the caller owns it. */
char *secret_hide_in_url(const char *url);

#endif
