#include "callback_auth.h"

#include "buffer.h"
#include "secret.h"
#include "signature.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TIMESTAMP_SIZE = 32 };

static const char *header_or_empty(const struct callback_proof *proof, const char *name)
{
	const char *value = proof->header(proof->arg, name);

	return value ? value : "";
}

/* ---- Kinds ---- */

static enum err check_nothing(const struct callback_auth *auth, const struct callback_proof *proof, int64_t now_ms,
                              struct err_text *why)
{
	(void)auth, (void)proof, (void)now_ms, (void)why;
	return ERR_OK;
}

static enum err check_standard_webhooks(const struct callback_auth *auth, const struct callback_proof *proof,
                                        int64_t now_ms, struct err_text *why)
{
	enum err err = ERR_INVALID;

	for (size_t i = 0; i < auth->n_keys && err; i++)
		err = signature_check((const char *)auth->keys[i].bytes, header_or_empty(proof, "webhook-id"),
		                      header_or_empty(proof, "webhook-timestamp"), header_or_empty(proof, "webhook-signature"),
		                      proof->body, proof->body_len, now_ms, why);
	return err;
}

/* Of "Bearer x": how long what may be in either case is (RFC 9110, 11.1). */
static size_t scheme_len(const struct callback_auth *auth, const struct callback_key *key)
{
	return auth->kind == CALLBACK_AUTH_API_KEY ? 0 : strcspn((const char *)key->bytes, " ");
}

/* As long for any secret: what is compared are digests. */
static bool is_same_secret(const struct callback_auth *auth, const char *given, const struct callback_key *key)
{
	unsigned char a[STORE_HASH_SIZE], b[STORE_HASH_SIZE];
	size_t scheme = scheme_len(auth, key);

	if (strncasecmp(given, (const char *)key->bytes, scheme) != 0)
		return false;
	signature_digest(given + scheme, strlen(given) - scheme, "", 0, a);
	signature_digest(key->bytes + scheme, key->len - scheme, "", 0, b);
	return CRYPTO_memcmp(a, b, sizeof(a)) == 0;
}

static enum err check_header(const struct callback_auth *auth, const struct callback_proof *proof, int64_t now_ms,
                             struct err_text *why)
{
	const char *given = proof->header(proof->arg, auth->header);
	bool found = false;

	(void)now_ms;
	if (!given)
		return err_set(why, ERR_INVALID, "the header %s is missing", auth->header);
	for (size_t i = 0; i < auth->n_keys; i++)
		found |= is_same_secret(auth, given, &auth->keys[i]);
	return found ? ERR_OK : err_set(why, ERR_INVALID, "the header %s has the wrong value", auth->header);
}

/* The next of a header's parts, which have commas between them, that begins with prefix; what is behind that, of *len
 * bytes. NULL: there are no more. */
static const char *next_part(const char **rest, const char *prefix, size_t *len)
{
	while (**rest) {
		const char *part = *rest + strspn(*rest, " ,");

		*len = strcspn(part, ",");
		*rest = part + *len;
		while (*len > 0 && part[*len - 1] == ' ')
			--*len;
		if (*len > strlen(prefix) && strncmp(part, prefix, strlen(prefix)) == 0) {
			*len -= strlen(prefix);
			return part + strlen(prefix);
		}
	}
	return NULL;
}

static enum err read_timestamp(const struct callback_auth *auth, const struct callback_proof *proof, int64_t now_ms,
                               char timestamp[TIMESTAMP_SIZE], struct err_text *why)
{
	const char *value, *part;
	size_t len = 0;

	timestamp[0] = '\0';
	if (!auth->timestamp_header)
		return ERR_OK;
	value = header_or_empty(proof, auth->timestamp_header);
	part = next_part(&value, auth->timestamp_prefix, &len);
	if (!part || len >= TIMESTAMP_SIZE)
		return err_set(why, ERR_INVALID, "the header %s has no timestamp", auth->timestamp_header);
	memcpy(timestamp, part, len);
	timestamp[len] = '\0';
	return signature_timestamp_check(auth->timestamp_header, timestamp, now_ms, why);
}

