/* A growing run of bytes, and what the mock writes into it most: text and JSON.
 *
 * The buffer itself has no maximum; whoever fills it from outside states the bound (see http.h).
 * All zero bytes is an empty buffer. Out of memory ends the process.
 */
#ifndef VF_MOCK_BUF_H
#define VF_MOCK_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data; /* owned; not NUL-terminated; NULL while nothing was added */
	size_t len;
	size_t cap;
};

/* Frees the bytes; the buffer is empty and may be used again. */
void buf_deinit(struct buf *buf);

/* Makes room for at least `extra` bytes after len. Pointers into data become invalid. */
void buf_reserve(struct buf *buf, size_t extra);

/* Empties the buffer; gives the memory back only if it holds more than keep_bytes. */
void buf_reset(struct buf *buf, size_t keep_bytes);

void buf_add(struct buf *buf, const void *bytes, size_t len);
void buf_add_str(struct buf *buf, const char *text);
void buf_add_fill(struct buf *buf, char byte, size_t count);
void buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds the bytes as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD. */
void buf_add_json(struct buf *buf, const char *text, size_t len);

/* True if the text is exactly one JSON object or array (RFC 8259, UTF-8), nested no deeper than 64 levels, so that it
 * can be put into a JSON document as it is. */
bool json_is_document(const char *text, size_t len);

#endif
