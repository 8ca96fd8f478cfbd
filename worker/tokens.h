/* The thread that gets access tokens for the lanes whose vendors want one (OAuth 2.0 client credentials).
 *
 * intake says which lane wants one; this thread asks Redis first, for all workers share a vendor's token, and fetches one
 * only if it is told to (lib/queue_token.h). It waits for Redis and for token endpoints, for all of these at once, so that
 * one which is slow or down keeps no other vendor waiting. What it gets goes into the lane's slot (token_slot.h); then
 * the lane is looked at again.
 *
 * What cannot be fetched is tried again with back-off, all workers together, for as long as somebody wants it. Why goes to
 * the log once, and to Redis, where /health and repair find it.
 */
#ifndef VF_TOKENS_H
#define VF_TOKENS_H

#include "err.h"
#include "lane.h"
#include "mailbox.h"
#include "settings.h"

struct tokens;

/* Borrows all for its life. worker: its name in Redis. intake_poke is poked when a lane has got its token. */
enum err tokens_new(const struct settings *settings, const char *worker, struct mailbox *intake_poke,
                    struct tokens **tokens, struct err_text *why) __attribute__((warn_unused_result));
enum err tokens_start(struct tokens *tokens, struct err_text *why) __attribute__((warn_unused_result));

/* The lane has jobs and no token, or an old one. To be said again while that is so (TOKEN_WANTED_MS). Cheap. Intake's thread
 * only. The lane stays until tokens_free(); of its vendor is copied what is needed, each time that it is another. */
void tokens_want(struct tokens *tokens, struct lane *lane);

/* Nobody wants any more. Returns when the thread has ended. */
void tokens_stop(struct tokens *tokens);
/* NULL is fine. */
void tokens_free(struct tokens *tokens);

#endif
