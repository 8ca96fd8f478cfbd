/* What every part of the mock needs and libc lacks: checked allocation, clocks, a hash, random numbers.
 *
 * The mock stands alone: it must not share code with the programs that it tests, so nothing here comes from lib/.
 * Not thread-safe, and need not be: the mock is one thread.
 */
#ifndef VF_MOCK_UTIL_H
#define VF_MOCK_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* As malloc, calloc and realloc, but never NULL: out of memory ends the process with a line on stderr. */
void *mem_alloc(size_t bytes) __attribute__((malloc, returns_nonnull, warn_unused_result));
void *mem_calloc(size_t count, size_t bytes) __attribute__((malloc, returns_nonnull, warn_unused_result));
void *mem_realloc(void *old, size_t bytes) __attribute__((returns_nonnull, warn_unused_result));

/* Microseconds of the monotonic clock: for durations and timers. */
int64_t clock_mono_us(void);

/* Nanoseconds since 1970: for instants that are compared with the kernel's receive timestamps, and shown. */
int64_t clock_real_ns(void);

/* A well-mixed 64-bit hash; the same bytes give the same value in every run. */
uint64_t hash_bytes(const void *bytes, size_t len);

/* Random numbers that a seed repeats (splitmix64). Not for secrets. */
struct rng {
	uint64_t state; /* any value is a good seed */
};

uint64_t rng_next(struct rng *rng);

/* 0 <= result < 1. */
double rng_fraction(struct rng *rng);

/* 0 <= result <= most; most >= 0. */
int64_t rng_upto(struct rng *rng, int64_t most);

/* One line on stderr, "vendorfetch-mock: ...". */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
