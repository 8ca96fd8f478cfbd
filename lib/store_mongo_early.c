/* Early callbacks in MongoDB: a small collection that is nearly always empty; its TTL index removes what expires.
 *
 * Results are kept as text: nobody looks for them here, and they go on to the job as they came. */
#include "store_mongo_priv.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* Insert and replace, each once more: what was there may have expired in between. */
enum { PUT_TRIES = 2 };

static bson_t *filter_of(const char *vendor, const char *vendor_job_id)
{
	bson_t *filter = bson_new();

	BSON_APPEND_UTF8(filter, "vendor", vendor);
	BSON_APPEND_UTF8(filter, "vendorJobId", vendor_job_id);
	return filter;
}

/* ---- Put ---- */

static const char *text_of(const struct store_early *early) { return early->result ? early->result : early->error; }

static int64_t bytes_of(const struct store_early *early) { return (int64_t)(strlen(text_of(early)) + early->raw_bytes); }

/* How many of the vendor are kept, and their bytes. */
static enum err count_kept(const struct mongo_call *call, mongoc_collection_t *collection, const char *vendor,
                           int64_t *count, int64_t *bytes, struct err_text *why)
{
	bson_t *pipeline = BCON_NEW("pipeline", "[", "{", "$match", "{", "vendor", BCON_UTF8(vendor), "}", "}",
	                            "{", "$group", "{", "_id", BCON_NULL, "count", "{", "$sum", BCON_INT32(1), "}",
	                            "bytes", "{", "$sum", BCON_UTF8("$bytes"), "}", "}", "}", "]");
	bson_t *opts = BCON_NEW("maxTimeMS", BCON_INT64(call->store->max_time_ms));
	mongoc_cursor_t *cursor = mongoc_collection_aggregate(collection, MONGOC_QUERY_NONE, pipeline, opts, NULL);
	enum err err = ERR_OK;
	bson_error_t error;
	const bson_t *doc;
	bson_iter_t iter;

	*count = *bytes = 0;
	if (mongoc_cursor_next(cursor, &doc)) {
		*count = bson_iter_init_find(&iter, doc, "count") ? bson_iter_as_int64(&iter) : 0;
		*bytes = bson_iter_init_find(&iter, doc, "bytes") ? bson_iter_as_int64(&iter) : 0;
	}
	if (mongoc_cursor_error(cursor, &error))
		err = mongo_failed(why, "count early callbacks", &error);
	mongoc_cursor_destroy(cursor);
	bson_destroy(opts);
	bson_destroy(pipeline);
	return err;
}

/* ERR_EXISTS: one of this id is kept. */
static enum err insert(mongoc_collection_t *collection, const struct store_early *early, struct err_text *why)
{
	bson_t *doc = filter_of(early->vendor, early->vendor_job_id);
	bson_error_t error = { 0 };
	enum err err = ERR_OK;

	BSON_APPEND_DATE_TIME(doc, "receivedAt", early->received_at);
	BSON_APPEND_DATE_TIME(doc, "expireAt", early->expire_at);
	BSON_APPEND_INT64(doc, "bytes", bytes_of(early));
	BSON_APPEND_UTF8(doc, early->result ? "result" : "error", text_of(early));
	if (!mongoc_collection_insert_one(collection, doc, NULL, NULL, &error))
		err = error.code == MONGO_CODE_DUPLICATE_KEY ? ERR_EXISTS : mongo_failed(why, "keep an early callback", &error);
	bson_destroy(doc);
	return err;
}

/* A success takes the place of a failure. *done: it did. */
static enum err replace_failure(mongoc_collection_t *collection, const struct store_early *early, bool *done,
                                struct err_text *why)
{
	bson_t *filter = filter_of(early->vendor, early->vendor_job_id);
	bson_t *update = BCON_NEW("$set", "{", "result", BCON_UTF8(early->result), "bytes",
	                          BCON_INT64(bytes_of(early)), "}", "$unset", "{", "error", BCON_UTF8(""), "}");
	bson_error_t error = { 0 };
	enum err err = ERR_OK;
	bson_iter_t iter;
	bson_t reply;

