#include "request.h"

#include "clock.h"
#include "mem.h"
#include "polling.h"
#include "signature.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLBACK_URL_BYTES_MAX = 8 << 10, NUMBER_SIZE = 24 };

/* What is worked on. The texts that values point to live here or in the request. */
struct making {
	const struct vendor *vendor;
	const struct job *job;
	struct request *request;
	struct template_values values;
	struct err_text *why;
	unsigned refers;               /* by any part */
	struct buffer callback_url;
	char seconds[NUMBER_SIZE], ms[NUMBER_SIZE], rfc3339[CLOCK_TEXT_SIZE];
	char body_sha256[SIGNATURE_TEXT_SIZE], signature[SIGNATURE_TEXT_SIZE];
};

static void set(struct making *m, enum refer refer, const char *bytes, size_t len)
{
	m->values.texts[refer].bytes = bytes;
	m->values.texts[refer].len = len;
}

static void set_text(struct making *m, enum refer refer, const char *text) { set(m, refer, text, strlen(text)); }

static enum err render(struct making *m, const struct template *t, const char *part, struct buffer *out)
{
	struct err_text reason = { "" };
	enum err err = template_render(t, &m->values, out, &reason);

	return err ? err_set(m->why, err, "its %s: %s", part, reason.text) : ERR_OK;
}

/* ---- What is known before ---- */

static void make_callback_url(struct making *m, const struct call_context *context)
{
	char token[CALLBACK_TOKEN_SIZE];

	callback_token(context->callback_key, m->job->vendor, m->job->request_id, m->job->fence, token);
	buffer_printf(&m->callback_url, "%s/vendor-webhook/%s?id=%s&token=%s", context->api_base_url, m->job->vendor,
	              m->job->request_id, token);
	set(m, REFER_CALLBACK_URL, m->callback_url.data, m->callback_url.len);
}

static void set_times(struct making *m, int64_t now)
{
	snprintf(m->seconds, sizeof(m->seconds), "%" PRId64, now / 1000);
	snprintf(m->ms, sizeof(m->ms), "%" PRId64, now);
	clock_format(now, m->rfc3339);
	set_text(m, REFER_TIME_S, m->seconds);
	set_text(m, REFER_TIME_MS, m->ms);
	set_text(m, REFER_TIME_RFC3339, m->rfc3339);
}

static void set_known(struct making *m, const struct call_context *context, int64_t now)
{
	m->values.payload = m->job->payload;
	set_text(m, REFER_REQUEST_ID, m->job->request_id);
	set_text(m, REFER_ACCESS_TOKEN, context->access_token ? context->access_token : "");
	if (m->refers & (REFER_BIT(REFER_TIME_S) | REFER_BIT(REFER_TIME_MS) | REFER_BIT(REFER_TIME_RFC3339)))
		set_times(m, now);
	if (m->refers & REFER_BIT(REFER_CALLBACK_URL))
		make_callback_url(m, context);
}

static unsigned refers_of(const struct vendor *vendor)
{
	unsigned refers = vendor->call_url.refers | vendor->body.refers | vendor->signing.message.refers |
	                  vendor->credentials.refers;

	for (size_t i = 0; i < vendor->n_headers; i++)
		refers |= vendor->headers[i].line.refers;
	return refers;
}

/* ---- The parts ---- */

static bool is_poll(const struct making *m) { return m->job->phase == PHASE_POLLING; }

/* Method and body. */
static enum err make_body(struct making *m)
{
	struct request *request = m->request;
	struct buffer body;
	enum err err = ERR_OK;

	request->method = m->vendor->method;
	if (is_poll(m)) {
		request->method = "GET";
	} else if (m->vendor->body_kind == BODY_PAYLOAD) {
		request->body = m->job->payload;
		request->body_len = strlen(m->job->payload);
	} else if (m->vendor->body_kind == BODY_TEMPLATE) {
		buffer_init(&body, REQUEST_BODY_BYTES_MAX);
		err = render(m, &m->vendor->body, "body", &body);
		request->body = request->own_body = buffer_take(&body, &request->body_len);
	}
	set(m, REFER_BODY, request->body ? request->body : "", request->body_len);
	if (m->refers & REFER_BIT(REFER_BODY_SHA256)) {
		signature_sha256_hex(m->values.texts[REFER_BODY].bytes, request->body_len, m->body_sha256);
		set_text(m, REFER_BODY_SHA256, m->body_sha256);
	}
	return err;
}

