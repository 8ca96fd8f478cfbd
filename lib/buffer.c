#include "buffer.h"

#include "mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST_BYTES = 256 };

void buffer_init(struct buffer *b, size_t max_bytes)
{
	*b = (struct buffer){ .max = max_bytes };
}

void buffer_init_secret(struct buffer *b, size_t max_bytes)
{
	*b = (struct buffer){ .max = max_bytes, .is_secret = true };
}

/* Forgets its bytes, which were freed or given away. */
static void begin_anew(struct buffer *b)
{
	*b = (struct buffer){ .max = b->max, .is_secret = b->is_secret };
}

static void release(struct buffer *b)
{
	if (b->is_secret && b->data)
		explicit_bzero(b->data, b->capacity);
	free(b->data);
}

void buffer_deinit(struct buffer *b)
{
	release(b);
	begin_anew(b);
}

void buffer_reset(struct buffer *b)
{
	b->len = 0;
	b->overflowed = false;
	if (b->data)
		b->data[0] = '\0';
}

/* realloc() may leave a copy behind. */
static char *moved(struct buffer *b, size_t capacity)
{
	char *data;

	if (!b->is_secret)
		return mem_realloc(b->data, capacity);
	data = mem_alloc(capacity);
	if (b->data)
		memcpy(data, b->data, b->len + 1);
	release(b);
	return data;
}

/* Makes room for len more bytes and the NUL. False if that would pass the maximum. */
static bool reserve(struct buffer *b, size_t len)
{
	size_t need, capacity = b->capacity ? b->capacity : SMALLEST_BYTES;

	if (b->overflowed || len > b->max - b->len) {
		b->overflowed = true;
		return false;
	}
	need = b->len + len + 1;
	if (need <= b->capacity)
		return true;
	while (capacity < need)
		capacity *= 2;
	b->data = moved(b, capacity);
	b->capacity = capacity;
	return true;
}

void buffer_append(struct buffer *b, const void *bytes, size_t len)
{
	if (!reserve(b, len))
		return;
	if (len)
		memcpy(b->data + b->len, bytes, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buffer_append_str(struct buffer *b, const char *s) { buffer_append(b, s, strlen(s)); }

void buffer_printf(struct buffer *b, const char *fmt, ...)
{
	va_list args, again;
	int len;

	va_start(args, fmt);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len >= 0 && reserve(b, (size_t)len)) {
		vsnprintf(b->data + b->len, (size_t)len + 1, fmt, again);
		b->len += (size_t)len;
	}
	va_end(again);
}

static void append_escaped(struct buffer *b, unsigned char c)
{
	static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (const char *p = short_forms; *p; p += 2)
		if ((unsigned char)p[0] == c) {
			buffer_append(b, (char[]){ '\\', p[1] }, 2);
			return;
		}
	buffer_printf(b, "\\u%04x", c);
}

void buffer_append_json_escaped(struct buffer *b, const char *s, size_t len)
{
	size_t plain = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		bool nul = s[i] == NUL_IN_NAME[0] && i + 1 < len && s[i + 1] == NUL_IN_NAME[1];

		if (c >= 0x20 && c != '"' && c != '\\' && !nul)
			continue;
		buffer_append(b, s + plain, i - plain);
		append_escaped(b, nul ? '\0' : c);
		i += nul;
		plain = i + 1;
	}
	buffer_append(b, s + plain, len - plain);
}

void buffer_append_json_string(struct buffer *b, const char *s, size_t len)
{
	buffer_append(b, "\"", 1);
	buffer_append_json_escaped(b, s, len);
	buffer_append(b, "\"", 1);
}

char *buffer_take(struct buffer *b, size_t *len)
{
	char *data = b->data ? b->data : mem_calloc(1, 1);

	if (len)
		*len = b->len;
	begin_anew(b);
	return data;
}
