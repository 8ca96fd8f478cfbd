/* Who may call back for a vendor: the proof that its file asks for, and whether a callback has it.
 *
 * The kinds: our token in the address (fcgi/webhook_post.c looks at that, as it needs the job), Standard Webhooks 1.0,
 * an HMAC of the body in a header, or a secret in a header. Secrets are compared in constant time. Immutable once read;
 * reentrant.
 */
#ifndef VF_CALLBACK_AUTH_H
#define VF_CALLBACK_AUTH_H

#include "err.h"
#include "network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum callback_auth_kind {
	CALLBACK_AUTH_TOKEN, CALLBACK_AUTH_STANDARD_WEBHOOKS, CALLBACK_AUTH_HMAC, CALLBACK_AUTH_BEARER, CALLBACK_AUTH_BASIC,
	CALLBACK_AUTH_API_KEY, CALLBACK_AUTH_NONE,
};

struct callback_key {
	unsigned char *bytes;       /* hmac: the key; otherwise a text with its NUL: a secret, or what the header has to be */
	size_t len;
};

struct callback_auth {
	enum callback_auth_kind kind;
	struct callback_key *keys;  /* any of them is good: while one takes the place of another, both are */
	size_t n_keys;
	char *header;               /* that has the signature or secret */
	const char *digest;         /* hmac: libcrypto's name of it */
	bool base64;                /* hmac: else hex */
	char *prefix;               /* hmac: what a signature has in front */
	char *timestamp_header;     /* hmac: NULL: none is sent */
	char *timestamp_prefix;
	char *message;              /* hmac: what is signed */
	struct networks from;       /* callbacks of any kind may come from these only; none: from everywhere */
};

/* What has come in; all borrowed. */
struct callback_proof {
	const char *(*header)(const void *arg, const char *name);   /* its value, or NULL */
	const void *arg;
	const char *address;        /* of the sender, or NULL */
	const char *body;
	size_t body_len;
};

/* ERR_INVALID, and why without anything secret. Timestamps may be five minutes off now_ms, either way. */
enum err callback_auth_check(const struct callback_auth *auth, const struct callback_proof *proof, int64_t now_ms,
                             struct err_text *why) __attribute__((warn_unused_result));

/* Secrets are wiped. */
void callback_auth_deinit(struct callback_auth *auth);

/* What may stand in message. */
#define CALLBACK_BODY "${callback:body}"
#define CALLBACK_TIMESTAMP "${callback:timestamp}"

#endif
