/* OAuth 2.0 client credentials (RFC 6749, 4.4): what a vendor's token endpoint is asked, what its answer says, and for how
 * long the token is used. Pure; reentrant.
 *
 * vendor_oauth2.c makes the rules of a vendor file; worker/tokens.c asks.
 */
#ifndef VF_OAUTH2_H
#define VF_OAUTH2_H

#include "err.h"
#include "token_seal.h"

#include <stddef.h>
#include <stdint.h>

enum {
	OAUTH2_ANSWER_BYTES_MAX = 128 << 10,
	OAUTH2_TOKEN_BYTES_MAX = 32 << 10,     /* half of what a header may hold */
};

/* All zero: no token is needed. */
struct oauth2_rules {
	char *url;                 /* of the token endpoint; all texts are owned */
	char *authorization;       /* a header line; NULL: what shows who we are is in the form */
	char *form;                /* the body of the request, application/x-www-form-urlencoded */
	int64_t life_ms;           /* of a token whose answer does not say how long it is good */
	unsigned char key[TOKEN_KEY_SIZE];   /* for tokens that lie in Redis */
};

/* A copy of its own. */
void oauth2_rules_copy(struct oauth2_rules *copy, const struct oauth2_rules *rules);
/* Wipes what is secret. */
void oauth2_rules_deinit(struct oauth2_rules *rules);

struct oauth2_token {
	char *text;                /* owned; secret_free() it */
	int64_t life_ms;           /* from the answer on */
};

/* What a complete answer of the token endpoint says. ERR_INVALID: there is no token in it that can be shown; why has the
 * status and what is wrong, but nothing of the answer beyond the error codes that the standards name: it may repeat
 * what it was sent. */
enum err oauth2_read(const struct oauth2_rules *rules, int http_status, const char *body, size_t len,
                     struct oauth2_token *token, struct err_text *why) __attribute__((warn_unused_result));

/* A token is used for so long, and from some time before that its successor is fetched meanwhile: both less than its life,
 * as a call takes its time to get there. */
void oauth2_use(int64_t life_ms, int64_t *use_ms, int64_t *renew_ms);

#endif
