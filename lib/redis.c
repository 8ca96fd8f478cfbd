/* One connection: opened when needed, greeted (AUTH, SELECT, TIME, INFO), dropped at any error. The URL is
 * read in redis_url.c. */
#include "redis.h"

#include "clock.h"
#include "redis_priv.h"
#include "secret.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { OLDEST_MAJOR = 6, OLDEST_MINOR = 2 };

static enum err lost(struct redis *redis, struct err_text *why)
{
	const redisContext *ctx = redis->ctx;
	const char *reason = "not connected";

	if (ctx && ctx->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK))
		reason = "no answer in time";
	else if (ctx && ctx->err)
		reason = ctx->errstr;
	err_set(why, ERR_UNAVAILABLE, "redis at %s: %s", redis->name, reason);
	redis_drop(redis);
	return ERR_UNAVAILABLE;
}

/* One command of the greeting; the reply is the caller's. An error reply is an error here. */
static enum err greet(struct redis *redis, int argc, const char **argv, int type, redisReply **reply,
                      struct err_text *why)
{
	enum err err = redis_command(redis, argc, argv, NULL, reply, why);

	if (err)
		return err;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): no error, so there is a reply */
	if ((*reply)->type != type) {
		bool said = (*reply)->type == REDIS_REPLY_ERROR;

		err_set(why, ERR_UNAVAILABLE, "redis at %s: %s: %s", redis->name, argv[0],
		        said ? (*reply)->str : "an answer that makes no sense");
		freeReplyObject(*reply);
		*reply = NULL;
		return ERR_UNAVAILABLE;
	}
	return ERR_OK;
}

static enum err greet_status(struct redis *redis, int argc, const char **argv, struct err_text *why)
{
	redisReply *reply = NULL;
	enum err err = greet(redis, argc, argv, REDIS_REPLY_STATUS, &reply, why);

	if (!err)
		freeReplyObject(reply);
	return err;
}

static enum err authenticate(struct redis *redis, struct err_text *why)
{
	const char *argv[3] = { "AUTH" };
	int argc = 1;

	if (!redis->password)
		return ERR_OK;
	if (redis->user)
		argv[argc++] = redis->user;
	argv[argc++] = redis->password;
	return greet_status(redis, argc, argv, why);
}

static enum err select_db(struct redis *redis, struct err_text *why)
{
	char db[16];
	const char *argv[2] = { "SELECT", db };

	if (redis->db == 0)
		return ERR_OK;
	snprintf(db, sizeof(db), "%d", redis->db);
	return greet_status(redis, 2, argv, why);
}

/* The value of a "name:value" line of INFO, cut to the buffer; "" if there is none. */
static void info_value(const char *info, const char *name, char *out, size_t size)
{
	const char *line = strstr(info, name);
	size_t len;

	out[0] = '\0';
	if (!line)
		return;
	line += strlen(name);
	len = strcspn(line, "\r\n");
	snprintf(out, size, "%.*s", (int)len, line);
}

static enum err learn_server(struct redis *redis, struct err_text *why)
{
	const char *argv[2] = { "INFO", "server" };
	char version[32];
	int major = 0, minor = 0;
	redisReply *reply = NULL;
	enum err err = greet(redis, 2, argv, REDIS_REPLY_STRING, &reply, why);

	if (err)
		return err;
	info_value(reply->str, "\nrun_id:", redis->run_id, sizeof(redis->run_id));
	info_value(reply->str, "\nredis_version:", version, sizeof(version));
	freeReplyObject(reply);
	if (!redis->run_id[0])
		return err_set(why, ERR_UNAVAILABLE, "redis at %s: INFO server says no run_id", redis->name);
	if (sscanf(version, "%d.%d", &major, &minor) == 2 &&
	    (major < OLDEST_MAJOR || (major == OLDEST_MAJOR && minor < OLDEST_MINOR)))
		return err_set(why, ERR_UNAVAILABLE, "redis at %s: version %s is too old, %d.%d is the oldest that will do",
		               redis->name, version, OLDEST_MAJOR, OLDEST_MINOR);
	return ERR_OK;
}

static redisContext *open_socket(const struct redis *redis)
{
	struct timeval tv = { .tv_sec = redis->timeout_ms / 1000, .tv_usec = redis->timeout_ms % 1000 * 1000 };
	redisContext *ctx = redis->path ? redisConnectUnixWithTimeout(redis->path, tv)
	                                : redisConnectWithTimeout(redis->host, redis->port, tv);

	if (!ctx || ctx->err)
		return ctx;
	if (redisSetTimeout(ctx, tv) != REDIS_OK)
		return ctx;
	/* A subscriber never writes: without this it would not notice that the other machine is gone. */
	if (!redis->path)
		redisEnableKeepAlive(ctx);
	return ctx;
}

