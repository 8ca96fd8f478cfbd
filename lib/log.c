#include "log.h"

#include "clock.h"
#include "utf8.h"

#include <stdarg.h>
#include <stdbool.h>
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

/* ---- The text, with values that end where they say ---- */

struct text {
	char bytes[LINE_BYTES - 128];
	size_t n;
};

static void add(struct text *text, const char *bytes, size_t n)
{
	size_t room = sizeof(text->bytes) - 1 - text->n;

	if (n > room)
		n = room;
	memcpy(text->bytes + text->n, bytes, n);
	text->n += n;
}

/* What stands between quotation marks. */
static void add_quoted(struct text *text, const char *value)
{
	size_t plain;

	for (; *value; value += plain) {
		plain = strcspn(value, "\"\\");
		add(text, value, plain);
		if (value[plain]) {
			add(text, "\\", 1);
			add(text, value + plain++, 1);
		}
	}
}

static bool is_one_word(const char *value)
{
	for (; *value; value++)
		if ((unsigned char)*value <= ' ' || *value == '"')
			return false;
	return true;
}

/* A value that is not in quotation marks and would not be seen to be one value gets them. */
static void add_string(struct text *text, const char *value, bool quoted)
{
	if (quoted) {
		add_quoted(text, value);
	} else if (text->n && text->bytes[text->n - 1] == '=' && !is_one_word(value)) {
		add(text, "\"", 1);
		add_quoted(text, value);
		add(text, "\"", 1);
	} else {
		add(text, value, strlen(value));
	}
}

static void add_signed(struct text *text, long long value)
{
	char digits[24];

	add(text, digits, (size_t)snprintf(digits, sizeof(digits), "%lld", value));
}

static void add_unsigned(struct text *text, unsigned long long value)
{
	char digits[24];

	add(text, digits, (size_t)snprintf(digits, sizeof(digits), "%llu", value));
}

/* Of the conversion, if fmt begins with it; else 0. */
static size_t length_of(const char *fmt, const char *conversion)
{
	size_t n = strlen(conversion);

	return strncmp(fmt, conversion, n) == 0 ? n : 0;
}

/* printf's %s, %d, %lld, %u, %llu, %zu and %%. Anything else is shown as it is, and so is what follows. */
static void format(struct text *text, const char *fmt, va_list *args)
{
	bool quoted = false;
	size_t plain;

	for (; *fmt; fmt += plain) {
		plain = strcspn(fmt, "%\"");
		add(text, fmt, plain);
		fmt += plain;
		if (*fmt == '"') {
			quoted = !quoted;
			plain = 1;
			add(text, fmt, 1);
		} else if ((plain = length_of(fmt, "%s")) > 0) {
			const char *value = va_arg(*args, const char *);

			add_string(text, value ? value : "(null)", quoted);
		} else if ((plain = length_of(fmt, "%d")) > 0) {
			add_signed(text, va_arg(*args, int));
		} else if ((plain = length_of(fmt, "%u")) > 0) {
			add_unsigned(text, va_arg(*args, unsigned int));
		} else if ((plain = length_of(fmt, "%%")) > 0) {
			add(text, "%", 1);
		} else if ((plain = length_of(fmt, "%zu")) > 0) {
			add_unsigned(text, va_arg(*args, size_t));
		} else if ((plain = length_of(fmt, "%lld")) > 0) {
			add_signed(text, va_arg(*args, long long));
		} else if ((plain = length_of(fmt, "%llu")) > 0) {
			add_unsigned(text, va_arg(*args, unsigned long long));
		} else {
			plain = strlen(fmt);
			add(text, fmt, plain);
		}
	}
	text->bytes[text->n] = '\0';
}

/* ---- The line ---- */

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
	char line[LINE_BYTES], when[CLOCK_TEXT_SIZE];
	struct text text = { .n = 0 };
	va_list args;
	size_t n;

	if (level > most_verbose)
		return;
	va_start(args, fmt);
	format(&text, fmt, &args);
	va_end(args);
	clock_format(clock_wall_ms(), when);
	n = (size_t)snprintf(line, sizeof(line), "%s %s %s[%d] ", when, level_names[level], program_name, (int)getpid());
	n += escape(line + n, sizeof(line) - n - 1, text.bytes);
	line[n++] = '\n';
	/* A log that cannot be written has nowhere to be reported. */
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}
