/* What the database holds beside the documents: indexes, and the version of the format. */
#include "store_mongo_priv.h"

#include "clock.h"

#include <string.h>

/* Each index serves the calls named with it. Creating what is there already does nothing.
 * Those of dueAt, queuedAt, vendorJobIds and expireAt hold only the jobs that have one, so they stay small. */
static const struct { const char *collection; const char *command; } indexes[] = {
	{ COLLECTION_JOBS,
	  "{ \"createIndexes\": \"" COLLECTION_JOBS "\", \"indexes\": ["
	  /* everything by id; refuses a second job of the same id */
	  "{ \"name\": \"" INDEX_ID "\", \"key\": { \"requestId\": 1 }, \"unique\": true },"
	  /* users and lists: newest jobs of a status, jobs of a vendor */
	  "{ \"name\": \"status_createdAt\", \"key\": { \"status\": 1, \"createdAt\": -1 } },"
	  "{ \"name\": \"vendor_status\", \"key\": { \"vendor\": 1, \"status\": 1 } },"
	  /* find_due, in its order */
	  "{ \"name\": \"dueAt\", \"key\": { \"dueAt\": 1, \"requestId\": 1 },"
	  "  \"partialFilterExpression\": { \"dueAt\": { \"$exists\": true } } },"
	  /* find_queued */
	  "{ \"name\": \"" INDEX_QUEUED "\", \"key\": { \"vendor\": 1, \"queuedAt\": 1 },"
	  "  \"partialFilterExpression\": { \"phase\": \"queued\" } },"
	  /* the same for the other phase of PHASES_ENQUEUED; one index over both would cost every job */
	  "{ \"name\": \"" INDEX_POLLS "\", \"key\": { \"vendor\": 1, \"queuedAt\": 1, \"requestId\": 1 },"
	  "  \"partialFilterExpression\": { \"phase\": \"waiting_poll\" } },"
	  /* get_by_vendor_job_id, newest first */
	  "{ \"name\": \"vendor_vendorJobIds\", \"key\": { \"vendor\": 1, \"vendorJobIds\": 1, \"createdAt\": -1 },"
	  "  \"partialFilterExpression\": { \"vendorJobIds\": { \"$exists\": true } } },"
	  /* the server deletes finished jobs */
	  "{ \"name\": \"expireAt\", \"key\": { \"expireAt\": 1 }, \"expireAfterSeconds\": 0,"
	  "  \"partialFilterExpression\": { \"expireAt\": { \"$exists\": true } } }"
	  "] }" },
	{ COLLECTION_QUOTAS,
	  "{ \"createIndexes\": \"" COLLECTION_QUOTAS "\", \"indexes\": ["
	  "{ \"name\": \"expireAt\", \"key\": { \"expireAt\": 1 }, \"expireAfterSeconds\": 0 }"
	  "] }" },
	{ COLLECTION_EARLY,
	  "{ \"createIndexes\": \"" COLLECTION_EARLY "\", \"indexes\": ["
	  "{ \"name\": \"vendor_vendorJobId\", \"key\": { \"vendor\": 1, \"vendorJobId\": 1 }, \"unique\": true },"
	  /* is there room for one more of this vendor? */
	  "{ \"name\": \"vendor_bytes\", \"key\": { \"vendor\": 1, \"bytes\": 1 } },"
	  /* early_page, in its order */
	  "{ \"name\": \"receivedAt\", \"key\": { \"receivedAt\": 1, \"vendor\": 1, \"vendorJobId\": 1 } },"
	  "{ \"name\": \"expireAt\", \"key\": { \"expireAt\": 1 }, \"expireAfterSeconds\": 0 }"
	  "] }" },
	{ COLLECTION_RAW,
	  "{ \"createIndexes\": \"" COLLECTION_RAW "\", \"indexes\": ["
	  "{ \"name\": \"expireAt\", \"key\": { \"expireAt\": 1 }, \"expireAfterSeconds\": 0 }"
	  "] }" },
	{ COLLECTION_KEYS,
	  "{ \"createIndexes\": \"" COLLECTION_KEYS "\", \"indexes\": ["
	  "{ \"name\": \"expireAt\", \"key\": { \"expireAt\": 1 }, \"expireAfterSeconds\": 0 }"
	  "] }" },
};

static enum err check_version(const struct mongo_call *call, struct err_text *why)
{
	bson_t fields = BSON_INITIALIZER, *doc = NULL;
	int64_t version = 0;
	bson_iter_t iter;
	enum err err;

	BSON_APPEND_INT32(&fields, "version", STORE_SCHEMA_VERSION);
	BSON_APPEND_DATE_TIME(&fields, "createdAt", clock_now_ms());
	err = mongo_get_or_insert(call, COLLECTION_META, "schema", &fields, &doc, why);
	bson_destroy(&fields);
	if (err != ERR_OK)
		return err;
	if (bson_iter_init_find(&iter, doc, "version"))
		version = bson_iter_as_int64(&iter);
	bson_destroy(doc);
	if (version >= 1 && version >= STORE_SCHEMA_VERSION - 1 && version <= STORE_SCHEMA_VERSION)
		return ERR_OK;
	return err_set(why, ERR_UNSUPPORTED, "MongoDB: database %s has format version %lld, this program works with %d%s",
	               call->store->database, (long long)version, STORE_SCHEMA_VERSION,
	               version > STORE_SCHEMA_VERSION ? ": it was written by a newer one" : "");
}

/* An index of the same name or keys that somebody made differently will not go away by waiting. */
static bool needs_a_human(const bson_error_t *error)
{
	return error->domain == MONGOC_ERROR_SERVER
	       && (error->code == MONGO_CODE_INDEX_OPTIONS_CONFLICT || error->code == MONGO_CODE_INDEX_KEY_CONFLICT
	           || error->code == MONGO_CODE_DUPLICATE_KEY);
}

static enum err create_indexes(const struct mongo_call *call, const char *json, const char *collection,
                               struct err_text *why)
{
	bson_error_t error = { 0 };
	enum err err = ERR_OK;
	bson_t *command = bson_new_from_json((const uint8_t *)json, -1, &error);

	if (!command)
		return err_set(why, ERR_SYSTEM, "MongoDB: indexes of %s: %s", collection, error.message);
	if (!mongoc_client_write_command_with_opts(call->client, call->store->database, command, NULL, NULL, &error)) {
		err = mongo_failed(why, collection, &error);
		if (needs_a_human(&error))
			err = ERR_INVALID;
	}
	bson_destroy(command);
	return err;
}

enum err mongo_schema_ensure(const struct mongo_call *call, struct err_text *why)
{
	enum err err = check_version(call, why);

	for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]) && err == ERR_OK; i++)
		err = create_indexes(call, indexes[i].command, indexes[i].collection, why);
	return err;
}
