/* Where a vendor says that it can be asked, and what of that is not followed. */
#include "polling.h"

#include "ascii.h"
#include "mem.h"
#include "vendor.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

struct origin {
	bool https;
	const char *host;
	size_t host_len;
	long port;         /* -1: what stands there is none */
};

/* Behind the colon, if there is one; it may be empty. */
static long port_of(const char *colon, const char *end, bool https)
{
	if (end - colon <= 1)
		return https ? HTTPS_PORT : HTTP_PORT;
	return ascii_is_port(colon + 1, (size_t)(end - colon - 1)) ? strtol(colon + 1, NULL, 10) : -1;
}

/* False: it is no http URL. */
static bool origin_of(const char *url, struct origin *origin)
{
	const char *end, *port;

	origin->https = strncasecmp(url, "https://", 8) == 0;
	if (!origin->https && strncasecmp(url, "http://", 7) != 0)
		return false;
	origin->host = strchr(url, '/') + 2;
	end = origin->host + strcspn(origin->host, "/?#");
	for (const char *c = origin->host; c < end; c++)
		if (*c == '@')
			origin->host = c + 1;
	port = origin->host + (origin->host[0] == '[' ? strcspn(origin->host, "]") : 0);
	port += strcspn(port, ":/?#");
	if (port > end)
		port = end;
	origin->host_len = (size_t)(port - origin->host);
	origin->port = port_of(port, end, origin->https);
	return origin->host_len > 0;
}

static bool same_origin(const char *a, const char *b)
{
	struct origin x, y;

	return origin_of(a, &x) && origin_of(b, &y) && x.https == y.https && x.port == y.port && x.host_len == y.host_len &&
	       strncasecmp(x.host, y.host, x.host_len) == 0;
}

/* What parsers of URLs disagree about is not followed: user names, backslashes, white space. */
static const char *bad_named_url(const char *url)
{
	struct origin origin;
	const char *authority;

	for (const char *c = url; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '\\')
			return "holds a character that must be percent-encoded";
	if (!origin_of(url, &origin))
		return "is no http or https URL";
	authority = strchr(url, '/') + 2;
	if (strspn(authority, ALPHANUMERIC ".-_[]:") < strcspn(authority, "/?#"))
		return "has more than a host and a port before its path";
	return origin.port < 0 ? "has a port that is none" : NULL;
}

static bool has_scheme(const char *reference)
{
	size_t len = strspn(reference, ALPHANUMERIC "+-.");

	return len > 0 && reference[len] == ':';
}

/* RFC 3986, 5.2, less the removal of dot segments, which libcurl does. The caller owns it. */
static char *absolute(const char *base, const char *reference)
{
	size_t scheme = (size_t)(strchr(base, '/') - base), authority = scheme + 2 + strcspn(base + scheme + 2, "/?#");
	size_t path = authority + strcspn(base + authority, "?#"), keep = path;

	if (has_scheme(reference))
		keep = 0;
	else if (strncmp(reference, "//", 2) == 0)
		keep = scheme;
	else if (reference[0] == '/')
		keep = authority;
	else if (reference[0] != '?')
		while (keep > authority && base[keep - 1] != '/')
			keep--;
	return mem_printf("%.*s%s%s", (int)keep, base, keep == authority && reference[0] != '/' ? "/" : "", reference);
}

enum err polling_resolve_url(const struct vendor *vendor, const char *reference, char **url, bool *foreign,
                             struct err_text *why)
{
	const char *bad;

	*url = NULL;
	if (reference[0] == '\0' || strlen(reference) > POLL_URL_BYTES_MAX)
		return err_set(why, ERR_INVALID, "its URL to ask at is %s", reference[0] ? "too long" : "empty");
	*url = absolute(vendor->url, reference);
	bad = strlen(*url) > POLL_URL_BYTES_MAX ? "is too long" : bad_named_url(*url);
	*foreign = !bad && !same_origin(*url, vendor->url);
	if (*foreign && !vendor->poll.any_origin)
		bad = "leads to another scheme, host or port than request/url, and poll/any_origin is not set";
	if (!bad)
		return ERR_OK;
	free(*url);
	*url = NULL;
	return err_set(why, ERR_INVALID, "its URL to ask at %s", bad);
}
