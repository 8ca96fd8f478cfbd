/* GET /health: 503 only when a POST /jobs would not be accepted; "degraded" says that jobs are taken but
 * may wait. */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "api.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "development"
#endif

enum { HEALTH_MAX_BYTES = 4096 };

static void handle(struct api *api, const struct request *request, struct reply *reply)
{
	struct health_facts facts;
	struct buffer out;
	bool accepts = group_commit_ready(api->commit, NULL) == ERR_OK;
	bool well;
	char *text;
	size_t len;

	(void)request;
	health_ask(api->health, &facts);
	well = facts.redis_there && facts.workers_alive > 0;
	buffer_init(&out, HEALTH_MAX_BYTES);
	buffer_printf(&out, "{\"status\":\"%s\",\"version\":\"" PACKAGE_VERSION "\"",
	              !accepts ? "unavailable" : well ? "ok" : "degraded");
	buffer_printf(&out, ",\"store\":{\"status\":\"%s\"}", accepts ? "ok" : "unavailable");
	buffer_printf(&out, ",\"redis\":{\"status\":\"%s\",\"waiting\":%zu}", facts.redis_there ? "ok" : "unavailable",
	              queue_pusher_waiting(api->pusher));
	if (facts.workers_alive < 0)
		buffer_append_str(&out, ",\"workers\":{\"status\":\"unknown\"}");
	else
		buffer_printf(&out, ",\"workers\":{\"status\":\"%s\",\"alive\":%d}",
		              facts.workers_alive ? "ok" : "none", facts.workers_alive);
	buffer_printf(&out, ",\"vendors\":{\"count\":%zu}}\n", vendor_count(api->vendors));
	reply_header(reply, "Cache-Control", "no-store");
	text = buffer_take(&out, &len);
	reply_json(reply, accepts ? 200 : 503, text, len);
}

const struct route health_get_route = { .method = "GET", .pattern = "/health", .handle = handle };
