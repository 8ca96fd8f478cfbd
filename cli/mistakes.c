#include "mistakes.h"

#include "buffer.h"

enum { LINE_MAX_BYTES = 16 << 10 };

/* Names come from files: what would move the cursor or end the line is written as \xNN. */
static void print_line(FILE *out, const char *line)
{
	for (const unsigned char *c = (const unsigned char *)line; *c; c++) {
		if (*c < ' ' || *c == 0x7f)
			fprintf(out, "\\x%02x", *c);
		else
			fputc(*c, out);
	}
	fputc('\n', out);
}

void mistakes_show(void *arg, const struct vendor_mistake *mistake)
{
	struct mistakes_shown *shown = arg;
	bool warning = mistake->warning && !shown->strict;
	struct buffer line;

	shown->count += !warning;
	buffer_init(&line, LINE_MAX_BYTES);
	buffer_printf(&line, "%s:", mistake->file);
	if (mistake->line > 0)
		buffer_printf(&line, "%zu:%zu:", mistake->line, mistake->column);
	buffer_printf(&line, " %s%s", warning ? "warning: " : "", mistake->text);
	print_line(shown->out, line.data);
	buffer_deinit(&line);
}
