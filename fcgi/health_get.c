/* GET /health: 503 only when a POST /jobs would not be accepted; "degraded" says that jobs are taken but
 * may wait. */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "api.h"
#include "clock.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "development"
#endif

enum { HEALTH_MAX_BYTES = 16 << 10 };

/* What keeps its jobs waiting for longest, and how long. */
static const char *why_held(const struct queue_state *state, int64_t now, int64_t *ms)
{
	static const char *const by_breaker[] = {
		[BREAKER_CLOSED] = NULL,
		[BREAKER_OPEN] = "breaker_open",
		[BREAKER_HALF_OPEN] = "breaker_half_open",
	};
	int64_t opens = now;
	const struct { const char *why; int64_t ms; } reasons[] = {
		{ "retry_after", state->hold_ms },
		{ "quota", state->quota_ms },
		{ "closed", vendor_is_open(state->vendor, now, &opens) ? 0 : opens - now },
	};
	const char *why = by_breaker[state->breaker];

	*ms = state->open_ms;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].ms <= *ms)
			continue;
		why = reasons[i].why;
		*ms = reasons[i].ms;
	}
	if (!state->no_token || state->token_ms < *ms)
		return why;
	*ms = state->token_ms;
	return "no_access_token";
}

static void add_held(struct buffer *out, const struct queue_state *state)
{
	int64_t now = clock_now_ms(), ms;
	const char *why = why_held(state, now, &ms);
	char until[CLOCK_TEXT_SIZE];

	clock_format(now + ms, until);
	buffer_printf(out, "{\"vendor\":\"%s\",\"why\":\"%s\",\"ms\":%lld,\"until\":\"%s\"}", state->vendor->name,
	              why ? why : "closed", (long long)ms, until);
}

static void add_vendors(struct buffer *out, const struct api *api, const struct health_facts *facts)
{
	buffer_printf(out, ",\"vendors\":{\"count\":%zu,\"held\":[", vendor_count(api->vendors));
	for (int i = 0; i < facts->n_held && i < HEALTH_HELD_MAX; i++) {
		buffer_append_str(out, i ? "," : "");
		add_held(out, &facts->held[i]);
	}
	buffer_append_str(out, "]");
	if (facts->n_held > HEALTH_HELD_MAX)
		buffer_printf(out, ",\"held_more\":%d", facts->n_held - HEALTH_HELD_MAX);
	buffer_append_str(out, "}");
}

/* Not for clients that may not read: a load balancer needs no more than the status. */
static void add_details(struct buffer *out, const struct api *api, bool accepts, const struct health_facts *facts)
{
	buffer_append_str(out, ",\"version\":\"" PACKAGE_VERSION "\"");
	buffer_printf(out, ",\"store\":{\"status\":\"%s\"}", accepts ? "ok" : "unavailable");
	buffer_printf(out, ",\"redis\":{\"status\":\"%s\",\"waiting\":%zu}", facts->redis_there ? "ok" : "unavailable",
	              queue_pusher_waiting(api->pusher));
	if (facts->workers_alive < 0)
		buffer_append_str(out, ",\"workers\":{\"status\":\"unknown\"}");
	else
		buffer_printf(out, ",\"workers\":{\"status\":\"%s\",\"alive\":%d}", facts->workers_alive ? "ok" : "none",
		              facts->workers_alive);
	add_vendors(out, api, facts);
}

static void handle(struct api *api, const struct request *request, struct reply *reply)
{
	struct health_facts facts;
	struct buffer out;
	bool accepts = group_commit_ready(api->commit, NULL) == ERR_OK;
	bool well;
	char *text;
	size_t len;

	health_ask(api->health, &facts);
	well = facts.redis_there && facts.workers_alive > 0;
	buffer_init(&out, HEALTH_MAX_BYTES);
	buffer_printf(&out, "{\"status\":\"%s\"", !accepts ? "unavailable" : well ? "ok" : "degraded");
	if (request->client->scopes & SCOPE_READ)
		add_details(&out, api, accepts, &facts);
	buffer_append_str(&out, "}\n");
	reply_header(reply, "Cache-Control", "no-store");
	text = buffer_take(&out, &len);
	reply_json(reply, accepts ? 200 : 503, text, len);
}

const struct route health_get_route = { .method = "GET", .pattern = "/health", .handle = handle };
