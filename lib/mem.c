#include "mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_die(void *p)
{
	if (!p) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return p;
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
