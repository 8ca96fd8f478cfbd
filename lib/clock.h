/* One time for all processes (invariant I9).
 *
 * Instants are milliseconds since 1970 UTC. They come from CLOCK_BOOTTIME plus an offset learnt from Redis TIME:
 * the last one learnt while Redis is away, the wall clock's before first contact. So a wrong or jumping wall
 * clock on one machine moves no deadline, lease or limit. Durations come from the monotonic clock. Only this
 * module reads the wall clock. All functions are thread-safe.
 */
#ifndef VF_CLOCK_H
#define VF_CLOCK_H

#include <stddef.h>
#include <stdint.h>

enum { CLOCK_TEXT_SIZE = 32 };

/* The shared time, ms since 1970. */
int64_t clock_now_ms(void);

/* For durations and deadlines within this process only; never stored, never compared across machines. */
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);

/* The wall clock of this machine, for log lines only. */
int64_t clock_wall_ms(void);

/* Redis said its TIME is redis_ms; asked_at and answered_at are clock_boot_ms() around the question. The middle
 * is taken. An answer that took longer than a second teaches nothing. */
void clock_learn(int64_t redis_ms, int64_t asked_at, int64_t answered_at);
int64_t clock_boot_ms(void);

/* RFC 3339 in UTC with milliseconds, e.g. 2026-11-22T15:46:00.123Z. out holds CLOCK_TEXT_SIZE bytes. */
void clock_format(int64_t at_ms, char out[CLOCK_TEXT_SIZE]);

#endif
