/* GET /jobs/{id}/raw: what the vendor said to end a job, as it came, while its vendor file wants that kept. Never from a
 * cache, never into one. */
#include "api.h"

#include "clock.h"
#include "mem.h"

#include <stdio.h>

enum { STATUS_SIZE = 16 };

static void reply_time(struct reply *reply, const char *name, int64_t at)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(at, text);
	reply_header(reply, name, text);
}

/* Takes it. Whatever a vendor sends, no browser shall take it for a page of ours. */
static void reply_raw(struct reply *reply, struct raw_answer *raw)
{
	char status[STATUS_SIZE];

	snprintf(status, sizeof(status), "%d", raw->http_status);
	reply_header(reply, "X-Vendor-Said", raw->http_status ? "answer" : "callback");
	if (raw->http_status)
		reply_header(reply, "X-Vendor-Status", status);
	reply_time(reply, "X-Received-At", raw->received_at);
	reply_time(reply, "X-Kept-Until", raw->expire_at);
	reply_header(reply, "X-Content-Type-Options", "nosniff");
	reply_header(reply, "Content-Security-Policy", "default-src 'none'; sandbox");
	reply_bytes(reply, 200, raw->content_type ? raw->content_type : mem_strdup("application/octet-stream"), raw->body,
	            raw->body_len);
	raw->content_type = raw->body = NULL;
	raw_answer_free(raw);
}

static void reply_from_store(struct api *api, const char *request_id, struct reply *reply)
{
	struct store *store = store_link_get(api->link, NULL);
	struct raw_answer *raw;
	struct err_text why = { "" };
	enum err err;

	if (!store) {
		reply_unavailable(reply);
		return;
	}
	err = store_raw_of_job(store, request_id, clock_now_ms(), &raw, &why);
	if (err == ERR_OK) {
		reply_raw(reply, raw);
	} else if (err == ERR_NOT_FOUND) {
		reply_problem(reply, 404, "no raw answer of this job is kept: its vendor's file does not say so "
		              "(response.keep_raw_seconds), its time is over, or the job was not ended by its vendor");
	} else {
		store_link_report(api->link, err, &why);
		reply_unavailable(reply);
	}
}

static void handle(struct api *api, const struct request *request, struct reply *reply)
{
	char request_id[UUID_TEXT_SIZE];
	struct job *job = NULL;
	enum err err = ERR_NOT_FOUND;

	reply_header(reply, "Cache-Control", "no-store");
	if (uuid_parse(request->params[0], request_id))
		err = group_read_get(api->read, request_id, &job);
	if (err == ERR_NOT_FOUND || (err == ERR_OK && !access_may_see(request->client, job)))
		reply_problem(reply, 404, "there is no job with this id");
	else if (err)
		reply_unavailable(reply);
	else
		reply_from_store(api, request_id, reply);
	job_free(job);
}

/* The id has another name than in /jobs/{id}: generators of tests would take this for a part of the job that is there when that is. The
 * scope: it holds what others are not to see. */
const struct route jobs_raw_get_route = { .method = "GET", .pattern = "/jobs/{request_id}/raw", .handle = handle,
                                        .scope = SCOPE_ADMIN };
