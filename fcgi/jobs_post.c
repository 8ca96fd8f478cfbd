/* POST /jobs: takes a job and answers with its request_id, once it is stored durably. */
#include "api.h"

#include "clock.h"
#include "content_type.h"
#include "job_body.h"
#include "mem.h"
#include "signature.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX_LEN = 255, LOCATION_SIZE = 256, ACCEPTED_MAX_BYTES = 512, TENANT_KEY_SIZE = SIGNATURE_TEXT_SIZE + 1, HOUR_MS = 3600 * 1000 };

#define IDEMPOTENCY_KEY "HTTP_IDEMPOTENCY_KEY"

static bool is_good_key(const char *key)
{
	size_t len = strlen(key);

	for (size_t i = 0; i < len; i++)
		if (key[i] <= 0x20 || key[i] >= 0x7f)
			return false;
	return len >= 1 && len <= KEY_MAX_LEN;
}

/* Reads what was posted: the vendor that it names, or NULL, and its payload, which the caller owns. False: reply says
 * what is wrong. */
static bool read_job(const struct api *api, const struct request *request, const struct vendor **vendor, char **payload,
                     struct reply *reply)
{
	struct job_body body = { .text = NULL };
	bool read;

	read = job_body_read(&body, request, &api->body_limits, api->settings.other_names, reply) &&
	       job_body_vendor(&body, request, request->rules->set, vendor, reply);
	if (read)
		*payload = job_body_take_payload(&body);
	job_body_deinit(&body);
	return read;
}

/* The vendor of a job whose client names none; NULL: reply says that there is none. */
static const struct vendor *unnamed_vendor(const struct api *api, const struct generation *rules, const char *payload,
                                           struct reply *reply)
{
	const struct vendor *vendor = rules->routes ? vendor_routes_find(rules->routes, payload) : NULL;

	if (!vendor && *api->settings.default_vendor)
		vendor = vendor_find(rules->set, api->settings.default_vendor);
	if (!vendor)
		reply_problem_at(reply, 422, "/vendor", "vendor is missing, and there is no %sdefault vendor",
		                 rules->routes ? "route for this payload and no " : "");
	return vendor;
}

/* The job is where the client posted it: with the prefix only if it came with one. */
static void reply_accepted(const struct api *api, const struct request *request, const char *request_id, bool replayed,
                           struct reply *reply)
{
	struct buffer out;
	char location[LOCATION_SIZE];
	char *text;
	size_t len;

	snprintf(location, sizeof(location), "%s/jobs/%s", request->prefix, request_id);
	reply_header(reply, "Location", location);
	buffer_init(&out, ACCEPTED_MAX_BYTES);
	buffer_printf(&out, "{\"request_id\":\"%s\"", request_id);
	if (replayed)
		reply_header(reply, "Idempotency-Replayed", "true");
	else
		buffer_printf(&out, ",\"status\":\"%s\"", status_name(STATUS_PENDING));
	buffer_append_str(&out, "}\n");
	text = buffer_take(&out, &len);
	text = extra_fields_add(api->extra_fields, text, &len);
	reply_json(reply, (int)api->settings.accept_status, text, len);
}

static void reply_refused(enum err err, struct reply *reply)
{
	if (err == ERR_CONFLICT)
		reply_problem(reply, 409, "this Idempotency-Key was used with another body");
	else if (err == ERR_TOO_BIG)
		reply_problem(reply, 413, "the payload is too large for the store");
	else
		reply_unavailable(reply);
}

/* A tenant's keys are its own. No client can send one with a space in it. */
static const char *key_of_tenant(const char *tenant, const char *key, char out[TENANT_KEY_SIZE])
{
	char *both, hash[SIGNATURE_TEXT_SIZE];

	if (!tenant || !key)
		return key;
	both = mem_printf("%s %s", tenant, key);
	signature_sha256_hex(both, strlen(both), hash);
	snprintf(out, TENANT_KEY_SIZE, " %s", hash);
	free(both);
	return out;
}

static void store_job(struct api *api, const struct request *request, const struct vendor *vendor, char *payload,
                      struct reply *reply)
{
	const char *key = request_header(request, IDEMPOTENCY_KEY);
	char tenant_key[TENANT_KEY_SIZE];
	int64_t now = clock_now_ms();
	struct store_insert insert = {
		.idempotency_key = key_of_tenant(request->client->tenant, key, tenant_key),
		.key_expire_at = now + api->settings.idempotency_hours * HOUR_MS,
	};
	char request_id[UUID_TEXT_SIZE];
	struct err_text why;
	enum err err;

	if (key)
		signature_digest(vendor->name, strlen(vendor->name), payload, strlen(payload), insert.body_hash);
	insert.job = job_new(now, vendor->name, payload, now + vendor->deadline_ms);
	insert.job->tenant = mem_strdup(request->client->tenant);
	err = group_commit_put(api->commit, &insert, request_id, &why);
	if (err == ERR_OK || err == ERR_EXISTS)
		reply_accepted(api, request, request_id, err == ERR_EXISTS, reply);
	else
		reply_refused(err, reply);
}

static void handle(struct api *api, const struct request *request, struct reply *reply)
{
	const char *key = request_header(request, IDEMPOTENCY_KEY), *type = request_header(request, "CONTENT_TYPE");
	const struct vendor *vendor;
	char *payload;

	if (type && !content_type_is_json(type)) {
		reply_problem(reply, 415, "Content-Type must be application/json, in UTF-8 "
		              "(curl: -H 'Content-Type: application/json')");
		return;
	}
	if (key && !is_good_key(key)) {
		reply_problem(reply, 400, "Idempotency-Key must be 1 to %d visible ASCII characters", KEY_MAX_LEN);
		return;
	}
	if (!read_job(api, request, &vendor, &payload, reply))
		return;
	if (!vendor)
		vendor = unnamed_vendor(api, request->rules, payload, reply);
	if (vendor && !client_may_use(request->client, vendor->name)) {
		reply_header(reply, "WWW-Authenticate", ACCESS_INSUFFICIENT_SCOPE);
		reply_problem_at(reply, 403, "/vendor", "this API token is not for the vendor %s", vendor->name);
		vendor = NULL;
	}
	if (vendor)
		store_job(api, request, vendor, payload, reply);
	else
		free(payload);
}

const struct route jobs_post_route = { .method = "POST", .pattern = "/jobs", .takes_body = true, .handle = handle,
                                     .scope = SCOPE_SUBMIT };
