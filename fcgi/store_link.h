/* The store as this process sees it now: open and there, or away.
 *
 * A thread opens the store (trying again while that fails, so a process that starts before its store waits
 * for it), and asks it once a second while it is wanted, and seldom else. While it is away nobody waits for it: store_link_get() says so
 * at once. All functions are thread-safe.
 */
#ifndef VF_STORE_LINK_H
#define VF_STORE_LINK_H

#include "store.h"

struct store_link;

/* Opens the store and reads what is needed from it at once. Called by the link's thread until it says ERR_OK.
 * ERR_INVALID and ERR_UNSUPPORTED never heal, so they end the process with a log line. */
typedef enum err (*store_link_open_fn)(void *arg, struct store **store, struct err_text *why);

/* Starts the thread. arg is borrowed. stall_ms: a probe that takes longer than this counts as failed. */
struct store_link *store_link_new(store_link_open_fn open, void *arg, int stall_ms);
/* Ends the thread and closes the store. No other call may be running. NULL is fine. */
void store_link_free(struct store_link *link);

/* The store (borrowed until store_link_free), or NULL while it is away; then why (may be NULL) says for
 * what reason. Whatever open() wrote is visible to the caller. */
struct store *store_link_get(struct store_link *link, struct err_text *why);

/* A call to the store failed with this error. ERR_UNAVAILABLE and ERR_SYSTEM make it count as away until a
 * probe succeeds; logs the change, once. */
void store_link_report(struct store_link *link, enum err err, const struct err_text *why);

#endif
