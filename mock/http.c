#include "http.h"

#include <string.h>
#include <strings.h>

#include "util.h"

enum { BAD_REQUEST = 400, TOO_LARGE = 413, FIELDS_TOO_LARGE = 431, NOT_IMPLEMENTED = 501, BAD_VERSION = 505 };

static const struct { int status; const char *text; } phrases[] = {
	{ 200, "OK" }, { 202, "Accepted" }, { 204, "No Content" }, { 400, "Bad Request" }, { 401, "Unauthorized" },
	{ 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" }, { 408, "Request Timeout" },
	{ 409, "Conflict" }, { 413, "Content Too Large" }, { 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" },
	{ 501, "Not Implemented" }, { 502, "Bad Gateway" }, { 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" }, { 505, "HTTP Version Not Supported" },
};

const char *http_phrase(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].text;
	return "Unknown";
}

bool http_span_is(const struct buf *buf, struct http_span span, const char *text)
{
	return strlen(text) == span.len && memcmp(buf->data + span.at, text, span.len) == 0;
}

static bool span_is_nocase(const struct buf *buf, struct http_span span, const char *text)
{
	return strlen(text) == span.len && strncasecmp(buf->data + span.at, text, span.len) == 0;
}

const char *http_field(const struct http_msg *msg, const struct buf *buf, const char *name, size_t *len)
{
	for (size_t i = 0; i < msg->field_count; i++) {
		if (!span_is_nocase(buf, msg->fields[i].name, name))
			continue;
		*len = msg->fields[i].value.len;
		return buf->data + msg->fields[i].value.at;
	}
	*len = 0;
	return NULL;
}

static struct http_span span(const struct buf *buf, const char *from, const char *to)
{
	return (struct http_span){ .at = (uint16_t)(from - buf->data), .len = (uint16_t)(to - from) };
}

/* RFC 9110 "token": what methods and field names are made of. */
static bool token_byte(unsigned char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return true;
	return c && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(const char *from, const char *to)
{
	for (const char *at = from; at < to; at++)
		if (!token_byte((unsigned char)*at))
			return false;
	return to > from;
}

/* "HTTP/1.x" at `at`; sets the default of keep_alive. */
static int read_version(struct http_msg *msg, const char *at, size_t len)
{
	if (len != 8 || memcmp(at, "HTTP/", 5) != 0)
		return BAD_REQUEST;
	if (memcmp(at + 5, "1.", 2) != 0)
		return BAD_VERSION;
	msg->keep_alive = at[7] != '0';
	return 0;
}

static int read_request_line(struct http_msg *msg, const struct buf *buf, const char *at, const char *end)
{
	const char *target = memchr(at, ' ', (size_t)(end - at)), *version, *query;

	if (!target || !is_token(at, target))
		return BAD_REQUEST;
	msg->method = span(buf, at, target++);
	version = memchr(target, ' ', (size_t)(end - target));
	if (!version || version == target)
		return BAD_REQUEST;
	query = memchr(target, '?', (size_t)(version - target));
	msg->path = span(buf, target, query ? query : version);
	msg->query = span(buf, query ? query + 1 : version, version);
	return read_version(msg, version + 1, (size_t)(end - version - 1));
}

static int read_status_line(struct http_msg *msg, const char *at, const char *end)
{
	if (end - at < 12 || at[8] != ' ')
		return BAD_REQUEST;
	for (int i = 9; i < 12; i++) {
		if (at[i] < '0' || at[i] > '9')
			return BAD_REQUEST;
		msg->status = (uint16_t)(msg->status * 10 + at[i] - '0');
	}
	return read_version(msg, at, 8);
}

static int read_length(struct http_msg *msg, const char *at, size_t len)
{
	size_t value = 0;

	if (!len || len > 18 || msg->has_length)
		return BAD_REQUEST;
	for (size_t i = 0; i < len; i++) {
		if (at[i] < '0' || at[i] > '9')
			return BAD_REQUEST;
		value = value * 10 + (size_t)(at[i] - '0');
	}
	msg->has_length = true;
	msg->length = value;
	return value > HTTP_BODY_MAX ? TOO_LARGE : 0;
}

/* The fields that say where the message ends and what happens to the connection. */
static int apply_field(struct http_msg *msg, const struct buf *buf, struct http_span name, struct http_span value)
{
	if (span_is_nocase(buf, name, "content-length"))
		return read_length(msg, buf->data + value.at, value.len);
	if (span_is_nocase(buf, name, "transfer-encoding")) {
		if (msg->chunked || !span_is_nocase(buf, value, "chunked"))
			return NOT_IMPLEMENTED;
		msg->chunked = true;
	} else if (span_is_nocase(buf, name, "connection")) {
		if (span_is_nocase(buf, value, "close"))
			msg->keep_alive = false;
		else if (span_is_nocase(buf, value, "keep-alive"))
			msg->keep_alive = true;
	} else if (span_is_nocase(buf, name, "expect")) {
		msg->expects_continue = span_is_nocase(buf, value, "100-continue");
	}
	return 0;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static int read_field(struct http_msg *msg, const struct buf *buf, const char *at, const char *end)
{
	const char *colon = memchr(at, ':', (size_t)(end - at)), *value;
	size_t i = msg->field_count;

	if (!colon || !is_token(at, colon))
		return BAD_REQUEST;
	if (memchr(at, '\0', (size_t)(end - at)) || memchr(at, '\r', (size_t)(end - at)))
		return BAD_REQUEST;
	if (i == HTTP_FIELDS_MAX)
		return FIELDS_TOO_LARGE;
	for (value = colon + 1; value < end && blank(*value); value++)
		;
	while (end > value && blank(end[-1]))
		end--;
	msg->fields[i].name = span(buf, at, colon);
	msg->fields[i].value = span(buf, value, end);
	msg->field_count++;
	return apply_field(msg, buf, msg->fields[i].name, msg->fields[i].value);
}

/* Where the body starts and what ends it. */
static int begin_body(struct http_msg *msg)
{
	if (msg->chunked && msg->has_length)
		return BAD_REQUEST;
	msg->body_end = msg->next_at = msg->head_len;
	if (msg->is_response && (msg->status < 200 || msg->status == 204 || msg->status == 304))
		msg->stage = HTTP_COMPLETE;
	else if (msg->chunked)
		msg->stage = HTTP_CHUNK_SIZE;
	else if (msg->has_length)
		msg->stage = HTTP_BODY;
	else
		msg->stage = HTTP_COMPLETE;
	if (msg->is_response && msg->stage == HTTP_COMPLETE && msg->status >= 200 && msg->status != 204 &&
	    msg->status != 304)
		msg->keep_alive = false; /* the body, if any, ends with the connection */
	return HTTP_DONE;
}

static int read_lines(struct http_msg *msg, const struct buf *buf)
{
	const char *at = buf->data, *end = buf->data + msg->head_len - 2, *eol = memchr(at, '\n', msg->head_len);
	int refused;

	if (eol == at || eol[-1] != '\r')
		return BAD_REQUEST;
	refused = msg->is_response ? read_status_line(msg, at, eol - 1) : read_request_line(msg, buf, at, eol - 1);
	for (at = eol + 1; !refused && at < end; at = eol + 1) {
		eol = memchr(at, '\n', (size_t)(end - at));
		if (!eol || eol == at || eol[-1] != '\r')
			return BAD_REQUEST;
		refused = read_field(msg, buf, at, eol - 1);
	}
	return refused ? refused : begin_body(msg);
}

/* Blank lines before a request are skipped (RFC 9112, 2.2). */
static void skip_empty_lines(struct http_msg *msg, struct buf *buf)
{
	size_t skip = 0;

	if (msg->scanned || msg->is_response)
		return;
	while (skip + 1 < buf->len && buf->data[skip] == '\r' && buf->data[skip + 1] == '\n')
		skip += 2;
	if (!skip)
		return;
	buf->len -= skip;
	memmove(buf->data, buf->data + skip, buf->len);
}

static int read_head(struct http_msg *msg, struct buf *buf)
{
	size_t from, looked_at;
	const char *end;

	skip_empty_lines(msg, buf);
	if (buf->len < 2)
		return HTTP_MORE; /* may be half of an empty line */
	from = msg->scanned > 3 ? msg->scanned - 3 : 0;
	looked_at = buf->len < HTTP_HEAD_MAX ? buf->len : HTTP_HEAD_MAX;
	end = looked_at > from ? memmem(buf->data + from, looked_at - from, "\r\n\r\n", 4) : NULL;
	msg->scanned = looked_at;
	if (!end)
		return looked_at == HTTP_HEAD_MAX ? FIELDS_TOO_LARGE : HTTP_MORE;
	msg->head_len = (size_t)(end - buf->data) + 4;
	return read_lines(msg, buf);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

/* One line of the chunked coding at `at`; its length with CR LF in *len. HTTP_DONE, HTTP_MORE or a refusal. */
static int chunk_line(const struct buf *buf, size_t at, size_t *len)
{
	const char *eol = memchr(buf->data + at, '\n', buf->len - at);

	if (!eol)
		return buf->len - at > HTTP_CHUNK_LINE_MAX ? BAD_REQUEST : HTTP_MORE;
	*len = (size_t)(eol - buf->data) - at + 1;
	return *len < 2 || *len > HTTP_CHUNK_LINE_MAX || eol[-1] != '\r' ? BAD_REQUEST : HTTP_DONE;
}

static int read_chunk_size(struct http_msg *msg, const struct buf *buf, size_t *raw)
{
	size_t len, size = 0, digits = 0;
	int r = chunk_line(buf, *raw, &len);

	if (r != HTTP_DONE)
		return r;
	for (; hex_value(buf->data[*raw + digits]) >= 0; digits++) {
		size = size * 16 + (size_t)hex_value(buf->data[*raw + digits]);
		if (size > HTTP_BODY_MAX)
			return TOO_LARGE;
	}
	if (!digits || !memchr("\r; \t", buf->data[*raw + digits], 4))
		return BAD_REQUEST;
	if (msg->body_end - msg->head_len + size > HTTP_BODY_MAX)
		return TOO_LARGE;
	msg->chunk_left = size;
	msg->stage = size ? HTTP_CHUNK_DATA : HTTP_TRAILER;
	*raw += len;
	return HTTP_DONE;
}

static int read_chunk_data(struct http_msg *msg, const struct buf *buf, size_t *raw)
{
	size_t len = buf->len - *raw < msg->chunk_left ? buf->len - *raw : msg->chunk_left;

	memmove(buf->data + msg->body_end, buf->data + *raw, len);
	msg->body_end += len;
	msg->chunk_left -= len;
	*raw += len;
	if (msg->chunk_left)
		return HTTP_MORE;
	msg->stage = HTTP_CHUNK_END;
	return HTTP_DONE;
}

static int read_chunk_end(struct http_msg *msg, const struct buf *buf, size_t *raw)
{
	if (buf->len - *raw < 2)
		return HTTP_MORE;
	if (memcmp(buf->data + *raw, "\r\n", 2) != 0)
		return BAD_REQUEST;
	*raw += 2;
	msg->stage = HTTP_CHUNK_SIZE;
	return HTTP_DONE;
}

static int read_trailer(struct http_msg *msg, const struct buf *buf, size_t *raw)
{
	size_t len;
	int r = chunk_line(buf, *raw, &len);

	if (r != HTTP_DONE)
		return r;
	*raw += len;
	msg->trailer_len += len;
	if (msg->trailer_len > HTTP_TRAILER_MAX)
		return FIELDS_TOO_LARGE;
	if (len == 2)
		msg->stage = HTTP_COMPLETE;
	return HTTP_DONE;
}

/* What is still coded always follows the body directly: closing the gap each time keeps the buffer as small as the
 * body, however small its chunks are. */
static int read_chunks(struct http_msg *msg, struct buf *buf)
{
	size_t raw = msg->body_end;
	int r = HTTP_DONE;

	while (r == HTTP_DONE && msg->stage != HTTP_COMPLETE) {
		switch (msg->stage) {
		case HTTP_CHUNK_SIZE: r = read_chunk_size(msg, buf, &raw); break;
		case HTTP_CHUNK_DATA: r = read_chunk_data(msg, buf, &raw); break;
		case HTTP_CHUNK_END: r = read_chunk_end(msg, buf, &raw); break;
		default: r = read_trailer(msg, buf, &raw); break;
		}
	}
	memmove(buf->data + msg->body_end, buf->data + raw, buf->len - raw);
	buf->len -= raw - msg->body_end;
	msg->next_at = msg->body_end;
	return r;
}

int http_read(struct http_msg *msg, struct buf *buf)
{
	int r = HTTP_DONE;

	if (msg->stage == HTTP_HEAD)
		r = read_head(msg, buf);
	if (r != HTTP_DONE || msg->stage == HTTP_COMPLETE)
		return r;
	if (msg->stage != HTTP_BODY)
		return read_chunks(msg, buf);
	msg->body_end = msg->next_at = msg->head_len + msg->length;
	if (buf->len < msg->body_end)
		return HTTP_MORE;
	msg->stage = HTTP_COMPLETE;
	return HTTP_DONE;
}
