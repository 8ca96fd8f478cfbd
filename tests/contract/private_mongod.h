/* A mongod of one's own for a test program: temporary folder, free port, gone when the program ends. */
#ifndef VF_PRIVATE_MONGOD_H
#define VF_PRIVATE_MONGOD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct private_mongod {
	pid_t pid;         /* 0 when none runs */
	char dir[64];
	char uri[64];
};

/* Starts one from MONGOD, PATH or scripts/get-mongod (in top_srcdir, default ".") and waits until it takes connections.
 * False when there is none to be had or it does not come up; reason says why. */
bool private_mongod_start(struct private_mongod *server, char *reason, size_t size);
/* Stops it and removes its folder. Does nothing when none runs. */
void private_mongod_stop(struct private_mongod *server);

#endif
