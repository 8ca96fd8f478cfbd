/* The small documents: vendors that were called before, secrets, and the one that holds the format version. */
#include "store_mongo_priv.h"

#include "clock.h"

#include <string.h>

enum { UPSERT_TRIES = 3 };

/* Waiting does not help then; seen when the store is opened. */
static bool is_bad_password(const bson_error_t *error)
{
	return (error->domain == MONGOC_ERROR_CLIENT && error->code == MONGOC_ERROR_CLIENT_AUTHENTICATE)
	       || (error->domain == MONGOC_ERROR_SERVER && error->code == MONGO_CODE_AUTHENTICATION);
}

/* One findAndModify; *doc stays NULL when another process was inserting the same _id. */
static enum err try_get_or_insert(const struct mongo_call *call, const char *collection, const bson_t *query,
                                  const mongoc_find_and_modify_opts_t *opts, bson_t **doc, struct err_text *why)
{
	mongoc_collection_t *handle = mongo_collection(call, collection);
	bson_error_t error = { 0 };
	enum err err = ERR_OK;
	const uint8_t *data;
	bson_iter_t iter;
	uint32_t len;
	bson_t reply;
	bool ok;

	ok = mongoc_collection_find_and_modify_with_opts(handle, query, opts, &reply, &error);
	if (!ok && error.code != MONGO_CODE_DUPLICATE_KEY) {
		err = mongo_failed(why, collection, &error);
		if (is_bad_password(&error))
			err = ERR_INVALID;
	} else if (bson_has_field(&reply, "writeConcernError")) {
		err = err_set(why, ERR_UNAVAILABLE, "MongoDB: %s: not yet on a majority", collection);
	} else if (bson_iter_init_find(&iter, &reply, "value") && BSON_ITER_HOLDS_DOCUMENT(&iter)) {
		bson_iter_document(&iter, &len, &data);
		*doc = bson_new_from_data(data, len);
	}
	bson_destroy(&reply);
	mongoc_collection_destroy(handle);
	return err;
}

enum err mongo_get_or_insert(const struct mongo_call *call, const char *collection, const char *id,
                             const bson_t *fields, bson_t **doc, struct err_text *why)
{
	mongoc_find_and_modify_opts_t *opts = mongoc_find_and_modify_opts_new();
	bson_t query = BSON_INITIALIZER, update = BSON_INITIALIZER;
	enum err err = ERR_OK;

	*doc = NULL;
	BSON_APPEND_UTF8(&query, "_id", id);
	BSON_APPEND_DOCUMENT(&update, "$setOnInsert", fields);
	mongoc_find_and_modify_opts_set_update(opts, &update);
	mongoc_find_and_modify_opts_set_flags(opts, MONGOC_FIND_AND_MODIFY_UPSERT | MONGOC_FIND_AND_MODIFY_RETURN_NEW);
	for (int i = 0; i < UPSERT_TRIES && err == ERR_OK && !*doc; i++)
		err = try_get_or_insert(call, collection, &query, opts, doc, why);
	if (err == ERR_OK && !*doc)
		err = err_set(why, ERR_UNAVAILABLE, "MongoDB: %s: %s could not be stored", collection, id);
	mongoc_find_and_modify_opts_destroy(opts);
	bson_destroy(&query);
	bson_destroy(&update);
	return err;
}

enum err mongo_secret(struct store *store, const char *name, const unsigned char candidate[STORE_SECRET_SIZE],
                      unsigned char secret[STORE_SECRET_SIZE], struct err_text *why)
{
	bson_t fields = BSON_INITIALIZER, *doc = NULL;
	const uint8_t *data = NULL;
	struct mongo_call call;
	bson_iter_t iter;
	uint32_t len = 0;
	enum err err;

	err = mongo_call_begin(store, &call, why);
	if (err != ERR_OK)
		goto out;
	BSON_APPEND_BINARY(&fields, "value", BSON_SUBTYPE_BINARY, candidate, STORE_SECRET_SIZE);
	BSON_APPEND_DATE_TIME(&fields, "createdAt", clock_now_ms());
	err = mongo_get_or_insert(&call, COLLECTION_SECRETS, name, &fields, &doc, why);
	mongo_call_end(&call);
	if (err != ERR_OK)
		goto out;
	if (bson_iter_init_find(&iter, doc, "value") && BSON_ITER_HOLDS_BINARY(&iter))
		bson_iter_binary(&iter, NULL, &len, &data);
	if (len == STORE_SECRET_SIZE)
		memcpy(secret, data, STORE_SECRET_SIZE);
	else
		err = err_set(why, ERR_INVALID, "MongoDB: " COLLECTION_SECRETS ": %s does not hold %d bytes", name,
		              STORE_SECRET_SIZE);
	bson_destroy(doc);
out:
	bson_destroy(&fields);
	return err;
}

enum err mongo_mark_called(struct store *store, const char *vendor, struct err_text *why)
{
	bson_t doc = BSON_INITIALIZER;
	mongoc_collection_t *called;
	bson_error_t error = { 0 };
	struct mongo_call call;
	enum err err;

	err = mongo_call_begin(store, &call, why);
	if (err != ERR_OK)
		goto out;
	BSON_APPEND_UTF8(&doc, "_id", vendor);
	BSON_APPEND_DATE_TIME(&doc, "firstCalledAt", clock_now_ms());
	called = mongo_collection(&call, COLLECTION_CALLED);
	if (!mongoc_collection_insert_one(called, &doc, NULL, NULL, &error))
		err = error.code == MONGO_CODE_DUPLICATE_KEY ? err_set(why, ERR_EXISTS, "%s was called before", vendor)
		                                             : mongo_failed(why, COLLECTION_CALLED, &error);
	mongoc_collection_destroy(called);
	mongo_call_end(&call);
out:
	bson_destroy(&doc);
	return err;
}