	BCON_APPEND(filter, "error", "{", "$exists", BCON_BOOL(true), "}");
	if (!mongoc_collection_update_one(collection, filter, update, NULL, &reply, &error))
		err = mongo_failed(why, "keep an early callback", &error);
	*done = bson_iter_init_find(&iter, &reply, "matchedCount") && bson_iter_as_int64(&iter) > 0;
	bson_destroy(&reply);
	bson_destroy(update);
	bson_destroy(filter);
	return err;
}

/* A failure goes nowhere if something is kept, a success to the place of a failure or nowhere. */
static enum err put(const struct mongo_call *call, mongoc_collection_t *collection, const struct store_early *early,
                    struct err_text *why)
{
	enum err err = ERR_EXISTS;
	bool done = false;

	for (int i = 0; i < PUT_TRIES && err == ERR_EXISTS && !done; i++) {
		err = mongo_call_check(call, why);
		if (err == ERR_OK)
			err = insert(collection, early, why);
		if (err == ERR_EXISTS && !early->result)
			done = true;
		else if (err == ERR_EXISTS && replace_failure(collection, early, &done, why) != ERR_OK)
			err = ERR_UNAVAILABLE;
	}
	return err == ERR_EXISTS ? ERR_OK : err;
}

/* One that is kept already finds room: it grows at most once, to a success. */
static enum err look_for_room(const struct mongo_call *call, mongoc_collection_t *collection,
                              const struct store_early *early, struct err_text *why)
{
	struct store_early_key key = { early->vendor, early->vendor_job_id };
	struct store_early *kept = NULL;
	int64_t count, bytes;
	size_t n = 0;
	enum err err = count_kept(call, collection, early->vendor, &count, &bytes, why);

	if (err != ERR_OK || (count < STORE_EARLY_MAX && bytes < STORE_EARLY_BYTES))
		return err;
	err = mongo_early_find(&call->store->base, &key, 1, &kept, &n, why);
	store_early_free(kept, n);
	return err != ERR_OK || n ? err : err_set(why, ERR_FULL, "too many early callbacks of %s are kept", early->vendor);
}

enum err mongo_early_put(struct store *store, const struct store_early *early, struct err_text *why)
{
	mongoc_collection_t *collection;
	struct mongo_call call;
	enum err err = mongo_call_begin(store, &call, why);

	if (err != ERR_OK)
		return err;
	collection = mongo_collection(&call, COLLECTION_EARLY);
	err = look_for_room(&call, collection, early, why);
	if (err == ERR_OK)
		err = put(&call, collection, early, why);
	mongoc_collection_destroy(collection);
	mongo_call_end(&call);
	return err;
}

/* ---- Find ---- */

/* A copy of the member, owned by the caller; NULL if there is none. */
static char *member_text(const bson_t *doc, const char *name)
{
	bson_iter_t iter;
	const char *text;
	uint32_t len;

	if (!bson_iter_init_find(&iter, doc, name) || !BSON_ITER_HOLDS_UTF8(&iter))
		return NULL;
	text = bson_iter_utf8(&iter, &len);
	return mem_strndup(text, len);
}

/* Destroys filter and opts. */
static enum err find(struct store *store, bson_t *filter, bson_t *opts, size_t capacity, struct store_early **kept,
                     size_t *n_kept, struct err_text *why)
{
	mongoc_collection_t *collection;
	mongoc_cursor_t *cursor;
	struct store_early *rows;
	struct mongo_call call;
	bson_error_t error;
	const bson_t *doc;
	size_t n = 0;
	enum err err = mongo_call_begin(store, &call, why);

	if (err != ERR_OK) {
		bson_destroy(filter);
		bson_destroy(opts);
		return err;
	}
	rows = mem_calloc(capacity, sizeof(*rows));
	collection = mongo_collection(&call, COLLECTION_EARLY);
	cursor = mongo_find(&call, collection, filter, opts);
	while (n < capacity && mongoc_cursor_next(cursor, &doc))
		rows[n++] = (struct store_early){
			.vendor = member_text(doc, "vendor"), .vendor_job_id = member_text(doc, "vendorJobId"),
			.received_at = mongo_at(doc, "receivedAt"), .expire_at = mongo_at(doc, "expireAt"),
			.error = member_text(doc, "error"), .result = member_text(doc, "result") };
	if (mongoc_cursor_error(cursor, &error)) {
		err = mongo_failed(why, "look for early callbacks", &error);
		store_early_free(rows, n);
	} else {
		*kept = rows;
		*n_kept = n;
	}
	mongoc_cursor_destroy(cursor);
	mongoc_collection_destroy(collection);
	mongo_call_end(&call);
	return err;
}

