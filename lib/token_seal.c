#include "token_seal.h"

#include "mem.h"
#include "secret.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is sealed: a nonce, the encrypted token, a tag. */
enum { NONCE_SIZE = 12, TAG_SIZE = 16, FRAME_SIZE = NONCE_SIZE + TAG_SIZE, SEALED_BYTES_MAX = 1 << 20 };

static const char salt[] = "vendorfetch access token";

/* As in signature.c: only for want of memory, or of the algorithm itself. */
static void must(int well)
{
	if (well)
		return;
	fputs("libcrypto: HKDF, AES-256-GCM or random numbers are not available\n", stderr);
	abort();
}

void token_key(const char *secret, const char *context, unsigned char key[TOKEN_KEY_SIZE])
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret, strlen(secret)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, strlen(salt)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)context, strlen(context)),
		OSSL_PARAM_construct_end(),
	};

	must(ctx && EVP_KDF_derive(ctx, key, TOKEN_KEY_SIZE, params) > 0);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

void token_new_id(char id[TOKEN_ID_SIZE])
{
	unsigned char bytes[TOKEN_ID_SIZE / 2];

	must(RAND_bytes(bytes, sizeof(bytes)) == 1);
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(id + 2 * i, 3, "%02x", bytes[i]);
}

/* ---- Sealing ---- */

static EVP_CIPHER_CTX *begin(const unsigned char key[TOKEN_KEY_SIZE], const unsigned char *nonce, const char *id, int seals)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len;

	must(ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, seals) == 1);
	must(EVP_CipherUpdate(ctx, NULL, &len, (const unsigned char *)id, (int)strlen(id)) == 1);
	return ctx;
}

char *token_seal(const unsigned char key[TOKEN_KEY_SIZE], const char *id, const char *token)
{
	size_t token_len = strlen(token), len = FRAME_SIZE + token_len;
	unsigned char *bytes = mem_alloc(len), *encrypted = bytes + NONCE_SIZE;
	char *sealed = mem_alloc(4 * (len / 3 + 1) + 1);
	EVP_CIPHER_CTX *ctx;
	int n = 0;

	must(RAND_bytes(bytes, NONCE_SIZE) == 1);
	ctx = begin(key, bytes, id, 1);
	must(EVP_CipherUpdate(ctx, encrypted, &n, (const unsigned char *)token, (int)token_len) == 1);
	must(EVP_CipherFinal_ex(ctx, encrypted + n, &n) == 1);
	must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, encrypted + token_len) == 1);
	EVP_CIPHER_CTX_free(ctx);
	EVP_EncodeBlock((unsigned char *)sealed, bytes, (int)len);
	free(bytes);
	return sealed;
}

/* *len: of the token. NULL: not base64, or too short to be one. */
static unsigned char *decode(const char *sealed, size_t *len)
{
	size_t digits = strlen(sealed), padding = 0;
	unsigned char *bytes;
	int n;

	if (digits > SEALED_BYTES_MAX)
		return NULL;
	while (padding < 2 && padding < digits && sealed[digits - 1 - padding] == '=')
		padding++;
	bytes = mem_alloc(digits + 1);
	n = EVP_DecodeBlock(bytes, (const unsigned char *)sealed, (int)digits);
	if (n < (int)(FRAME_SIZE + padding)) {
		free(bytes);
		return NULL;
	}
	*len = (size_t)n - padding - FRAME_SIZE;
	return bytes;
}

char *token_open(const unsigned char key[TOKEN_KEY_SIZE], const char *id, const char *sealed)
{
	unsigned char *bytes, *encrypted, *token;
	EVP_CIPHER_CTX *ctx;
	size_t len;
	int n = 0;

	bytes = decode(sealed, &len);
	if (!bytes)
		return NULL;
	encrypted = bytes + NONCE_SIZE;
	token = mem_calloc(1, len + 1);
	ctx = begin(key, bytes, id, 0);
	must(EVP_CipherUpdate(ctx, token, &n, encrypted, (int)len) == 1);
	must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, encrypted + len) == 1);
	if (EVP_CipherFinal_ex(ctx, token + n, &n) != 1) {
		secret_free_bytes(token, len);
		token = NULL;
	}
	EVP_CIPHER_CTX_free(ctx);
	free(bytes);
	return (char *)token;
}
