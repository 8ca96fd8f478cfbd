#include "result_cache.h"

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "redis.h"
#include "uuid.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define EXPIRE_SECONDS "3600"

enum {
	CONNECTIONS_MAX = 8,         /* to Redis; whoever finds none free does without */
	AWAY_MS = 1000,              /* Redis failed: leave it alone for so long */
	TIMEOUT_MAX_MS = 150,        /* a reader waits no longer for what the store can tell it, too */
	BYTES_PER_BUCKET = 2048,
	BUCKETS_MIN = 64,
	MALLOC_OVERHEAD_BYTES = 16,
	UNFINISHED_SLOTS = 4096,     /* a power of two */
};

/* One finished answer in this process: in its bucket's chain and in the list from most to least recently used. */
struct entry {
	struct entry *chain;
	struct entry *newer, *older;
	char request_id[UUID_TEXT_SIZE];
	size_t len;
	char answer[];
};

struct result_cache {
	pthread_mutex_t lock;        /* guards the local layer */
	struct entry **buckets;
	size_t n_buckets;            /* a power of two */
	struct entry *newest, *oldest;
	size_t bytes, max_bytes;

	_Atomic uint64_t unfinished[UNFINISHED_SLOTS];    /* hashes of ids, each in the slot that its low bits name */

	pthread_mutex_t pool_lock;
	struct redis *free[CONNECTIONS_MAX];
	int n_free;
	char *prefix;
	_Atomic int64_t away_until_ms;    /* mono */
	_Atomic uint64_t failures;        /* answers that Redis did not take or give */
};

/* ---- The layer in this process ---- */

