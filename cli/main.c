/* vendorfetch: the command line. Finds the command, tells its operands from settings, runs it. */
#include "command.h"

#include "core_dump.h"
#include "mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char program[] = "vendorfetch";
static const char summary[] = "checks, shows and tries vendor files, brings them in, and makes tokens";

static const struct command *const commands[] = {
	&vendor_lint_command,
	&vendor_show_command,
	&vendor_test_command,
	&vendor_schema_command,
	&reload_command,
	&token_new_command,
	NULL,
};

/* ---- Help ---- */

static void print_usage(FILE *out, const struct command *c)
{
	fprintf(out, "%s %s", program, c->name);
	for (int i = 0; i < COMMAND_OPTIONS_MAX && c->options[i].name; i++)
		fprintf(out, " [%s%s%s]", c->options[i].name, c->options[i].value ? " " : "",
		        c->options[i].value ? c->options[i].value : "");
	fprintf(out, "%s [--SETTING VALUE]...\n", c->operands);
}

static int print_help(void)
{
	printf("%s %s.\n", program, summary);
	for (const struct command *const *c = commands; *c; c++) {
		printf("\n  ");
		print_usage(stdout, *c);
		printf("      %s\n", (*c)->help);
	}
	printf("\nSettings are those of the other programs (vendorfetch-worker --help lists them).\n"
	       "Exit status: 0 all is well, 1 something is bad, 2 it was called wrongly.\n");
	return COMMAND_OK;
}

static int refuse(const char *what, const char *argument)
{
	fprintf(stderr, "%s: %s%s (--help lists the commands)\n", program, what, argument);
	return COMMAND_USAGE;
}

static int refuse_operands(const struct command *c)
{
	fprintf(stderr, "usage: ");
	print_usage(stderr, c);
	return COMMAND_USAGE;
}

/* ---- Arguments ---- */

/* The command whose words the arguments begin with; *words is their number. */
static const struct command *find_command(int argc, char **argv, int *words)
{
	for (const struct command *const *c = commands; *c; c++) {
		const char *rest = (*c)->name;

		for (*words = 1; *rest && *words < argc; (*words)++) {
			size_t len = strlen(argv[*words]);

			if (strncmp(rest, argv[*words], len) != 0 || (rest[len] != '\0' && rest[len] != ' '))
				break;
			rest += len + (rest[len] == ' ');
		}
		if (*rest == '\0')
			return *c;
	}
	return NULL;
}

/* Which of the command's own options an argument is; *value: what stands behind its '=', or NULL. -1: none. */
static int own_option(const struct command *c, const char *argument, const char **value)
{
	size_t len = strcspn(argument, "=");

	for (int i = 0; i < COMMAND_OPTIONS_MAX && c->options[i].name; i++) {
		if (strlen(c->options[i].name) != len || strncmp(c->options[i].name, argument, len) != 0 ||
		    (argument[len] && !c->options[i].value))
			continue;
		*value = argument[len] ? argument + len + 1 : NULL;
		return i;
	}
	return -1;
}

/* Sorts the arguments behind the command's words into operands and settings, which have room for all of them. A setting has
 * its value in the same argument or the next, and so has an option of the command's own; what is behind "--" is no option.
 * False: one has no value. */
static bool sort_arguments(const struct command *c, char **arguments, const char **operands, struct command_line *line,
                           char **settings, int *n_settings)
{
	bool options = true;
	const char *value;
	int own;

	for (; *arguments; arguments++) {
		if (options && strcmp(*arguments, "--") == 0) {
			options = false;
		} else if (options && (own = own_option(c, *arguments, &value)) >= 0) {
			if (c->options[own].value && !value && !(value = *++arguments))
				return false;
			line->values[own] = value ? value : "";
		} else if (options && strncmp(*arguments, "--", 2) == 0) {
			settings[(*n_settings)++] = *arguments;
			if (!strchr(*arguments, '=') && arguments[1])
				settings[(*n_settings)++] = *++arguments;
		} else {
			operands[line->n_operands++] = *arguments;
		}
	}
	return true;
}

static int run(const struct command *c, int argc, char **argv, int words)
{
	const char **operands = mem_calloc((size_t)argc + 1, sizeof(*operands));
	char **flags = mem_calloc((size_t)argc + 1, sizeof(*flags));
	struct command_line line = { .operands = operands };
	struct settings settings;
	int n_flags = 1, status;
	bool sorted = sort_arguments(c, argv + words, operands, &line, flags, &n_flags);

	flags[0] = argv[0];
	if (!sorted || line.n_operands < c->operands_min || line.n_operands > c->operands_max) {
		status = refuse_operands(c);
	} else {
		settings_load(n_flags, flags, program, c->help, &settings);
		status = c->run(&settings, &line);
		settings_free(&settings);
	}
	free(operands);
	free(flags);
	return status;
}

/* Half a schema on a full disk is no success. */
static int written(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "%s: cannot write: %s\n", program, strerror(errno));
	return COMMAND_BAD;
}

int main(int argc, char **argv)
{
	const struct command *command;
	struct settings settings;
	int words;

	core_dump_forbid();
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0)
			return written(print_help());
	if (argc < 2)
		return refuse("it needs a command", "");
	if (strcmp(argv[1], "--version") == 0)
		settings_load(2, argv, program, summary, &settings);   /* prints it and exits */
	command = find_command(argc, argv, &words);
	return command ? written(run(command, argc, argv, words)) : refuse("no such command: ", argv[1]);
}
