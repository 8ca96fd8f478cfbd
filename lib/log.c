#include "log.h"

#include "clock.h"
#include "utf8.h"

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

/* Copies text into out with what is not to be shown as it is made visible; returns the number of bytes written. */
static size_t escape(char *out, size_t room, const char *text)
{
	size_t n = 0;

	for (size_t left = strlen(text), bytes; left > 0 && n + 4 < room; text += bytes, left -= bytes) {
		bytes = utf8_printable(text, left);
		memcpy(out + n, text, bytes);
		n += bytes;
		if (bytes > 0)
			continue;
		n += (size_t)snprintf(out + n, room - n, "\\x%02x", (unsigned char)*text);
		bytes = 1;
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
