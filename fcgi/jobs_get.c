/* GET /jobs/{id}: a job as it is now. Finished ones, which never change, come from the cache; all others
 * from the store. */
#include "api.h"

#include "clock.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum { JOB_OVERHEAD_BYTES = 1 << 20 };

static void append_string(struct buffer *out, const char *name, const char *value)
{
	if (!value)
		return;
	buffer_printf(out, ",\"%s\":", name);
	buffer_append_json_string(out, value, strlen(value));
}

static void append_time(struct buffer *out, const char *name, int64_t at)
{
	char text[CLOCK_TEXT_SIZE];

	if (!at)
		return;
	clock_format(at, text);
	buffer_printf(out, ",\"%s\":\"%s\"", name, text);
}

/* result and history are JSON already. */
static void append_json(struct buffer *out, const char *name, const char *json)
{
	if (!json)
		return;
	buffer_printf(out, ",\"%s\":", name);
	buffer_append_str(out, json);
}

/* The vendors that it has left, and the one that has it now, which has no outcome before the job has one. */
static void append_tried(struct buffer *out, const struct job *job)
{
	if (!job->tried)
		return;
	buffer_printf(out, ",\"tried\":%.*s,{\"vendor\":", (int)strlen(job->tried) - 1, job->tried);
	buffer_append_json_string(out, job->vendor, strlen(job->vendor));
	if (status_is_final(job->status)) {
		buffer_printf(out, ",\"outcome\":\"%s\"", status_name(job->status));
		append_time(out, "at", job->completed_at);
	}
	buffer_printf(out, ",\"attempts\":%d", job->attempts);
	if (status_is_final(job->status) && job->status != STATUS_COMPLETE)
		append_string(out, "error", job->error);
	buffer_append_str(out, "}]");
}

static char *job_text(const struct job *job, size_t *len)
{
	struct buffer out;

	/* Everything in a job was bounded on its way in; six bytes is what one character of error can become. */
	buffer_init(&out, (job->result ? strlen(job->result) : 0) + (job->history ? strlen(job->history) : 0) +
	                  (job->tried ? strlen(job->tried) : 0) + (job->error ? 12 * strlen(job->error) : 0) + JOB_OVERHEAD_BYTES);
	buffer_printf(&out, "{\"request_id\":\"%s\",\"status\":\"%s\"", job->request_id, status_name(job->status));
	append_string(&out, "vendor", job->vendor);
	append_time(&out, "created_at", job->created_at);
	append_time(&out, "updated_at", job->updated_at);
	append_time(&out, "completed_at", job->completed_at);
	buffer_printf(&out, ",\"attempts\":%d", job->attempts);
	append_json(&out, "result", job->result);
	if (job->status != STATUS_COMPLETE)
		append_string(&out, status_is_final(job->status) ? "error" : "last_error", job->error);
	append_tried(&out, job);
	append_json(&out, "history", job->history);
	buffer_append_str(&out, "}\n");
	return buffer_take(&out, len);
}

/* Takes a job's text. */
static void reply_job(const struct api *api, char *text, size_t len, struct reply *reply)
{
	text = extra_fields_add(api->extra_fields, text, &len);
	reply_json(reply, 200, text, len);
}

/* ---- Who may see it ---- */

/* Answers are cached by who may see them, as an answer does not say whose job it is. NULL: not cached, for a client that
 * may see the jobs of some vendors only. The caller owns it. */
static char *cache_key(const struct client *client, const char *request_id)
{
	if (client->vendors)
		return NULL;
	return client->tenant ? mem_printf("%s:%s", request_id, client->tenant) : mem_strdup(request_id);
}

/* ---- The answer ---- */

static bool reply_cached(struct api *api, const char *key, struct reply *reply)
{
	size_t len;
	char *text = key ? result_cache_get(api->cache, key, &len) : NULL;

	if (text)
		reply_job(api, text, len, reply);
	return text != NULL;
}

static void reply_unknown(struct reply *reply) { reply_problem(reply, 404, "there is no job with this id"); }

static void reply_stored(struct api *api, const char *key, const struct job *job, struct reply *reply)
{
	size_t len;
	char *text = job_text(job, &len);

	if (key && status_is_final(job->status))
		result_cache_put(api->cache, key, text, len);
	else if (key)
		result_cache_note_unfinished(api->cache, key);
	reply_job(api, text, len, reply);
}

static void handle(struct api *api, const struct request *request, struct reply *reply)
{
	const struct client *client = request->client;
	char request_id[UUID_TEXT_SIZE];
	struct job *job = NULL;
	char *key = NULL;
	enum err err;

	reply_header(reply, "Cache-Control", "no-store");
	if (!uuid_parse(request->params[0], request_id)) {
		reply_unknown(reply);
		return;
	}
	key = cache_key(client, request_id);
	if (!reply_cached(api, key, reply)) {
		err = group_read_get(api->read, request_id, &job);
		if (err == ERR_NOT_FOUND || (err == ERR_OK && !access_may_see(client, job)))
			reply_unknown(reply);
		else if (err == ERR_OK)
			reply_stored(api, key, job, reply);
		else if (!key || !result_cache_forget_unfinished(api->cache, key) || !reply_cached(api, key, reply))
			reply_unavailable(reply);
	}
	job_free(job);
	free(key);
}

const struct route jobs_get_route = { .method = "GET", .pattern = "/jobs/{id}", .handle = handle,
                                    .scope = SCOPE_READ };
