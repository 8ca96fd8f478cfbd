/* Where a vendor is asked: what its file or its acknowledgement says, and what of that is not followed. */
#include "polling.h"

#include "buffer.h"
#include "job.h"
#include "mem.h"
#include "vendor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

enum { HTTP_PORT = 80, HTTPS_PORT = 443, NAME_SIZE = 64 };

/* ---- Made of poll/url ---- */

/* So that it can be nothing but a path segment or the value of a query parameter. */
static void append_encoded(struct buffer *out, const char *value)
{
	for (; *value; value++)
		if (strchr(ALPHANUMERIC "-._~", *value))
			buffer_append(out, value, 1);
		else
			buffer_printf(out, "%%%02X", (unsigned char)*value);
}

/* A segment of dots would lead to another path. */
static bool has_dot_segment(const char *url)
{
	const char *at = strstr(url, "://") + 3, *end = at + strcspn(at, "?#");

	for (at += strcspn(at, "/?#"); at < end; at += strcspn(at, "/?#")) {
		at++;
		if (*at == '.' && strcspn(at, "/?#") == strspn(at, ".") && strspn(at, ".") <= 2)
			return true;
	}
	return false;
}

static const char *value_of(const char *name, const struct job *job)
{
	return strcmp(name, "request_id") == 0 ? job->request_id : job->vendor_job_id;
}

/* The file was checked: every ${ begins one of the two references that value_of() knows. */
static enum err render(const char *text, const struct job *job, char **url, struct err_text *why)
{
	struct buffer out;
	const char *start;

	buffer_init(&out, POLL_URL_BYTES_MAX);
	while ((start = strstr(text, "${job:"))) {
		char name[NAME_SIZE];
		const char *value;

		buffer_append(&out, text, (size_t)(start - text));
		start += strlen("${job:");
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(start, "}"), start);
		text = start + strlen(name) + 1;
		value = value_of(name, job);
		append_encoded(&out, value ? value : "");
		if (!value)
			break;
	}
	buffer_append_str(&out, text);
	*url = NULL;
	if (start)
		err_set(why, ERR_INVALID, "poll/url needs the vendor's id of the job, which has none");
	else if (out.overflowed)
		err_set(why, ERR_INVALID, "the URL is longer than %d bytes", POLL_URL_BYTES_MAX);
	else if (has_dot_segment(out.data))
		err_set(why, ERR_INVALID, "the id of the job would lead to another path");
	else
		*url = buffer_take(&out, NULL);
	buffer_deinit(&out);
	return *url ? ERR_OK : ERR_INVALID;
}

bool polling_url_refers(const char *url, const char *name)
{
	char reference[NAME_SIZE];

	snprintf(reference, sizeof(reference), "${job:%s}", name);
	return strstr(url, reference);
}

enum err polling_url(const struct vendor *vendor, const struct job *job, char **url, struct err_text *why)
{
	struct polling_memory memory;
	enum err err;

	polling_memory_read(job->poll, &memory);
	*url = NULL;
	if (memory.url)
		err = polling_resolve_url(vendor, memory.url, url, why);
	else if (vendor->poll.url)
		err = render(vendor->poll.url, job, url, why);
	else
		err = err_set(why, ERR_INVALID, "the vendor file has no poll/url, and the acknowledgement named none");
	polling_memory_deinit(&memory);
	return err;
}

/* ---- Named by the vendor ---- */

struct origin {
	bool https;
	const char *host;
	size_t host_len;
	long port;
};

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
	origin->host_len = (size_t)((port < end ? port : end) - origin->host);
	origin->port = port < end ? strtol(port + 1, NULL, 10) : 0;
	if (origin->port == 0)
		origin->port = origin->https ? HTTPS_PORT : HTTP_PORT;
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
	return NULL;
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

enum err polling_resolve_url(const struct vendor *vendor, const char *reference, char **url, struct err_text *why)
{
	const char *bad;

	*url = NULL;
	if (reference[0] == '\0' || strlen(reference) > POLL_URL_BYTES_MAX)
		return err_set(why, ERR_INVALID, "its URL to ask at is %s", reference[0] ? "too long" : "empty");
	*url = absolute(vendor->url, reference);
	bad = strlen(*url) > POLL_URL_BYTES_MAX ? "is too long" : bad_named_url(*url);
	if (!bad && !vendor->poll.any_origin && !same_origin(*url, vendor->url))
		bad = "leads to another scheme, host or port than request/url, and poll/any_origin is not set";
	if (!bad)
		return ERR_OK;
	free(*url);
	*url = NULL;
	return err_set(why, ERR_INVALID, "its URL to ask at %s", bad);
}
