/* What redis.c (the connection) and redis_url.c (its address) share. */
#ifndef VF_REDIS_PRIV_H
#define VF_REDIS_PRIV_H

#include "err.h"
#include "redis.h"

#include <stdint.h>

struct redis {
	char *host;              /* NULL: a unix socket */
	int port;
	char *path;
	char *user;              /* NULL: the default user */
	char *password;          /* NULL: no AUTH */
	int db;
	char *name;              /* host:port or path, for messages; never a password */
	int timeout_ms;

	redisContext *ctx;       /* NULL: not connected */
	char run_id[64];
	int64_t next_try_ms;     /* clock_mono_ms(); no new connection before */
	struct err_text last;    /* why there is none */
};

/* Fills the address. ERR_UNSUPPORTED or ERR_INVALID; the text never holds the URL, which may hold a
 * password. */
enum err redis__parse_url(struct redis *redis, const char *url, struct err_text *why)
	__attribute__((warn_unused_result));

#endif
