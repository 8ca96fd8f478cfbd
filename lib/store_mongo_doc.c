/* struct job <-> the documents of the collection `jobs`. The field names are what users see and query. */
#include "store_mongo_priv.h"

#include "bson_json.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum { JSON_TEXT_MAX = 64 << 20 };   /* far over what a document can hold, whatever it escapes to */

enum kind { KIND_TEXT, KIND_AT, KIND_INT64, KIND_INT };

/* The members that are copied as they are. */
static const struct field { const char *name; enum kind kind; size_t offset; } fields[] = {
	{ "vendor",        KIND_TEXT,  offsetof(struct job, vendor) },
	{ "tenant",        KIND_TEXT,  offsetof(struct job, tenant) },
	{ "payloadText",   KIND_TEXT,  offsetof(struct job, payload) },
	{ "resultText",    KIND_TEXT,  offsetof(struct job, result) },
	{ "pollText",      KIND_TEXT,  offsetof(struct job, poll) },
	{ "error",         KIND_TEXT,  offsetof(struct job, error) },
	{ "fence",         KIND_INT64, offsetof(struct job, fence) },
	{ "attempts",      KIND_INT,   offsetof(struct job, attempts) },
	{ "createdAt",     KIND_AT,    offsetof(struct job, created_at) },
	{ "updatedAt",     KIND_AT,    offsetof(struct job, updated_at) },
	{ "completedAt",   KIND_AT,    offsetof(struct job, completed_at) },
	{ "nextAttemptAt", KIND_AT,    offsetof(struct job, next_attempt_at) },
	{ "queuedAt",      KIND_AT,    offsetof(struct job, queued_at) },
	{ "dueAt",         KIND_AT,    offsetof(struct job, due_at) },
	{ "deadlineAt",    KIND_AT,    offsetof(struct job, deadline_at) },
	{ "expireAt",      KIND_AT,    offsetof(struct job, expire_at) },
};

enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

/* ---- To BSON ---- */

void mongo_append_at(bson_t *doc, const char *field, int64_t at)
{
	if (at)
		BSON_APPEND_DATE_TIME(doc, field, at);
}

void mongo_append_json(bson_t *doc, const char *field, const char *text_field, const char *text)
{
	size_t len = strlen(text);

	if (!bson_json_append(doc, field, text, len))
		bson_append_utf8(doc, text_field, -1, text, (int)len);
}

void mongo_append_history_entry(bson_t *array, const char *key, const char *text, size_t len)
{
	if (!bson_json_append(array, key, text, len))
		bson_append_utf8(array, key, -1, text, (int)len);
}

/* An array that cannot be kept exactly becomes one text entry, without its brackets: printed between brackets, and
 * with entries pushed behind it, it is the same array. */
static void append_array(bson_t *doc, const char *field, const char *text)
{
	size_t len = strlen(text);
	bson_t array;

	if (bson_json_append(doc, field, text, len) || len <= 2)
		return;
	BSON_APPEND_ARRAY_BEGIN(doc, field, &array);
	mongo_append_history_entry(&array, "0", text + 1, len - 2);
	bson_append_array_end(doc, &array);
}

static void append_field(bson_t *doc, const struct field *field, const struct job *job)
{
	const char *member = (const char *)job + field->offset;

	switch (field->kind) {
	case KIND_TEXT:
		if (*(char *const *)member)
			BSON_APPEND_UTF8(doc, field->name, *(char *const *)member);
		break;
	case KIND_AT:
		mongo_append_at(doc, field->name, *(const int64_t *)member);
		break;
	case KIND_INT64:
		BSON_APPEND_INT64(doc, field->name, *(const int64_t *)member);
		break;
	case KIND_INT:
		BSON_APPEND_INT32(doc, field->name, *(const int *)member);
		break;
	}
}

