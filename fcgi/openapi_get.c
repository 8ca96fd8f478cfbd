/* GET /openapi.json: all of this in the words of OpenAPI 3.1, as it is on this system and for who asks.
 *
 * fcgi/openapi.json is the document; tests/unit/test_openapi.c holds it to the routes, and tests/e2e/test_openapi.py to the
 * answers. What depends on settings, vendor files and the client's token is narrowed here to what holds, so that whatever reads it
 * (a generator of clients or of tests) need not guess: who may call, which vendors there are, which status a job is taken with.
 */
#include "api.h"

#include "openapi_json.h"

#include <stdio.h>
#include <string.h>

enum { STATUS_SIZE = 16 };

static struct json_object *at(struct json_object *document, const char *pointer)
{
	struct json_object *found = NULL;

	json_at(document, pointer, &found);
	return found;
}

/* Who asks for it behind a prefix finds the paths there, too. */
static void add_server(struct json_object *document, const char *prefix)
{
	struct json_object *servers = json_object_new_array(), *server = json_object_new_object();

	json_object_object_add(server, "url", json_object_new_string(prefix));
	json_object_array_add(servers, server);
	json_object_object_add(document, "servers", servers);
}

/* No call asks for a token. */
static void open_all(struct json_object *document)
{
	json_object_object_foreach(at(document, "/paths"), path, item) {
		(void)path;
		json_object_object_foreach(item, method, operation) {
			(void)method;
			if (json_object_is_type(operation, json_type_object))
				json_object_object_add(operation, "security", json_object_new_array());
		}
	}
}

/* A job is taken with one of the three, by a setting. */
static void keep_accept_status(struct json_object *document, int64_t status)
{
	struct json_object *responses = at(document, "/paths/~1jobs/post/responses");
	char name[STATUS_SIZE];

	for (int one = 200; one <= 202; one++) {
		snprintf(name, sizeof(name), "%d", one);
		if (one != status)
			json_object_object_del(responses, name);
	}
}

static void add_names(struct json_object *names, const struct vendor *vendor)
{
	json_object_array_add(names, json_object_new_string(vendor->name));
	for (char **alias = vendor->aliases; *alias; alias++)
		json_object_array_add(names, json_object_new_string(*alias));
}

/* What a job's vendor may be, also in the example. */
static void set_names(struct json_object *job_request, struct json_object *names)
{
	struct json_object *schema = json_object_new_object();

	json_object_object_add(at(job_request, "/examples/0"), "vendor", json_object_get(json_object_array_get_idx(names, 0)));
	json_object_object_add(schema, "enum", names);
	json_object_object_add(at(job_request, "/properties"), "vendor", schema);
}

/* The vendors that the client may name; who may post no jobs is told of none. */
static void name_vendors(struct json_object *document, const struct request *request)
{
	struct json_object *names = json_object_new_array();

	for (size_t i = 0; (request->client->scopes & SCOPE_SUBMIT) && i < vendor_count(request->rules->set); i++) {
		const struct vendor *vendor = vendor_at(request->rules->set, i);

		if (client_may_use(request->client, vendor->name))
			add_names(names, vendor);
	}
	if (json_object_array_length(names))
		set_names(at(document, "/components/schemas/JobRequest"), names);
	else
		json_object_put(names);
}

/* Where neither a route nor a default finds one. */
static void require_vendor(struct json_object *document)
{
	struct json_object *required = json_object_new_array();

	json_object_array_add(required, json_object_new_string("vendor"));
	json_object_object_add(at(document, "/components/schemas/JobRequest"), "required", required);
}

static void handle(struct api *api, const struct request *request, struct reply *reply)
{
	struct json_object *document = NULL;
	struct err_text why = { "" };
	char *text;
	size_t len;

	if (json_strict_parse(openapi_json, strlen(openapi_json), &JSON_LIMITS_DEFAULT, &document, NULL, 0, &why) != ERR_OK) {
		reply_problem(reply, 500, "the document is broken: %s", why.text);
		return;
	}
	if (*request->prefix)
		add_server(document, request->prefix);
	if (!request->clients)
		open_all(document);
	keep_accept_status(document, api->settings.accept_status);
	name_vendors(document, request);
	if (!request->rules->routes && !*api->settings.default_vendor)
		require_vendor(document);
	text = json_text(document, &len);
	json_object_put(document);
	reply_json(reply, 200, text, len);
}

/* For everybody: it holds no secrets, and names vendors only to those who may call them. */
const struct route openapi_get_route = { .method = "GET", .pattern = "/openapi.json", .handle = handle };