static enum err connect_now(struct redis *redis, struct err_text *why)
{
	enum err err;

	redis->ctx = open_socket(redis);
	if (!redis->ctx || redis->ctx->err)
		return lost(redis, why);
	if ((err = authenticate(redis, why)) || (err = select_db(redis, why)) || (err = redis_learn_time(redis, why)) ||
	    (err = learn_server(redis, why)))
		redis_drop(redis);
	return err;
}

/* Between commands a server has nothing to say: what can be read is the end. */
static bool is_closed(const struct redis *redis)
{
	struct pollfd fd = { .fd = redis->ctx->fd, .events = POLLIN };

	return poll(&fd, 1, 0) > 0;
}

enum err redis_ready(struct redis *redis, struct err_text *why)
{
	enum err err;

	if (redis->ctx && is_closed(redis))
		redis_drop(redis);
	if (redis->ctx)
		return ERR_OK;
	if (clock_mono_ms() < redis->next_try_ms)
		return err_set(why, ERR_UNAVAILABLE, "%s", redis->last.text);
	snprintf(redis->last.text, sizeof(redis->last.text), "redis at %s: connection lost", redis->name);
	err = connect_now(redis, &redis->last);
	redis->next_try_ms = clock_mono_ms() + REDIS_RETRY_MS;
	if (err)
		return err_set(why, err, "%s", redis->last.text);
	return ERR_OK;
}

const char *redis_run_id(const struct redis *redis)
{
	return redis->run_id;
}

enum err redis_learn_time(struct redis *redis, struct err_text *why)
{
	const char *argv[1] = { "TIME" };
	int64_t asked_at = clock_boot_ms(), at;
	redisReply *reply = NULL;
	enum err err = greet(redis, 1, argv, REDIS_REPLY_ARRAY, &reply, why);

	if (err)
		return err;
	if (reply->elements == 2 && reply->element[0]->str && reply->element[1]->str) {
		at = strtoll(reply->element[0]->str, NULL, 10) * 1000 + strtoll(reply->element[1]->str, NULL, 10) / 1000;
		clock_learn(at, asked_at, clock_boot_ms());
	}
	freeReplyObject(reply);
	return ERR_OK;
}

void redis_append(struct redis *redis, int argc, const char **argv, const size_t *lens)
{
	if (redis->ctx)
		redisAppendCommandArgv(redis->ctx, argc, argv, lens);
}

enum err redis_next(struct redis *redis, redisReply **reply, struct err_text *why)
{
	void *got = NULL;

	*reply = NULL;
	if (!redis->ctx || redisGetReply(redis->ctx, &got) != REDIS_OK || !got)
		return lost(redis, why);
	*reply = got;
	return ERR_OK;
}

enum err redis_command(struct redis *redis, int argc, const char **argv, const size_t *lens, redisReply **reply,
                       struct err_text *why)
{
	redis_append(redis, argc, argv, lens);
	return redis_next(redis, reply, why);
}

int redis_fd(const struct redis *redis)
{
	return redis->ctx ? redis->ctx->fd : -1;
}

/* hiredis' own read would wait: its context is a blocking one. */
static enum err read_what_is_there(struct redis *redis, bool *read_some, struct err_text *why)
{
	char bytes[4096];
	ssize_t n = recv(redis->ctx->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	*read_some = n > 0;
	if (n > 0 && redisReaderFeed(redis->ctx->reader, bytes, (size_t)n) == REDIS_OK)
		return ERR_OK;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return ERR_OK;
	err_set(why, ERR_UNAVAILABLE, "redis at %s: %s", redis->name, n < 0 ? strerror(errno) : "connection closed");
	redis_drop(redis);
	return ERR_UNAVAILABLE;
}

enum err redis_poll(struct redis *redis, redisReply **reply, struct err_text *why)
{
	bool read_some = true;
	enum err err = ERR_OK;
	void *got = NULL;

	*reply = NULL;
	if (!redis->ctx)
		return lost(redis, why);
	while (!err && !got && read_some) {
		if (redisGetReplyFromReader(redis->ctx, &got) != REDIS_OK)
			return lost(redis, why);
		if (!got)
			err = read_what_is_there(redis, &read_some, why);
	}
	*reply = got;
	return err;
}

void redis_drop(struct redis *redis)
{
	if (redis->ctx)
		redisFree(redis->ctx);
	redis->ctx = NULL;
}

void redis_free(struct redis *redis)
{
	if (!redis)
		return;
	redis_drop(redis);
	secret_free(redis->password);
	secret_free(redis->user);
	free(redis->host);
	free(redis->path);
	free(redis->name);
	free(redis);
}
