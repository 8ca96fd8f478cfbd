/* Allocation that does not fail: out of memory ends the process with one line on stderr.
 *
 * Every size that comes from outside is bounded before it gets here, so running out of memory is not an
 * ordinary error that a caller could act on. Memory is released with free(). Thread-safe.
 */
#ifndef VF_MEM_H
#define VF_MEM_H

#include <stddef.h>

enum { MEM_LARGE_BYTES = 256 << 10 };

/* What was needed once for large bodies goes back to the system when it is freed: blocks of MEM_LARGE_BYTES and more at once, and
 * smaller ones are kept by two arenas a core, not eight (mallopt(3)). Once, before other threads. */
void mem_give_back(void);

void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
/* Zeroed. */
void *mem_calloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *p, size_t size) __attribute__((returns_nonnull));
/* Copies of a string; NULL gives NULL. The caller owns the copy. */
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t len);
/* Formatted; the caller owns the text. */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2), malloc, returns_nonnull));

#endif
