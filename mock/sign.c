#include "sign.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "knobs.h"

static const char prefix[] = "whsec_";

/* The key bytes of the secret and their number, -1 if they are not base64. */
static int secret_key(const char *secret, unsigned char key[KNOB_TEXT_MAX])
{
	size_t len = strlen(secret);
	int bytes;

	if (strncmp(secret, prefix, sizeof(prefix) - 1) != 0) {
		memcpy(key, secret, len);
		return (int)len;
	}
	secret += sizeof(prefix) - 1;
	len -= sizeof(prefix) - 1;
	if (!len || len % 4 != 0)
		return -1;
	bytes = EVP_DecodeBlock(key, (const unsigned char *)secret, (int)len);
	for (; bytes > 0 && len && secret[len - 1] == '='; len--)
		bytes--; /* EVP_DecodeBlock counts the padding as bytes */
	return bytes;
}

bool sign_secret_valid(const char *secret)
{
	unsigned char key[KNOB_TEXT_MAX];

	return strlen(secret) < KNOB_TEXT_MAX && secret_key(secret, key) >= 0;
}

void sign_webhook(const char *secret, const char *id, const char *timestamp, const char *body, size_t len,
                  char signature[SIGN_TEXT_MAX])
{
	unsigned char key[KNOB_TEXT_MAX], digest[EVP_MAX_MD_SIZE];
	unsigned digest_len = 0;
	int key_len = secret_key(secret, key);
	struct buf content = { 0 };

	buf_addf(&content, "%s.%s.", id, timestamp);
	buf_add(&content, body, len);
	if (key_len < 0 ||
	    !HMAC(EVP_sha256(), key, key_len, (unsigned char *)content.data, content.len, digest, &digest_len))
		abort(); /* an unchecked secret, or a libcrypto without SHA-256 */
	memcpy(signature, "v1,", 3);
	EVP_EncodeBlock((unsigned char *)signature + 3, digest, (int)digest_len);
	buf_deinit(&content);
}
