/* vendorfetch vendor lint: are these vendor files well? */
#include "command.h"
#include "mistakes.h"

#include <stdint.h>

static int run(const struct settings *settings, const struct command_line *line)
{
	struct mistakes_shown shown = { .out = stdout, .strict = line->values[0] != NULL };

	(void)settings;   /* ${env:NAME} asks them */
	vendor_lint(line->operands, line->n_operands, settings_env, mistakes_show, &shown);
	return shown.count > 0 ? COMMAND_BAD : COMMAND_OK;
}

const struct command vendor_lint_command = {
	.name = "vendor lint",
	.operands = " FILE...",
	.operands_min = 1,
	.operands_max = SIZE_MAX,
	.options = { { "--strict", NULL } },
	.help = "Checks vendor files, or folders of them. --strict: a variable or file that this machine lacks is a mistake, too.",
	.run = run,
};
