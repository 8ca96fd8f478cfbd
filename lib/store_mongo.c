/* The MongoDB engine: opening, time limits, errors.
 *
 * One pool of clients per store; every call takes a client for as long as it runs. The driver watches the
 * servers in threads of its own, so open the store after fork(), never before. The driver's own memory is left
 * to the end of the process: mongoc_cleanup() must not run while another store is open, and nobody could use the
 * driver again after it.
 */
#include "store_mongo_priv.h"

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "secret.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_DATABASE "vendorfetch"

enum {
	DEFAULT_POOL_SIZE = 100,
	WTIMEOUT_MAX_MS = 3000,
	/* More nodes than this cannot be needed for a majority: a replica set has at most seven votes. */
	LARGEST_MAJORITY = 4,
};

/* How a call's time limit is shared out. In the worst case a command waits for an answer until the socket's limit,
 * then the driver selects a server again, connects again and fails. What these three leave of the limit is the time
 * in which a call may still start commands. */
static const struct { const char *option; int percent; int max_ms; } timeouts[] = {
	{ MONGOC_URI_SOCKETTIMEOUTMS,          40, 5000 },
	{ MONGOC_URI_SERVERSELECTIONTIMEOUTMS, 17, 2000 },
	{ MONGOC_URI_CONNECTTIMEOUTMS,         17, 2000 },
};

/* ---- Calls ---- */

enum err mongo_call_begin(struct store *store, struct mongo_call *call, struct err_text *why)
{
	call->store = (struct store_mongo *)store;
	call->began_ms = clock_mono_ms();
	call->client = mongoc_client_pool_pop(call->store->pool);
	if (!call->client)
		return err_set(why, ERR_UNAVAILABLE, "MongoDB: all connections are busy (maxPoolSize)");
	return ERR_OK;
}

void mongo_call_end(struct mongo_call *call)
{
	mongoc_client_pool_push(call->store->pool, call->client);
}

enum err mongo_call_check(const struct mongo_call *call, struct err_text *why)
{
	int64_t passed = clock_mono_ms() - call->began_ms;

	if (passed <= call->store->start_ms)
		return ERR_OK;
	return err_set(why, ERR_UNAVAILABLE, "MongoDB: too slow: %lld ms passed before the last step",
	               (long long)passed);
}

mongoc_collection_t *mongo_collection(const struct mongo_call *call, const char *name)
{
	return mongoc_client_get_collection(call->client, call->store->database, name);
}

enum err mongo_failed(struct err_text *why, const char *what, const bson_error_t *error)
{
	return err_set(why, ERR_UNAVAILABLE, "MongoDB: %s: %s (domain %u, code %u)", what, error->message, error->domain,
	               error->code);
}

mongoc_cursor_t *mongo_find(const struct mongo_call *call, mongoc_collection_t *collection, bson_t *filter,
                            bson_t *opts)
{
	mongoc_cursor_t *cursor;

	if (!opts)
		opts = bson_new();
	BSON_APPEND_INT64(opts, "maxTimeMS", call->store->max_time_ms);
	cursor = mongoc_collection_find_with_opts(collection, filter, opts, NULL);
	bson_destroy(filter);
	bson_destroy(opts);
	return cursor;
}

/* ---- Bulk writes ---- */

mongoc_bulk_operation_t *mongo_bulk_new(mongoc_collection_t *collection)
{
	bson_t opts = BSON_INITIALIZER;
	mongoc_bulk_operation_t *bulk;

	BSON_APPEND_BOOL(&opts, "ordered", false);
	bulk = mongoc_collection_create_bulk_operation_with_opts(collection, &opts);
	bson_destroy(&opts);
	return bulk;
}

static int64_t reply_number(const bson_t *reply, const char *name)
{
	bson_iter_t iter;

	return bson_iter_init_find(&iter, reply, name) ? bson_iter_as_int64(&iter) : 0;
}

/* A duplicate in an index that is not ours (somebody added a unique one) does not mean that the item is stored. */
static int code_of(const bson_t *error)
{
	int code = (int)reply_number(error, "code");
	bson_iter_t iter, keys;

	if (code != MONGO_CODE_DUPLICATE_KEY || !bson_iter_init_find(&iter, error, "keyPattern")
	    || !bson_iter_recurse(&iter, &keys) || !bson_iter_next(&keys))
		return code;
	if (strcmp(bson_iter_key(&keys), "_id") == 0 || strcmp(bson_iter_key(&keys), "requestId") == 0)
		return code;
	return -MONGO_CODE_DUPLICATE_KEY;
}

