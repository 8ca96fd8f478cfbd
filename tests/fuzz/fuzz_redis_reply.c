/* What Redis says: any replies, to any of our questions, are an answer within bounds or an error.
 *
 * The connection (lib/redis.c) is replaced by one that gives what hiredis reads from the input. The input: a line with
 * the letter of a question (the table below), then bytes of the protocol.
 */
#include "fuzz.h"
#include "fuzz_vendor.h"

#include "client_limit.h"
#include "log.h"
#include "queue.h"
#include "queue_token.h"
#include "redis.h"
#include "result_cache.h"

#include <ctype.h>
#include <stdbool.h>

/* ---- A connection ---- */

enum { A_SOCKET = 3 };

struct redis { bool dropped; };

static struct redis the_redis;
static redisReader *reader;

enum err redis_new(const char *url, int timeout_ms, struct redis **redis, struct err_text *why)
{
	(void)url, (void)timeout_ms, (void)why;
	the_redis.dropped = false;
	*redis = &the_redis;
	return ERR_OK;
}

void redis_free(struct redis *redis) { (void)redis; }
void redis_drop(struct redis *redis) { redis->dropped = true; }
int redis_fd(const struct redis *redis) { return redis->dropped ? -1 : A_SOCKET; }
const char *redis_run_id(const struct redis *redis) { return redis->dropped ? "" : "run"; }
enum err redis_ready(struct redis *redis, struct err_text *why) { (void)redis, (void)why; return ERR_OK; }
enum err redis_learn_time(struct redis *redis, struct err_text *why) { (void)redis, (void)why; return ERR_OK; }

void redis_append(struct redis *redis, int argc, const char **argv, const size_t *lens)
{
	(void)redis, (void)lens;
	for (int i = 0; i < argc; i++)
		FUZZ_CHECK(argv[i], "an argument is missing");
}

enum err redis_poll(struct redis *redis, redisReply **reply, struct err_text *why)
{
	void *read = NULL;

	if (redisReaderGetReply(reader, &read) != REDIS_OK) {
		redis->dropped = true;
		return err_set(why, ERR_UNAVAILABLE, "%s", reader->errstr);
	}
	*reply = read;
	return ERR_OK;
}

enum err redis_next(struct redis *redis, redisReply **reply, struct err_text *why)
{
	enum err err = redis_poll(redis, reply, why);

	if (!err && !*reply) {
		redis->dropped = true;
		err = err_set(why, ERR_UNAVAILABLE, "no more");
	}
	return err;
}

enum err redis_command(struct redis *redis, int argc, const char **argv, const size_t *lens, redisReply **reply,
                       struct err_text *why)
{
	redis_append(redis, argc, argv, lens);
	return redis_next(redis, reply, why);
}

/* ---- Questions ---- */

static struct vendor vendor;
static const struct queue_entry entries[] = { { "v", "0199f0c2-0000-7000-8000-000000000001" },
                                              { "v", "0199f0c2-0000-7000-8000-000000000002" } };

static void push(struct queue *queue) { (void)!queue_push(queue, entries, 2, NULL); }

static void glance(struct queue *queue)
{
	struct queue_glance glances[2] = { { "v", false }, { "w", false } };

	(void)!queue_glance(queue, QUEUE_GLANCE_WAITING, glances, 2, NULL);
}

static void take(struct queue *queue)
{
	struct queue_grant grants[3];
	struct queue_take asked = { .vendor = &vendor, .want = 3, .guard_ms = 10, .lease_ms = 1000, .grants = grants };

	if (queue_take(queue, "w1", &asked, 1, NULL) != ERR_OK || asked.outcome != ERR_OK)
		return;
	FUZZ_CHECK(asked.n >= 0 && asked.n <= 3, "%d grants", asked.n);
	for (int i = 0; i < asked.n; i++)
		FUZZ_CHECK(uuid_is_valid(grants[i].request_id) && strlen(grants[i].entry_id) < QUEUE_ENTRY_ID_SIZE, "%d", i);
}

static void begin(struct queue *queue)
{
	struct queue_begin asked = { .vendor = &vendor, .guard_max_ms = 500 };

	if (queue_limits_begin(queue, &asked, NULL) == ERR_OK)
		FUZZ_CHECK(strlen(asked.next_ticket) < QUEUE_TICKET_SIZE, "ticket");
}

static void apply(struct queue *queue)
{
	const struct queue_op ops[] = {
		{ .kind = QUEUE_ACK, .vendor = "v", .entry_id = "1-1" }, { .kind = QUEUE_RELEASE, .vendor = "v", .entry_id = "1-1" },
		{ .kind = QUEUE_REPORT, .vendor = "v", .report = { .rules = &vendor.breaker, .failures = 1 } },
		{ .kind = QUEUE_DELAY, .vendor = "v", .request_id = entries[0].request_id, .at = 1 },
		{ .kind = QUEUE_REFUND, .vendor = "v", .at = 1, .granted_us = 1 }, { .kind = QUEUE_HOLD, .vendor = "v", .at = 1 },
	};

	(void)!queue_apply(queue, ops, sizeof(ops) / sizeof(ops[0]), NULL);
}

