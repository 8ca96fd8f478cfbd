/* Group read: requests that want to know the state of a job while the store is read share the next read (group.h).
 * A read begins after each of its callers has come, so it sees every write that was answered before. Thread-safe.
 */
#ifndef VF_GROUP_READ_H
#define VF_GROUP_READ_H

#include "store.h"
#include "store_link.h"

struct group_read;

/* link is borrowed and outlives it. */
struct group_read *group_read_new(struct store_link *link);
/* No group_read_get() may be running. NULL is fine. */
void group_read_free(struct group_read *read);

/* The job without its payload (the caller owns it): ERR_OK, ERR_NOT_FOUND, or ERR_UNAVAILABLE, of which the link was
 * told. Takes as long as the store's time limit, or twice that when another read has to end first. */
enum err group_read_get(struct group_read *read, const char *request_id, struct job **job)
	__attribute__((warn_unused_result));

#endif
