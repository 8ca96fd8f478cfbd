/* GET /openapi.json: all of this in the words of OpenAPI 3.1. The document is fcgi/openapi.json, which
 * tests/unit/test_openapi.c holds to the routes, and tests/e2e/test_openapi.py to the answers. */
#include "api.h"

#include "mem.h"
#include "openapi_json.h"

#include <string.h>

enum { SERVERS_MAX_BYTES = 1024 };

/* The document; who asks for it behind a prefix finds the paths there, too. */
static char *document(const char *prefix, size_t *len)
{
	struct buffer out;

	buffer_init(&out, sizeof(openapi_json) + SERVERS_MAX_BYTES);
	if (*prefix) {
		buffer_append_str(&out, "{\"servers\": [{\"url\": ");
		buffer_append_json_string(&out, prefix, strlen(prefix));
		buffer_append_str(&out, "}],");
		buffer_append_str(&out, openapi_json + strlen("{"));
	} else {
		buffer_append_str(&out, openapi_json);
	}
	return buffer_take(&out, len);
}

static void handle(struct api *api, const struct request *request, struct reply *reply)
{
	size_t len;
	char *text = document(request->prefix, &len);

	(void)api;
	reply_json(reply, 200, text, len);
}

/* For everybody: it holds no secrets. */
const struct route openapi_get_route = { .method = "GET", .pattern = "/openapi.json", .handle = handle };
