/* Group commit: many request threads, one writer, one durable batch after the other.
 *
 * A request thread hands its job over and sleeps. The writer takes whatever has gathered while it wrote the
 * batch before (so a lone job waits for nobody), inserts it as one batch and wakes each of its waiters. A
 * waiter gives up after wait_ms; a job that is being written then may still be stored, which is what
 * ERR_UNAVAILABLE says everywhere. After a failed batch the writer tries a small write every now and then, and
 * until one succeeds (or what was waiting is stored) nobody else's job is tried. Thread-safe.
 */
#ifndef VF_GROUP_COMMIT_H
#define VF_GROUP_COMMIT_H

#include "store.h"
#include "store_link.h"

struct group_commit;

/* Called by the writer for each job that is stored, after its waiter was woken. Must not block. */
typedef void (*group_commit_stored_fn)(void *arg, const char *vendor, const char *request_id);

/* Starts the writer. link and arg are borrowed and outlive it; on_stored may be NULL. */
struct group_commit *group_commit_new(struct store_link *link, int wait_ms, group_commit_stored_fn on_stored,
                                      void *arg);
/* Writes what is still waiting and ends the writer: takes as long as the store does, which its own time
 * limit bounds. No group_commit_put() may be running. NULL is fine. */
void group_commit_free(struct group_commit *commit);

/* Stores a job durably, or says why not, within wait_ms. Takes insert->job, copies the key. request_id is
 * the job's id, or with a key that was used before the first one's. The outcomes of struct store_insert;
 * ERR_UNAVAILABLE at once while the store is away or stuck. */
enum err group_commit_put(struct group_commit *commit, const struct store_insert *insert,
                          char request_id[UUID_TEXT_SIZE], struct err_text *why)
	__attribute__((warn_unused_result));

/* Would group_commit_put() try now? ERR_OK; ERR_UNAVAILABLE: the store is away, stuck, or can be read but not written.
 * Never blocks. */
enum err group_commit_ready(struct group_commit *commit, struct err_text *why) __attribute__((warn_unused_result));

#endif
