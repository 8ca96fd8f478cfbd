#include "log.h"

#include "clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 2048 };

static const char *const level_names[] = { "error", "warn", "info", "debug" };
static const char *program_name = "vendorfetch";
static enum log_level most_verbose = LOG_INFO;

void log_init(const char *program, const char *level)
{
	program_name = program;
	most_verbose = LOG_INFO;
	for (int i = LOG_ERROR; i <= LOG_DEBUG; i++)
		if (level && strcmp(level, level_names[i]) == 0)
			most_verbose = (enum log_level)i;
}

/* Copies text into out with control characters made visible; returns the number of bytes written. */
static size_t escape(char *out, size_t room, const char *text)
{
	size_t n = 0;

	for (; *text && n + 4 < room; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c != 0x7f)
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, room - n, "\\x%02x", c);
	}
	return n;
}

void log_at(enum log_level level, const char *fmt, ...)
{
	char text[LINE_BYTES - 128], line[LINE_BYTES], when[CLOCK_TEXT_SIZE];
	va_list args;
	size_t n;

	if (level > most_verbose)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	clock_format(clock_wall_ms(), when);
	n = (size_t)snprintf(line, sizeof(line), "%s %s %s[%d] ", when, level_names[level], program_name, (int)getpid());
	n += escape(line + n, sizeof(line) - n - 1, text);
	line[n++] = '\n';
	/* A log that cannot be written has nowhere to be reported. */
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}
