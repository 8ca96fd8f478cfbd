/* Vendor files as whoever writes them wants to have them checked: every mistake, with its place in the file. */
#ifndef VF_VENDOR_LINT_H
#define VF_VENDOR_LINT_H

#include "vendor.h"

#include <stdbool.h>
#include <stddef.h>

struct vendor_mistake {
	const char *file;
	size_t line, column;    /* from 1, in characters; both 0: the file as a whole */
	bool warning;           /* a variable or file that it refers to is not on this machine; where it runs it may be */
	const char *text;       /* "member: reason" */
};

/* Everything in it is borrowed for the call. */
typedef void (*vendor_mistake_fn)(void *arg, const struct vendor_mistake *mistake);

/* As it is printed: "file:line:column: member: reason". warnings: those say that they are. One line, whatever is in it; the
 * caller owns it. */
char *vendor_mistake_line(const struct vendor_mistake *mistake, bool warnings);

/* Checks files, and all vendor files of folders, as if they were one folder of vendors: each alone, that no two claim a
 * name, that those of a group fit together, and that vendors to go on to are there (a warning, if no folder is among the
 * paths). Tells of all mistakes (some dozens a file at most), file by file, then of all that is between files. env: see
 * vendor.h.
 * Reentrant. */
void vendor_lint(const char *const *paths, size_t n, vendor_env_fn env, vendor_mistake_fn on_mistake, void *arg);

#endif
