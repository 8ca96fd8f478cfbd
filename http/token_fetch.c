#include "token_fetch.h"

#include "http.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

struct token_fetch {
	CURLM *multi;
	CURL *easy;
	const struct vendor *vendor;
	struct curl_slist *headers;
	struct buffer body;
	size_t header_bytes;
	int64_t retry_after_ms;
};

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct token_fetch *fetch = arg;

	buffer_append(&fetch->body, bytes, size * n);
	return fetch->body.overflowed ? 0 : size * n;
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct token_fetch *fetch = arg;
	int64_t retry_after_ms = http_retry_after_ms(line, size * n);

	fetch->header_bytes += size * n;
	if (retry_after_ms >= 0)
		fetch->retry_after_ms = retry_after_ms;
	return fetch->header_bytes > HTTP_HEADERS_BYTES_MAX ? 0 : size * n;
}

static void set_request(struct token_fetch *fetch)
{
	const struct oauth2_rules *rules = &fetch->vendor->oauth2;

	fetch->headers = http_add_header(fetch->headers, "Content-Type: application/x-www-form-urlencoded");
	fetch->headers = http_add_header(fetch->headers, "Accept: application/json");
	fetch->headers = http_add_header(fetch->headers, "Expect:");
	if (rules->authorization)
		fetch->headers = http_add_header(fetch->headers, rules->authorization);
	curl_easy_setopt(fetch->easy, CURLOPT_URL, rules->url);
	curl_easy_setopt(fetch->easy, CURLOPT_HTTPHEADER, fetch->headers);
	curl_easy_setopt(fetch->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(rules->form));
	curl_easy_setopt(fetch->easy, CURLOPT_POSTFIELDS, rules->form);
}

struct token_fetch *token_fetch_begin(CURLM *multi, const struct vendor *vendor, void *owner)
{
	struct token_fetch *fetch = mem_calloc(1, sizeof(*fetch));

	fetch->vendor = vendor;
	fetch->retry_after_ms = -1;
	buffer_init_secret(&fetch->body, OAUTH2_ANSWER_BYTES_MAX);
	fetch->easy = curl_easy_init();
	if (fetch->easy) {
		set_request(fetch);
		http_set_bounds(fetch->easy, vendor);
		curl_easy_setopt(fetch->easy, CURLOPT_FORBID_REUSE, 1L);   /* the next one is far away */
		curl_easy_setopt(fetch->easy, CURLOPT_PRIVATE, owner);
		curl_easy_setopt(fetch->easy, CURLOPT_WRITEFUNCTION, on_body);
		curl_easy_setopt(fetch->easy, CURLOPT_WRITEDATA, fetch);
		curl_easy_setopt(fetch->easy, CURLOPT_HEADERFUNCTION, on_header);
		curl_easy_setopt(fetch->easy, CURLOPT_HEADERDATA, fetch);
	}
	if (!fetch->easy || curl_multi_add_handle(multi, fetch->easy) != CURLM_OK) {
		token_fetch_free(fetch);
		return NULL;
	}
	fetch->multi = multi;
	return fetch;
}

enum err token_fetch_end(struct token_fetch *fetch, CURLcode code, struct oauth2_token *token, int64_t *retry_after_ms,
                         struct err_text *why)
{
	long http_status = 0;

	*retry_after_ms = fetch->retry_after_ms;
	curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &http_status);
	if (fetch->body.overflowed)
		return err_set(why, ERR_INVALID, "its token endpoint answered %ld with more than %d bytes", http_status,
		               OAUTH2_ANSWER_BYTES_MAX);
	if (fetch->header_bytes > HTTP_HEADERS_BYTES_MAX)
		return err_set(why, ERR_INVALID, "its token endpoint answered %ld with more than %d bytes of headers", http_status,
		               HTTP_HEADERS_BYTES_MAX);
	if (code != CURLE_OK)
		/* Without curl's own words, in which times and ports differ each time: the reason is told once. */
		return err_set(why, ERR_UNAVAILABLE, "its token endpoint cannot be asked: %s", curl_easy_strerror(code));
	return oauth2_read(&fetch->vendor->oauth2, (int)http_status, fetch->body.data ? fetch->body.data : "", fetch->body.len,
	                   token, why);
}

void token_fetch_free(struct token_fetch *fetch)
{
	if (!fetch)
		return;
	if (fetch->multi)
		curl_multi_remove_handle(fetch->multi, fetch->easy);
	curl_easy_cleanup(fetch->easy);
	http_free_headers(fetch->headers);
	buffer_deinit(&fetch->body);
	free(fetch);
}
