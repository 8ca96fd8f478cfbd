/* Reads redis://[[user]:password@]host[:port][/db] and unix:///path[?db=N]. Strict: what is not understood is
 * refused, so that a slip in a URL does not end in another database or without a password. */
#include "hex.h"
#include "mem.h"
#include "redis_priv.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_PORT = 6379, PORT_MAX = 65535, DB_MAX = 1000000, URL_MAX = 4096 };

/* Kinds of URL that others know and this program does not. */
static const struct { const char *scheme, *reason; } unsupported[] = {
	{ "rediss://", "TLS (rediss://) is not in this build: use a local TLS proxy" },
	{ "unix+rediss://", "TLS is not in this build" },
	{ "redis-cluster://", "Redis Cluster URLs are not supported: name one server" },
	{ "redis+cluster://", "Redis Cluster URLs are not supported: name one server" },
	{ "rediss+cluster://", "Redis Cluster URLs are not supported: name one server" },
	{ "redis-sentinel://", "Redis Sentinel URLs are not supported: name one server" },
	{ "redis+sentinel://", "Redis Sentinel URLs are not supported: name one server" },
};

/* NULL for a bad escape, and for %00. The caller owns the text. */
static char *percent_decode(const char *text, size_t len)
{
	char *out = mem_alloc(len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int value = (unsigned char)text[i];

		if (text[i] == '%') {
			value = hex_byte(text + i + 1, len - i - 1);
			if (value <= 0) {
				explicit_bzero(out, n);
				free(out);
				return NULL;
			}
			i += 2;
		}
		out[n++] = (char)value;
	}
	out[n] = '\0';
	return out;
}

/* Digits only, at most max; -1 else. */
static int parse_number(const char *text, size_t len, int max)
{
	int value = 0;

	if (len == 0 || len > 7)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value <= max ? value : -1;
}

static enum err parse_user(struct redis *redis, const char *text, size_t len, struct err_text *why)
{
	const char *colon = memchr(text, ':', len);

	if (!colon)
		return err_set(why, ERR_INVALID, "Redis URL: a user without a password; write redis://:PASSWORD@host or "
		                                 "redis://USER:PASSWORD@host");
	if (colon + 1 == text + len)
		return err_set(why, ERR_INVALID, "Redis URL: the password is empty");
	redis->password = percent_decode(colon + 1, len - (size_t)(colon + 1 - text));
	if (!redis->password)
		return err_set(why, ERR_INVALID, "Redis URL: bad %% escape in the password (write %% itself as %%25)");
	if (colon > text && !(redis->user = percent_decode(text, (size_t)(colon - text))))
		return err_set(why, ERR_INVALID, "Redis URL: bad %% escape in the user");
	return ERR_OK;
}

static enum err parse_host(struct redis *redis, const char *text, size_t len, struct err_text *why)
{
	const char *end = text + len, *host = text, *host_end, *port;

	if (memchr(text, ',', len))
		return err_set(why, ERR_UNSUPPORTED,
		               "Redis URL: lists of servers (cluster) are not supported: name one server");
	if (len && text[0] == '[') {
		host++;
		host_end = memchr(text, ']', len);
		if (!host_end)
			return err_set(why, ERR_INVALID, "Redis URL: [ without ] around the address");
		port = host_end + 1;
	} else {
		host_end = memchr(text, ':', len);
		host_end = host_end ? host_end : end;
		port = host_end;
	}
	if (host == host_end)
		return err_set(why, ERR_INVALID, "Redis URL: the host is missing");
	redis->port = DEFAULT_PORT;
	if (port < end)
		redis->port = *port == ':' ? parse_number(port + 1, (size_t)(end - port - 1), PORT_MAX) : -1;
	if (redis->port < 1)
		return err_set(why, ERR_INVALID, "Redis URL: the port must be a number from 1 to %d", PORT_MAX);
	redis->host = mem_strndup(host, (size_t)(host_end - host));
	redis->name = mem_printf(text[0] == '[' ? "[%s]:%d" : "%s:%d", redis->host, redis->port);
	return ERR_OK;
}

static enum err parse_tcp(struct redis *redis, const char *rest, struct err_text *why)
{
	size_t authority_len = strcspn(rest, "/?#");
	const char *db = rest + authority_len, *host = rest;
	enum err err;

	/* The last @, so that an unescaped one in a password is taken as it was meant. */
	for (const char *p = rest; p < db; p++)
		if (*p == '@')
			host = p + 1;
	if (host > rest && (err = parse_user(redis, rest, (size_t)(host - 1 - rest), why)))
		return err;
	if ((err = parse_host(redis, host, (size_t)(db - host), why)))
		return err;
	if (*db == '?' || *db == '#' || strpbrk(db, "?#"))
		return err_set(why, ERR_INVALID,
		               "Redis URL: no ?options or #fragments; the database goes in the path: redis://host/1");
	if (db[0] == '/' && db[1] && (redis->db = parse_number(db + 1, strlen(db + 1), DB_MAX)) < 0)
		return err_set(why, ERR_INVALID, "Redis URL: after the host comes nothing but /NUMBER, the database");
	return ERR_OK;
}

static enum err parse_unix(struct redis *redis, const char *rest, struct err_text *why)
{
	size_t path_len = strcspn(rest, "?");

	if (rest[0] != '/' || path_len < 2)
		return err_set(why, ERR_INVALID, "Redis URL: unix:// takes an absolute path: unix:///run/redis.sock");
	if (path_len > 107)
		return err_set(why, ERR_INVALID, "Redis URL: the path of a unix socket has at most 107 bytes");
	redis->path = mem_strndup(rest, path_len);
	redis->name = mem_strdup(redis->path);
	if (!rest[path_len])
		return ERR_OK;
	if (strncmp(rest + path_len, "?db=", 4) != 0 ||
	    (redis->db = parse_number(rest + path_len + 4, strlen(rest + path_len + 4), DB_MAX)) < 0)
		return err_set(why, ERR_INVALID, "Redis URL: after the path comes nothing but ?db=NUMBER");
	return ERR_OK;
}

enum err redis__parse_url(struct redis *redis, const char *url, struct err_text *why)
{
	for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++)
		if (strncmp(url, unsupported[i].scheme, strlen(unsupported[i].scheme)) == 0)
			return err_set(why, ERR_UNSUPPORTED, "Redis URL: %s", unsupported[i].reason);
	if (strlen(url) > URL_MAX)
		return err_set(why, ERR_INVALID, "Redis URL: longer than %d bytes", URL_MAX);
	for (const char *p = url; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return err_set(why, ERR_INVALID, "Redis URL: white space or a control character in it");
	if (strncmp(url, "redis://", 8) == 0)
		return parse_tcp(redis, url + 8, why);
	if (strncmp(url, "unix://", 7) == 0)
		return parse_unix(redis, url + 7, why);
	return err_set(why, ERR_INVALID, "Redis URL: must start with redis:// or unix://");
}

enum err redis_new(const char *url, int timeout_ms, struct redis **redis, struct err_text *why)
{
	struct redis *made = mem_calloc(1, sizeof(*made));
	enum err err = redis__parse_url(made, url, why);

	if (err) {
		redis_free(made);
		return err;
	}
	made->timeout_ms = timeout_ms;
	*redis = made;
	return ERR_OK;
}
