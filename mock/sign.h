/* Standard Webhooks 1.0 signatures, written apart from the code that checks them in vendorfetch: the two test each
 * other. */
#ifndef VF_MOCK_SIGN_H
#define VF_MOCK_SIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

/* "v1," and the base64 of 32 bytes, with NUL. */
enum { SIGN_TEXT_MAX = 64 };

/* True if the secret can sign: any text, or whsec_ followed by valid base64. */
bool sign_secret_valid(const char *secret);

/* Writes the value of the webhook-signature header over "id.timestamp.body". The secret must be valid. */
void sign_webhook(const char *secret, const char *id, const char *timestamp, const char *body, size_t len,
                  char signature[SIGN_TEXT_MAX]);

#endif