bson_t *mongo_job_to_bson(const struct job *job)
{
	bson_t *doc = bson_sized_new(1024 + (job->payload ? strlen(job->payload) : 0));
	struct job plain = *job;
	bson_oid_t id;
	bson_t ids;

	bson_oid_init(&id, NULL);
	BSON_APPEND_OID(doc, "_id", &id);
	BSON_APPEND_UTF8(doc, "requestId", job->request_id);
	BSON_APPEND_INT32(doc, "v", STORE_SCHEMA_VERSION);
	BSON_APPEND_UTF8(doc, "status", status_name(job->status));
	BSON_APPEND_UTF8(doc, "phase", phase_name(job->phase));
	plain.payload = plain.result = plain.poll = NULL;
	for (int i = 0; i < FIELD_COUNT; i++)
		append_field(doc, &fields[i], &plain);
	if (job->vendor_job_id) {
		BSON_APPEND_ARRAY_BEGIN(doc, "vendorJobIds", &ids);
		BSON_APPEND_UTF8(&ids, "0", job->vendor_job_id);
		bson_append_array_end(doc, &ids);
	}
	if (job->history)
		append_array(doc, "history", job->history);
	if (job->tried)
		append_array(doc, "tried", job->tried);
	if (job->payload)
		mongo_append_json(doc, "payload", "payloadText", job->payload);
	if (job->result)
		mongo_append_json(doc, "result", "resultText", job->result);
	if (job->poll)
		mongo_append_json(doc, "poll", "pollText", job->poll);
	return doc;
}

/* ---- From BSON ---- */

static int64_t at_of(const bson_iter_t *iter)
{
	return BSON_ITER_HOLDS_DATE_TIME(iter) ? bson_iter_date_time(iter) : 0;
}

int64_t mongo_at(const bson_t *doc, const char *field)
{
	bson_iter_t iter;

	return bson_iter_init_find(&iter, doc, field) ? at_of(&iter) : 0;
}

static char *text_of(const bson_iter_t *iter)
{
	uint32_t len;
	const char *text = BSON_ITER_HOLDS_UTF8(iter) ? bson_iter_utf8(iter, &len) : NULL;

	return text ? mem_strndup(text, len) : NULL;
}

static void replace(char **member, char *text)
{
	free(*member);
	*member = text;
}

static void read_field(const bson_iter_t *iter, const struct field *field, struct job *job)
{
	char *member = (char *)job + field->offset;

	switch (field->kind) {
	case KIND_TEXT:
		replace((char **)member, text_of(iter));
		break;
	case KIND_AT:
		*(int64_t *)member = at_of(iter);
		break;
	case KIND_INT64:
		*(int64_t *)member = bson_iter_as_int64(iter);
		break;
	case KIND_INT:
		*(int *)member = (int)bson_iter_as_int64(iter);
		break;
	}
}

/* Somebody edited the document and put in a date, an ObjectId, ...: extended JSON says what it is. */
static char *foreign_json(const bson_iter_t *iter)
{
	static const char head[] = "{ \"v\" : ", tail[] = " }";   /* how libbson prints a document of one member */
	const size_t around = sizeof(head) - 1 + sizeof(tail) - 1;
	bson_t holder = BSON_INITIALIZER;
	char *json, *text;
	size_t len = 0;

	bson_append_iter(&holder, "v", -1, iter);
	json = bson_as_relaxed_extended_json(&holder, &len);
	if (json && len > around && memcmp(json, head, sizeof(head) - 1) == 0)
		text = mem_strndup(json + sizeof(head) - 1, len - around);
	else
		text = mem_strdup("null");
	bson_free(json);
	bson_destroy(&holder);
	return text;
}

static char *json_of(const bson_iter_t *iter)
{
	struct buffer out;

	buffer_init(&out, JSON_TEXT_MAX);
	if (bson_json_print(&out, iter) && !out.overflowed)
		return buffer_take(&out, NULL);
	buffer_deinit(&out);
	return foreign_json(iter);
}

static char *array_of(const bson_iter_t *iter)
{
	struct buffer out;
	bson_iter_t entry;

	if (!BSON_ITER_HOLDS_ARRAY(iter) || !bson_iter_recurse(iter, &entry))
		return NULL;
	buffer_init(&out, JSON_TEXT_MAX);
	while (bson_iter_next(&entry)) {
		char *text = BSON_ITER_HOLDS_UTF8(&entry) ? text_of(&entry) : json_of(&entry);

		buffer_append_str(&out, out.len ? "," : "[");
		buffer_append_str(&out, text);
		free(text);
	}
	buffer_append_str(&out, out.len ? "]" : "[]");
	return buffer_take(&out, NULL);
}

