/* Named points at which a test kills the process, or loses an answer (tests/chaos).
 *
 * Only in a build with `./configure --enable-crash-points`; in any other build both macros are nothing, and a test
 * checks that no name is left in the programs.
 *
 * A point is armed while the system runs, by a file of its name in the folder $VENDORFETCH_CRASH_DIR; the file holds a
 * number n. The process that comes there for the n-th time since the file appeared removes the file, so that it is the
 * only one, and then dies (CRASH_POINT) or goes the way of a lost answer (FAULT_POINT). Thread-safe.
 */
#ifndef VF_CRASH_POINT_H
#define VF_CRASH_POINT_H

#ifdef VF_CRASH_POINTS

#include <stdbool.h>

/* One place in the code. */
struct crash_point {
	const char *name;
	_Atomic int passes;    /* since its file appeared */
};

/* True for the one pass that was asked for. */
bool crash_point_hit(struct crash_point *point);
/* SIGKILL: nothing is flushed, unlocked or said. */
void crash_point_die(const struct crash_point *point) __attribute__((noreturn));

#define CRASH_POINT(at) do { \
	static struct crash_point crash_point_ = { .name = "crash_point:" at }; \
	if (crash_point_hit(&crash_point_)) \
		crash_point_die(&crash_point_); \
} while (0)

#define FAULT_POINT(at) __extension__ ({ \
	static struct crash_point crash_point_ = { .name = "crash_point:" at }; \
	crash_point_hit(&crash_point_); \
})

#else
#define CRASH_POINT(at) do { } while (0)
#define FAULT_POINT(at) (0)
#endif

#endif