static void repair(struct queue *queue)
{
	bool present[2];
	int64_t at;
	int n;

	(void)!queue_delivered_until(queue, "v", &at, NULL);
	(void)!queue_reclaim(queue, "v", "w1", 1000, &n, NULL);
	(void)!queue_is_delayed(queue, entries, 2, present, NULL);
}

static void states(struct queue *queue)
{
	struct queue_state state = { .vendor = &vendor };

	if (queue_states(queue, &state, 1, NULL) == ERR_OK)
		FUZZ_CHECK(state.hold_ms >= 0 && state.open_ms >= 0 && strlen(state.token_reason) < QUEUE_TOKEN_REASON_SIZE,
		           "hold %lld, open %lld", (long long)state.hold_ms, (long long)state.open_ms);
}

static void look(struct queue *queue)
{
	int64_t waiting, delayed;
	int n;

	(void)!queue_heartbeat(queue, "w1", NULL);
	(void)!queue_workers(queue, 1000, &n, NULL);
	FUZZ_CHECK(n >= 0, "%d workers", n);
	states(queue);
	(void)!queue_depth(queue, "v", &waiting, &delayed, NULL);
}

static void token(struct queue *queue)
{
	struct queue_token_ask asked = { .vendor = "v", .known = "", .lease_ms = 1000 };

	if (queue_token_ask(queue, "w1", &asked, NULL) == ERR_OK && asked.answer == QUEUE_TOKEN_THERE)
		FUZZ_CHECK(asked.sealed && strlen(asked.id) < TOKEN_ID_SIZE, "token");
	free(asked.sealed);
	(void)!queue_token_keep(queue, "v", "w1", "id", "sealed", 1, 1, NULL);
	(void)!queue_token_fail(queue, "v", "w1", 1, "reason", NULL);
}

static void on_wake(const char *name, void *arg) { *(size_t *)arg += strlen(name); }

static void wake(struct queue *queue)
{
	struct queue_wake *asked = NULL;
	size_t bytes = 0;

	(void)queue;
	if (queue_wake_new("", "", 50, &asked, NULL) != ERR_OK)
		return;
	queue_wake_fd(asked);
	queue_wake_read(asked, on_wake, &bytes);
	queue_wake_free(asked);
}

static void limit(struct queue *queue)
{
	struct client_limit *asked = NULL;
	struct client_limit_answer answer;

	(void)queue;
	if (client_limit_new("", "", 50, &asked, NULL) == ERR_OK)
		(void)!client_limit_take(asked, "c", 10, 1000, &answer);
	client_limit_free(asked);
}

static void cache(struct queue *queue)
{
	struct result_cache *asked = NULL;
	size_t len = 0;
	char *answer;

	(void)queue;
	if (result_cache_new("", "", 50, 1 << 16, &asked, NULL) != ERR_OK)
		return;
	if ((answer = result_cache_get(asked, entries[0].request_id, &len)))
		FUZZ_CHECK(strlen(answer) <= len, "%zu", len);
	result_cache_put(asked, entries[0].request_id, "{}\n", 3);
	free(answer);
	result_cache_free(asked);
}

static void (*const questions[])(struct queue *queue) = { push, glance, take, begin, apply, repair, look, states, token,
                                                          wake, limit, cache };

/* hiredis makes room for as many elements as an array says that it has: that is its trouble, and takes long here. */
static bool has_huge_array(const uint8_t *data, size_t len)
{
	for (size_t i = 0, digits; i < len; i++)
		if (data[i] == '*') {
			for (digits = 0; i + 1 + digits < len; digits++)
				if (!isdigit(data[i + 1 + digits]) && data[i + 1 + digits] != '+')
					break;
			if (digits > 4)
				return true;
		}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char file[] = "{\"name\":\"v\",\"mode\":\"sync\",\"request\":{\"url\":\"http://h/\"},\"limits\":[{\"calls\":1,"
	                           "\"per_seconds\":1},{\"calls\":9,\"per_seconds\":3600}]}";
	struct queue *queue = NULL;
	struct err_text why = { "" };
	size_t which;

	if (len < 2 || data[1] != '\n' || has_huge_array(data, len))
		return 0;
	which = (size_t)(data[0] - 'a');
	if (which >= sizeof(questions) / sizeof(questions[0]))
		return 0;
	log_init("fuzz_redis_reply", "error");
	if (!vendor.name)
		FUZZ_CHECK(fuzz_vendor_read(&vendor, file, sizeof(file) - 1, &why) == ERR_OK, "%s", why.text);
	reader = redisReaderCreate();
	redisReaderFeed(reader, (const char *)data + 2, len - 2);
	if (queue_new("", "", 50, &queue, NULL) == ERR_OK)
		questions[which](queue);
	queue_free(queue);
	redisReaderFree(reader);
	return 0;
}
