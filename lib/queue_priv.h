/* What the parts of the queue share: keys, commands, scripts and the pipeline. Only queue*.c and the tests of
 * the scripts include it. */
#ifndef VF_QUEUE_PRIV_H
#define VF_QUEUE_PRIV_H

#include "err.h"
#include "queue.h"
#include "redis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	QUEUE_PREFIX_MAX = 200,
	QUEUE_TAG_MAX = VENDOR_NAME_MAX + 1,   /* a vendor's name or an account */
	QUEUE_VARIADIC_MAX = 500,        /* ids in one XACK, XDEL or ZREM */
	QUEUE_ARGS_MAX = QUEUE_VARIADIC_MAX + 8,
	QUEUE_SHA_SIZE = 41,
};

/* ---- Scripts ---- */

enum queue_script_id {
	QUEUE_SCRIPT_TAKE,
	QUEUE_SCRIPT_LIMITS,
	QUEUE_SCRIPT_LATE,
	QUEUE_SCRIPT_REFUND,
	QUEUE_SCRIPT_QUOTA,
	QUEUE_SCRIPT_REPORT,
	QUEUE_SCRIPT_HOLD,
	QUEUE_SCRIPT_GLANCE,
	QUEUE_SCRIPT_DELIVERED,
	QUEUE_SCRIPT_RECLAIM,
	QUEUE_SCRIPT_HEARTBEAT,
	QUEUE_SCRIPT_TOKEN,
	QUEUE_SCRIPT_COUNT,
};

/* The whole text as Redis gets it (with the limiter's, the breaker's and the group's in front if it needs them), and its SHA-1 in
 * hexadecimal. Made once. Thread-safe. */
const char *queue__script_text(enum queue_script_id id);
const char *queue__script_sha(enum queue_script_id id);

/* ---- Commands ---- */

/* A command under construction, on the stack. Keys and numbers live in `text`; other arguments are borrowed
 * until it is sent. */
struct queue_command {
	int argc;
	const char *argv[QUEUE_ARGS_MAX];
	size_t lens[QUEUE_ARGS_MAX];
	size_t used;
	char text[8192];
};

struct queue {
	struct redis *redis;
	char *prefix;
	char *wake_channel;
	int64_t complained_at;           /* clock_mono_ms() of the last log line about one vendor */
};

void queue__arg(struct queue_command *command, const char *borrowed);
void queue__arg_number(struct queue_command *command, int64_t number);
/* <prefix><kind>:{tag} */
void queue__arg_key(struct queue_command *command, const struct queue *queue, const char *kind, const char *tag);
/* <prefix><name> */
void queue__arg_name(struct queue_command *command, const struct queue *queue, const char *name);
/* The breaker's rules, as queue_breaker.lua reads them: six numbers. */
void queue__arg_breaker(struct queue_command *command, const struct breaker_rules *rules);
/* Their number, then of each: how many calls, per_ms and burst, where its cost is 1; and the beginnings of what it counts by
 * in the calendar, as far as a call needs them that leaves within so many ms from now ("" if it does not). */
void queue__arg_limits(struct queue_command *command, const struct vendor *vendor, int64_t leave_within_ms);
/* With whom the vendor shares its account, as queue_group.lua reads it. */
void queue__arg_group(struct queue_command *command, const struct vendor *vendor);
/* EVALSHA <sha> <n_keys>; keys and arguments follow. */
void queue__script(struct queue_command *command, enum queue_script_id id, int n_keys);

/* An entry of a stream and the id in it. False: they are none. */
bool queue__read_grant(struct queue_grant *grant, const redisReply *entry_id, const redisReply *request_id);

/* ---- The pipeline ---- */

/* n commands, made one after the other and sent together (QUEUE_BATCH_MAX at a time). A script that Redis
 * does not know is sent again with its text. */
struct queue_pipeline {
	/* Makes command i. */
	void (*make)(struct queue *queue, void *arg, size_t i, struct queue_command *command);
	/* Gets its reply, never an error reply, borrowed. False if it makes no sense. NULL: replies do not
	 * matter. */
	bool (*take)(struct queue *queue, void *arg, size_t i, const redisReply *reply);
	void *arg;
};

/* ERR_OK if all were answered without an error. Else ERR_UNAVAILABLE and the first error's text; commands
 * after one that was refused are carried out nevertheless. An error that is the server's own (read-only,
 * full, loading...) drops the connection, so that the next call asks anew who is there. */
enum err queue__run(struct queue *queue, const struct queue_pipeline *pipeline, size_t n, struct err_text *why)
	__attribute__((warn_unused_result));

/* The part of queue_states() that is about access tokens. */
enum err queue__token_states(struct queue *queue, struct queue_state *states, size_t n, struct err_text *why)
	__attribute__((warn_unused_result));

/* May another line about one vendor's trouble go to the log? Not more often than people read. */
bool queue__may_complain(struct queue *queue);

/* The integer of a reply, or of its text; one that no count or time can be is cut, so that reckoning with it (seconds to
 * ms, too) does not overflow. */
int64_t queue__integer(const redisReply *reply);

#endif
