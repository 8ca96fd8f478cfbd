/* Quotas in MongoDB: one document a slot, _id {vendor, perMs, until}. Its own index serves both calls: documents are
 * compared member by member. */
#include "store_mongo_priv.h"

#include "mem.h"

#include <stdlib.h>

enum { ADD_TRIES = 3, FIRST_SLOTS = 64 };

static void append_id(bson_t *doc, const char *key, const char *vendor, int64_t per_ms, int64_t until)
{
	bson_t id;

	BSON_APPEND_DOCUMENT_BEGIN(doc, key, &id);
	BSON_APPEND_UTF8(&id, "vendor", vendor);
	BSON_APPEND_INT64(&id, "perMs", per_ms);
	BSON_APPEND_DATE_TIME(&id, "until", until);
	bson_append_document_end(doc, &id);
}

/* ---- Add ---- */

static void add_slot(mongoc_bulk_operation_t *bulk, const struct quota_slot *slot, const bson_t *opts)
{
	bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER, part;

	append_id(&filter, "_id", slot->vendor, slot->per_ms, slot->until);
	BSON_APPEND_DOCUMENT_BEGIN(&update, "$inc", &part);
	BSON_APPEND_INT64(&part, "count", slot->count);
	bson_append_document_end(&update, &part);
	BSON_APPEND_DOCUMENT_BEGIN(&update, "$setOnInsert", &part);
	BSON_APPEND_DATE_TIME(&part, "expireAt", quota_slot_expire_at(slot));
	bson_append_document_end(&update, &part);
	mongoc_bulk_operation_update_one_with_opts(bulk, &filter, &update, opts, NULL);
	bson_destroy(&filter);
	bson_destroy(&update);
}

/* Writes those items whose code is that of a duplicate; sets their codes. *left counts those that still are. */
static enum err try_add(const struct mongo_call *call, mongoc_collection_t *quotas, const struct quota_slot *items,
                        int *codes, size_t n, size_t *left, struct err_text *why)
{
	mongoc_bulk_operation_t *bulk = mongo_bulk_new(quotas);
	size_t *index = mem_calloc(n, sizeof(*index));
	int *got = mem_calloc(n, sizeof(*got));
	bson_t opts = BSON_INITIALIZER;
	size_t added = 0;
	enum err err;

	BSON_APPEND_BOOL(&opts, "upsert", true);
	for (size_t i = 0; i < n; i++)
		if (codes[i] == MONGO_CODE_DUPLICATE_KEY) {
			add_slot(bulk, &items[i], &opts);
			index[added++] = i;
		}
	err = mongo_bulk_run(bulk, "count calls", got, added, why);
	*left = 0;
	for (size_t i = 0; i < added && err == ERR_OK; i++) {
		codes[index[i]] = got[i];
		*left += got[i] == MONGO_CODE_DUPLICATE_KEY;
		if (got[i] && got[i] != MONGO_CODE_DUPLICATE_KEY)
			err = err_set(why, ERR_UNAVAILABLE, "MongoDB: count calls of %s: code %d", items[index[i]].vendor, got[i]);
	}
	if (err == ERR_OK && *left)
		err = mongo_call_check(call, why);
	bson_destroy(&opts);
	free(index);
	free(got);
	return err;
}

enum err mongo_quota_add(struct store *store, const struct quota_slot *items, size_t n, struct err_text *why)
{
	mongoc_collection_t *quotas;
	struct mongo_call call;
	size_t left = n;
	enum err err;
	int *codes;

	if (n == 0)
		return ERR_OK;
	err = mongo_call_begin(store, &call, why);
	if (err != ERR_OK)
		return err;
	codes = mem_calloc(n, sizeof(*codes));
	for (size_t i = 0; i < n; i++)
		codes[i] = MONGO_CODE_DUPLICATE_KEY;
	quotas = mongo_collection(&call, COLLECTION_QUOTAS);
	/* A duplicate: another was inserting the same slot. Then there is one to add to. */
	for (int i = 0; i < ADD_TRIES && err == ERR_OK && left; i++)
		err = try_add(&call, quotas, items, codes, n, &left, why);
	if (err == ERR_OK && left)
		err = err_set(why, ERR_UNAVAILABLE, "MongoDB: calls could not be counted");
	mongoc_collection_destroy(quotas);
	mongo_call_end(&call);
	free(codes);
	return err;
}

/* ---- Read ---- */

static bson_t *after(const char *vendor, int64_t per_ms, int64_t since)
{
	bson_t *filter = bson_new(), range;

	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &range);
	append_id(&range, "$gt", vendor, per_ms, since);
	append_id(&range, "$lte", vendor, per_ms, INT64_MAX);
	bson_append_document_end(filter, &range);
	return filter;
}

static bson_t *in_order(void)
{
	bson_t *opts = bson_new(), sort;

	BSON_APPEND_DOCUMENT_BEGIN(opts, "sort", &sort);
	BSON_APPEND_INT32(&sort, "_id", 1);
	bson_append_document_end(opts, &sort);
	return opts;
}

static struct quota_slot slot_from_bson(const bson_t *doc, int64_t per_ms)
{
	struct quota_slot slot = { .per_ms = per_ms };
	bson_iter_t iter, until;

	if (bson_iter_init(&iter, doc) && bson_iter_find_descendant(&iter, "_id.until", &until))
		slot.until = bson_iter_date_time(&until);
	if (bson_iter_init_find(&iter, doc, "count"))
		slot.count = bson_iter_as_int64(&iter);
	return slot;
}

enum err mongo_quota_read(struct store *store, const char *vendor, int64_t per_ms, int64_t since,
                          struct quota_slot **slots, size_t *n, struct err_text *why)
{
	mongoc_collection_t *quotas;
	mongoc_cursor_t *cursor;
	struct mongo_call call;
	size_t capacity = 0;
	bson_error_t error;
	const bson_t *doc;
	enum err err;

	*slots = NULL;
	*n = 0;
	err = mongo_call_begin(store, &call, why);
	if (err != ERR_OK)
		return err;
	quotas = mongo_collection(&call, COLLECTION_QUOTAS);
	cursor = mongo_find(&call, quotas, after(vendor, per_ms, since), in_order());
	while (mongoc_cursor_next(cursor, &doc)) {
		if (*n == capacity) {
			capacity = capacity ? capacity * 2 : FIRST_SLOTS;
			*slots = mem_realloc(*slots, capacity * sizeof(**slots));
		}
		(*slots)[(*n)++] = slot_from_bson(doc, per_ms);
	}
	if (mongoc_cursor_error(cursor, &error)) {
		err = mongo_failed(why, "read a quota", &error);
		free(*slots);
		*slots = NULL;
		*n = 0;
	}
	mongoc_cursor_destroy(cursor);
	mongoc_collection_destroy(quotas);
	mongo_call_end(&call);
	return err;
}
