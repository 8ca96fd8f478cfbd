/* What is said of a mistake in a file that people write: "file: member: reason". Pure; reentrant. */
#ifndef VF_FILE_FAIL_H
#define VF_FILE_FAIL_H

#include "err.h"

/* Where the reader is. */
struct file_place {
	const char *path;         /* of the file */
	char group[32];           /* what is being read of it: "", or such as "routes/0" */
	struct err_text *why;     /* takes the mistake */
};

/* ERR_INVALID. member: of the group; "": the group itself. */
enum err file_fail(const struct file_place *place, const char *member, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
