/* One request to a token endpoint, over a multi handle of the caller's. Its bounds are those of calls to the vendor (http.h).
 * One thread at a time. */
#ifndef VF_TOKEN_FETCH_H
#define VF_TOKEN_FETCH_H

#include "err.h"
#include "oauth2.h"
#include "vendor.h"

#include <curl/curl.h>
#include <stdint.h>

struct token_fetch;

/* Begins. Borrows the vendor; owner is what curl gives as CURLINFO_PRIVATE of the easy handle. NULL: curl does not take
 * it. */
struct token_fetch *token_fetch_begin(CURLM *multi, const struct vendor *vendor, void *owner);
/* curl is done with it. ERR_OK and a token (its text is the caller's); or ERR_INVALID, ERR_UNAVAILABLE: why says what is
 * wrong, without secrets. *retry_after_ms: what the endpoint asked for, or -1. */
enum err token_fetch_end(struct token_fetch *fetch, CURLcode code, struct oauth2_token *token, int64_t *retry_after_ms,
                         struct err_text *why) __attribute__((warn_unused_result));
/* Also before its end. NULL is fine. */
void token_fetch_free(struct token_fetch *fetch);

#endif
