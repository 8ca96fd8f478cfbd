#include "reply.h"

#include "mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADERS_MAX_BYTES = 8 << 10, PROBLEM_MAX_BYTES = 64 << 10, SEND_HEAD_SIZE = 512 };

#define RETRY_AFTER_SECONDS "1"

static const struct {
	int status;
	const char *title;
} titles[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 409, "Conflict" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 500, "Internal Server Error" },
	{ 503, "Service Unavailable" },
};

const char *reply_title(int status)
{
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "Unknown";
}

void reply_init(struct reply *reply)
{
	*reply = (struct reply){ .status = 500 };
	buffer_init(&reply->headers, HEADERS_MAX_BYTES);
}

void reply_deinit(struct reply *reply)
{
	buffer_deinit(&reply->headers);
	free(reply->body);
	free(reply->own_content_type);
	reply->body = reply->own_content_type = NULL;
}

void reply_header(struct reply *reply, const char *name, const char *value)
{
	buffer_printf(&reply->headers, "%s: %s\r\n", name, value);
}

static void set_body(struct reply *reply, int status, const char *content_type, char *body, size_t len)
{
	free(reply->body);
	reply->status = status;
	reply->content_type = content_type;
	reply->body = body;
	reply->body_len = len;
}

void reply_json(struct reply *reply, int status, char *body, size_t len)
{
	set_body(reply, status, "application/json", body, len);
}

void reply_bytes(struct reply *reply, int status, char *content_type, char *body, size_t len)
{
	free(reply->own_content_type);
	reply->own_content_type = content_type;
	set_body(reply, status, content_type, body, len);
}

/* Takes off a UTF-8 sequence that was cut in its middle at the end of text. */
static void drop_cut_sequence(char *text)
{
	size_t len = strlen(text), start = len;
	unsigned char lead;
	size_t whole;

	while (start > 0 && len - start < 4 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0)
		return;
	lead = (unsigned char)text[start - 1];
	whole = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (whole > 1 && len - (start - 1) < whole)
		text[start - 1] = '\0';
}

/* pointer NULL: no errors member. */
static void problem(struct reply *reply, int status, const char *pointer, const char *fmt, va_list args)
{
	char detail[1024];
	struct buffer out;
	size_t len;
	char *text;

	vsnprintf(detail, sizeof(detail), fmt, args);
	drop_cut_sequence(detail);
	buffer_init(&out, PROBLEM_MAX_BYTES);
	buffer_printf(&out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":",
	              reply_title(status), status);
	buffer_append_json_string(&out, detail, strlen(detail));
	if (pointer) {
		buffer_append_str(&out, ",\"errors\":[{\"detail\":");
		buffer_append_json_string(&out, detail, strlen(detail));
		buffer_append_str(&out, ",\"pointer\":");
		buffer_append_json_string(&out, pointer, strlen(pointer));
		buffer_append_str(&out, "}]");
	}
	buffer_append_str(&out, "}\n");
	text = buffer_take(&out, &len);
	set_body(reply, status, "application/problem+json", text, len);
}

void reply_problem(struct reply *reply, int status, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	problem(reply, status, NULL, fmt, args);
	va_end(args);
}

void reply_problem_at(struct reply *reply, int status, const char *pointer, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	problem(reply, status, pointer, fmt, args);
	va_end(args);
}

void reply_unavailable(struct reply *reply)
{
	reply_header(reply, "Retry-After", RETRY_AFTER_SECONDS);
	reply_problem(reply, 503, "the job store cannot be reached at the moment; try again");
}

bool reply_send(const struct reply *reply, FCGX_Request *fcgx, bool head)
{
	struct buffer out;
	bool sent;

	buffer_init(&out, HEADERS_MAX_BYTES + SEND_HEAD_SIZE);
	buffer_printf(&out, "Status: %d %s\r\n", reply->status, reply_title(reply->status));
	if (reply->content_type)
		buffer_printf(&out, "Content-Type: %s\r\n", reply->content_type);
	if (reply->status != 204)
		buffer_printf(&out, "Content-Length: %zu\r\n", reply->body_len);
	if (reply->headers.len)
		buffer_append(&out, reply->headers.data, reply->headers.len);
	buffer_append_str(&out, "\r\n");
	sent = FCGX_PutStr(out.data, (int)out.len, fcgx->out) == (int)out.len;
	if (sent && !head && reply->body_len)
		sent = FCGX_PutStr(reply->body, (int)reply->body_len, fcgx->out) == (int)reply->body_len;
	buffer_deinit(&out);
	return sent;
}
