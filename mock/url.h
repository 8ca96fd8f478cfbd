/* Takes an http URL apart and finds the addresses of its host. */
#ifndef VF_MOCK_URL_H
#define VF_MOCK_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum { URL_AUTHORITY_MAX = 264, URL_HOST_MAX = 256, URL_PORT_MAX = 6, URL_ADDRESSES_MAX = 4 };

struct url {
	char authority[URL_AUTHORITY_MAX];      /* as the Host header wants it */
	char host[URL_HOST_MAX];                /* without brackets */
	char port[URL_PORT_MAX];
	const char *path;                       /* with the query; points into the text, or to "/" */
	size_t path_len;
};

struct url_address {
	struct sockaddr_storage socket;
	socklen_t len;
};

/* Reads "http://host[:port]/path". False if it is anything else, or holds what cannot stand in a request line. */
bool url_read(const char *text, size_t len, struct url *url) __attribute__((warn_unused_result));

/* Finds up to URL_ADDRESSES_MAX addresses; returns how many. Blocks: names that are in /etc/hosts or a near DNS server
 * are what this is made for. */
int url_resolve(const char *host, const char *port, struct url_address addresses[URL_ADDRESSES_MAX]);

#endif
