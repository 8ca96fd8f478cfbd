#include "request.h"

#include "ascii.h"
#include "clock.h"
#include "mem.h"
#include "polling.h"
#include "secret.h"
#include "signature.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLBACK_URL_BYTES_MAX = 8 << 10, NUMBER_SIZE = 24, PART_SIZE = 96 };

/* What is worked on. The texts that values point to live here or in the request. */
struct making {
	const struct vendor *vendor;
	const struct vendor_request *rules;
	const struct job *job;
	const struct call_context *context;   /* NULL: it is only tried */
	struct request *request;
	struct template_values values;
	struct err_text *why;
	unsigned refers;               /* by any part */
	bool is_poll;
	char *named_url;               /* of a poll: as the vendor named it, or NULL; owned */
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

	return err ? err_set(m->why, err, "%s %s: %s", m->is_poll ? "its poll's" : "its", part, reason.text) : ERR_OK;
}

/* ---- What is known before ---- */

static void make_callback_url(struct making *m)
{
	char token[CALLBACK_TOKEN_SIZE];

	callback_token(m->context->callback_key, m->job->vendor, m->job->request_id, m->job->fence, token);
	buffer_printf(&m->callback_url, "%s/vendor-webhook/%s?id=%s&token=%s", m->context->api_base_url, m->job->vendor,
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

static void set_known(struct making *m, int64_t now)
{
	m->values.payload = m->job->payload;
	set_text(m, REFER_REQUEST_ID, m->job->request_id);
	set_text(m, REFER_ACCESS_TOKEN, m->context && m->context->access_token ? m->context->access_token : "");
	if (m->job->vendor_job_id)
		set_text(m, REFER_VENDOR_JOB_ID, m->job->vendor_job_id);
	if (m->refers & (REFER_BIT(REFER_TIME_S) | REFER_BIT(REFER_TIME_MS) | REFER_BIT(REFER_TIME_RFC3339)))
		set_times(m, now);
	if (m->refers & REFER_BIT(REFER_CALLBACK_URL) && m->context)
		make_callback_url(m);
	else
		set_text(m, REFER_CALLBACK_URL, "");
}

/* A poll has the headers of calls, too. */
static unsigned refers_of(const struct making *m)
{
	return vendor_request_refers(&m->vendor->call) | vendor_request_refers(&m->vendor->ask) |
	       m->vendor->signing.message.refers | m->vendor->credentials.refers;
}

/* ---- The parts ---- */

/* Method and body. */
static enum err make_body(struct making *m)
{
	struct request *request = m->request;
	struct buffer body;
	enum err err = ERR_OK;

	request->method = m->rules->method;
	if (m->rules->body_kind == BODY_PAYLOAD) {
		request->body = m->job->payload;
		request->body_len = strlen(m->job->payload);
	} else if (m->rules->body_kind == BODY_TEMPLATE && !m->named_url) {
		buffer_init_secret(&body, REQUEST_BODY_BYTES_MAX);
		err = render(m, &m->rules->body, "body", &body);
		request->body = request->own_body = buffer_take(&body, &request->body_len);
	} else if (m->is_poll && strcmp(request->method, "POST") == 0) {
		request->body = "";   /* of no bytes, which is said to the vendor */
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

	set_text(m, REFER_SIGNATURE, "");
	if (!signing->digest || m->request->is_foreign || !m->context)
		return ERR_OK;
	buffer_init_secret(&message, REQUEST_BODY_BYTES_MAX + REQUEST_URL_BYTES_MAX + REQUEST_HEADER_BYTES_MAX);
	err = render(m, &signing->message, "signature", &message);
	if (err == ERR_OK) {
		signature_hmac(signing->digest, signing->key, signing->key_len, message.data ? message.data : "",
		               message.len, signing->base64, m->signature);
		set_text(m, REFER_SIGNATURE, m->signature);
	}
	buffer_deinit(&message);
	return err;
}

/* What stands between "://" and the path. In a reference all else has been percent-encoded, which no host has. */
static bool is_host_and_port(const char *url)
{
	const char *host = strstr(url, "://") + 3;
	size_t len = strcspn(host, "/?"),
	       name = strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_");

	return name == len || (host[name] == ':' && ascii_is_port(host + name + 1, len - name - 1));
}

/* Of a poll, if the vendor has named it; whatever is tried, it will be a good one. */
static enum err find_named_url(struct making *m)
{
	struct polling_memory memory;
	enum err err = ERR_OK;

	polling_memory_read(m->job->poll, &memory);
	if (!m->vendor->poll.done_values)
		err = err_set(m->why, ERR_INVALID, "the vendor file does not say what an answer to a poll means");
	else if (memory.url)
		err = polling_resolve_url(m->vendor, memory.url, &m->named_url, &m->request->is_foreign, m->why);
	else if (!m->vendor->poll.has_url && !m->context)
		m->named_url = mem_strdup(m->vendor->url);
	else if (!m->vendor->poll.has_url)
		err = err_set(m->why, ERR_INVALID, "the vendor file has no poll/url, and the acknowledgement named none");
	polling_memory_deinit(&memory);
	return err;
}

static enum err put_url(struct making *m, struct buffer *url)
{
	enum err err;

	if (m->named_url) {
		m->request->host_is_foreign = m->request->is_foreign;
		buffer_append_str(url, m->named_url);
		return ERR_OK;
	}
	m->request->host_is_foreign = m->rules->host_is_referred;
	err = render(m, &m->rules->url, "URL", url);
	if (err == ERR_OK && m->rules->host_is_referred && !is_host_and_port(url->data))
		err = err_set(m->why, ERR_INVALID, "%s URL: has a host that is no name, address or port",
		              m->is_poll ? "its poll's" : "its");
	if (err == ERR_OK && template_url_has_dots(url->data))
		err = err_set(m->why, ERR_INVALID, "%s URL: has a path segment that is \".\" or \"..\"",
		              m->is_poll ? "its poll's" : "its");
	return err;
}

/* And signs it, as the signature may be a part of the URL. */
static enum err make_url(struct making *m)
{
	struct buffer url;
	enum err err;

	buffer_init_secret(&url, REQUEST_URL_BYTES_MAX);
	err = put_url(m, &url);
	if (err == ERR_OK) {
		set_url_parts(m, url.data);
		err = sign(m);
	}
	if (err == ERR_OK && !m->request->is_foreign)
		err = render(m, &m->vendor->credentials, "URL", &url);
	m->request->url = buffer_take(&url, NULL);
	return err;
}

static bool is_sent(const struct making *m, const struct vendor_header *header)
{
	return !(m->is_poll && header->calls_only) && !(m->request->is_foreign && header->is_secret);
}

/* Appends those of call or poll, for which the request has room. */
static enum err add_headers(struct making *m, const struct vendor_request *from)
{
	struct request *request = m->request;
	enum err err = ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < from->n_headers; i++) {
		struct buffer line;
		char part[PART_SIZE];

		if (!is_sent(m, &from->headers[i]))
			continue;
		snprintf(part, sizeof(part), "header %.64s", from->headers[i].name);
		buffer_init_secret(&line, REQUEST_HEADER_BYTES_MAX);
		err = render(m, &from->headers[i].line, part, &line);
		if (line.len > 0)   /* else it is left out */
			request->headers[request->n_headers++] = buffer_take(&line, NULL);
		buffer_deinit(&line);
	}
	return err;
}

static enum err make_headers(struct making *m)
{
	const struct vendor_request *call = &m->vendor->call, *ask = &m->vendor->ask;
	enum err err;

	m->request->headers = mem_calloc(call->n_headers + ask->n_headers + 1, sizeof(*m->request->headers));
	err = add_headers(m, call);
	return err == ERR_OK && m->is_poll ? add_headers(m, ask) : err;
}

/* ---- All of it ---- */

static enum err make(struct making *m, int64_t now)
{
	enum err err = ERR_OK;

	m->is_poll = m->job->phase == PHASE_POLLING;
	m->rules = m->is_poll ? &m->vendor->ask : &m->vendor->call;
	m->refers = refers_of(m);
	buffer_init_secret(&m->callback_url, CALLBACK_URL_BYTES_MAX);
	set_known(m, now);
	if (m->is_poll)
		err = find_named_url(m);
	if (err == ERR_OK)
		err = make_body(m);
	if (err == ERR_OK)
		err = make_url(m);
	if (err == ERR_OK)
		err = make_headers(m);
	template_values_deinit(&m->values);
	buffer_deinit(&m->callback_url);
	free(m->named_url);
	return err;
}

enum err request_make(const struct vendor *vendor, const struct job *job, const struct call_context *context,
                      int64_t now, struct request *request, struct err_text *why)
{
	struct making m = { .vendor = vendor, .job = job, .context = context, .request = request, .why = why };
	enum err err = make(&m, now);

	/* A call costs money: none is made whose result could never be asked for. */
	if (err == ERR_OK && !m.is_poll && vendor->mode == VENDOR_POLL)
		err = request_try_poll(vendor, job, NULL, why);
	return err;
}

enum err request_try_poll(const struct vendor *vendor, const struct job *job, const char *vendor_job_id,
                          struct err_text *why)
{
	char longest_id[VENDOR_JOB_ID_BYTES_MAX + 1];
	struct request request = { 0 };
	struct job accepted = *job;
	struct making m = { .vendor = vendor, .job = &accepted, .request = &request, .why = why };
	enum err err;

	/* Nothing else can be wrong with a job. */
	if (!(vendor_request_refers(&vendor->ask) & (REFER_BIT(REFER_PAYLOAD) | REFER_BIT(REFER_VENDOR_JOB_ID))))
		return ERR_OK;
	memset(longest_id, '/', VENDOR_JOB_ID_BYTES_MAX);
	longest_id[VENDOR_JOB_ID_BYTES_MAX] = '\0';
	accepted.phase = PHASE_POLLING;
	accepted.poll = NULL;
	accepted.vendor_job_id = vendor_job_id ? (char *)(uintptr_t)vendor_job_id : longest_id;
	err = make(&m, 0);
	request_clear(&request);
	return err;
}

void request_clear(struct request *request)
{
	for (size_t i = 0; i < request->n_headers; i++)
		secret_free(request->headers[i]);
	free(request->headers);
	secret_free(request->url);
	secret_free(request->own_body);
	*request = (struct request){ 0 };
}