/* The server did not get to the item: it is stepping down, shutting down, out of time or short of cache, or it is a
 * router that did not reach the shard. The driver does not repeat what it answers item by item. Codes:
 * src/mongo/base/error_codes.yml of MongoDB. */
static bool is_passing(int code)
{
	static const int passing[] = {
		6,       /* HostUnreachable */
		7,       /* HostNotFound */
		24,      /* LockTimeout */
		50,      /* MaxTimeMSExpired */
		89,      /* NetworkTimeout */
		91,      /* ShutdownInProgress */
		112,     /* WriteConflict */
		133,     /* FailedToSatisfyReadPreference: a shard without a primary */
		189,     /* PrimarySteppedDown */
		202,     /* NetworkInterfaceExceededTimeLimit */
		262,     /* ExceededTimeLimit */
		365,     /* TemporarilyUnavailable */
		9001,    /* SocketException */
		10107,   /* NotWritablePrimary */
		11600,   /* InterruptedAtShutdown */
		11601,   /* Interrupted */
		11602,   /* InterruptedDueToReplStateChange */
		13435,   /* NotPrimaryNoSecondaryOk */
		13436,   /* NotPrimaryOrSecondary */
	};

	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		if (code == passing[i])
			return true;
	return false;
}

/* Spreads reply.writeErrors over codes; returns how many answers of an item's own there were. */
static size_t read_write_errors(const bson_t *reply, int *codes, size_t n)
{
	bson_iter_t iter, errors;
	size_t count = 0;

	if (!bson_iter_init_find(&iter, reply, "writeErrors") || !bson_iter_recurse(&iter, &errors))
		return 0;
	while (bson_iter_next(&errors)) {
		const uint8_t *data;
		uint32_t len;
		bson_t error;
		int64_t i;

		if (!BSON_ITER_HOLDS_DOCUMENT(&errors))
			continue;
		bson_iter_document(&errors, &len, &data);
		if (!bson_init_static(&error, data, len))
			continue;
		i = reply_number(&error, "index");
		if (i < 0 || (size_t)i >= n)
			continue;
		codes[i] = code_of(&error);
		count += !is_passing(codes[i]);
	}
	return count;
}

enum err mongo_bulk_run(mongoc_bulk_operation_t *bulk, const char *what, int *codes, size_t n, struct err_text *why)
{
	static const char *const counts[] = { "nInserted", "nMatched", "nUpserted" };
	bson_error_t error = { 0 };
	bson_t reply;
	size_t done;
	bool durable;

	memset(codes, 0, n * sizeof(codes[0]));
	mongoc_bulk_operation_execute(bulk, &reply, &error);
	/* The return value does not tell a refused item from a lost connection; the numbers do: only when every item is
	 * either done or refused has the server answered all. */
	done = read_write_errors(&reply, codes, n);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		done += (size_t)reply_number(&reply, counts[i]);
	durable = !bson_has_field(&reply, "writeConcernErrors");
	bson_destroy(&reply);
	mongoc_bulk_operation_destroy(bulk);
	if (done == n && durable)
		return ERR_OK;
	return mongo_failed(why, what, &error);
}

enum err mongo_item_refused(const char *what, const char *request_id, int code)
{
	static const int too_big[] = {
		MONGO_CODE_OBJECT_TOO_LARGE, MONGO_CODE_UPDATE_TOO_LARGE, MONGO_CODE_UPDATE_GROWS_TOO_LARGE,
	};

	for (size_t i = 0; i < sizeof(too_big) / sizeof(too_big[0]); i++)
		if (code == too_big[i])
			return ERR_TOO_BIG;
	log_warn("MongoDB refused one job: action=%s request_id=%s code=%d", what, request_id, code);
	return ERR_UNAVAILABLE;
}

/* ---- Ping, try and expire ---- */

static enum err mongo_ping(struct store *store, struct err_text *why)
{
	bson_t command = BSON_INITIALIZER;
	bson_error_t error = { 0 };
	struct mongo_call call;
	enum err err;

	err = mongo_call_begin(store, &call, why);
	if (err == ERR_OK) {
		BSON_APPEND_INT32(&command, "ping", 1);
		if (!mongoc_client_command_simple(call.client, call.store->database, &command, NULL, NULL, &error))
			err = mongo_failed(why, "ping", &error);
		mongo_call_end(&call);
	}
	bson_destroy(&command);
	return err;
}

