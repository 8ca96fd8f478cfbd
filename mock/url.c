#include "url.h"

#include <netdb.h>
#include <string.h>
#include <strings.h>

static const char scheme[] = "http://";

/* Copies with NUL; false if it does not fit or is empty. */
static bool copy(char *to, size_t size, const char *from, size_t len)
{
	if (!len || len >= size)
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

static bool printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= 0x20 || text[i] == 0x7f)
			return false;
	return true;
}

/* host, host:port, [address] or [address]:port. */
static bool read_authority(struct url *url, const char *at, size_t len)
{
	const char *end = at + len, *host_end, *port;

	if (!copy(url->authority, sizeof(url->authority), at, len) || memchr(at, '@', len))
		return false;
	if (*at == '[') {
		host_end = memchr(at, ']', len);
		if (!host_end)
			return false;
		port = host_end + 1;
		at++;
	} else {
		host_end = memchr(at, ':', len);
		port = host_end = host_end ? host_end : end;
	}
	if (!copy(url->host, sizeof(url->host), at, (size_t)(host_end - at)))
		return false;
	if (port == end)
		return copy(url->port, sizeof(url->port), "80", 2);
	return *port == ':' && strspn(port + 1, "0123456789") >= (size_t)(end - port - 1) &&
	       copy(url->port, sizeof(url->port), port + 1, (size_t)(end - port - 1));
}

bool url_read(const char *text, size_t len, struct url *url)
{
	const char *at = text + sizeof(scheme) - 1, *end = text + len, *path;
	size_t authority_len;

	if (len < sizeof(scheme) || strncasecmp(text, scheme, sizeof(scheme) - 1) != 0 || !printable(text, len))
		return false;
	path = memchr(at, '/', (size_t)(end - at));
	authority_len = (size_t)((path ? path : end) - at);
	url->path = path ? path : "/";
	url->path_len = path ? (size_t)(end - path) : 1;
	return read_authority(url, at, authority_len);
}

int url_resolve(const char *host, const char *port, struct url_address addresses[URL_ADDRESSES_MAX])
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *found = NULL;
	int count = 0;

	if (getaddrinfo(host, port, &hints, &found) != 0)
		return 0;
	for (struct addrinfo *at = found; at && count < URL_ADDRESSES_MAX; at = at->ai_next) {
		memcpy(&addresses[count].socket, at->ai_addr, at->ai_addrlen);
		addresses[count++].len = at->ai_addrlen;
	}
	freeaddrinfo(found);
	return count;
}
