/* The settings file: KEY=VALUE lines as systemd, compose's env_file and cron wrappers read them. Reentrant.
 *
 * Blank lines and lines that begin with # or ; are skipped. White space around name and value goes. A value may
 * stand in double quotes, where \" and \\ mean " and \; nothing is expanded. Of two lines with the same name the
 * later one counts.
 */
#ifndef VF_SETTINGS_FILE_H
#define VF_SETTINGS_FILE_H

#include "err.h"

#include <stddef.h>

struct settings_line {
	char *name;
	char *value;
	int number;
};

/* Zero is an empty file. Owns everything in it. */
struct settings_file {
	char *path;
	struct settings_line *lines;
	size_t n;
};

/* ERR_INVALID: why names the file, and the line if it is one. *file must be zero; it is, after an error. */
enum err settings_file_load(const char *path, struct settings_file *file, struct err_text *why)
	__attribute__((warn_unused_result));
void settings_file_free(struct settings_file *file);

/* The last line with this name, or NULL. */
const struct settings_line *settings_file_find(const struct settings_file *file, const char *name);

#endif
