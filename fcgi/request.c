#include "request.h"

#include "hex.h"
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Decodes %XX of in[0..len) into out (size bytes, NUL-terminated). ERR_INVALID for bad encoding and for
 * control characters, written plainly or not: none of our names has any. */
static enum err percent_decode(const char *in, size_t len, char *out, size_t size, struct err_text *why)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)in[i];

		if (c == '%') {
			c = hex_byte(in + i + 1, len - i - 1);
			if (c < 0)
				return err_set(why, ERR_INVALID, "bad percent-encoding at byte %zu of the URL", i);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f)
			return err_set(why, ERR_INVALID, "control character at byte %zu of the URL", i);
		if (n + 1 >= size)
			return err_set(why, ERR_TOO_BIG, "a part of the URL is longer than %zu bytes", size - 1);
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return ERR_OK;
}

static bool has_encoded_slash(const char *path, size_t len)
{
	for (size_t i = 0; i + 2 < len; i++)
		if (path[i] == '%' && path[i + 1] == '2' && (path[i + 2] == 'f' || path[i + 2] == 'F'))
			return true;
	return false;
}

enum err request_set_target(struct request *request, const char *target, struct err_text *why)
{
	size_t len = strcspn(target, "?");

	request->query = target[len] == '?' ? target + len + 1 : "";
	if (target[0] != '/')
		return err_set(why, ERR_INVALID, "the path does not start with a slash");
	if (has_encoded_slash(target, len))
		return err_set(why, ERR_INVALID, "encoded slash in the path");
	return percent_decode(target, len, request->path, sizeof(request->path), why);
}

const char *request_header(const struct request *request, const char *cgi_name)
{
	const char *value = request->fcgx ? FCGX_GetParam(cgi_name, request->fcgx->envp) : NULL;

	if (value && !*value && strcmp(cgi_name, "CONTENT_TYPE") == 0)
		return NULL;
	return value;
}

enum err request_init(struct request *request, FCGX_Request *fcgx, struct err_text *why)
{
	const char *target;

	memset(request, 0, sizeof(*request));
	request->fcgx = fcgx;
	request->query = "";
	request->method = request_header(request, "REQUEST_METHOD");
	if (!request->method)
		request->method = "";
	target = request_header(request, "REQUEST_URI");
	if (!target)
		target = request_header(request, "SCRIPT_NAME");
	return request_set_target(request, target ? target : "", why);
}

void request_deinit(struct request *request)
{
	free(request->body);
	request->body = NULL;
}

enum err request_read_body(struct request *request, size_t max_bytes, struct err_text *why)
{
	const char *text = request_header(request, "CONTENT_LENGTH");
	unsigned long long len = 0;
	char *end = NULL;

	errno = 0;
	if (text && *text) {
		len = strtoull(text, &end, 10);
		if (*text < '0' || *text > '9' || *end || errno == EINVAL)
			return err_set(why, ERR_INVALID, "Content-Length is not a number");
	}
	if (len > max_bytes || errno == ERANGE)
		return err_set(why, ERR_TOO_BIG, "the body has %.20s bytes, at most %zu are taken (VENDORFETCH_MAX_BODY_BYTES)",
		               text, max_bytes);
	request->body = mem_alloc((size_t)len + 1);
	/* FCGX_GetStr() tells a short body from a complete one by nothing but its count. */
	request->body_len = len ? (size_t)FCGX_GetStr(request->body, (int)len, request->fcgx->in) : 0;
	request->body[request->body_len] = '\0';
	if (request->body_len != len)
		return err_set(why, ERR_INVALID, "the body ended after %zu of %llu bytes", request->body_len, len);
	return ERR_OK;
}

enum err request_query(const struct request *request, const char *name, char value[REQUEST_QUERY_VALUE_SIZE])
{
	size_t name_len = strlen(name), found_len = 0;
	const char *found = NULL;

	for (const char *p = request->query; *p;) {
		size_t len = strcspn(p, "&");

		if (len > name_len && strncmp(p, name, name_len) == 0 && p[name_len] == '=') {
			if (found)
				return ERR_INVALID;
			found = p + name_len + 1;
			found_len = len - name_len - 1;
		}
		p += len;
		p += *p == '&';
	}
	if (!found)
		return ERR_NOT_FOUND;
	return percent_decode(found, found_len, value, REQUEST_QUERY_VALUE_SIZE, NULL) ? ERR_INVALID : ERR_OK;
}