static uint64_t hash_of(const char *request_id)
{
	uint64_t hash = 14695981039346656037u;   /* FNV-1a */

	for (const char *p = request_id; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 1099511628211u;
	return hash;
}

static struct entry **bucket_of(struct result_cache *cache, const char *request_id)
{
	return &cache->buckets[hash_of(request_id) & (cache->n_buckets - 1)];
}

static struct entry *find(struct result_cache *cache, const char *request_id)
{
	struct entry *entry = *bucket_of(cache, request_id);

	while (entry && strcmp(entry->request_id, request_id) != 0)
		entry = entry->chain;
	return entry;
}

static size_t entry_bytes(const struct entry *entry) { return sizeof(*entry) + entry->len + MALLOC_OVERHEAD_BYTES; }

static void list_remove(struct result_cache *cache, struct entry *entry)
{
	*(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void list_put_first(struct result_cache *cache, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = cache->newest;
	*(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
	cache->newest = entry;
}

static void drop_oldest(struct result_cache *cache)
{
	struct entry *entry = cache->oldest;
	struct entry **at = bucket_of(cache, entry->request_id);

	while (*at != entry)
		at = &(*at)->chain;
	*at = entry->chain;
	list_remove(cache, entry);
	cache->bytes -= entry_bytes(entry);
	free(entry);
}

static char *local_get(struct result_cache *cache, const char *request_id, size_t *len)
{
	struct entry *entry;
	char *answer = NULL;

	pthread_mutex_lock(&cache->lock);
	entry = find(cache, request_id);
	if (entry) {
		list_remove(cache, entry);
		list_put_first(cache, entry);
		*len = entry->len;
		answer = mem_strndup(entry->answer, entry->len);
	}
	pthread_mutex_unlock(&cache->lock);
	return answer;
}

static void local_put(struct result_cache *cache, const char *request_id, const char *answer, size_t len)
{
	struct entry **bucket, *entry;

	if (strlen(request_id) >= UUID_TEXT_SIZE || sizeof(*entry) + len + MALLOC_OVERHEAD_BYTES > cache->max_bytes)
		return;
	pthread_mutex_lock(&cache->lock);
	if (find(cache, request_id))
		goto out;
	entry = mem_alloc(sizeof(*entry) + len);
	memcpy(entry->request_id, request_id, strlen(request_id) + 1);
	memcpy(entry->answer, answer, len);
	entry->len = len;
	bucket = bucket_of(cache, request_id);
	entry->chain = *bucket;
	*bucket = entry;
	list_put_first(cache, entry);
	cache->bytes += entry_bytes(entry);
	while (cache->bytes > cache->max_bytes)
		drop_oldest(cache);
out:
	pthread_mutex_unlock(&cache->lock);
}

/* ---- Redis ---- */

/* A connection that nobody else uses, or NULL: none is free, or Redis is away. */
static struct redis *pool_get(struct result_cache *cache)
{
	struct redis *redis = NULL;

	if (clock_mono_ms() < atomic_load(&cache->away_until_ms))
		return NULL;
	pthread_mutex_lock(&cache->pool_lock);
	if (cache->n_free)
		redis = cache->free[--cache->n_free];
	pthread_mutex_unlock(&cache->pool_lock);
	return redis;
}

static void pool_put(struct result_cache *cache, struct redis *redis)
{
	pthread_mutex_lock(&cache->pool_lock);
	cache->free[cache->n_free++] = redis;
	pthread_mutex_unlock(&cache->pool_lock);
}

/* Runs a command. The reply is the caller's; NULL if there is none, or it is an error. */
static redisReply *ask(struct result_cache *cache, int argc, const char **argv, const size_t *lens)
{
	struct redis *redis = pool_get(cache);
	redisReply *reply = NULL;

	if (!redis)
		return NULL;
	if (redis_ready(redis, NULL) != ERR_OK || redis_command(redis, argc, argv, lens, &reply, NULL) != ERR_OK) {
		atomic_store(&cache->away_until_ms, clock_mono_ms() + AWAY_MS);
		atomic_fetch_add(&cache->failures, 1);
		reply = NULL;
	} else if (reply->type == REDIS_REPLY_ERROR) {
		atomic_fetch_add(&cache->failures, 1);
		freeReplyObject(reply);
		reply = NULL;
	}
	pool_put(cache, redis);
	return reply;
}

static char *shared_get(struct result_cache *cache, const char *request_id, size_t *len)
{
	char *key = mem_printf("%sjob:%s", cache->prefix, request_id);
	const char *argv[] = { "GET", key };
	const size_t lens[] = { 3, strlen(key) };
	redisReply *reply = ask(cache, 2, argv, lens);
	char *answer = NULL;

	if (reply && reply->type == REDIS_REPLY_STRING) {
		*len = (size_t)reply->len;
		answer = mem_strndup(reply->str, *len);
	}
	if (reply)
		freeReplyObject(reply);
	free(key);
	return answer;
}

static void shared_put(struct result_cache *cache, const char *request_id, const char *answer, size_t len)
{
	char *key = mem_printf("%sjob:%s", cache->prefix, request_id);
	const char *argv[] = { "SET", key, answer, "EX", EXPIRE_SECONDS };
	const size_t lens[] = { 3, strlen(key), len, 2, strlen(EXPIRE_SECONDS) };
	redisReply *reply = ask(cache, 5, argv, lens);

	if (reply)
		freeReplyObject(reply);
	free(key);
}

/* ---- What is not finished ---- */

/* Hints, and no more: a note that is lost, or another id of the same hash, costs a question to Redis or saves one
 * that the store answers as well. So clients that ask again and again for a job in work do not ask Redis, too. */
void result_cache_note_unfinished(struct result_cache *cache, const char *request_id)
{
	uint64_t hash = hash_of(request_id);

	atomic_store_explicit(&cache->unfinished[hash % UNFINISHED_SLOTS], hash, memory_order_relaxed);
}

static bool is_noted(struct result_cache *cache, const char *request_id)
{
	uint64_t hash = hash_of(request_id);

	return atomic_load_explicit(&cache->unfinished[hash % UNFINISHED_SLOTS], memory_order_relaxed) == hash;
}

bool result_cache_forget_unfinished(struct result_cache *cache, const char *request_id)
{
	if (!is_noted(cache, request_id))
		return false;
	atomic_store_explicit(&cache->unfinished[hash_of(request_id) % UNFINISHED_SLOTS], 0, memory_order_relaxed);
	return true;
}

/* ---- Both ---- */

char *result_cache_get(struct result_cache *cache, const char *request_id, size_t *len)
{
	char *answer = local_get(cache, request_id, len);

	if (answer || is_noted(cache, request_id))
		return answer;
	answer = shared_get(cache, request_id, len);
	if (answer)
		local_put(cache, request_id, answer, *len);
	return answer;
}

void result_cache_put(struct result_cache *cache, const char *request_id, const char *answer, size_t len)
{
	(void)result_cache_forget_unfinished(cache, request_id);
	if (len > RESULT_CACHE_BYTES_MAX)
		return;
	local_put(cache, request_id, answer, len);
	shared_put(cache, request_id, answer, len);
}

enum err result_cache_new(const char *redis_url, const char *prefix, int timeout_ms, size_t local_bytes,
                          struct result_cache **cache, struct err_text *why)
{
	struct result_cache *c = mem_calloc(1, sizeof(*c));
	enum err err = ERR_OK;

	if (timeout_ms > TIMEOUT_MAX_MS)
		timeout_ms = TIMEOUT_MAX_MS;
	pthread_mutex_init(&c->lock, NULL);
	pthread_mutex_init(&c->pool_lock, NULL);
	c->prefix = mem_strdup(prefix);
	c->max_bytes = local_bytes;
	c->n_buckets = BUCKETS_MIN;
	while (c->n_buckets < local_bytes / BYTES_PER_BUCKET)
		c->n_buckets *= 2;
	c->buckets = mem_calloc(c->n_buckets, sizeof(struct entry *));
	while (!err && c->n_free < CONNECTIONS_MAX) {
		err = redis_new(redis_url, timeout_ms, &c->free[c->n_free], why);
		c->n_free += !err;
	}
	if (err) {
		result_cache_free(c);
		return err;
	}
	*cache = c;
	return ERR_OK;
}

void result_cache_free(struct result_cache *cache)
{
	if (!cache)
		return;
	while (cache->oldest)
		drop_oldest(cache);
	while (cache->n_free)
		redis_free(cache->free[--cache->n_free]);
	if (atomic_load(&cache->failures))
		log_debug("the result cache did without Redis times=%llu", (unsigned long long)atomic_load(&cache->failures));
	free(cache->buckets);
	free(cache->prefix);
	pthread_mutex_destroy(&cache->pool_lock);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}
