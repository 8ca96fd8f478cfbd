/* The command line of vendorfetch-mock. */
#ifndef VF_MOCK_OPTIONS_H
#define VF_MOCK_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "knobs.h"

enum { VENDOR_SYNC, VENDOR_ASYNC, VENDORS };

extern const char *const vendor_names[VENDORS];

/* Texts point into argv. */
struct options {
	const char *bind;
	int ports[VENDORS];             /* 0: any free one */
	const char *port_file;          /* or NULL */
	int webhook_connections;
	uint64_t seed;                  /* 0: a different one in every run */
	bool quiet;
	struct knobs knobs[VENDORS];
};

/* Reads the command line; --help and --version answer and end the process with 0, mistakes with 2. */
void options_read(struct options *options, int argc, char **argv);

#endif
