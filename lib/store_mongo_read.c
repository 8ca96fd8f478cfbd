/* Reading jobs: by id, and the pages that repair asks for. */
#include "store_mongo_priv.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* The first job that the cursor gives; destroys the cursor. */
static enum err take_one(mongoc_cursor_t *cursor, struct job **job, struct err_text *why)
{
	enum err err = ERR_OK;
	bson_error_t error;
	const bson_t *doc;

	if (mongoc_cursor_next(cursor, &doc))
		*job = mongo_job_from_bson(doc);
	else if (mongoc_cursor_error(cursor, &error))
		err = mongo_failed(why, "find", &error);
	else
		err = err_set(why, ERR_NOT_FOUND, "no such job");
	mongoc_cursor_destroy(cursor);
	return err;
}

static bson_t *only_one(void)
{
	bson_t *opts = bson_new();

	BSON_APPEND_INT64(opts, "limit", 1);
	BSON_APPEND_BOOL(opts, "singleBatch", true);
	return opts;
}

enum err mongo_get(struct store *store, const char *request_id, struct job **job, struct err_text *why)
{
	bson_t *filter = bson_new();
	mongoc_collection_t *jobs;
	struct mongo_call call;
	enum err err;

	*job = NULL;
	BSON_APPEND_UTF8(filter, "requestId", request_id);
	err = mongo_call_begin(store, &call, why);
	if (err != ERR_OK) {
		bson_destroy(filter);
		return err;
	}
	jobs = mongo_collection(&call, COLLECTION_JOBS);
	err = take_one(mongo_find(&call, jobs, filter, only_one()), job, why);
	mongoc_collection_destroy(jobs);
	mongo_call_end(&call);
	return err;
}

/* All but the payload, and the first batch big enough for all (the driver asks for more if they are over 16 MiB). */
static bson_t *look_options(size_t n)
{
	bson_t *opts = bson_new(), projection;

	BSON_APPEND_DOCUMENT_BEGIN(opts, "projection", &projection);
	BSON_APPEND_INT32(&projection, "payload", 0);
	BSON_APPEND_INT32(&projection, "payloadText", 0);
	bson_append_document_end(opts, &projection);
	BSON_APPEND_INT64(opts, "batchSize", (int64_t)n + 1);
	return opts;
}

static bson_t *look_filter(const struct store_look *items, size_t n)
{
	bson_t *filter = bson_new(), in, list;
	const char *field;
	char digits[16];

	BSON_APPEND_DOCUMENT_BEGIN(filter, "requestId", &in);
	BSON_APPEND_ARRAY_BEGIN(&in, "$in", &list);
	for (size_t i = 0; i < n; i++) {
		bson_uint32_to_string((uint32_t)i, &field, digits, sizeof(digits));
		BSON_APPEND_UTF8(&list, field, items[i].request_id);
	}
	bson_append_array_end(&in, &list);
	bson_append_document_end(filter, &in);
	return filter;
}

/* Gives the job to each item that asks for it. */
static void give_found(struct store_look *items, size_t n, const bson_t *doc)
{
	bson_iter_t id;
	const char *request_id;

	if (!bson_iter_init_find(&id, doc, "requestId") || !BSON_ITER_HOLDS_UTF8(&id))
		return;
	request_id = bson_iter_utf8(&id, NULL);
	for (size_t i = 0; i < n; i++)
		if (!items[i].job && strcmp(items[i].request_id, request_id) == 0) {
			items[i].job = mongo_job_from_bson(doc);
			items[i].outcome = ERR_OK;
		}
}

enum err mongo_look(struct store *store, struct store_look *items, size_t n, struct err_text *why)
{
	mongoc_collection_t *jobs;
	mongoc_cursor_t *cursor;
	struct mongo_call call;
	bson_error_t error;
	const bson_t *doc;
	enum err err = mongo_call_begin(store, &call, why);

	if (err != ERR_OK)
		return err;
	jobs = mongo_collection(&call, COLLECTION_JOBS);
	cursor = mongo_find(&call, jobs, look_filter(items, n), look_options(n));
	while (mongoc_cursor_next(cursor, &doc))
		give_found(items, n, doc);
	if (mongoc_cursor_error(cursor, &error))
		err = mongo_failed(why, "find", &error);
	mongoc_cursor_destroy(cursor);
	mongoc_collection_destroy(jobs);
	mongo_call_end(&call);
	return err;
}

