/* Access tokens as they lie in Redis: AES-256-GCM with a key that only those have who know the client's secret. Pure but for
 * random numbers; reentrant.
 */
#ifndef VF_TOKEN_SEAL_H
#define VF_TOKEN_SEAL_H

#include <stddef.h>

enum { TOKEN_KEY_SIZE = 32, TOKEN_ID_SIZE = 2 * 12 + 1 };

/* HKDF-SHA256 of a text with a secret in it, for one use of it: whoever's context differs has another key. */
void token_key(const char *secret, const char *context, unsigned char key[TOKEN_KEY_SIZE]);

/* A new name for a token: random hex digits, which say nothing of it. */
void token_new_id(char id[TOKEN_ID_SIZE]);

/* As base64; the caller owns it. It can only be opened with this key and this id. */
char *token_seal(const unsigned char key[TOKEN_KEY_SIZE], const char *id, const char *token);
/* The token (secret_free() it), or NULL: it was sealed with another key or id, or is not what token_seal() gave. */
char *token_open(const unsigned char key[TOKEN_KEY_SIZE], const char *id, const char *sealed);

#endif
