#include "http.h"

#include "clock.h"
#include "mem.h"
#include "outcome.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	CONNECTION_MAX_IDLE_SECONDS = 25,   /* below the keep-alive of common servers (60 s and more, but some 30) */
	RETRY_AFTER_MAX = 128,
};

static const char *common_ca_file;

void http_use_ca_file(const char *path)
{
	common_ca_file = path && path[0] ? path : NULL;
}

/* Checked are the chain, and that the certificate is for the host of the URL. */
static void set_certificates(CURL *easy, const struct vendor *vendor)
{
	const char *ca_file = vendor->ca_file ? vendor->ca_file : common_ca_file;

	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (!ca_file)
		return;
	curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);   /* else the system's is asked as well */
}

void http_set_bounds(CURL *easy, const struct vendor *vendor)
{
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)vendor->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)vendor->connect_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)CONNECTION_MAX_IDLE_SECONDS);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "vendorfetch");
	set_certificates(easy, vendor);
}

struct curl_slist *http_add_header(struct curl_slist *list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(list, line);

	if (!longer)
		abort();   /* out of memory, as in lib/mem.h */
	return longer;
}

void http_free_headers(struct curl_slist *list)
{
	for (struct curl_slist *header = list; header; header = header->next)
		explicit_bzero(header->data, strlen(header->data));
	curl_slist_free_all(list);
}

char *http_header_value(const char *line, size_t len, const char *name, size_t most)
{
	size_t start = strlen(name);

	if (len <= start || strncasecmp(line, name, start) != 0 || line[start++] != ':')
		return NULL;
	while (start < len && (line[start] == ' ' || line[start] == '\t'))
		start++;
	while (len > start && strchr("\r\n \t", line[len - 1]))
		len--;
	return len - start <= most ? mem_strndup(line + start, len - start) : NULL;
}

int64_t http_retry_after_ms(const char *line, size_t len)
{
	char *value = http_header_value(line, len, "retry-after", RETRY_AFTER_MAX);
	int64_t ms = value ? retry_after_parse(value, clock_now_ms()) : -1;

	free(value);
	return ms;
}
