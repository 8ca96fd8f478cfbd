/* vendorfetch vendor show: what is in force for a vendor. */
#include "command.h"
#include "mistakes.h"
#include "vendor_show.h"

#include <stdio.h>
#include <stdlib.h>

/* Nothing is in force while any file of the folder is bad: the programs do not start. */
static int run(const struct settings *settings, const struct command_line *line)
{
	struct mistakes_shown shown = { .out = stderr };
	const char *dir = settings->vendors_dir;
	struct err_text why;
	char *text;

	vendor_lint(&dir, 1, settings_env, mistakes_show, &shown);
	if (shown.count > 0)
		return COMMAND_BAD;
	if (vendor_show(dir, line->operands[0], &text, &why) != ERR_OK) {
		fprintf(stderr, "vendorfetch: %s: %s\n", line->operands[0], why.text);
		return COMMAND_BAD;
	}
	fputs(text, stdout);
	free(text);
	return COMMAND_OK;
}

const struct command vendor_show_command = {
	.name = "vendor show",
	.operands = " NAME",
	.operands_min = 1,
	.operands_max = 1,
	.help = "Prints what is in force for a vendor: its file with all defaults filled in, without secrets.",
	.run = run,
};
