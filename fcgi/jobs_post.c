/* POST /jobs: takes a job and answers with its request_id, once it is stored durably. */
#include "api.h"

#include "clock.h"
#include "json_strict.h"
#include "mem.h"
#include "signature.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX_LEN = 255, POINTER_SIZE = 256, ACCEPTED_MAX_BYTES = 512, HOUR_MS = 3600 * 1000 };

/* application/json or any .../...+json, with charset utf-8 if it names one; none at all is taken as JSON. */
static bool is_json_type(const char *type)
{
	size_t len = type ? strcspn(type, "; \t") : 0;
	const char *charset = type ? strcasestr(type + len, "charset=") : NULL;

	if (!type)
		return true;
	if (charset && strncasecmp(charset + 8 + (charset[8] == '"'), "utf-8", 5) != 0)
		return false;
	return (len == 16 && strncasecmp(type, "application/json", len) == 0) ||
	       (len > 5 && strncasecmp(type + len - 5, "+json", 5) == 0);
}

static bool is_good_key(const char *key)
{
	size_t len = strlen(key);

	for (size_t i = 0; i < len; i++)
		if (key[i] <= 0x20 || key[i] >= 0x7f)
			return false;
	return len >= 1 && len <= KEY_MAX_LEN;
}

/* What was posted, in compact form, and where its members lie in it. */
enum { VENDOR, PAYLOAD, MEMBERS };

struct body {
	char *text;
	struct json_wanted members[MEMBERS];
};

static bool parse_body(const struct request *request, size_t max_bytes, struct body *body, struct reply *reply)
{
	struct json_limits limits = JSON_LIMITS_DEFAULT;
	char pointer[POINTER_SIZE] = "";
	struct err_text why;
	enum err err;

	limits.max_bytes = max_bytes;
	limits.max_members = REQUEST_VALUES_MAX;
	err = json_strict_compact(request->body, request->body_len, &limits, body->members, MEMBERS, &body->text,
	                          pointer, sizeof(pointer), &why);
	if (err) {
		reply_problem_at(reply, 400, pointer, "%s", why.text);
		return false;
	}
	if (body->text[0] != '{') {
		reply_problem_at(reply, 422, "", "the body must be a JSON object");
		return false;
	}
	return true;
}

static const struct vendor *find_vendor(const struct api *api, const char *name, struct reply *reply)
{
	const struct vendor *vendor = vendor_find(api->vendors, name);

	if (!vendor)
		reply_problem_at(reply, 422, "/vendor", "unknown vendor \"%s\"", name);
	return vendor;
}

/* The vendor of this name, a JSON text. */
static const struct vendor *find_named_vendor(const struct api *api, const char *text, size_t len, struct reply *reply)
{
	const struct vendor *vendor = NULL;
	struct json_object *value;
	const char *name;

	if (*text != '"' || json_strict_parse(text, len, &JSON_LIMITS_DEFAULT, &value, NULL, 0, NULL) != ERR_OK) {
		reply_problem_at(reply, 422, "/vendor", "vendor must be a string");
		return NULL;
	}
	name = json_object_get_string(value);
	if (strlen(name) != (size_t)json_object_get_string_len(value) || strlen(name) > VENDOR_NAME_MAX)
		reply_problem_at(reply, 422, "/vendor", "unknown vendor");
	else
		vendor = find_vendor(api, name, reply);
	json_object_put(value);
	return vendor;
}

/* The vendor that the body names, or the default one; NULL: reply says what is wrong. */
static const struct vendor *choose_vendor(const struct api *api, const struct body *body, struct reply *reply)
{
	const struct json_wanted *named = &body->members[VENDOR];

	if (named->end)
		return find_named_vendor(api, body->text + named->value_at, named->end - named->value_at, reply);
	if (*api->settings.default_vendor)
		return find_vendor(api, api->settings.default_vendor, reply);
	reply_problem_at(reply, 422, "/vendor", "vendor is missing, and there is no default vendor");
	return NULL;
}

/* The body less its vendor. */
static char *text_without_vendor(const struct body *body)
{
	const struct json_wanted *vendor = &body->members[VENDOR];
	size_t from = vendor->at, to = vendor->end;

	if (body->text[to] == ',')
		to++;
	else if (to && body->text[from - 1] == ',')
		from--;
	return mem_printf("%.*s%s", (int)from, body->text, body->text + to);
}

/* The member payload, whatever it is; without one, the body less its vendor. */
static char *payload_text(const struct body *body)
{
	const struct json_wanted *payload = &body->members[PAYLOAD];

	if (payload->end)
		return mem_strndup(body->text + payload->value_at, payload->end - payload->value_at);
	return text_without_vendor(body);
}

static void reply_accepted(const struct api *api, const char *request_id, bool replayed, struct reply *reply)
{
	struct buffer out;
	char location[64];
	char *text;
	size_t len;

	snprintf(location, sizeof(location), "/jobs/%s", request_id);
	reply_header(reply, "Location", location);
	buffer_init(&out, ACCEPTED_MAX_BYTES);
	buffer_printf(&out, "{\"request_id\":\"%s\"", request_id);
	if (replayed)
		reply_header(reply, "Idempotency-Replayed", "true");
	else
		buffer_printf(&out, ",\"status\":\"%s\"", status_name(STATUS_PENDING));
	buffer_append_str(&out, "}\n");
	text = buffer_take(&out, &len);
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

static void store_job(struct api *api, const struct vendor *vendor, char *payload, const char *key, struct reply *reply)
{
	int64_t now = clock_now_ms();
	struct store_insert insert = {
		.idempotency_key = key,
		.key_expire_at = now + api->settings.idempotency_hours * HOUR_MS,
	};
	char request_id[UUID_TEXT_SIZE];
	struct err_text why;
	enum err err;

	if (key)
		signature_digest(vendor->name, strlen(vendor->name), payload, strlen(payload), insert.body_hash);
	insert.job = job_new(now, vendor->name, payload, now + vendor->deadline_ms);
	err = group_commit_put(api->commit, &insert, request_id, &why);
	if (err == ERR_OK || err == ERR_EXISTS)
		reply_accepted(api, request_id, err == ERR_EXISTS, reply);
	else
		reply_refused(err, reply);
}

static void handle(struct api *api, const struct request *request, struct reply *reply)
{
	const char *key = request_header(request, "HTTP_IDEMPOTENCY_KEY");
	const struct vendor *vendor;
	struct body body = { .members = { [VENDOR] = { .name = "vendor" }, [PAYLOAD] = { .name = "payload" } } };

	if (!is_json_type(request_header(request, "CONTENT_TYPE"))) {
		reply_problem(reply, 415, "Content-Type must be application/json, in UTF-8 "
		              "(curl: -H 'Content-Type: application/json')");
		return;
	}
	if (key && !is_good_key(key)) {
		reply_problem(reply, 400, "Idempotency-Key must be 1 to %d visible ASCII characters", KEY_MAX_LEN);
		return;
	}
	if (!parse_body(request, (size_t)api->settings.max_body_bytes, &body, reply))
		goto out;
	vendor = choose_vendor(api, &body, reply);
	if (vendor) {
		char *payload = payload_text(&body);

		free(body.text);   /* storing may take a while */
		body.text = NULL;
		store_job(api, vendor, payload, key, reply);
	}
out:
	free(body.text);
}

const struct route jobs_post_route = { .method = "POST", .pattern = "/jobs", .takes_body = true, .handle = handle };
