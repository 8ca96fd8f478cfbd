/* Insert: first the idempotency keys, then the jobs, each as one durable unordered batch.
 *
 * A key belongs to whoever inserted its document (the _id decides, atomically, also within one batch), and that
 * document names the job. Whoever finds the key taken inserts the job under the first one's id: if the first
 * died between key and job, the job is stored now; if not, the unique index refuses the copy. So a refused copy
 * is never an error here, and the same holds for a batch that is sent again because its answer was lost.
 */
#include "store_mongo_priv.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* A key may be found expired (the server deletes a minute late): it is deleted and the next round inserts. */
enum { KEY_ROUNDS = 3 };

/* A batch on its way; index arrays say which items the operations of a bulk belong to. */
struct batch {
	struct mongo_call call;
	struct store_insert *items;
	size_t n;
	size_t *index;
	int *codes;
};

/* ---- Keys ---- */

/* As text where it is text, so that users can look one up. */
static void append_key(bson_t *doc, const char *field, const char *key)
{
	size_t len = strlen(key);

	if (bson_utf8_validate(key, len, false))
		bson_append_utf8(doc, field, -1, key, (int)len);
	else
		bson_append_binary(doc, field, -1, BSON_SUBTYPE_BINARY, (const uint8_t *)key, (uint32_t)len);
}

static bool is_key(const bson_iter_t *id, const char *key)
{
	const uint8_t *bytes = NULL;
	uint32_t len = 0;

	if (BSON_ITER_HOLDS_UTF8(id))
		bytes = (const uint8_t *)bson_iter_utf8(id, &len);
	else if (BSON_ITER_HOLDS_BINARY(id))
		bson_iter_binary(id, NULL, &len, &bytes);
	return bytes && len == strlen(key) && memcmp(bytes, key, len) == 0;
}

static enum err insert_keys(struct batch *batch, mongoc_collection_t *keys, size_t n, struct err_text *why)
{
	mongoc_bulk_operation_t *bulk = mongo_bulk_new(keys);
	bson_t opts = BSON_INITIALIZER;

	BSON_APPEND_BOOL(&opts, "validate", false);
	for (size_t i = 0; i < n; i++) {
		const struct store_insert *item = &batch->items[batch->index[i]];
		bson_t doc = BSON_INITIALIZER;

		append_key(&doc, "_id", item->idempotency_key);
		BSON_APPEND_BINARY(&doc, "hash", BSON_SUBTYPE_BINARY, item->body_hash, STORE_HASH_SIZE);
		BSON_APPEND_UTF8(&doc, "requestId", item->job->request_id);
		BSON_APPEND_DATE_TIME(&doc, "expireAt", item->key_expire_at);
		mongoc_bulk_operation_insert_with_opts(bulk, &doc, &opts, NULL);
		bson_destroy(&doc);
	}
	bson_destroy(&opts);
	return mongo_bulk_run(bulk, "insert keys", batch->codes, n, why);
}

/* Keeps the items whose key was taken in index; returns how many. */
static size_t keep_taken(struct batch *batch, size_t n)
{
	size_t taken = 0;

	for (size_t i = 0; i < n; i++) {
		struct store_insert *item = &batch->items[batch->index[i]];

		if (batch->codes[i] == MONGO_CODE_DUPLICATE_KEY)
			batch->index[taken++] = batch->index[i];
		else if (batch->codes[i])
			item->outcome = mongo_item_refused("insert key", item->job->request_id, batch->codes[i]);
	}
	return taken;
}

/* The key documents of the items in index. Read concern local: what made the insert fail may not be on a
 * majority yet, and the durable insert of the job that follows waits until it is. */
static mongoc_cursor_t *find_keys(struct batch *batch, mongoc_collection_t *keys, size_t n)
{
	bson_t *filter = bson_new(), *opts = bson_new(), in, list, concern;
	const char *field;
	char digits[16];

	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &in);
	BSON_APPEND_ARRAY_BEGIN(&in, "$in", &list);
	for (size_t i = 0; i < n; i++) {
		bson_uint32_to_string((uint32_t)i, &field, digits, sizeof(digits));
		append_key(&list, field, batch->items[batch->index[i]].idempotency_key);
	}
	bson_append_array_end(&in, &list);
	bson_append_document_end(filter, &in);
	BSON_APPEND_DOCUMENT_BEGIN(opts, "readConcern", &concern);
	BSON_APPEND_UTF8(&concern, "level", MONGOC_READ_CONCERN_LEVEL_LOCAL);
	bson_append_document_end(opts, &concern);
	return mongo_find(&batch->call, keys, filter, opts);
}

