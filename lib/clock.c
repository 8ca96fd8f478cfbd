#include "clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum { LONGEST_USEFUL_ANSWER_MS = 1000 };

static _Atomic int64_t offset_ms;
static pthread_once_t first_use = PTHREAD_ONCE_INIT;

static int64_t read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void) { return read_us(CLOCK_MONOTONIC); }
int64_t clock_mono_ms(void) { return clock_mono_us() / 1000; }
int64_t clock_boot_ms(void) { return read_us(CLOCK_BOOTTIME) / 1000; }
int64_t clock_wall_ms(void) { return read_us(CLOCK_REALTIME) / 1000; }

static void start_from_wall_clock(void)
{
	atomic_store(&offset_ms, clock_wall_ms() - clock_boot_ms());
}

int64_t clock_now_ms(void)
{
	pthread_once(&first_use, start_from_wall_clock);
	return clock_boot_ms() + atomic_load(&offset_ms);
}

void clock_learn(int64_t redis_ms, int64_t asked_at, int64_t answered_at)
{
	if (answered_at - asked_at > LONGEST_USEFUL_ANSWER_MS)
		return;
	pthread_once(&first_use, start_from_wall_clock);
	atomic_store(&offset_ms, redis_ms - (asked_at + answered_at) / 2);
}

void clock_format(int64_t at_ms, char out[CLOCK_TEXT_SIZE])
{
	time_t seconds = (time_t)(at_ms / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, CLOCK_TEXT_SIZE - n, ".%03dZ", (int)(at_ms % 1000));
}