/* Any of the keys, as one filter on the unique index. */
static bson_t *any_of(const struct store_early_key *keys, size_t n)
{
	bson_t *filter = bson_new(), either;

	BSON_APPEND_ARRAY_BEGIN(filter, "$or", &either);
	for (size_t i = 0; i < n; i++) {
		bson_t *one = filter_of(keys[i].vendor, keys[i].vendor_job_id);
		const char *name;
		char digits[16];

		bson_uint32_to_string((uint32_t)i, &name, digits, sizeof(digits));
		BSON_APPEND_DOCUMENT(&either, name, one);
		bson_destroy(one);
	}
	bson_append_array_end(filter, &either);
	return filter;
}

enum err mongo_early_find(struct store *store, const struct store_early_key *keys, size_t n, struct store_early **kept,
                          size_t *n_kept, struct err_text *why)
{
	return find(store, any_of(keys, n), NULL, n, kept, n_kept, why);
}

/* "receivedAt > r, or receivedAt = r and (vendor, id) after the given". */
static void append_after(bson_t *filter, const struct store_early *after)
{
	BCON_APPEND(filter, "$or", "[",
	            "{", "receivedAt", "{", "$gt", BCON_DATE_TIME(after->received_at), "}", "}",
	            "{", "receivedAt", BCON_DATE_TIME(after->received_at),
	            "vendor", "{", "$gt", BCON_UTF8(after->vendor), "}", "}",
	            "{", "receivedAt", BCON_DATE_TIME(after->received_at), "vendor", BCON_UTF8(after->vendor),
	            "vendorJobId", "{", "$gt", BCON_UTF8(after->vendor_job_id), "}", "}", "]");
}

enum err mongo_early_page(struct store *store, int64_t until, const struct store_early *after, size_t limit,
                          struct store_early **kept, size_t *n_kept, struct err_text *why)
{
	bson_t *filter = BCON_NEW("receivedAt", "{", "$lte", BCON_DATE_TIME(until), "}");
	bson_t *opts = BCON_NEW("sort", "{", "receivedAt", BCON_INT32(1), "vendor", BCON_INT32(1),
	                        "vendorJobId", BCON_INT32(1), "}",
	                        "limit", BCON_INT64((int64_t)limit), "batchSize", BCON_INT64((int64_t)limit),
	                        "singleBatch", BCON_BOOL(true),
	                        "projection", "{", "result", BCON_INT32(0), "error", BCON_INT32(0), "}");

	if (after)
		append_after(filter, after);
	return find(store, filter, opts, limit, kept, n_kept, why);
}

/* ---- Drop ---- */

enum err mongo_early_drop(struct store *store, const struct store_early_key *keys, size_t n, struct err_text *why)
{
	mongoc_collection_t *collection;
	bson_error_t error = { 0 };
	struct mongo_call call;
	enum err err = mongo_call_begin(store, &call, why);
	bson_t *filter;

	if (err != ERR_OK)
		return err;
	collection = mongo_collection(&call, COLLECTION_EARLY);
	filter = any_of(keys, n);
	if (!mongoc_collection_delete_many(collection, filter, NULL, NULL, &error))
		err = mongo_failed(why, "drop early callbacks", &error);
	bson_destroy(filter);
	mongoc_collection_destroy(collection);
	mongo_call_end(&call);
	return err;
}
