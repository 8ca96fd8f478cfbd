/* Reads HTTP/1.x messages out of a buffer that fills up bit by bit: requests (the vendors) and responses (the webhook
 * sender). Knows no sockets.
 *
 * Everything is bounded: what does not fit is refused with the HTTP status that says so. Framing is read strictly
 * (one Content-Length, no Content-Length beside chunked, no other transfer coding), so that the next message on the
 * connection starts where the client thinks it does.
 */
#ifndef VF_MOCK_HTTP_H
#define VF_MOCK_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum {
	HTTP_HEAD_MAX = 16 * 1024,       /* bytes of start line and fields */
	HTTP_FIELDS_MAX = 64,
	HTTP_CHUNK_LINE_MAX = 1024,      /* a chunk's size line, or one trailer field */
	HTTP_TRAILER_MAX = 8 * 1024,
};
#define HTTP_BODY_MAX ((size_t)8 * 1024 * 1024)

enum http_stage { HTTP_HEAD, HTTP_BODY, HTTP_CHUNK_SIZE, HTTP_CHUNK_DATA, HTTP_CHUNK_END, HTTP_TRAILER, HTTP_COMPLETE };

/* What http_read() returns, if not the status of a refusal (400...505). */
enum { HTTP_DONE = 0, HTTP_MORE = 1 };

/* Places in the buffer; never longer than HTTP_HEAD_MAX. */
struct http_span {
	uint16_t at, len;
};

/* One message being read. All zero bytes is the start of a request; set is_response for a response. The spans count
 * from the start of the buffer and stand once the stage is past HTTP_HEAD. */
struct http_msg {
	bool is_response;
	bool keep_alive, expects_continue, chunked, has_length;
	uint16_t status;                 /* of a response */
	uint16_t field_count;
	enum http_stage stage;
	struct http_span method, path, query;
	struct { struct http_span name, value; } fields[HTTP_FIELDS_MAX];
	size_t head_len;                 /* with the empty line */
	size_t body_end;                 /* the body so far is [head_len, body_end) */
	size_t next_at;                  /* when complete: where the next message starts */
	size_t length;                   /* Content-Length */
	size_t scanned, chunk_left, trailer_len;
};

/* Reads on in the message that starts at the buffer's first byte. Chunked bodies are put together in place.
 *
 * HTTP_DONE: complete. HTTP_MORE: needs more bytes. Else an HTTP status: the message is refused and its connection is
 * of no further use. A response without a length (it ends with the connection) is done after its head, with keep_alive
 * false. The caller bounds what it appends to the buffer by stopping at HTTP_DONE.
 */
int http_read(struct http_msg *msg, struct buf *buf);

/* The value of a field, found without regard to case, blanks around it removed; NULL if missing. Points into buf. */
const char *http_field(const struct http_msg *msg, const struct buf *buf, const char *name, size_t *len);

/* True if the span holds exactly this text. */
bool http_span_is(const struct buf *buf, struct http_span span, const char *text);

/* The standard phrase of a status, "Unknown" for others. */
const char *http_phrase(int status);

#endif
