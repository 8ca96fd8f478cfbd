/* What all that we ask over HTTP has in common, vendors and their token endpoints: bounds, and reading header lines. */
#ifndef VF_HTTP_H
#define VF_HTTP_H

#include "vendor.h"

#include <curl/curl.h>
#include <stddef.h>

enum { HTTP_HEADERS_BYTES_MAX = 256 << 10 };   /* of an answer; curl 7.88 keeps them all and has no limit of its own */

/* A file of certificates (PEM) for all whose vendor files name none; NULL or "": the system's. To be called before there are
 * threads; borrowed. */
void http_use_ca_file(const char *path);

/* The vendor's times, and what holds for everybody: http and https only, with certificates that are checked; no redirects, no
 * proxy, no signals. */
void http_set_bounds(CURL *easy, const struct vendor *vendor);

/* Appends a line, a copy of it, to a list, which may be NULL; gives the list. */
struct curl_slist *http_add_header(struct curl_slist *list, const char *line);
/* NULL is fine. Wipes the lines. */
void http_free_headers(struct curl_slist *list);

/* The value of a header line of this name, the caller owns it; NULL if it is another one's, or the value is longer than
 * `most`. */
char *http_header_value(const char *line, size_t len, const char *name, size_t most);
/* That of a Retry-After in ms; -1: it is another line, or says nothing. */
int64_t http_retry_after_ms(const char *line, size_t len);

#endif