/* The parts of the URL as they are sent; of use until the URL grows. */
static void set_url_parts(struct making *m, const char *url)
{
	const char *host = strstr(url, "://") + 3, *path = host + strcspn(host, "/?");
	const char *query = path + strcspn(path, "?");
	const char *user_end = memchr(host, '@', (size_t)(path - host));

	host = user_end ? user_end + 1 : host;
	set_text(m, REFER_METHOD, m->request->method);
	set(m, REFER_HOST, host, (size_t)(path - host));
	set(m, REFER_PATH, query > path ? path : "/", query > path ? (size_t)(query - path) : 1);
	set_text(m, REFER_QUERY, *query ? query + 1 : query);
}

static enum err sign(struct making *m)
{
	const struct vendor_signing *signing = &m->vendor->signing;
	struct buffer message;
	enum err err;

	if (!signing->digest)
		return ERR_OK;
	buffer_init(&message, REQUEST_BODY_BYTES_MAX + REQUEST_URL_BYTES_MAX + REQUEST_HEADER_BYTES_MAX);
	err = render(m, &signing->message, "signature", &message);
	if (err == ERR_OK) {
		signature_hmac(signing->digest, signing->key, signing->key_len, message.data ? message.data : "",
		               message.len, signing->base64, m->signature);
		set_text(m, REFER_SIGNATURE, m->signature);
	}
	buffer_deinit(&message);
	return err;
}

static enum err make_call_url(struct making *m, struct buffer *url)
{
	enum err err = render(m, &m->vendor->call_url, "URL", url);

	if (err == ERR_OK && template_url_has_dots(url->data))
		err = err_set(m->why, ERR_INVALID, "its URL: has a path segment that is \".\" or \"..\"");
	return err;
}

static enum err make_poll_url(struct making *m, struct buffer *url)
{
	char *text;
	enum err err = polling_url(m->vendor, m->job, &text, m->why);

	if (err)
		return err;
	buffer_append_str(url, text);
	free(text);
	return url->overflowed ? err_set(m->why, ERR_TOO_BIG, "its URL: is too long") : ERR_OK;
}

/* And signs it, as the signature may be a part of the URL. */
static enum err make_url(struct making *m)
{
	struct buffer url;
	enum err err;

	buffer_init(&url, REQUEST_URL_BYTES_MAX);
	err = is_poll(m) ? make_poll_url(m, &url) : make_call_url(m, &url);
	if (err == ERR_OK) {
		set_url_parts(m, url.data);
		err = sign(m);
	}
	if (err == ERR_OK)
		err = render(m, &m->vendor->credentials, "URL", &url);
	m->request->url = buffer_take(&url, NULL);
	return err;
}

static enum err make_headers(struct making *m)
{
	const struct vendor *vendor = m->vendor;
	struct request *request = m->request;
	enum err err = ERR_OK;

	request->headers = mem_calloc(vendor->n_headers ? vendor->n_headers : 1, sizeof(*request->headers));
	for (size_t i = 0; err == ERR_OK && i < vendor->n_headers; i++) {
		struct buffer line;
		char part[96];

		if (is_poll(m) && vendor->headers[i].calls_only)
			continue;
		snprintf(part, sizeof(part), "header %.64s", vendor->headers[i].name);
		buffer_init(&line, REQUEST_HEADER_BYTES_MAX);
		err = render(m, &vendor->headers[i].line, part, &line);
		if (line.len > 0)   /* else it is left out */
			request->headers[request->n_headers++] = buffer_take(&line, NULL);
		buffer_deinit(&line);
	}
	return err;
}

/* ---- All of it ---- */

enum err request_make(const struct vendor *vendor, const struct job *job, const struct call_context *context,
                      int64_t now, struct request *request, struct err_text *why)
{
	struct making m = { .vendor = vendor, .job = job, .request = request, .why = why, .refers = refers_of(vendor) };
	enum err err;

	buffer_init(&m.callback_url, CALLBACK_URL_BYTES_MAX);
	set_known(&m, context, now);
	err = make_body(&m);
	if (err == ERR_OK)
		err = make_url(&m);
	if (err == ERR_OK)
		err = make_headers(&m);
	template_values_deinit(&m.values);
	buffer_deinit(&m.callback_url);
	return err;
}

void request_deinit(struct request *request)
{
	for (size_t i = 0; i < request->n_headers; i++)
		free(request->headers[i]);
	free(request->headers);
	free(request->url);
	free(request->own_body);
	*request = (struct request){ 0 };
}