static enum err mongo_try_write(struct store *store, struct err_text *why)
{
	bson_t query = BSON_INITIALIZER, update = BSON_INITIALIZER, opts = BSON_INITIALIZER, set;
	mongoc_collection_t *meta;
	bson_error_t error = { 0 };
	struct mongo_call call;
	enum err err;

	err = mongo_call_begin(store, &call, why);
	if (err != ERR_OK)
		goto out;
	BSON_APPEND_UTF8(&query, "_id", "write_tried");
	BSON_APPEND_DOCUMENT_BEGIN(&update, "$set", &set);
	BSON_APPEND_DATE_TIME(&set, "at", clock_now_ms());
	bson_append_document_end(&update, &set);
	BSON_APPEND_BOOL(&opts, "upsert", true);
	meta = mongo_collection(&call, COLLECTION_META);
	/* Of several that make the document at once one may be told that it is there: that was no write. */
	if (!mongoc_collection_update_one(meta, &query, &update, &opts, NULL, &error))
		err = mongo_failed(why, COLLECTION_META, &error);
	mongoc_collection_destroy(meta);
	mongo_call_end(&call);
out:
	bson_destroy(&query);
	bson_destroy(&update);
	bson_destroy(&opts);
	return err;
}

/* The TTL indexes delete. */
static enum err mongo_expire(struct store *store, int64_t now, size_t limit, size_t *deleted, struct err_text *why)
{
	(void)store, (void)now, (void)limit, (void)why;
	*deleted = 0;
	return ERR_OK;
}

/* ---- Opening ---- */

static void on_driver_log(mongoc_log_level_t level, const char *domain, const char *message, void *context)
{
	(void)context;
	if (level <= MONGOC_LOG_LEVEL_WARNING)
		log_warn("MongoDB driver: %s domain=%s", message, domain);
	else
		log_debug("MongoDB driver: %s domain=%s", message, domain);
}

static void init_driver(void)
{
	mongoc_init();
	mongoc_log_set_handler(on_driver_log, NULL);
}

/* Lowers an option to max unless the URI asks for less. */
static int cap_option(mongoc_uri_t *uri, const char *option, int max)
{
	int value = mongoc_uri_get_option_as_int32(uri, option, max);

	if (value <= 0 || value > max)
		value = max;
	mongoc_uri_set_option_as_int32(uri, option, value);
	return value;
}

static void set_timeouts(mongoc_uri_t *uri, int timeout_ms, struct store_mongo *store)
{
	int shares = 0, ms;

	for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
		ms = timeout_ms * timeouts[i].percent / 100;
		shares += cap_option(uri, timeouts[i].option, ms < timeouts[i].max_ms ? ms : timeouts[i].max_ms);
	}
	store->start_ms = timeout_ms - shares;
	store->max_time_ms = mongoc_uri_get_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, 1);
	cap_option(uri, MONGOC_URI_WAITQUEUETIMEOUTMS, store->start_ms);
	if (mongoc_uri_get_option_as_int32(uri, MONGOC_URI_MAXPOOLSIZE, 0) <= 0)
		mongoc_uri_set_option_as_int32(uri, MONGOC_URI_MAXPOOLSIZE, DEFAULT_POOL_SIZE);
}

/* Majority and journal, unless the URI names a tag or more nodes than any majority. Retryable writes are the
 * driver's default: it uses them where the server has them (a replica set) and not with a standalone server. */