static void read_request_id(const bson_iter_t *iter, struct job *job)
{
	char *text = text_of(iter);

	if (text && strlen(text) < sizeof(job->request_id))
		memcpy(job->request_id, text, strlen(text) + 1);
	free(text);
}

/* An unknown name (an edited document) reads as finished, so that nobody works on it. */
static void read_status(const bson_iter_t *iter, struct job *job)
{
	const char *name = BSON_ITER_HOLDS_UTF8(iter) ? bson_iter_utf8(iter, NULL) : "";
	int status = status_parse(name);

	job->status = status >= 0 ? (enum status)status : STATUS_FAILED;
}

static void read_phase(const bson_iter_t *iter, struct job *job)
{
	const char *name = BSON_ITER_HOLDS_UTF8(iter) ? bson_iter_utf8(iter, NULL) : "";
	int phase = phase_parse(name);

	job->phase = phase >= 0 ? (enum phase)phase : PHASE_DONE;
}

static void read_payload(const bson_iter_t *iter, struct job *job) { replace(&job->payload, json_of(iter)); }
static void read_result(const bson_iter_t *iter, struct job *job) { replace(&job->result, json_of(iter)); }
static void read_poll(const bson_iter_t *iter, struct job *job) { replace(&job->poll, json_of(iter)); }
static void read_history(const bson_iter_t *iter, struct job *job) { replace(&job->history, array_of(iter)); }
static void read_tried(const bson_iter_t *iter, struct job *job) { replace(&job->tried, array_of(iter)); }

static void read_vendor_job_ids(const bson_iter_t *iter, struct job *job)
{
	bson_iter_t id;

	if (!BSON_ITER_HOLDS_ARRAY(iter) || !bson_iter_recurse(iter, &id))
		return;
	while (bson_iter_next(&id))
		replace(&job->vendor_job_id, text_of(&id));
}

static const struct { const char *name; void (*read)(const bson_iter_t *iter, struct job *job); } readers[] = {
	{ "requestId", read_request_id }, { "status", read_status }, { "phase", read_phase }, { "payload", read_payload },
	{ "result", read_result }, { "poll", read_poll }, { "history", read_history }, { "tried", read_tried },
	{ "vendorJobIds", read_vendor_job_ids },
};

static void read_element(const bson_iter_t *iter, struct job *job)
{
	const char *name = bson_iter_key(iter);

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if (strcmp(readers[i].name, name) == 0) {
			readers[i].read(iter, job);
			return;
		}
	for (int i = 0; i < FIELD_COUNT; i++)
		if (strcmp(fields[i].name, name) == 0) {
			read_field(iter, &fields[i], job);
			return;
		}
}

struct job *mongo_job_from_bson(const bson_t *doc)
{
	struct job *job = mem_calloc(1, sizeof(*job));
	bson_iter_t iter;

	if (bson_iter_init(&iter, doc))
		while (bson_iter_next(&iter))
			read_element(&iter, job);
	return job;
}

void mongo_ref_from_bson(struct job_ref *ref, const bson_t *doc)
{
	struct job *job = mongo_job_from_bson(doc);

	*ref = (struct job_ref){
		.vendor = job->vendor,
		.vendor_job_id = job->vendor_job_id,
		.tried = job->tried,
		.phase = job->phase,
		.fence = job->fence,
		.attempts = job->attempts,
		.created_at = job->created_at,
		.queued_at = job->queued_at,
		.due_at = job->due_at,
		.deadline_at = job->deadline_at,
		.error = job->error,
	};
	memcpy(ref->request_id, job->request_id, sizeof(ref->request_id));
	job->vendor = job->vendor_job_id = job->tried = job->error = NULL;
	job_free(job);
}

void mongo_append_ref_projection(bson_t *opts)
{
	static const char *const names[] = {
		"requestId", "vendor", "phase", "fence", "attempts", "queuedAt", "dueAt", "deadlineAt",
		"vendorJobIds", "error", "createdAt", "tried",
	};
	bson_t projection;

	BSON_APPEND_DOCUMENT_BEGIN(opts, "projection", &projection);
	BSON_APPEND_INT32(&projection, "_id", 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		BSON_APPEND_INT32(&projection, names[i], 1);
	bson_append_document_end(opts, &projection);
}
