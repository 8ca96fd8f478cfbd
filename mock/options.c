#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

enum { EXIT_USAGE = 2, NAME_MAX_LEN = 64 };

const char *const vendor_names[VENDORS] = { [VENDOR_SYNC] = "sync", [VENDOR_ASYNC] = "async" };

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void fail(const char *format, ...)
{
	va_list args;

	fputs("vendorfetch-mock: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs(" (see --help)\n", stderr);
	exit(EXIT_USAGE);
}

static uint64_t number(const char *name, const char *text, uint64_t min, uint64_t max)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value < min || value > max)
		fail("--%s: must be a whole number from %llu to %llu", name, (unsigned long long)min,
		     (unsigned long long)max);
	return value;
}

static void set_bind(struct options *o, const char *text) { o->bind = text; }
static void set_port_file(struct options *o, const char *text) { o->port_file = text; }
static void set_quiet(struct options *o, const char *text) { (void)text; o->quiet = true; }
static void set_seed(struct options *o, const char *text) { o->seed = number("seed", text, 0, UINT64_MAX); }

static void set_sync_port(struct options *o, const char *text)
{
	o->ports[VENDOR_SYNC] = (int)number("sync-port", text, 0, 65535);
}

static void set_async_port(struct options *o, const char *text)
{
	o->ports[VENDOR_ASYNC] = (int)number("async-port", text, 0, 65535);
}

static void set_webhook_connections(struct options *o, const char *text)
{
	o->webhook_connections = (int)number("webhook-connections", text, 1, 1024);
}

static void show_help(struct options *o, const char *text) __attribute__((noreturn));

static void show_version(struct options *o, const char *text)
{
	(void)o;
	(void)text;
	puts("vendorfetch-mock " PACKAGE_VERSION);
	exit(EXIT_SUCCESS);
}

static const struct option {
	const char *name, *value;       /* value: its name in --help; NULL: takes none */
	void (*set)(struct options *options, const char *text);
	const char *help;
} table[] = {
	{ "sync-port", "PORT", set_sync_port, "port of the sync vendor (default 3001; 0: any free one)" },
	{ "async-port", "PORT", set_async_port, "port of the async vendor (default 3002; 0: any free one)" },
	{ "bind", "ADDRESS", set_bind, "address to listen on (default 127.0.0.1)" },
	{ "port-file", "FILE", set_port_file, "write SYNC_PORT= and ASYNC_PORT= there once listening" },
	{ "webhook-connections", "N", set_webhook_connections, "connections to one webhook receiver (default 32)" },
	{ "seed", "N", set_seed, "repeat the random decisions of a run (default 0: never the same)" },
	{ "quiet", NULL, set_quiet, "no line at the start" },
	{ "help", NULL, show_help, "this text" },
	{ "version", NULL, show_version, "the version" },
};

static void show_help(struct options *o, const char *text)
{
	(void)o;
	(void)text;
	puts("vendorfetch-mock: two vendors, one that answers at once and one that calls back,\n"
	     "which behave, or misbehave on demand\n"
	     "\n"
	     "usage: vendorfetch-mock [options]");
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		printf("  --%-19s %-8s %s\n", table[i].name, table[i].value ? table[i].value : "", table[i].help);
	puts("\n"
	     "Behaviour, for both vendors; with --sync-... or --async-... for one. At run time: POST /config\n"
	     "with a JSON object of these names, with underscores, to the vendor's port.");
	knobs_help(stdout);
	exit(EXIT_SUCCESS);
}

static const struct option *find_option(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

/* The name of the knob, without the vendor before it; *first and *last say which vendors are meant. */
static const char *knob_name(const char *name, int *first, int *last)
{
	*first = 0;
	*last = VENDORS - 1;
	for (int i = 0; i < VENDORS; i++) {
		size_t len = strlen(vendor_names[i]);

		if (strncmp(name, vendor_names[i], len) == 0 && name[len] == '-') {
			*first = *last = i;
			return name + len + 1;
		}
	}
	return name;
}

static void set_knob(struct options *options, const char *name, const char *text)
{
	int first, last;
	const char *knob = knob_name(name, &first, &last);
	char reason[KNOB_REASON_MAX];

	for (int i = first; i <= last; i++)
		if (!knobs_set(&options->knobs[i], knob, text, reason))
			fail("--%s: %s", name, reason);
}

static bool is_yes_or_no(const char *text)
{
	return text && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0);
}

/* Handles argv[0] and, if it needs one, the value behind it. Returns how many it took. */
static int read_one(struct options *options, char **argv)
{
	char name[NAME_MAX_LEN];
	const char *equals, *value = NULL;
	const struct option *option;
	int first, last, taken = 1;
	bool needs_value;

	if (strncmp(argv[0], "--", 2) != 0 || !argv[0][2])
		fail("%s: not an option", argv[0]);
	equals = strchr(argv[0], '=');
	snprintf(name, sizeof(name), "%.*s", equals ? (int)(equals - argv[0]) - 2 : NAME_MAX_LEN, argv[0] + 2);
	option = find_option(name);
	needs_value = option ? option->value != NULL : !knobs_is_flag(knob_name(name, &first, &last));
	if (equals)
		value = equals + 1;
	else if (argv[1] && (needs_value || (!option && is_yes_or_no(argv[1]))))
		value = argv[taken++];
	if (needs_value && !value)
		fail("--%s: needs a value", name);
	if (option && !needs_value && value)
		fail("--%s: takes no value", name);
	if (option)
		option->set(options, value);
	else
		set_knob(options, name, value ? value : "true");
	return taken;
}

void options_read(struct options *options, int argc, char **argv)
{
	*options = (struct options){ .bind = "127.0.0.1", .ports = { 3001, 3002 }, .webhook_connections = 32 };
	for (int i = 0; i < VENDORS; i++)
		knobs_init(&options->knobs[i]);
	for (int i = 1; i < argc;)
		i += read_one(options, argv + i);
}
