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
static const char *why_held(const struct health_held *held, int64_t now, int64_t *ms)
{
	static const char *const by_breaker[] = {
		[BREAKER_CLOSED] = NULL,
		[BREAKER_OPEN] = "breaker_open",
		[BREAKER_HALF_OPEN] = "breaker_half_open",
	};
	const struct queue_state *state = &held->state;
	const struct { const char *why; int64_t ms; } reasons[] = {
		{ "retry_after", state->hold_ms },
		{ "quota", state->quota_ms },
		{ "closed", held->opens_at > now ? held->opens_at - now : 0 },
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

static void add_held(struct buffer *out, const struct health_held *held)
{
	int64_t now = clock_now_ms(), ms;
	const char *why = why_held(held, now, &ms);
	char until[CLOCK_TEXT_SIZE];

	clock_format(now + ms, until);
	buffer_printf(out, "{\"vendor\":\"%s\",\"why\":\"%s\",\"ms\":%lld,\"until\":\"%s\"}", held->vendor,
	              why ? why : "closed", (long long)ms, until);
}

/* By which rules this process goes: all have the same when all say the same digest. */
static void add_vendors(struct buffer *out, const struct generation *rules, const struct health_facts *facts)
{
	char loaded_at[CLOCK_TEXT_SIZE];

	clock_format(rules->loaded_at, loaded_at);
	buffer_printf(out, ",\"vendors\":{\"count\":%zu,\"generation\":%u,\"digest\":\"%s\",\"loaded_at\":\"%s\",\"held\":[",
	              vendor_count(rules->set), rules->number, rules->digest, loaded_at);
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
static void add_details(struct buffer *out, const struct api *api, const struct generation *rules, bool accepts,
                        const struct health_facts *facts)
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
	add_vendors(out, rules, facts);
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
		add_details(&out, api, request->rules, accepts, &facts);
	buffer_append_str(&out, "}\n");
	reply_header(reply, "Cache-Control", "no-store");
	text = buffer_take(&out, &len);
	reply_json(reply, accepts ? 200 : 503, text, len);
}

const struct route health_get_route = { .method = "GET", .pattern = "/health", .handle = handle };
