/* For tests: the request that is made of a job, as a text, or "! " and the error. The caller owns it. */
#ifndef VF_TEST_REQUEST_TEXT_H
#define VF_TEST_REQUEST_TEXT_H

#include "buffer.h"
#include "request.h"

static char *request_text(const struct vendor *vendor, const struct job *job, const struct call_context *context, int64_t now)
{
	struct request request = { 0 };
	struct err_text why = { "" };
	struct buffer out;

	buffer_init(&out, 64 << 20);
	if (request_make(vendor, job, context, now, &request, &why) != ERR_OK) {
		buffer_printf(&out, "! %s", why.text);
	} else {
		buffer_printf(&out, "%s %s\n", request.method, request.url);
		for (size_t i = 0; i < request.n_headers; i++)
			buffer_printf(&out, "%s\n", request.headers[i]);
		if (request.body) {
			buffer_append_str(&out, "\n");
			buffer_append(&out, request.body, request.body_len);
		}
	}
	request_clear(&request);
	return buffer_take(&out, NULL);
}

#endif