static void set_concerns(mongoc_uri_t *uri)
{
	mongoc_write_concern_t *write = mongoc_write_concern_copy(mongoc_uri_get_write_concern(uri));
	mongoc_read_concern_t *read = mongoc_read_concern_new();
	mongoc_read_prefs_t *prefs = mongoc_read_prefs_new(MONGOC_READ_PRIMARY);
	const char *level = mongoc_read_concern_get_level(mongoc_uri_get_read_concern(uri));
	int64_t wtimeout = mongoc_uri_get_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, WTIMEOUT_MAX_MS) * 3LL / 4;
	int64_t asked = mongoc_write_concern_get_wtimeout_int64(write);

	if (!mongoc_write_concern_get_wtag(write) && mongoc_write_concern_get_w(write) < LARGEST_MAJORITY)
		mongoc_write_concern_set_w(write, MONGOC_WRITE_CONCERN_W_MAJORITY);
	mongoc_write_concern_set_journal(write, true);
	wtimeout = wtimeout < WTIMEOUT_MAX_MS ? wtimeout : WTIMEOUT_MAX_MS;
	mongoc_write_concern_set_wtimeout_int64(write, asked > 0 && asked < wtimeout ? asked : wtimeout);
	mongoc_uri_set_write_concern(uri, write);
	if (!level || strcmp(level, MONGOC_READ_CONCERN_LEVEL_LINEARIZABLE) != 0)
		level = MONGOC_READ_CONCERN_LEVEL_MAJORITY;
	mongoc_read_concern_set_level(read, level);
	mongoc_uri_set_read_concern(uri, read);
	mongoc_uri_set_read_prefs_t(uri, prefs);
	mongoc_write_concern_destroy(write);
	mongoc_read_concern_destroy(read);
	mongoc_read_prefs_destroy(prefs);
}

/* NULL if it is not a URI. The driver's words may quote a part of it: not shown when it may hold a password. */
static mongoc_uri_t *parse_uri(const char *text, struct err_text *why)
{
	bson_error_t error = { 0 };
	mongoc_uri_t *uri = mongoc_uri_new_with_error(text, &error);
	char *shown;

	if (uri)
		return uri;
	shown = secret_hide_in_url(text);
	err_set(why, ERR_INVALID, "STORE_URI %s: not a MongoDB URI: %s", strchr(text, '@') ? "mongodb://***" : shown,
	        strchr(text, '@') ? "is everything in user name and password percent-encoded?" : error.message);
	free(shown);
	return NULL;
}

static void mongo_close(struct store *base)
{
	struct store_mongo *store = (struct store_mongo *)base;

	mongoc_client_pool_destroy(store->pool);
	free(store->database);
	free(store);
}

static enum err mongo_open(const char *text, int timeout_ms, struct store **out, struct err_text *why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct store_mongo *store;
	struct mongo_call call;
	mongoc_uri_t *uri;
	enum err err;

	pthread_once(&once, init_driver);
	uri = parse_uri(text, why);
	if (!uri)
		return ERR_INVALID;
	store = mem_calloc(1, sizeof(*store));
	store->base.engine = &store_mongo_engine;
	store->database = mem_strdup(mongoc_uri_get_database(uri) ? mongoc_uri_get_database(uri) : DEFAULT_DATABASE);
	set_timeouts(uri, timeout_ms, store);
	set_concerns(uri);
	store->pool = mongoc_client_pool_new_with_error(uri, NULL);
	mongoc_uri_destroy(uri);
	if (!store->pool) {
		free(store->database);
		free(store);
		return err_set(why, ERR_INVALID, "STORE_URI: the driver refuses these options");
	}
	mongoc_client_pool_set_error_api(store->pool, MONGOC_ERROR_API_VERSION_2);
	mongoc_client_pool_set_appname(store->pool, "vendorfetch");
	err = mongo_call_begin(&store->base, &call, why);
	if (err == ERR_OK) {
		err = mongo_schema_ensure(&call, why);
		mongo_call_end(&call);
	}
	if (err == ERR_OK)
		*out = &store->base;
	else
		mongo_close(&store->base);
	return err;
}

const struct store_engine store_mongo_engine = {
	.scheme = "mongodb:",
	.open = mongo_open,
	.close = mongo_close,
	.insert = mongo_insert,
	.get = mongo_get,
	.look = mongo_look,
	.get_by_vendor_job_id = mongo_get_by_vendor_job_id,
	.ping = mongo_ping,
	.try_write = mongo_try_write,
	.claim = mongo_claim,
	.change = mongo_change,
	.early_put = mongo_early_put,
	.early_find = mongo_early_find,
	.early_page = mongo_early_page,
	.early_drop = mongo_early_drop,
	.raw_of_job = mongo_raw_of_job,
	.raw_put = mongo_raw_put,
	.raw_get = mongo_raw_get,
	.raw_drop = mongo_raw_drop,
	.find_due = mongo_find_due,
	.find_queued = mongo_find_queued,
	.next_queued = mongo_next_queued,
	.expire = mongo_expire,
	.quota_add = mongo_quota_add,
	.quota_read = mongo_quota_read,
	.mark_called = mongo_mark_called,
	.secret = mongo_secret,
};
