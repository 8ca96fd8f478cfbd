/* Group change: changes of jobs that come while the store is written share the next durable write (group.h).
 * Thread-safe.
 */
#ifndef VF_GROUP_CHANGE_H
#define VF_GROUP_CHANGE_H

#include "store.h"
#include "store_link.h"

struct group_change;

/* link is borrowed and outlives it. */
struct group_change *group_change_new(struct store_link *link);
/* No group_change_put() may be running. NULL is fine. */
void group_change_free(struct group_change *group);

/* store_change() of this one, which is durable with ERR_OK and the outcome ERR_OK. ERR_UNAVAILABLE: the store is away,
 * or its batch failed, of which the link was told; it may or may not have been written. Takes as long as the store's
 * time limit, or twice that when another write has to end first. */
enum err group_change_put(struct group_change *group, struct job_change *change) __attribute__((warn_unused_result));

#endif