static bool same_hash(const bson_t *doc, const struct store_insert *item)
{
	const uint8_t *hash = NULL;
	bson_iter_t iter;
	uint32_t len = 0;

	if (bson_iter_init_find(&iter, doc, "hash") && BSON_ITER_HOLDS_BINARY(&iter))
		bson_iter_binary(&iter, NULL, &len, &hash);
	return len == STORE_HASH_SIZE && memcmp(hash, item->body_hash, len) == 0;
}

/* Answers one item by the document that holds its key. */
static void settle(struct store_insert *item, const bson_t *doc)
{
	const char *first = NULL;
	bson_iter_t iter;

	if (bson_iter_init_find(&iter, doc, "requestId") && BSON_ITER_HOLDS_UTF8(&iter))
		first = bson_iter_utf8(&iter, NULL);
	if (!first || !uuid_is_valid(first) || !same_hash(doc, item)) {
		item->outcome = ERR_CONFLICT;
		return;
	}
	memcpy(item->job->request_id, first, sizeof(item->job->request_id));
	item->outcome = ERR_EXISTS;
}

/* Deletes exactly the document that was seen expired, not one that came in its place. */
static void add_removal(mongoc_bulk_operation_t *bulk, const bson_t *doc)
{
	static const char *const guards[] = { "_id", "requestId", "expireAt" };
	bson_t filter = BSON_INITIALIZER;
	bson_iter_t iter;

	for (size_t i = 0; i < sizeof(guards) / sizeof(guards[0]); i++)
		if (bson_iter_init_find(&iter, doc, guards[i]))
			bson_append_iter(&filter, NULL, 0, &iter);
	mongoc_bulk_operation_remove_one_with_opts(bulk, &filter, NULL, NULL);
	bson_destroy(&filter);
}

/* Answers the items in index that this key document belongs to, and takes them out of index. True if the key had
 * expired: then they stay. */
static bool settle_all(struct batch *batch, const bson_t *doc, size_t *n)
{
	int64_t expire_at = mongo_at(doc, "expireAt");
	bool expired = false;
	size_t left = 0;
	bson_iter_t id;

	if (!bson_iter_init_find(&id, doc, "_id"))
		return false;
	for (size_t i = 0; i < *n; i++) {
		struct store_insert *item = &batch->items[batch->index[i]];
		bool same = is_key(&id, item->idempotency_key);

		if (same && expire_at > item->job->created_at) {
			settle(item, doc);
			continue;
		}
		expired = expired || same;
		batch->index[left++] = batch->index[i];
	}
	*n = left;
	return expired;
}

/* Looks at the keys that were taken: *n items stay in index for another round. */
static enum err settle_taken(struct batch *batch, mongoc_collection_t *keys, size_t *n, struct err_text *why)
{
	mongoc_bulk_operation_t *removals = mongo_bulk_new(keys);
	mongoc_cursor_t *cursor = find_keys(batch, keys, *n);
	bson_error_t error = { 0 };
	enum err err = ERR_OK;
	bool any = false;
	const bson_t *doc;

	while (mongoc_cursor_next(cursor, &doc))
		if (settle_all(batch, doc, n)) {
			add_removal(removals, doc);
			any = true;
		}
	if (mongoc_cursor_error(cursor, &error))
		err = mongo_failed(why, "find keys", &error);
	else if (any && (err = mongo_call_check(&batch->call, why)) == ERR_OK
	         && !mongoc_bulk_operation_execute(removals, NULL, &error))
		err = mongo_failed(why, "delete expired keys", &error);
	mongoc_cursor_destroy(cursor);
	mongoc_bulk_operation_destroy(removals);
	return err;
}

static enum err take_keys(struct batch *batch, struct err_text *why)
{
	mongoc_collection_t *keys;
	enum err err = ERR_OK;
	size_t n = 0;

