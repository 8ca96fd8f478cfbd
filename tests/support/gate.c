#include "gate.h"

#include "clock.h"

#include <time.h>

enum { WAIT_MS = 10000 };

void gate_pass(struct gate *gate)
{
	atomic_fetch_add(&gate->came, 1);
	gate_shut(gate);
	gate_open(gate);
}

void gate_shut(struct gate *gate) { pthread_mutex_lock(&gate->lock); }
void gate_open(struct gate *gate) { pthread_mutex_unlock(&gate->lock); }

bool comes_to(_Atomic int *number, int wanted)
{
	int64_t end = clock_mono_ms() + WAIT_MS;

	while (*number != wanted && clock_mono_ms() < end)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	return *number == wanted;
}
