#include "job_body.h"

#include "mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { POINTER_SIZE = 256 };

enum part {
	VENDOR,
	PAYLOAD,
	PAYLOAD_IF_ALONE,    /* beside other members it may be one of the client's own, and all of them are the payload */
};

/* Every name that clients use, as a JSON Pointer, the two of the documentation first. */
static const struct {
	const char *pointer;
	enum part part;
} names[] = {
	{ "/vendor", VENDOR },
	{ "/payload", PAYLOAD },
	{ "/vendorType", VENDOR },
	{ "/vendor_type", VENDOR },
	{ "/data", PAYLOAD_IF_ALONE },
	{ "/vendorPayload", PAYLOAD_IF_ALONE },
};

enum { FIRST_NAMES = 2 };

_Static_assert(sizeof(names) / sizeof(names[0]) == JOB_BODY_NAMES, "the header has the number of names");

/* ---- Reading ---- */

bool job_body_read(struct job_body *body, const struct request *request, const struct json_limits *limits,
                   bool other_names, struct reply *reply)
{
	char pointer[POINTER_SIZE] = "";
	struct err_text why;
	enum err err;

	for (int i = 0; i < JOB_BODY_NAMES; i++)
		body->members[i] = (struct json_wanted){ .name = names[i].pointer + 1 };
	err = json_strict_compact(request->body, request->body_len, limits, body->members,
	                          other_names ? JOB_BODY_NAMES : FIRST_NAMES, &body->text, pointer, sizeof(pointer), &why);
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

void job_body_deinit(struct job_body *body)
{
	free(body->text);
	body->text = NULL;
}

static bool has(const struct job_body *body, int i) { return body->members[i].end > 0; }

/* ---- The vendor ---- */

static bool find_in_query(const struct request *request, const struct vendor_set *vendors, const struct vendor **vendor,
                          struct reply *reply)
{
	char name[REQUEST_QUERY_VALUE_SIZE];
	enum err err = request_query(request, "vendor", name);

	if (err == ERR_NOT_FOUND)
		return true;
	*vendor = err ? NULL : vendor_find(vendors, name);
	if (!*vendor)
		reply_problem(reply, 422, "the query names an unknown vendor%s", err ? ": it is there twice, too long or badly encoded" : "");
	return *vendor != NULL;
}

/* The vendor that member i names; NULL: reply says what is wrong. */
static const struct vendor *find_in_member(const struct job_body *body, int i, const struct vendor_set *vendors,
                                           struct reply *reply)
{
	const struct json_wanted *member = &body->members[i];
	const char *text = body->text + member->value_at, *name;
	size_t len = member->end - member->value_at;
	const struct vendor *vendor = NULL;
	struct json_object *value;

	if (*text != '"' || json_strict_parse(text, len, &JSON_LIMITS_DEFAULT, &value, NULL, 0, NULL) != ERR_OK) {
		reply_problem_at(reply, 422, names[i].pointer, "%s must be a string", member->name);
		return NULL;
	}
	name = json_object_get_string(value);
	if (strlen(name) != (size_t)json_object_get_string_len(value) || strlen(name) > VENDOR_NAME_MAX) {
		reply_problem_at(reply, 422, names[i].pointer, "unknown vendor");
	} else {
		vendor = vendor_find(vendors, name);
		if (!vendor)
			reply_problem_at(reply, 422, names[i].pointer, "unknown vendor \"%s\"", name);
	}
	json_object_put(value);
	return vendor;
}

bool job_body_vendor(const struct job_body *body, const struct request *request, const struct vendor_set *vendors,
                     const struct vendor **vendor, struct reply *reply)
{
	*vendor = NULL;
	if (!find_in_query(request, vendors, vendor, reply))
		return false;
	for (int i = 0; i < JOB_BODY_NAMES; i++) {
		const struct vendor *named;

		if (names[i].part != VENDOR || !has(body, i))
			continue;
		named = find_in_member(body, i, vendors, reply);
		if (!named)
			return false;
		if (*vendor && named != *vendor) {
			reply_problem_at(reply, 422, names[i].pointer, "two vendors are named: \"%s\" and \"%s\"",
			                 (*vendor)->name, named->name);
			return false;
		}
		*vendor = named;
	}
	return true;
}

/* ---- The payload ---- */

/* Is member i, but for those that name the vendor, the only one? One byte follows each: a comma or the last brace. */
static bool is_alone(const struct job_body *body, int i)
{
	size_t len = strlen("{");

	for (int k = 0; k < JOB_BODY_NAMES; k++)
		if (has(body, k) && (k == i || names[k].part == VENDOR))
			len += body->members[k].end - body->members[k].at + 1;
	return body->text[len] == '\0';
}

static const struct json_wanted *payload_member(const struct job_body *body)
{
	for (int i = 0; i < JOB_BODY_NAMES; i++)
		if (has(body, i) && (names[i].part == PAYLOAD || (names[i].part == PAYLOAD_IF_ALONE && is_alone(body, i))))
			return &body->members[i];
	return NULL;
}

/* The last member that names the vendor and begins before a place; NULL: there is none. */
static const struct json_wanted *last_vendor_before(const struct job_body *body, size_t before)
{
	const struct json_wanted *last = NULL;

	for (int i = 0; i < JOB_BODY_NAMES; i++)
		if (names[i].part == VENDOR && has(body, i) && body->members[i].at < before &&
		    (!last || body->members[i].at > last->at))
			last = &body->members[i];
	return last;
}

/* A member with one of the commas beside it. */
static void cut_out(char *text, const struct json_wanted *member)
{
	size_t from = member->at, to = member->end;

	if (text[to] == ',')
		to++;
	else if (text[from - 1] == ',')
		from--;
	memmove(text + from, text + to, strlen(text + to) + 1);
}

char *job_body_take_payload(struct job_body *body)
{
	const struct json_wanted *payload = payload_member(body), *vendor;
	char *text;

	if (payload) {
		text = mem_strndup(body->text + payload->value_at, payload->end - payload->value_at);
		job_body_deinit(body);
		return text;
	}
	/* From the last to the first, so that those before stay where they are. */
	for (size_t before = SIZE_MAX; (vendor = last_vendor_before(body, before)); before = vendor->at)
		cut_out(body->text, vendor);
	text = mem_realloc(body->text, strlen(body->text) + 1);
	body->text = NULL;
	return text;
}