	for (size_t i = 0; i < batch->n; i++)
		if (batch->items[i].idempotency_key && batch->items[i].outcome == ERR_OK)
			batch->index[n++] = i;
	if (n == 0)
		return ERR_OK;
	keys = mongo_collection(&batch->call, COLLECTION_KEYS);
	for (int round = 0; round < KEY_ROUNDS && n > 0 && err == ERR_OK; round++) {
		err = mongo_call_check(&batch->call, why);
		if (err == ERR_OK)
			err = insert_keys(batch, keys, n, why);
		if (err != ERR_OK)
			break;
		n = keep_taken(batch, n);
		if (n > 0 && (err = mongo_call_check(&batch->call, why)) == ERR_OK)
			err = settle_taken(batch, keys, &n, why);
	}
	for (size_t i = 0; i < n; i++)
		batch->items[batch->index[i]].outcome = ERR_UNAVAILABLE;
	mongoc_collection_destroy(keys);
	return err;
}

/* ---- Jobs ---- */

/* Adds what is to be stored; returns how many. */
static size_t add_jobs(struct batch *batch, mongoc_bulk_operation_t *bulk)
{
	bson_t opts = BSON_INITIALIZER;
	size_t n = 0;

	BSON_APPEND_BOOL(&opts, "validate", false);
	for (size_t i = 0; i < batch->n; i++) {
		struct store_insert *item = &batch->items[i];
		bson_t *doc;

		if (item->outcome != ERR_OK && item->outcome != ERR_EXISTS)
			continue;
		doc = mongo_job_to_bson(item->job);
		/* The driver would drop the rest of the batch. */
		if (doc->len > MONGO_DOCUMENT_MAX) {
			item->outcome = ERR_TOO_BIG;
		} else {
			mongoc_bulk_operation_insert_with_opts(bulk, doc, &opts, NULL);
			batch->index[n++] = i;
		}
		bson_destroy(doc);
	}
	bson_destroy(&opts);
	return n;
}

static enum err insert_jobs(struct batch *batch, struct err_text *why)
{
	enum err err = mongo_call_check(&batch->call, why);
	mongoc_bulk_operation_t *bulk;
	mongoc_collection_t *jobs;
	size_t n;

	if (err != ERR_OK)
		return err;
	jobs = mongo_collection(&batch->call, COLLECTION_JOBS);
	bulk = mongo_bulk_new(jobs);
	n = add_jobs(batch, bulk);
	if (n > 0)
		err = mongo_bulk_run(bulk, "insert jobs", batch->codes, n, why);
	else
		mongoc_bulk_operation_destroy(bulk);
	mongoc_collection_destroy(jobs);
	if (err != ERR_OK)
		return err;
	for (size_t i = 0; i < n; i++) {
		struct store_insert *item = &batch->items[batch->index[i]];

		if (batch->codes[i] && batch->codes[i] != MONGO_CODE_DUPLICATE_KEY)
			item->outcome = mongo_item_refused("insert", item->job->request_id, batch->codes[i]);
	}
	return ERR_OK;
}

static bool is_too_big(const char *text) { return text && strlen(text) > STORE_TEXT_MAX; }

enum err mongo_insert(struct store *store, struct store_insert *items, size_t n, struct err_text *why)
{
	struct batch batch = { .items = items, .n = n };
	enum err err;

	if (n == 0)
		return ERR_OK;
	for (size_t i = 0; i < n; i++)
		if (is_too_big(items[i].job->payload) || is_too_big(items[i].job->result))
			items[i].outcome = ERR_TOO_BIG;
		else
			items[i].outcome = ERR_OK;
	err = mongo_call_begin(store, &batch.call, why);
	if (err == ERR_OK) {
		batch.index = mem_calloc(n, sizeof(batch.index[0]));
		batch.codes = mem_calloc(n, sizeof(batch.codes[0]));
		err = take_keys(&batch, why);
		if (err == ERR_OK)
			err = insert_jobs(&batch, why);
		free(batch.index);
		free(batch.codes);
		mongo_call_end(&batch.call);
	}
	for (size_t i = 0; i < n && err != ERR_OK; i++)
		items[i].outcome = ERR_UNAVAILABLE;
	return err;
}
