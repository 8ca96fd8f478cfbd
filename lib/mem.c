#include "mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARENAS_A_CORE = 2 };

static void *or_die(void *p)
{
	if (!p) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return p;
}

void mem_give_back(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	/* Setting it at all also keeps malloc from raising it to the largest block that was ever freed. */
	mallopt(M_MMAP_THRESHOLD, MEM_LARGE_BYTES);
	mallopt(M_ARENA_MAX, cores > 0 ? (int)cores * ARENAS_A_CORE : ARENAS_A_CORE);
}

void *mem_alloc(size_t size) { return or_die(malloc(size ? size : 1)); }
void *mem_calloc(size_t n, size_t size) { return or_die(calloc(n ? n : 1, size ? size : 1)); }
void *mem_realloc(void *p, size_t size) { return or_die(realloc(p, size ? size : 1)); }

char *mem_strndup(const char *s, size_t len)
{
	char *copy;

	if (!s)
		return NULL;
	copy = mem_alloc(len + 1);
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *mem_strdup(const char *s) { return s ? mem_strndup(s, strlen(s)) : NULL; }

char *mem_printf(const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	return or_die(text);
}
