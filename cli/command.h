/* A command of vendorfetch(1): one file each, which ends in its table entry; main.c has the table. */
#ifndef VF_COMMAND_H
#define VF_COMMAND_H

#include "settings.h"

#include <stddef.h>

/* Exit statuses that every command has; one that has more says so in its help. */
enum { COMMAND_OK = 0, COMMAND_BAD = 1, COMMAND_USAGE = 2 };

enum { COMMAND_OPTIONS_MAX = 4 };

/* An option of a command's own, beside those of settings.h. */
struct command_option {
	const char *name;        /* with its dashes */
	const char *value;       /* what it takes, for the help; NULL: nothing */
};

/* What the user wrote after the name. */
struct command_line {
	const char *const *operands;
	size_t n_operands;
	const char *values[COMMAND_OPTIONS_MAX];   /* of its own options, in their order: what was given, "" if it takes
	                                              nothing; NULL: it was not there */
};

struct command {
	const char *name;        /* words, with a space between them */
	const char *operands;    /* for the help */
	size_t operands_min, operands_max;
	struct command_option options[COMMAND_OPTIONS_MAX];   /* the first without a name ends them */
	const char *help;        /* one sentence */
	/* Gives the exit status. */
	int (*run)(const struct settings *settings, const struct command_line *line);
};

extern const struct command reload_command, token_new_command;
extern const struct command vendor_lint_command, vendor_schema_command, vendor_show_command, vendor_test_command;

#endif