/* The newest job of this vendor job id; the index has them in this order. */
static enum err find_newest(const struct mongo_call *call, mongoc_collection_t *jobs, const char *vendor,
                            const char *vendor_job_id, bool unfinished, struct job **job, struct err_text *why)
{
	bson_t *filter = bson_new(), *opts = only_one(), child;

	BSON_APPEND_UTF8(filter, "vendor", vendor);
	BSON_APPEND_UTF8(filter, "vendorJobIds", vendor_job_id);
	if (unfinished) {
		BSON_APPEND_DOCUMENT_BEGIN(filter, "phase", &child);
		BSON_APPEND_UTF8(&child, "$ne", phase_name(PHASE_DONE));
		bson_append_document_end(filter, &child);
	}
	BSON_APPEND_DOCUMENT_BEGIN(opts, "sort", &child);
	BSON_APPEND_INT32(&child, "createdAt", -1);
	bson_append_document_end(opts, &child);
	return take_one(mongo_find(call, jobs, filter, opts), job, why);
}

enum err mongo_get_by_vendor_job_id(struct store *store, const char *vendor, const char *vendor_job_id,
                                    struct job **job, struct err_text *why)
{
	mongoc_collection_t *jobs;
	struct mongo_call call;
	enum err err;

	*job = NULL;
	err = mongo_call_begin(store, &call, why);
	if (err != ERR_OK)
		return err;
	jobs = mongo_collection(&call, COLLECTION_JOBS);
	err = find_newest(&call, jobs, vendor, vendor_job_id, true, job, why);
	if (err == ERR_NOT_FOUND) {
		err = mongo_call_check(&call, why);
		if (err == ERR_OK)
			err = find_newest(&call, jobs, vendor, vendor_job_id, false, job, why);
	}
	mongoc_collection_destroy(jobs);
	mongo_call_end(&call);
	return err;
}

/* Runs a find for refs; destroys filter and opts. */
static enum err find_refs(struct store *store, bson_t *filter, bson_t *opts, size_t limit,
                          struct job_ref **refs, size_t *n, struct err_text *why)
{
	mongoc_collection_t *jobs;
	mongoc_cursor_t *cursor;
	struct mongo_call call;
	bson_error_t error;
	const bson_t *doc;
	enum err err;

	*refs = NULL;
	*n = 0;
	err = limit ? mongo_call_begin(store, &call, why) : ERR_OK;
	if (err != ERR_OK || !limit) {
		bson_destroy(filter);
		bson_destroy(opts);
		return err;
	}
	BSON_APPEND_INT64(opts, "limit", (int64_t)limit);
	/* Without it a single batch holds 101 documents at most. */
	BSON_APPEND_INT64(opts, "batchSize", (int64_t)limit);
	BSON_APPEND_BOOL(opts, "singleBatch", true);
	mongo_append_ref_projection(opts);
	*refs = mem_calloc(limit, sizeof(**refs));
	jobs = mongo_collection(&call, COLLECTION_JOBS);
	cursor = mongo_find(&call, jobs, filter, opts);
	while (*n < limit && mongoc_cursor_next(cursor, &doc))
		mongo_ref_from_bson(&(*refs)[(*n)++], doc);
	if (mongoc_cursor_error(cursor, &error)) {
		err = mongo_failed(why, "find", &error);
		job_refs_free(*refs, *n);
		*refs = NULL;
		*n = 0;
	}
	mongoc_cursor_destroy(cursor);
	mongoc_collection_destroy(jobs);
	mongo_call_end(&call);
	return err;
}

/* "dueAt > d, or dueAt = d and requestId > id" as one range of the index and a filter on its keys. */
static void append_due_range(bson_t *filter, int64_t now, int64_t after_due_at, const char *after_id)
{
	bson_t range, either, one, operator;

	BSON_APPEND_DOCUMENT_BEGIN(filter, "dueAt", &range);
	BSON_APPEND_DATE_TIME(&range, "$lte", now);
	if (after_due_at)
		BSON_APPEND_DATE_TIME(&range, "$gte", after_due_at);
	bson_append_document_end(filter, &range);
	if (!after_due_at)
		return;
	BSON_APPEND_ARRAY_BEGIN(filter, "$or", &either);
	BSON_APPEND_DOCUMENT_BEGIN(&either, "0", &one);
	BSON_APPEND_DOCUMENT_BEGIN(&one, "dueAt", &operator);
	BSON_APPEND_DATE_TIME(&operator, "$gt", after_due_at);
	bson_append_document_end(&one, &operator);
	bson_append_document_end(&either, &one);
	BSON_APPEND_DOCUMENT_BEGIN(&either, "1", &one);
	BSON_APPEND_DOCUMENT_BEGIN(&one, "requestId", &operator);
	BSON_APPEND_UTF8(&operator, "$gt", after_id);
	bson_append_document_end(&one, &operator);
	bson_append_document_end(&either, &one);
	bson_append_array_end(filter, &either);
}

enum err mongo_find_due(struct store *store, int64_t now, int64_t after_due_at, const char *after_id, size_t limit,
                        struct job_ref **refs, size_t *n, struct err_text *why)
{
	bson_t *filter = bson_new(), *opts = bson_new(), sort;

