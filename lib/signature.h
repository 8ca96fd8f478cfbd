/* Who may call back: per-attempt tokens in the callback URL, and signed callbacks. Digests are compared in
 * constant time. And what our own calls are signed with. Pure; reentrant. */
#ifndef VF_SIGNATURE_H
#define VF_SIGNATURE_H

#include "err.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum signature_algorithm { SIGNATURE_SHA256, SIGNATURE_SHA512 };
enum signature_encoding { SIGNATURE_HEX, SIGNATURE_BASE64 };

enum { CALLBACK_TOKEN_SIZE = 64, SIGNATURE_TEXT_SIZE = 2 * 64 + 1 };

/* The token of one attempt: "<fence>.<32 hex digits>", an HMAC-SHA256 over vendor, request id and fence. */
void callback_token(const unsigned char key[STORE_SECRET_SIZE], const char *vendor, const char *request_id,
                    int64_t fence, char out[CALLBACK_TOKEN_SIZE]);

/* ERR_OK and *fence if the token is one of this job's; else ERR_INVALID. */
enum err callback_token_check(const unsigned char key[STORE_SECRET_SIZE], const char *vendor, const char *request_id,
                              const char *token, int64_t *fence) __attribute__((warn_unused_result));

/* Standard Webhooks 1.0: webhook-id, webhook-timestamp (seconds), webhook-signature ("v1,<base64> ..."; several,
 * any may match). secret: raw, or "whsec_" followed by base64. The timestamp may differ from now_ms by five
 * minutes either way. No argument but why may be NULL: a header that is not there is "". */
enum err signature_check(const char *secret, const char *id, const char *timestamp, const char *signatures,
                         const char *body, size_t body_len, int64_t now_ms, struct err_text *why)
	__attribute__((warn_unused_result));

/* A timestamp, seconds since 1970, is at most five minutes off, either way. name: what an error calls it. */
enum err signature_timestamp_check(const char *name, const char *timestamp, int64_t now_ms, struct err_text *why)
	__attribute__((warn_unused_result));

/* SHA-256 of two pieces (either may be empty), each preceded by its length. */
void signature_digest(const void *a, size_t a_len, const void *b, size_t b_len, unsigned char out[32]);

/* ---- Our own calls ---- */

enum key_encoding { KEY_TEXT, KEY_BASE64, KEY_HEX };

/* The bytes that a secret stands for; the caller owns them, and wipes them. ERR_INVALID: it is not written so. */
enum err signature_key(const char *secret, enum key_encoding encoding, unsigned char **key, size_t *len,
                       struct err_text *why) __attribute__((warn_unused_result));

/* libcrypto's name of it. */
const char *signature_digest_name(enum signature_algorithm algorithm);

/* An HMAC as base64 or lower-case hex. digest: as libcrypto calls it. */
void signature_hmac(const char *digest, const unsigned char *key, size_t key_len, const char *message, size_t len,
                    bool base64, char out[SIGNATURE_TEXT_SIZE]);

/* A SHA-256 as lower-case hex. */
void signature_sha256_hex(const char *bytes, size_t len, char out[SIGNATURE_TEXT_SIZE]);

#endif
