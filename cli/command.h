/* A command of vendorfetch(1): one file each, which ends in its table entry; main.c has the table. */
#ifndef VF_COMMAND_H
#define VF_COMMAND_H

#include "settings.h"

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses. */
enum { COMMAND_OK = 0, COMMAND_BAD = 1, COMMAND_USAGE = 2 };

/* What the user wrote after the name. */
struct command_line {
	const char *const *operands;
	size_t n_operands;
	bool option;             /* the command's own option was there */
};

struct command {
	const char *name;        /* words, with a space between them */
	const char *operands;    /* for the help */
	size_t operands_min, operands_max;
	const char *option;      /* the one of its own, beside those of settings.h; NULL: none */
	const char *help;        /* one sentence */
	/* Gives the exit status. */
	int (*run)(const struct settings *settings, const struct command_line *line);
};

extern const struct command token_new_command;
extern const struct command vendor_lint_command, vendor_schema_command, vendor_show_command;

#endif
