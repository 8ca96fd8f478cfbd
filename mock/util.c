#include "util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void *checked(void *memory)
{
	if (memory)
		return memory;
	log_line("out of memory");
	abort();
}

void *mem_alloc(size_t bytes)
{
	return checked(malloc(bytes ? bytes : 1));
}

void *mem_calloc(size_t count, size_t bytes)
{
	return checked(calloc(count ? count : 1, bytes ? bytes : 1));
}

void *mem_realloc(void *old, size_t bytes)
{
	return checked(realloc(old, bytes ? bytes : 1));
}

int64_t clock_mono_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_real_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The finalizer of splitmix64: every input bit reaches every output bit. */
static uint64_t mixed(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* FNV-1a, mixed once more because FNV leaves the upper bits of short inputs poor. */
uint64_t hash_bytes(const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
	return mixed(hash);
}

uint64_t rng_next(struct rng *rng)
{
	rng->state += UINT64_C(0x9e3779b97f4a7c15);
	return mixed(rng->state);
}

double rng_fraction(struct rng *rng)
{
	return (double)(rng_next(rng) >> 11) / (double)(UINT64_C(1) << 53);
}

int64_t rng_upto(struct rng *rng, int64_t most)
{
	return most <= 0 ? 0 : (int64_t)(rng_next(rng) % ((uint64_t)most + 1));
}

void log_line(const char *format, ...)
{
	va_list args;

	fputs("vendorfetch-mock: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}
