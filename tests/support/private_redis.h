/* A redis-server of the test's own: free port, own folder, gone when the test program is, however that ends.
 *
 * Redis >= 6.2 from PATH (or REDIS_SERVER=). Whatever goes wrong here ends the test program with a line that
 * says so. Call from the main thread: the server dies with the thread that started it.
 */
#ifndef VF_TEST_PRIVATE_REDIS_H
#define VF_TEST_PRIVATE_REDIS_H

#include <stdbool.h>

struct private_redis;

/* Ends the program as a skipped test ("1..0 # SKIP reason", or status 77 outside of TAP) if there is no
 * redis-server. Also makes the program ignore SIGPIPE, as every program that uses hiredis must. */
void private_redis_or_skip(void);

/* Starts a server and waits until it answers. options: further command line words, NULL-terminated, or NULL;
 * borrowed until private_redis_free(). Nothing is saved on disk unless they say so. */
struct private_redis *private_redis_start(const char *const *options);
/* Kills it and removes its folder. NULL is fine. */
void private_redis_free(struct private_redis *redis);

/* redis://127.0.0.1:port and unix:///folder/redis.sock; owned by the server. */
const char *private_redis_url(const struct private_redis *redis);
const char *private_redis_unix_url(const struct private_redis *redis);

/* kill -9; then start again on the same port and folder: with what it saved, under a new run_id. */
void private_redis_kill(struct private_redis *redis);
void private_redis_restart(struct private_redis *redis);
/* SIGSTOP and SIGCONT: there, but silent. */
void private_redis_stop(struct private_redis *redis);
void private_redis_cont(struct private_redis *redis);
/* FLUSHALL and SCRIPT FLUSH. */
void private_redis_flush(struct private_redis *redis);

/* Runs a command ("%s" as in redisCommand()) on a connection of its own. Its integer, or the number of
 * elements of an array, or 0. An error reply ends the program. */
long long private_redis_do(struct private_redis *redis, const char *fmt, ...);

#endif
