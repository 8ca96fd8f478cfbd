/* Access tokens (OAuth 2.0 client credentials): POST /token gives them, and calls may have to show one.
 *
 * Memory is bounded: the last TOKENS_MAX are known. None is after a restart.
 */
#ifndef VF_MOCK_TOKENS_H
#define VF_MOCK_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "knobs.h"

enum { TOKENS_MAX = 1024 };

struct tokens;

struct tokens *tokens_new(void);
void tokens_free(struct tokens *tokens);

/* Adds what a request with this body and Authorization header (NULL: none) is answered; gives the HTTP status. */
int tokens_answer(struct tokens *tokens, const char *body, size_t body_len, const char *authorization,
                  size_t authorization_len, int64_t now_us, const struct knobs *knobs, struct buf *text);

/* Does this Authorization header show a token that was given and is good? */
bool tokens_is_shown(const struct tokens *tokens, const char *authorization, size_t len, int64_t now_us);

/* None of those that were given is good any more. */
void tokens_revoke(struct tokens *tokens);

#endif