	append_due_range(filter, now, after_due_at, after_id);
	BSON_APPEND_DOCUMENT_BEGIN(opts, "sort", &sort);
	BSON_APPEND_INT32(&sort, "dueAt", 1);
	BSON_APPEND_INT32(&sort, "requestId", 1);
	bson_append_document_end(opts, &sort);
	return find_refs(store, filter, opts, limit, refs, n, why);
}

/* Jobs that are enqueued lie in two indexes, one for each phase: what both give is put together. */
static const struct { enum phase phase; const char *index; } queues[] = {
	{ PHASE_QUEUED, INDEX_QUEUED },
	{ PHASE_WAITING_POLL, INDEX_POLLS },
};

enum { QUEUES = sizeof(queues) / sizeof(queues[0]) };

/* By vendor, then oldest first: the order of both indexes. */
static int compare_refs(const void *a, const void *b)
{
	const struct job_ref *x = a, *y = b;
	int order = strcmp(x->vendor, y->vendor);

	return order ? order : (x->queued_at > y->queued_at) - (x->queued_at < y->queued_at);
}

/* Moves the refs of `more` behind those that are there. */
static void append_refs(struct job_ref **refs, size_t *n, struct job_ref *more, size_t n_more)
{
	if (n_more) {
		*refs = mem_realloc(*refs, (*n + n_more) * sizeof(**refs));
		memcpy(*refs + *n, more, n_more * sizeof(*more));
		*n += n_more;
	}
	free(more);
}

/* Runs the find over one of the queues; destroys filter. */
static enum err find_in(struct store *store, size_t queue, bson_t *filter, size_t limit, struct job_ref **refs, size_t *n,
                        struct err_text *why)
{
	bson_t *opts = bson_new(), sort;
	struct job_ref *found;
	size_t n_found;
	enum err err;

	BSON_APPEND_UTF8(filter, "phase", phase_name(queues[queue].phase));
	BSON_APPEND_DOCUMENT_BEGIN(opts, "sort", &sort);
	BSON_APPEND_INT32(&sort, "vendor", 1);
	BSON_APPEND_INT32(&sort, "queuedAt", 1);
	bson_append_document_end(opts, &sort);
	/* Of the planner's choice it could be every job of the vendors that come after. */
	BSON_APPEND_UTF8(opts, "hint", queues[queue].index);
	err = find_refs(store, filter, opts, limit, &found, &n_found, why);
	if (err == ERR_OK)
		append_refs(refs, n, found, n_found);
	return err;
}

/* The first `limit` of both. append_range() says what is asked of the vendor and of queuedAt. */
static enum err find_enqueued(struct store *store,
                              void (*append_range)(bson_t *filter, const char *vendor, int64_t before),
                              const char *vendor, int64_t before, size_t limit, struct job_ref **refs, size_t *n,
                              struct err_text *why)
{
	enum err err = ERR_OK;

	*refs = NULL;
	*n = 0;
	for (size_t i = 0; i < QUEUES && err == ERR_OK; i++) {
		bson_t *filter = bson_new();

		append_range(filter, vendor, before);
		err = find_in(store, i, filter, limit, refs, n, why);
	}
	if (*n > 1)
		qsort(*refs, *n, sizeof(**refs), compare_refs);
	if (err != ERR_OK)
		limit = 0;
	while (*n > limit)
		job_ref_deinit(&(*refs)[--*n]);
	return err;
}

static void of_vendor_before(bson_t *filter, const char *vendor, int64_t before)
{
	bson_t range;

	BSON_APPEND_UTF8(filter, "vendor", vendor);
	BSON_APPEND_DOCUMENT_BEGIN(filter, "queuedAt", &range);
	BSON_APPEND_DATE_TIME(&range, "$lt", before);
	bson_append_document_end(filter, &range);
}

static void of_vendors_after(bson_t *filter, const char *vendor, int64_t unused)
{
	bson_t range;

	(void)unused;
	BSON_APPEND_DOCUMENT_BEGIN(filter, "vendor", &range);
	BSON_APPEND_UTF8(&range, "$gt", vendor);
	bson_append_document_end(filter, &range);
}

enum err mongo_find_queued(struct store *store, const char *vendor, int64_t before, size_t limit,
                           struct job_ref **refs, size_t *n, struct err_text *why)
{
	return find_enqueued(store, of_vendor_before, vendor, before, limit, refs, n, why);
}

enum err mongo_next_queued(struct store *store, const char *after_vendor, struct job_ref **refs, size_t *n,
                           struct err_text *why)
{
	return find_enqueued(store, of_vendors_after, after_vendor, 0, 1, refs, n, why);
}