static void make_message(const struct callback_auth *auth, const struct callback_proof *proof, const char *timestamp,
                         struct buffer *out)
{
	buffer_init(out, strlen(auth->message) + 2 * proof->body_len + 2 * TIMESTAMP_SIZE);
	for (const char *p = auth->message; *p;) {
		if (strncmp(p, CALLBACK_BODY, strlen(CALLBACK_BODY)) == 0) {
			buffer_append(out, proof->body, proof->body_len);
			p += strlen(CALLBACK_BODY);
		} else if (strncmp(p, CALLBACK_TIMESTAMP, strlen(CALLBACK_TIMESTAMP)) == 0) {
			buffer_append_str(out, timestamp);
			p += strlen(CALLBACK_TIMESTAMP);
		} else {
			buffer_append(out, p++, 1);
		}
	}
}

/* Hex may be in either case. */
static bool is_signature(const char *given, size_t len, const char *expected, bool base64)
{
	char text[SIGNATURE_TEXT_SIZE];

	if (len != strlen(expected) || len >= sizeof(text))
		return false;
	for (size_t i = 0; i < len; i++)
		text[i] = (char)(!base64 && given[i] >= 'A' && given[i] <= 'F' ? given[i] + ('a' - 'A') : given[i]);
	return CRYPTO_memcmp(text, expected, len) == 0;
}

static bool any_matches(const struct callback_auth *auth, const char *header, const char *expected)
{
	bool found = false;
	const char *part;
	size_t len;

	while ((part = next_part(&header, auth->prefix, &len)))
		found |= is_signature(part, len, expected, auth->base64);
	return found;
}

static enum err check_hmac(const struct callback_auth *auth, const struct callback_proof *proof, int64_t now_ms,
                           struct err_text *why)
{
	char timestamp[TIMESTAMP_SIZE], expected[SIGNATURE_TEXT_SIZE];
	enum err err = read_timestamp(auth, proof, now_ms, timestamp, why);
	struct buffer message;
	bool found = false;

	if (err)
		return err;
	make_message(auth, proof, timestamp, &message);
	for (size_t i = 0; i < auth->n_keys && !message.overflowed; i++) {
		signature_hmac(auth->digest, auth->keys[i].bytes, auth->keys[i].len, message.data ? message.data : "", message.len,
		               auth->base64, expected);
		found |= any_matches(auth, header_or_empty(proof, auth->header), expected);
	}
	buffer_deinit(&message);
	return found ? ERR_OK : err_set(why, ERR_INVALID, "the header %s has no matching signature", auth->header);
}

/* ---- All of them ---- */

static bool is_from(const struct callback_auth *auth, const char *address)
{
	return auth->from.n == 0 || networks_have(&auth->from, address);
}

enum err callback_auth_check(const struct callback_auth *auth, const struct callback_proof *proof, int64_t now_ms,
                             struct err_text *why)
{
	static enum err (*const checks[])(const struct callback_auth *, const struct callback_proof *, int64_t,
	                                  struct err_text *) = {
		[CALLBACK_AUTH_TOKEN] = check_nothing,
		[CALLBACK_AUTH_STANDARD_WEBHOOKS] = check_standard_webhooks,
		[CALLBACK_AUTH_HMAC] = check_hmac,
		[CALLBACK_AUTH_BEARER] = check_header,
		[CALLBACK_AUTH_BASIC] = check_header,
		[CALLBACK_AUTH_API_KEY] = check_header,
		[CALLBACK_AUTH_NONE] = check_nothing,
	};

	if (!is_from(auth, proof->address))
		return err_set(why, ERR_INVALID, "this address may not call back for the vendor");
	return checks[auth->kind](auth, proof, now_ms, why);
}

void callback_auth_deinit(struct callback_auth *auth)
{
	for (size_t i = 0; i < auth->n_keys; i++)
		secret_free_bytes(auth->keys[i].bytes, auth->keys[i].len);
	free(auth->keys);
	free(auth->header);
	free(auth->prefix);
	free(auth->timestamp_header);
	free(auth->timestamp_prefix);
	free(auth->message);
	free(auth->from.items);
	*auth = (struct callback_auth){ .kind = CALLBACK_AUTH_TOKEN };
}
