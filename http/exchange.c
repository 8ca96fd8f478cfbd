#include "exchange.h"

#include "clock.h"
#include "http.h"
#include "mem.h"
#include "polling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void exchange_init(struct exchange *exchange, const struct vendor *vendor, const struct exchange_hooks *hooks)
{
	*exchange = (struct exchange){ .vendor = vendor, .hooks = hooks };
	buffer_init(&exchange->body, (size_t)vendor->max_response_bytes);
}

void exchange_deinit(struct exchange *exchange)
{
	buffer_deinit(&exchange->body);
	free(exchange->location);
	free(exchange->content_type);
	http_free_headers(exchange->headers);
	request_clear(&exchange->request);
}

/* ---- What curl asks while it works ---- */

/* Asked just before the request is written. The second time in one transfer means that a reused connection
 * died and curl is about to send the POST again by itself; the vendor may have received it, so that is our
 * decision, not curl's. */
static int on_request_ready(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	struct exchange *exchange = arg;
	const struct exchange_hooks *hooks = exchange->hooks;
	int64_t now = clock_mono_us();

	(void)local_ip, (void)remote_port, (void)local_port;
	if (exchange->asked) {
		exchange->sent_twice = true;
		return CURL_PREREQFUNC_ABORT;
	}
	exchange->gate.let_through = false;
	if (!address_gate_lets(&exchange->gate, remote_ip))
		return CURL_PREREQFUNC_ABORT;
	if (hooks && hooks->may_leave && !hooks->may_leave(exchange, now)) {
		exchange->refused = true;
		return CURL_PREREQFUNC_ABORT;
	}
	exchange->asked = true;
	exchange->left_mono_us = now;
	exchange->answer.sent_at = clock_now_ms();
	return CURL_PREREQFUNC_OK;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct exchange *exchange = arg;

	buffer_append(&exchange->body, bytes, size * n);
	return exchange->body.overflowed ? 0 : size * n;
}

/* Into *kept, which is owned, if it is there. */
static void keep_header(const char *line, size_t len, const char *name, size_t most, char **kept)
{
	char *value = http_header_value(line, len, name, most);

	if (!value)
		return;
	free(*kept);
	*kept = value;
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct exchange *exchange = arg;
	size_t len = size * n;
	int64_t retry_after_ms = http_retry_after_ms(line, len);

	exchange->header_bytes += len;
	if (exchange->header_bytes > HTTP_HEADERS_BYTES_MAX)
		return 0;
	if (exchange->hooks && exchange->hooks->on_header)
		exchange->hooks->on_header(exchange, line, len);
	if (retry_after_ms >= 0)
		exchange->answer.retry_after_ms = retry_after_ms;
	if (exchange->vendor->mode == VENDOR_POLL)
		keep_header(line, len, "location", POLL_URL_BYTES_MAX, &exchange->location);
	if (exchange->vendor->keep_raw_ms)
		keep_header(line, len, "content-type", RAW_ANSWER_TYPE_BYTES_MAX, &exchange->content_type);
	return len;
}

/* ---- Setting up ---- */

/* To curl "Name:" means to leave a header of its own out; what is sent empty is "Name;". */
static void add_vendor_header(struct exchange *exchange, char *line)
{
	char *colon = strchr(line, ':');

	if (colon && colon[1 + strspn(colon + 1, " \t")] == '\0')
		memcpy(colon, ";", sizeof(";"));
	exchange->headers = http_add_header(exchange->headers, line);
}

static void add_headers(struct exchange *exchange)
{
	/* No 100-continue: it costs a round trip and its time-out a second. */
	exchange->headers = http_add_header(exchange->headers, "Expect:");
	if (exchange->request.body && exchange->request.body_len == 0)
		exchange->headers = http_add_header(exchange->headers, "Content-Type:");   /* curl would call it a form */
	for (size_t i = 0; i < exchange->request.n_headers; i++)
		add_vendor_header(exchange, exchange->request.headers[i]);
}

