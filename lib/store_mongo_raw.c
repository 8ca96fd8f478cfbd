/* Raw answers in MongoDB; the TTL index removes them. It does so once a minute, so whoever reads looks at expireAt, too.
 *
 * No transaction spans two collections on a server that stands alone. So the raw answer of a job is written first, under a
 * key that is new each time, and the guarded change of the job names that key: only then somebody can find it. One whose
 * change was refused is removed again; what a crash leaves in between nobody finds until it expires.
 */
#include "store_mongo_priv.h"

#include "clock.h"
#include "log.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bson_t *doc_of(const char *key, const struct raw_answer *raw)
{
	bson_t *doc = bson_sized_new(raw->body_len + 1024);

	BSON_APPEND_UTF8(doc, "_id", key);
	BSON_APPEND_DATE_TIME(doc, "expireAt", raw->expire_at);
	BSON_APPEND_DATE_TIME(doc, "receivedAt", raw->received_at);
	BSON_APPEND_INT32(doc, "httpStatus", raw->http_status);
	if (raw->content_type)
		BSON_APPEND_UTF8(doc, "contentType", raw->content_type);
	BSON_APPEND_BINARY(doc, "body", BSON_SUBTYPE_BINARY, (const uint8_t *)(raw->body ? raw->body : ""),
	                   (uint32_t)raw->body_len);
	return doc;
}

/* The caller's. */
static struct raw_answer *raw_of(const bson_t *doc)
{
	struct raw_answer *raw = mem_calloc(1, sizeof(*raw));
	const uint8_t *bytes = NULL;
	bson_iter_t iter;
	uint32_t len = 0;

	raw->expire_at = mongo_at(doc, "expireAt");
	raw->received_at = mongo_at(doc, "receivedAt");
	if (bson_iter_init_find(&iter, doc, "httpStatus"))
		raw->http_status = (int)bson_iter_as_int64(&iter);
	if (bson_iter_init_find(&iter, doc, "contentType") && BSON_ITER_HOLDS_UTF8(&iter))
		raw->content_type = mem_strdup(bson_iter_utf8(&iter, NULL));
	if (bson_iter_init_find(&iter, doc, "body") && BSON_ITER_HOLDS_BINARY(&iter))
		bson_iter_binary(&iter, NULL, &len, &bytes);
	raw->body = mem_alloc((size_t)len + 1);
	if (len)
		memcpy(raw->body, bytes, len);
	raw->body[len] = '\0';
	raw->body_len = len;
	return raw;
}

/* ---- Under a key ---- */

enum err mongo_raw_put(struct store *store, const char *key, const struct raw_answer *raw, struct err_text *why)
{
	mongoc_collection_t *collection;
	bson_error_t error = { 0 };
	struct mongo_call call;
	enum err err = mongo_call_begin(store, &call, why);
	bson_t *doc;

	if (err != ERR_OK)
		return err;
	collection = mongo_collection(&call, COLLECTION_RAW);
	doc = doc_of(key, raw);
	if (!mongoc_collection_insert_one(collection, doc, NULL, NULL, &error) && error.code != MONGO_CODE_DUPLICATE_KEY)
		err = mongo_failed(why, "keep a raw answer", &error);
	bson_destroy(doc);
	mongoc_collection_destroy(collection);
	mongo_call_end(&call);
	return err;
}

/* The first document that the filter (which is destroyed) finds, with these members alone (NULL: all); *doc is the
 * caller's, NULL if there is none. */
static enum err find_one(const struct mongo_call *call, const char *collection, bson_t *filter, const char *member,
                         bson_t **doc, struct err_text *why)
{
	mongoc_collection_t *handle = mongo_collection(call, collection);
	bson_t *opts = BCON_NEW("limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true));
	mongoc_cursor_t *cursor;
	bson_error_t error;
	const bson_t *found;
	enum err err = ERR_OK;

	*doc = NULL;
	if (member)
		BCON_APPEND(opts, "projection", "{", member, BCON_INT32(1), "}");
	cursor = mongo_find(call, handle, filter, opts);
	if (mongoc_cursor_next(cursor, &found))
		*doc = bson_copy(found);
	else if (mongoc_cursor_error(cursor, &error))
		err = mongo_failed(why, "read a raw answer", &error);
	mongoc_cursor_destroy(cursor);
	mongoc_collection_destroy(handle);
	return err;
}

static enum err get(const struct mongo_call *call, const char *key, int64_t now, struct raw_answer **raw,
                    struct err_text *why)
{
	bson_t *filter = BCON_NEW("_id", BCON_UTF8(key), "expireAt", "{", "$gt", BCON_DATE_TIME(now), "}"), *doc;
	enum err err = find_one(call, COLLECTION_RAW, filter, NULL, &doc, why);

	if (err == ERR_OK && !doc)
		return err_set(why, ERR_NOT_FOUND, "no raw answer is kept");
	if (err == ERR_OK)
		*raw = raw_of(doc);
	bson_destroy(doc);
	return err;
}

enum err mongo_raw_get(struct store *store, const char *key, int64_t now, struct raw_answer **raw, struct err_text *why)
{
	struct mongo_call call;
	enum err err = mongo_call_begin(store, &call, why);

	if (err != ERR_OK)
		return err;
	err = get(&call, key, now, raw, why);
	mongo_call_end(&call);
	return err;
}

enum err mongo_raw_of_job(struct store *store, const char *request_id, int64_t now, struct raw_answer **raw,
                          struct err_text *why)
{
	struct mongo_call call;
	bson_iter_t iter;
	bson_t *job;
	enum err err = mongo_call_begin(store, &call, why);

	if (err != ERR_OK)
		return err;
	err = find_one(&call, COLLECTION_JOBS, BCON_NEW("requestId", BCON_UTF8(request_id)), "rawKey", &job, why);
	if (err == ERR_OK && job && bson_iter_init_find(&iter, job, "rawKey") && BSON_ITER_HOLDS_UTF8(&iter)) {
		err = mongo_call_check(&call, why);
		if (err == ERR_OK)
			err = get(&call, bson_iter_utf8(&iter, NULL), now, raw, why);
	} else if (err == ERR_OK) {
		err = err_set(why, ERR_NOT_FOUND, "no raw answer is kept");
	}
	bson_destroy(job);
	mongo_call_end(&call);
	return err;
}

static enum err drop(const struct mongo_call *call, const char *const *keys, size_t n, struct err_text *why)
{
	mongoc_collection_t *collection = mongo_collection(call, COLLECTION_RAW);
	bson_t filter = BSON_INITIALIZER, in, list;
	bson_error_t error = { 0 };
	enum err err = ERR_OK;

	BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &in);
	BSON_APPEND_ARRAY_BEGIN(&in, "$in", &list);
	for (uint32_t i = 0; i < n; i++) {
		const char *index;
		char digits[16];

		bson_uint32_to_string(i, &index, digits, sizeof(digits));
		BSON_APPEND_UTF8(&list, index, keys[i]);
	}
	bson_append_array_end(&in, &list);
	bson_append_document_end(&filter, &in);
	if (!mongoc_collection_delete_many(collection, &filter, NULL, NULL, &error))
		err = mongo_failed(why, "drop raw answers", &error);
	bson_destroy(&filter);
	mongoc_collection_destroy(collection);
	return err;
}

