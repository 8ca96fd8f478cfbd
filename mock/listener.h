/* A vendor's listening socket: accepts and hands over. */
#ifndef VF_MOCK_LISTENER_H
#define VF_MOCK_LISTENER_H

#include <stdbool.h>

#include "loop.h"
#include "vendor.h"

struct listener {
	struct loop_io io;
	struct loop_timer timer;        /* accepts again after running out of file descriptors */
	struct vendor *vendor;
	int port;
};

/* Listens on the address and port (0: any free one; listener->port says which). False: the reason is logged. */
bool listener_open(struct listener *listener, struct vendor *vendor, const char *address, int port)
	__attribute__((warn_unused_result));

/* Closes the socket; nothing happens if it was never opened (zeroed). */
void listener_close(struct listener *listener);

#endif
