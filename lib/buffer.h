/* A byte buffer that grows up to a maximum given at its start.
 *
 * Over the maximum the buffer keeps what it had, remembers that it overflowed, and every later append does nothing;
 * so a writer may append without checks and look once at the end (as curl's dynbuf). Always NUL-terminated
 * after the first append. One for secrets leaves no copy of its bytes in freed memory. Not thread-safe.
 */
#ifndef VF_BUFFER_H
#define VF_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
	char *data;       /* NULL until the first append */
	size_t len;
	size_t capacity;
	size_t max;       /* most bytes it may hold, without the NUL */
	bool overflowed;
	bool is_secret;
};

void buffer_init(struct buffer *b, size_t max_bytes);
/* The same, for secrets. What buffer_take() gives away is wiped by its owner (secret.h). */
void buffer_init_secret(struct buffer *b, size_t max_bytes);
void buffer_deinit(struct buffer *b);
/* Empties it and keeps its memory. */
void buffer_reset(struct buffer *b);

void buffer_append(struct buffer *b, const void *bytes, size_t len);
void buffer_append_str(struct buffer *b, const char *s);
void buffer_printf(struct buffer *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* U+0000 where there is only room for C strings (json-c's names of members): bytes that are in no UTF-8. */
#define NUL_IN_NAME "\xc0\x80"
/* What stands between the quotes of a JSON string; s must be UTF-8, or have NUL_IN_NAME in it. */
void buffer_append_json_escaped(struct buffer *b, const char *s, size_t len);
/* The same with its quotes. */
void buffer_append_json_string(struct buffer *b, const char *s, size_t len);

/* Gives the bytes (NUL-terminated, owned by the caller, never NULL) away and leaves the buffer empty. */
char *buffer_take(struct buffer *b, size_t *len);

#endif
