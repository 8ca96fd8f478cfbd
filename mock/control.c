#include "control.h"

#include <string.h>

#include "conn.h"
#include "form.h"

enum { LIST_DEFAULT = 1000, LIST_MAX = 100000, LIST_ID_MAX = 10000 };

static void answer_text(struct conn *conn)
{
	struct buf *text = &conn->vendor->text;

	conn_answer(conn, &(struct answer){ .status = 200, .body = text->data, .len = text->len });
	buf_reset(text, 1 << 20);
}

static void health(struct conn *conn)
{
	buf_add_str(&conn->vendor->text, "{\"status\":\"ok\"}");
	answer_text(conn);
}

static void stats(struct conn *conn)
{
	vendor_stats_json(conn->vendor, &conn->vendor->text);
	answer_text(conn);
}

static void get_config(struct conn *conn)
{
	knobs_json(&conn->vendor->knobs, &conn->vendor->text);
	answer_text(conn);
}

/* A new limit starts with an empty window; other knobs leave the count alone. */
static void set_config(struct conn *conn)
{
	struct vendor *vendor = conn->vendor;
	struct knobs before = vendor->knobs;
	char reason[KNOB_REASON_MAX];

	if (!knobs_set_json(&vendor->knobs, conn->in.data + conn->msg.head_len,
	                    conn->msg.body_end - conn->msg.head_len, reason)) {
		conn_answer_error(conn, 400, reason);
		return;
	}
	if (vendor->knobs.limit_calls != before.limit_calls || vendor->knobs.limit_seconds != before.limit_seconds)
		vendor_apply_limits(vendor);
	get_config(conn);
}

static void reset(struct conn *conn)
{
	vendor_reset(conn->vendor);
	health(conn);
}

static void revoke_tokens(struct conn *conn)
{
	tokens_revoke(conn->vendor->tokens);
	health(conn);
}

/* The raw value of a query parameter, NULL if missing. */
static const char *parameter(const struct conn *conn, const char *name, size_t *len)
{
	return form_field(conn->in.data + conn->msg.query.at, conn->msg.query.len, name, len);
}

/* False: not a whole number. A missing parameter keeps *value. */
static bool number_parameter(const struct conn *conn, const char *name, uint64_t *value)
{
	size_t len;
	const char *text = parameter(conn, name, &len);
	uint64_t number = 0;

	if (!text)
		return true;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || i > 17)
			return false;
		number = number * 10 + (uint64_t)(text[i] - '0');
	}
	*value = number;
	return len > 0;
}

static void list_calls(struct conn *conn)
{
	struct vendor *vendor = conn->vendor;
	uint64_t offset = 0, limit = LIST_DEFAULT;
	size_t len;
	char id[CALL_ID_MAX];
	const char *raw = parameter(conn, "id", &len);

	if (!number_parameter(conn, "offset", &offset) || !number_parameter(conn, "limit", &limit)) {
		conn_answer_error(conn, 400, "offset and limit must be whole numbers");
		return;
	}
	if (raw)
		calls_list_id(vendor->calls, id, form_decode(raw, len, id, sizeof(id)),
		              limit < LIST_ID_MAX ? limit : LIST_ID_MAX, &vendor->text);
	else
		calls_list(vendor->calls, offset, limit < LIST_MAX ? limit : LIST_MAX, &vendor->text);
	answer_text(conn);
}

static const struct endpoint {
	const char *path;
	void (*get)(struct conn *conn);         /* NULL: there is no such method here */
	void (*post)(struct conn *conn);
} endpoints[] = {
	{ "/health", health, NULL },
	{ "/stats", stats, NULL },
	{ "/calls", list_calls, NULL },
	{ "/config", get_config, set_config },
	{ "/reset", NULL, reset },
	{ "/token", NULL, vendor_call_begin_token },
	{ "/revoke", NULL, revoke_tokens },
};

bool control_is_meant(const char *start, size_t len)
{
	const char *path = memchr(start, ' ', len), *end = start + len;

	for (size_t i = 0; path && i < ARRAY_LEN(endpoints); i++) {
		const char *after = path + 1 + strlen(endpoints[i].path);

		if (after < end && memcmp(path + 1, endpoints[i].path, strlen(endpoints[i].path)) == 0 &&
		    (*after == ' ' || *after == '?'))
			return true;
	}
	return false;
}

static bool is_method(const struct conn *conn, const char *method)
{
	return http_span_is(&conn->in, conn->msg.method, method);
}

bool control_handle(struct conn *conn)
{
	bool get = is_method(conn, "GET") || is_method(conn, "HEAD");

	for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
		const struct endpoint *endpoint = &endpoints[i];
		void (*run)(struct conn *conn) = get ? endpoint->get : is_method(conn, "POST") ? endpoint->post : NULL;

		if (!http_span_is(&conn->in, conn->msg.path, endpoint->path))
			continue;
		conn->vendor->text.len = 0;
		if (run)
			run(conn);
		else
			conn_answer_error(conn, 405, "this endpoint has no such method");
		return true;
	}
	if (!get)
		return false;
	if (is_method(conn, "GET") && (http_span_is(&conn->in, conn->msg.path, "/fetch") || vendor_call_is_poll(conn)))
		return false;
	conn_answer_error(conn, 404, "GET knows /health, /stats, /calls, /config, the vendor call /fetch and /status/ID");
	return true;
}
