/* Small files from outside, read whole: vendor files, settings, secrets. Reentrant. */
#ifndef VF_TEXT_FILE_H
#define VF_TEXT_FILE_H

#include "err.h"

#include <stddef.h>

/* The file as a NUL-terminated text of *len bytes (len may be NULL), owned by the caller. ERR_INVALID with the
 * reason: it cannot be read, has more than max_bytes, or a NUL byte in it. No copy of the bytes stays behind. */
enum err text_file_read(const char *path, size_t max_bytes, char **text, size_t *len, struct err_text *why)
	__attribute__((warn_unused_result));

#endif
