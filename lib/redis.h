/* One connection to Redis that comes back by itself.
 *
 * hiredis 0.14 ends a context at any error; this module opens a new one (with timeout, AUTH, SELECT, and the
 * facts below learnt again) at the next call, but not more often than every REDIS_RETRY_MS, so a dead Redis
 * costs its callers nothing. The program must ignore SIGPIPE: hiredis writes without MSG_NOSIGNAL. Not
 * thread-safe: one connection belongs to one thread at a time. The only other modules that know hiredis: queue,
 * result_cache.
 */
#ifndef VF_REDIS_H
#define VF_REDIS_H

#include "err.h"

#include <hiredis/hiredis.h>
#include <stdint.h>

enum { REDIS_RETRY_MS = 250 };

struct redis;

/* Does not connect yet. url: redis://[[user]:password@]host[:port][/db] or unix:///path[?db=N]. ERR_UNSUPPORTED
 * with the reason for rediss:// and cluster URLs, ERR_INVALID for the rest. timeout_ms bounds connecting and
 * every answer. */
enum err redis_new(const char *url, int timeout_ms, struct redis **redis, struct err_text *why)
	__attribute__((warn_unused_result));
void redis_free(struct redis *redis);

/* Connects if need be, also where the server has closed the connection since: what may be told once at most is not
 * spent on that. Not while subscribed. ERR_UNAVAILABLE if that fails, or was tried less than REDIS_RETRY_MS ago.
 * On each new connection the clock learns Redis TIME (clock_learn) and the run_id is read. */
enum err redis_ready(struct redis *redis, struct err_text *why) __attribute__((warn_unused_result));

/* The run_id of the server of the current connection; "" before the first. */
const char *redis_run_id(const struct redis *redis);

/* Asks TIME again and teaches the clock. */
enum err redis_learn_time(struct redis *redis, struct err_text *why);

/* Appends a command to the pipeline. Only after redis_ready() said ERR_OK. */
void redis_append(struct redis *redis, int argc, const char **argv, const size_t *lens);

/* The next answer of the pipeline, owned by the caller (freeReplyObject). An error reply (-ERR...) is an answer,
 * too. ERR_UNAVAILABLE: the connection is gone, and with it all answers that were still to come. */
enum err redis_next(struct redis *redis, redisReply **reply, struct err_text *why) __attribute__((warn_unused_result));

/* append + next for a single command. */
enum err redis_command(struct redis *redis, int argc, const char **argv, const size_t *lens, redisReply **reply,
                       struct err_text *why) __attribute__((warn_unused_result));

/* The socket of the current connection for poll(), or -1. */
int redis_fd(const struct redis *redis);
/* The next message if one has arrived already, without waiting for more: ERR_OK and *reply (NULL: none yet); or
 * ERR_UNAVAILABLE. */
enum err redis_poll(struct redis *redis, redisReply **reply, struct err_text *why) __attribute__((warn_unused_result));

/* Closes the connection; the next redis_ready() opens a new one. */
void redis_drop(struct redis *redis);

#endif
