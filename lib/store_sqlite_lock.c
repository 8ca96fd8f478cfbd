/* One writer at a time on this host.
 *
 * SQLite's busy handler sleeps and tries again, so that under load a writer can be passed over for seconds.
 * Therefore every writer takes <db>.lock first, and SQLite's handler is left for those who do not (the sqlite3
 * shell).
 *
 * - Within a handle threads queue up in order of arrival.
 * - Between processes (and handles) two locks on one file make it fair: a writer first becomes "next in line" (a
 *   record lock on byte 0), then takes the file itself (flock), then lets somebody else be next in line. Who has
 *   just written finds the line occupied and cannot overtake the one that waits. The two kinds of lock do not see each
 *   other, and both belong to the open file description: the kernel drops them when a process dies.
 * - Neither kind can wait with a time limit, so they are tried again after short sleeps. Only the next in line
 *   watches the file; its sleep is a small part of what it has waited already.
 *
 * `flock /path/jobs.db.lock sqlite3 /path/jobs.db` keeps the services out in the same way.
 */
#include "store_sqlite_priv.h"

#include "clock.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_MODE = 0660, SHORTEST_SLEEP_US = 200, LONGEST_SLEEP_US = 10000, SLEEP_PART = 8 };

struct lock_waiter {
	pthread_cond_t cond;
	bool granted;
	struct lock_waiter *next;
};

enum err write_lock_init(struct write_lock *lock, const char *db_path, struct err_text *why)
{
	char *path = mem_printf("%s.lock", db_path);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, LOCK_MODE);

	if (fd < 0) {
		err_set(why, ERR_UNAVAILABLE, "cannot open %s: %s", path, strerror(errno));
		free(path);
		return ERR_UNAVAILABLE;
	}
	*lock = (struct write_lock){ .path = path, .fd = fd };
	lock->end = &lock->first;
	pthread_mutex_init(&lock->mutex, NULL);
	return ERR_OK;
}

void write_lock_deinit(struct write_lock *lock)
{
	pthread_mutex_destroy(&lock->mutex);
	close(lock->fd);
	free(lock->path);
}

/* ---- Threads of this handle ---- */

static struct timespec to_timespec(int64_t at_ms)
{
	return (struct timespec){ .tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000 };
}

static void leave_queue(struct write_lock *lock, struct lock_waiter *waiter)
{
	struct lock_waiter **link = &lock->first;

	while (*link != waiter)
		link = &(*link)->next;
	*link = waiter->next;
	if (!waiter->next)
		lock->end = link;
}

/* Called with the mutex held. */
static bool wait_in_queue(struct write_lock *lock, int64_t deadline_at)
{
	struct lock_waiter waiter = { .granted = false };
	struct timespec until = to_timespec(deadline_at);
	pthread_condattr_t attr;
	int rc = 0;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&waiter.cond, &attr);
	pthread_condattr_destroy(&attr);
	*lock->end = &waiter;
	lock->end = &waiter.next;
	while (!waiter.granted && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&waiter.cond, &lock->mutex, &until);
	if (!waiter.granted)
		leave_queue(lock, &waiter);
	pthread_cond_destroy(&waiter.cond);
	return waiter.granted;
}

static bool take_among_threads(struct write_lock *lock, int64_t deadline_at)
{
	bool taken = true;

	pthread_mutex_lock(&lock->mutex);
	if (lock->held)
		taken = wait_in_queue(lock, deadline_at);
	lock->held |= taken;
	pthread_mutex_unlock(&lock->mutex);
	return taken;
}

/* Hands it to the first in the queue; it is never free while somebody waits. */
static void release_among_threads(struct write_lock *lock)
{
	struct lock_waiter *first;

	pthread_mutex_lock(&lock->mutex);
	first = lock->first;
	if (first) {
		leave_queue(lock, first);
		first->granted = true;
		pthread_cond_signal(&first->cond);
	} else {
		lock->held = false;
	}
	pthread_mutex_unlock(&lock->mutex);
}

/* ---- Processes of this host ---- */

static int set_next_in_line(int fd, short type)
{
	struct flock first_byte = { .l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };

	return fcntl(fd, F_OFD_SETLK, &first_byte);
}

static int try_next_in_line(int fd) { return set_next_in_line(fd, F_WRLCK); }
static int try_file(int fd) { return flock(fd, LOCK_EX | LOCK_NB); }

static void sleep_us(int64_t us)
{
	struct timespec ts = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

	nanosleep(&ts, NULL);
}

/* Repeats the try until it succeeds or the deadline has passed. */
static bool keep_trying(int (*try)(int fd), int fd, int64_t deadline_at)
{
	int64_t start_us = clock_mono_us(), waited_us, pause_us;

	while (try(fd) != 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return false;
		if (clock_mono_ms() >= deadline_at)
			return false;
		waited_us = clock_mono_us() - start_us;
		pause_us = waited_us / SLEEP_PART;
		if (pause_us < SHORTEST_SLEEP_US)
			pause_us = SHORTEST_SLEEP_US;
		sleep_us(pause_us < LONGEST_SLEEP_US ? pause_us : LONGEST_SLEEP_US);
	}
	return true;
}

static bool take_among_processes(struct write_lock *lock, int64_t deadline_at)
{
	bool taken;

	if (!keep_trying(try_next_in_line, lock->fd, deadline_at))
		return false;
	taken = keep_trying(try_file, lock->fd, deadline_at);
	set_next_in_line(lock->fd, F_UNLCK);
	return taken;
}

enum err write_lock_take(struct write_lock *lock, int64_t deadline_at, struct err_text *why)
{
	if (!take_among_threads(lock, deadline_at))
		return err_set(why, ERR_UNAVAILABLE, "store busy: other threads of this process are writing");
	if (take_among_processes(lock, deadline_at))
		return ERR_OK;
	err_set(why, ERR_UNAVAILABLE, "store busy: cannot take %s: %s", lock->path, strerror(errno));
	release_among_threads(lock);
	return ERR_UNAVAILABLE;
}

void write_lock_release(struct write_lock *lock)
{
	flock(lock->fd, LOCK_UN);
	release_among_threads(lock);
}
