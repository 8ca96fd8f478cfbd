#include "signature.h"

#include "hex.h"
#include "mem.h"
#include "secret.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DIGEST_SIZE = 32,
	TOKEN_DIGEST_BYTES = 16,
	BASE64_DIGEST_SIZE = 44,        /* 32 bytes in base64, without the NUL */
	TIMESTAMP_DIGITS_MAX = 12,
	SECRET_BYTES_MAX = 4096,
};

static const int64_t TOLERANCE_MS = 5 * 60 * 1000;

static const char secret_prefix[] = "whsec_";

struct piece {
	const void *bytes;
	size_t len;
};

/* OpenSSL fails here only for want of memory or of the algorithm itself: nothing that a caller could act on. */
static void must(int well)
{
	if (well)
		return;
	fputs("libcrypto: HMAC or SHA-2 is not available\n", stderr);
	abort();
}

/* Gives the number of bytes. */
static size_t hmac(const char *digest, const void *key, size_t key_len, const struct piece *pieces, size_t n,
                   unsigned char out[EVP_MAX_MD_SIZE])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string("digest", (char *)(uintptr_t)digest, 0),
	                        OSSL_PARAM_construct_end() };
	size_t len;

	must(ctx && EVP_MAC_init(ctx, key, key_len, params));
	for (size_t i = 0; i < n; i++)
		must(EVP_MAC_update(ctx, pieces[i].bytes, pieces[i].len));
	must(EVP_MAC_final(ctx, out, &len, EVP_MAX_MD_SIZE));
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return len;
}

