/* How mistakes in vendor files are printed: file:line:column: member: reason, one line each. */
#ifndef VF_MISTAKES_H
#define VF_MISTAKES_H

#include "vendor_lint.h"

#include <stdio.h>

struct mistakes_shown {
	FILE *out;
	bool strict;      /* warnings are mistakes */
	size_t count;     /* of mistakes */
};

/* A vendor_mistake_fn whose arg is a struct mistakes_shown. */
void mistakes_show(void *arg, const struct vendor_mistake *mistake);

#endif
