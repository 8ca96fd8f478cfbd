/* vendorfetch vendor schema: what editors complete vendor files by. */
#include "command.h"
#include "vendor.h"

static int run(const struct settings *settings, const struct command_line *line)
{
	(void)settings;
	(void)line;
	vendor_print_schema();
	return COMMAND_OK;
}

const struct command vendor_schema_command = {
	.name = "vendor schema",
	.operands = "",
	.help = "Prints the JSON Schema of vendor files.",
	.run = run,
};
