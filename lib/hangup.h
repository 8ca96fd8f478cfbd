/* SIGHUP: "read the vendor files again" (vendors.h), to a program that may still be on its way to its first line.
 *
 * What a signal does to a program that has not said otherwise is to end it. So a program says so before anything else, and
 * who tells one looks whether it has: one that has not will read the files as they are by now.
 */
#ifndef VF_HANGUP_H
#define VF_HANGUP_H

#include <stdbool.h>
#include <sys/types.h>

/* The first thing in main(): from here on a SIGHUP does no harm. Until the program waits for it (sigwait; it is blocked in
 * this thread, and so in those that it makes) it stays pending. */
void hangup_expect(void);

enum hangup { HANGUP_TOLD, HANGUP_STARTING, HANGUP_GONE, HANGUP_NOT_ALLOWED };

/* Tells a process, if it expects that. */
enum hangup hangup_tell(pid_t pid);

#endif