enum err mongo_raw_drop(struct store *store, const char *const *keys, size_t n, struct err_text *why)
{
	struct mongo_call call;
	enum err err = mongo_call_begin(store, &call, why);

	if (err != ERR_OK)
		return err;
	err = drop(&call, keys, n, why);
	mongo_call_end(&call);
	return err;
}

/* ---- With the change of a job ---- */

static bool has_raw(const struct job_change *item)
{
	return item->raw && job_transition(item->event)->to == PHASE_DONE && item->raw->body_len <= STORE_TEXT_MAX;
}

static void make_key(const struct job_change *item, char key[MONGO_RAW_KEY_SIZE])
{
	char unique[UUID_TEXT_SIZE];

	uuid_new(clock_now_ms(), unique);
	snprintf(key, MONGO_RAW_KEY_SIZE, "%s:%s", item->request_id, unique);
}

/* All of them, or an error: then any may be written. One that the server refuses loses its key: its job ends without. */
static enum err insert_all(const struct mongo_call *call, const struct job_change *items, size_t n,
                           struct mongo_raw_keys *keys, struct err_text *why)
{
	mongoc_collection_t *collection = mongo_collection(call, COLLECTION_RAW);
	mongoc_bulk_operation_t *bulk = mongo_bulk_new(collection);
	size_t *index = mem_calloc(n, sizeof(*index)), added = 0;
	int *codes = mem_calloc(n, sizeof(*codes));
	enum err err;

	for (size_t i = 0; i < n; i++) {
		bson_t *doc;

		if (!keys->texts[i][0])
			continue;
		doc = doc_of(keys->texts[i], items[i].raw);
		if (mongoc_bulk_operation_insert_with_opts(bulk, doc, NULL, NULL))
			index[added++] = i;
		else
			keys->texts[i][0] = '\0';
		bson_destroy(doc);
	}
	err = mongo_bulk_run(bulk, "keep raw answers", codes, added, why);
	for (size_t i = 0; i < added && err == ERR_OK; i++)
		if (codes[i]) {
			(void)mongo_item_refused("keep its raw answer", items[index[i]].request_id, codes[i]);
			keys->texts[index[i]][0] = '\0';
		}
	free(index);
	free(codes);
	mongoc_collection_destroy(collection);
	return err;
}

enum err mongo_raw_begin(const struct mongo_call *call, const struct job_change *items, size_t n,
                         struct mongo_raw_keys *keys, struct err_text *why)
{
	enum err err;
	bool any = false;

	*keys = (struct mongo_raw_keys){ .n = n };
	for (size_t i = 0; i < n; i++)
		any |= has_raw(&items[i]);
	if (!any)
		return ERR_OK;
	keys->texts = mem_calloc(n, sizeof(*keys->texts));
	for (size_t i = 0; i < n; i++)
		if (has_raw(&items[i]))
			make_key(&items[i], keys->texts[i]);
	err = insert_all(call, items, n, keys, why);
	return err ? err : mongo_call_check(call, why);
}

void mongo_raw_end(const struct mongo_call *call, const struct job_change *items, bool answered,
                   struct mongo_raw_keys *keys)
{
	const char **refused;
	struct err_text why = { "" };
	size_t n = 0;

	if (!keys->texts)
		return;
	refused = mem_calloc(keys->n, sizeof(*refused));
	for (size_t i = 0; i < keys->n; i++)
		if (keys->texts[i][0] && answered && items[i].outcome != ERR_OK)
			refused[n++] = keys->texts[i];
	if (n && (mongo_call_check(call, &why) != ERR_OK || drop(call, refused, n, &why) != ERR_OK))
		log_warn("store: raw answers of changes that were refused stay until they expire n=%zu error=\"%s\"", n, why.text);
	free(refused);
	free(keys->texts);
	keys->texts = NULL;
}
