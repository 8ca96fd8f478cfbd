/* Jobs whose lease was seen over: since when, in this process's own monotonic time, and with which fence.
 *
 * A lease is written with one machine's idea of time and read with another's; a job is taken from its worker
 * only if it was seen over with the same fence for a while of our own. Forgets what was not seen again in a
 * round. Not thread-safe.
 */
#ifndef VF_SUSPECTS_H
#define VF_SUSPECTS_H

#include <stdint.h>

struct suspects;

struct suspects *suspects_new(void);
void suspects_free(struct suspects *suspects);

void suspects_begin_round(struct suspects *suspects);
/* How long this job has been seen over with this fence; 0 the first time. */
int64_t suspects_seen_for_ms(struct suspects *suspects, const char *request_id, int64_t fence, int64_t mono_ms);
void suspects_end_round(struct suspects *suspects);

#endif
