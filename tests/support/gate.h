/* A gate for tests of what many threads call: while it is shut, who comes to it waits. */
#ifndef VF_TEST_GATE_H
#define VF_TEST_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct gate {
	pthread_mutex_t lock;
	_Atomic int came;      /* who has come so far */
};

#define GATE_OPEN { .lock = PTHREAD_MUTEX_INITIALIZER }

void gate_pass(struct gate *gate);
/* Both by the same thread. */
void gate_shut(struct gate *gate);
void gate_open(struct gate *gate);

/* Waits until the number is the wanted one; false after 10 s. */
bool comes_to(_Atomic int *number, int wanted);

#endif