static void set_request(struct exchange *exchange, CURL *easy)
{
	const struct request *request = &exchange->request;

	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
	if (strcmp(request->method, "GET") == 0)
		return;
	if (request->body) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

void exchange_prepare(struct exchange *exchange, CURL *easy)
{
	exchange->easy = easy;
	exchange->answer.retry_after_ms = -1;
	add_headers(exchange);
	set_request(exchange, easy);
	http_set_bounds(easy, exchange->vendor);
	if (exchange->request.host_is_foreign)
		address_gate_set(&exchange->gate, exchange->vendor, easy);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->curl_text);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request_ready);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
}

/* ---- Reading the end ---- */

static enum transport transport_of(const struct exchange *exchange, CURLcode code)
{
	if (exchange->refused)
		return TRANSPORT_NOT_SENT;
	if (exchange->kept_away)
		return TRANSPORT_NOT_MADE;
	if (code == CURLE_OK)
		return TRANSPORT_ANSWERED;
	/* What a refusal says beside its status is of little interest. */
	if (exchange->body.overflowed && exchange->answer.http_status >= 300)
		return TRANSPORT_ANSWERED;
	if (exchange->body.overflowed || exchange->header_bytes > HTTP_HEADERS_BYTES_MAX)
		return TRANSPORT_TOO_BIG;
	if (exchange->asked)
		return code == CURLE_OPERATION_TIMEDOUT ? TRANSPORT_TIMEOUT : TRANSPORT_CONNECTION_LOST;
	switch (code) {
	case CURLE_URL_MALFORMAT:
		/* What somebody else has named gets no better; a file does. */
		return exchange->request.host_is_foreign ? TRANSPORT_NOT_MADE : TRANSPORT_LOCAL_ERROR;
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_FAILED_INIT:
	case CURLE_OUT_OF_MEMORY:
		return TRANSPORT_LOCAL_ERROR;
	default:
		return TRANSPORT_CONNECT_FAILED;
	}
}

static void fill_answer(struct exchange *exchange, enum transport transport, const char *detail)
{
	struct answer *answer = &exchange->answer;

	answer->transport = transport;
	answer->detail = detail;
	answer->body = exchange->body.data ? exchange->body.data : "";
	answer->body_len = exchange->body.len;
	answer->is_cut = exchange->body.overflowed;
	answer->location = exchange->location;
	answer->content_type = exchange->content_type;
	answer->token_id = exchange->token_id;
	answer->latency_ms = exchange->asked ? (clock_mono_us() - exchange->left_mono_us) / 1000 : 0;
}

bool exchange_make_request(struct exchange *exchange, const struct job *job, const struct call_context *context)
{
	struct err_text why = { "" };

	if (request_make(exchange->vendor, job, context, clock_now_ms(), &exchange->request, &why) == ERR_OK)
		return true;
	snprintf(exchange->curl_text, sizeof(exchange->curl_text), "%.*s", (int)sizeof(exchange->curl_text) - 1, why.text);
	fill_answer(exchange, TRANSPORT_NOT_MADE, exchange->curl_text);
	return false;
}

void exchange_finish(struct exchange *exchange, CURLcode code)
{
	const char *detail = NULL;
	long http_status = 0;

	curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &http_status);
	exchange->answer.http_status = (int)http_status;
	exchange->kept_away = !exchange->asked && address_gate_refused(&exchange->gate, exchange->curl_text);
	if (exchange->sent_twice)
		detail = "the connection closed before the answer";
	else if (exchange->refused)
		detail = "its grant was over, or the vendor is on hold or closed";
	else if (exchange->body.overflowed)
		detail = "over request/max_response_bytes";
	else if (exchange->header_bytes > HTTP_HEADERS_BYTES_MAX)
		detail = "its headers alone are over 256 KiB";
	else if (code == CURLE_OUT_OF_MEMORY && exchange->asked)
		detail = "a line of its headers is over 100 KiB, or memory is out";   /* libcurl has one code for both */
	else if (code != CURLE_OK)
		detail = exchange->curl_text[0] ? exchange->curl_text : curl_easy_strerror(code);
	fill_answer(exchange, transport_of(exchange, code), detail);
	exchange->easy = NULL;
}

void exchange_abandon(struct exchange *exchange, const char *why)
{
	fill_answer(exchange, exchange->asked ? TRANSPORT_CONNECTION_LOST : TRANSPORT_NOT_SENT, why);
	exchange->easy = NULL;
}