static void write_hex(const unsigned char *bytes, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* ---- Tokens ---- */

void callback_token(const unsigned char key[STORE_SECRET_SIZE], const char *vendor, const char *request_id,
                    int64_t fence, char out[CALLBACK_TOKEN_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char number[24];
	/* Each text with its NUL, so that no two triples make the same bytes. */
	struct piece pieces[] = {
		{ vendor, strlen(vendor) + 1 },
		{ request_id, strlen(request_id) + 1 },
		{ number, (size_t)snprintf(number, sizeof(number), "%" PRId64, fence) },
	};
	int n = snprintf(out, CALLBACK_TOKEN_SIZE, "%s.", number);

	hmac("SHA256", key, STORE_SECRET_SIZE, pieces, 3, digest);
	write_hex(digest, TOKEN_DIGEST_BYTES, out + n);
}

enum err callback_token_check(const unsigned char key[STORE_SECRET_SIZE], const char *vendor, const char *request_id,
                              const char *token, int64_t *fence)
{
	char expected[CALLBACK_TOKEN_SIZE];
	int64_t claimed = 0;
	const char *c = token;

	for (; *c >= '0' && *c <= '9' && claimed < INT64_MAX / 100; c++)
		claimed = claimed * 10 + (*c - '0');
	if (c == token || *c != '.')
		return ERR_INVALID;
	/* The expected token holds the fence in its one form, so other spellings of the number differ. */
	callback_token(key, vendor, request_id, claimed, expected);
	if (strlen(token) != strlen(expected) || CRYPTO_memcmp(token, expected, strlen(expected)) != 0)
		return ERR_INVALID;
	*fence = claimed;
	return ERR_OK;
}

/* ---- Secrets ---- */

/* With or without its padding. *key is owned by the caller, *len bytes to be wiped. */
static enum err decode_base64(const char *encoded, unsigned char **key, size_t *len, struct err_text *why)
{
	size_t digits = strcspn(encoded, "="), padding = (4 - digits % 4) % 4;
	char *padded = mem_printf("%.*s%.*s", (int)digits, encoded, (int)padding, "===");
	unsigned char *decoded = mem_alloc(digits + padding + 1);
	int n = EVP_DecodeBlock(decoded, (const unsigned char *)padded, (int)(digits + padding));

	secret_free(padded);
	if (digits == 0 || padding == 3 || n < (int)padding) {
		secret_free_bytes(decoded, digits + padding);
		return err_set(why, ERR_INVALID, "is not base64");
	}
	*key = decoded;
	*len = (size_t)n - padding;
	return ERR_OK;
}

static enum err decode_hex(const char *encoded, unsigned char **key, size_t *len, struct err_text *why)
{
	size_t digits = strlen(encoded);

	if (digits == 0 || digits % 2 != 0 || strspn(encoded, "0123456789abcdefABCDEF") != digits)
		return err_set(why, ERR_INVALID, "is not hex");
	*len = digits / 2;
	*key = mem_alloc(*len);
	for (size_t i = 0; i < *len; i++)
		(*key)[i] = (unsigned char)hex_byte(encoded + 2 * i, 2);
	return ERR_OK;
}

static enum err copy_text(const char *secret, unsigned char **key, size_t *len, struct err_text *why)
{
	(void)why;
	*len = strlen(secret);
	*key = (unsigned char *)mem_strdup(secret);
	return ERR_OK;
}

enum err signature_key(const char *secret, enum key_encoding encoding, unsigned char **key, size_t *len,
                       struct err_text *why)
{
	static enum err (*const decoders[])(const char *, unsigned char **, size_t *, struct err_text *) = {
		[KEY_TEXT] = copy_text, [KEY_BASE64] = decode_base64, [KEY_HEX] = decode_hex,
	};

	if (strlen(secret) > SECRET_BYTES_MAX)
		return err_set(why, ERR_INVALID, "is too long");
	return decoders[encoding](secret, key, len, why);
}

/* ---- Standard Webhooks ---- */

/* The key that a callback's secret stands for. */
static enum err callback_key(const char *secret, unsigned char **key, size_t *len, struct err_text *why)
{
	struct err_text reason;
	enum err err;

	if (strncmp(secret, secret_prefix, strlen(secret_prefix)) != 0) {
		err = signature_key(secret, KEY_TEXT, key, len, &reason);
		return err ? err_set(why, err, "the secret %s", reason.text) : ERR_OK;
	}
	err = signature_key(secret + strlen(secret_prefix), KEY_BASE64, key, len, &reason);
	return err ? err_set(why, err, "the secret %s after %s", reason.text, secret_prefix) : ERR_OK;
}

/* Seconds since 1970, digits only; -1 if it is not that. */
static int64_t parse_timestamp(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > TIMESTAMP_DIGITS_MAX || text[digits] != '\0')
		return -1;
	return strtoll(text, NULL, 10);
}

enum err signature_timestamp_check(const char *name, const char *timestamp, int64_t now_ms, struct err_text *why)
{
	int64_t seconds = parse_timestamp(timestamp), off_ms = now_ms - seconds * 1000;

	if (seconds < 0)
		return err_set(why, ERR_INVALID, "%s is not a number of seconds", name);
	if (off_ms > TOLERANCE_MS || off_ms < -TOLERANCE_MS)
		return err_set(why, ERR_INVALID, "%s is more than five minutes off", name);
	return ERR_OK;
}

/* True if one of the space-separated "v1,<base64>" is the expected one. Others, like "v1a,...", are not for us. */
static bool any_matches(const char *signatures, const char expected[BASE64_DIGEST_SIZE + 1])
{
	bool found = false;

	while (*signatures) {
		size_t len = strcspn(signatures, " ");

		if (len == strlen("v1,") + BASE64_DIGEST_SIZE && strncmp(signatures, "v1,", 3) == 0)
			found |= CRYPTO_memcmp(signatures + 3, expected, BASE64_DIGEST_SIZE) == 0;
		signatures += len;
		signatures += strspn(signatures, " ");
	}
	return found;
}

enum err signature_check(const char *secret, const char *id, const char *timestamp, const char *signatures,
                         const char *body, size_t body_len, int64_t now_ms, struct err_text *why)
{
	const struct piece pieces[] = {
		{ id, strlen(id) }, { ".", 1 }, { timestamp, strlen(timestamp) }, { ".", 1 }, { body, body_len },
	};
	unsigned char digest[EVP_MAX_MD_SIZE], *key = NULL;
	char expected[BASE64_DIGEST_SIZE + 1];
	size_t key_len = 0;
	enum err err;

	if (id[0] == '\0')
		return err_set(why, ERR_INVALID, "webhook-id is empty");
	err = signature_timestamp_check("webhook-timestamp", timestamp, now_ms, why);
	if (err)
		return err;
	err = callback_key(secret, &key, &key_len, why);
	if (err)
		return err;
	hmac("SHA256", key, key_len, pieces, sizeof(pieces) / sizeof(pieces[0]), digest);
	EVP_EncodeBlock((unsigned char *)expected, digest, DIGEST_SIZE);
	secret_free_bytes(key, key_len);
	if (!any_matches(signatures, expected))
		return err_set(why, ERR_INVALID, "webhook-signature does not match");
	return ERR_OK;
}

/* ---- Digests ---- */

static void add_piece(EVP_MD_CTX *ctx, const void *bytes, size_t len)
{
	unsigned char length[8];

	for (int i = 0; i < 8; i++)
		length[i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
	must(EVP_DigestUpdate(ctx, length, sizeof(length)) && (len == 0 || EVP_DigestUpdate(ctx, bytes, len)));
}

void signature_digest(const void *a, size_t a_len, const void *b, size_t b_len, unsigned char out[32])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	must(ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL));
	add_piece(ctx, a, a_len);
	add_piece(ctx, b, b_len);
	must(EVP_DigestFinal_ex(ctx, out, NULL));
	EVP_MD_CTX_free(ctx);
}

/* ---- Our own calls ---- */

const char *signature_digest_name(enum signature_algorithm algorithm)
{
	static const char *const names[] = { [SIGNATURE_SHA256] = "SHA256", [SIGNATURE_SHA512] = "SHA512" };

	return names[algorithm];
}

void signature_hmac(const char *digest, const unsigned char *key, size_t key_len, const char *message, size_t len,
                    bool base64, char out[SIGNATURE_TEXT_SIZE])
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	size_t n = hmac(digest, key, key_len, &(struct piece){ message, len }, 1, bytes);

	if (base64)
		EVP_EncodeBlock((unsigned char *)out, bytes, (int)n);
	else
		write_hex(bytes, n, out);
}

void signature_sha256_hex(const char *bytes, size_t len, char out[SIGNATURE_TEXT_SIZE])
{
	unsigned char digest[DIGEST_SIZE];

	must(EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL));
	write_hex(digest, DIGEST_SIZE, out);
}
