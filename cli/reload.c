/* vendorfetch reload: the programs that run here read the vendor files again. */
#include "command.h"
#include "hangup.h"
#include "mistakes.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMAND_LINE_BYTES_MAX = 64 << 10 };

static const char *const programs[] = { "vendorfetch.fcgi", "vendorfetch-worker" };

/* Both as they are found, or as they are written. */
static bool is_same_file(const char *a, const char *b)
{
	char real_a[PATH_MAX], real_b[PATH_MAX];

	if (strcmp(a, b) == 0)
		return true;
	return realpath(a, real_a) && realpath(b, real_b) && strcmp(real_a, real_b) == 0;
}

static bool is_ours(const char *program)
{
	const char *slash = strrchr(program, '/'), *name = slash ? slash + 1 : program;

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (strcmp(name, programs[i]) == 0)
			return true;
	return false;
}

/* Its arguments, each ended by a NUL: which settings file do they name? That of the default if none. */
static const char *config_of(const char *arguments, size_t len, const char *fallback)
{
	static const char option[] = "--config";

	for (const char *a = arguments; a < arguments + len; a += strlen(a) + 1) {
		if (strncmp(a, option, strlen(option)) != 0)
			continue;
		if (a[strlen(option)] == '=')
			return a + strlen(option) + 1;
		if (a[strlen(option)] == '\0' && a + sizeof(option) < arguments + len)
			return a + sizeof(option);
	}
	return fallback;
}

/* Is it one of our programs, by the same settings file? */
static bool is_meant(int pid, const char *config, const char *fallback)
{
	static char arguments[COMMAND_LINE_BYTES_MAX];
	char path[64];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	len = fread(arguments, 1, sizeof(arguments) - 1, file);
	fclose(file);
	arguments[len] = '\0';
	return len > 0 && is_ours(arguments) && is_same_file(config_of(arguments, len, fallback), config);
}

struct told { int told, starting, failed; };

static void tell(int pid, struct told *told)
{
	switch (hangup_tell(pid)) {
	case HANGUP_TOLD:
		told->told++;
		break;
	case HANGUP_STARTING:
		told->starting++;
		break;
	case HANGUP_NOT_ALLOWED:
		told->failed++;
		fprintf(stderr, "vendorfetch: process %d is another user's: be that one, or root\n", pid);
		break;
	case HANGUP_GONE:
		break;
	}
}

static void tell_all(const char *config, struct told *told)
{
	DIR *processes = opendir("/proc");

	for (struct dirent *entry; processes && (entry = readdir(processes));) {
		int pid = (int)strtol(entry->d_name, NULL, 10);   /* 0: it is no process */

		if (pid > 0 && is_meant(pid, config, settings_default_config()))
			tell(pid, told);
	}
	if (processes)
		closedir(processes);
}

/* They would refuse bad files, too, one by one; here it is said at once, and with all lines. */
static int run(const struct settings *settings, const struct command_line *line)
{
	struct mistakes_shown shown = { .out = stderr };
	const char *dir = settings->vendors_dir;
	struct told told = { 0 };

	(void)line;
	vendor_lint(&dir, 1, settings_env, mistakes_show, &shown);
	if (shown.count > 0) {
		fprintf(stderr, "vendorfetch: nobody was told: the vendors that are in force stay so\n");
		return COMMAND_BAD;
	}
	tell_all(settings_config_path(), &told);
	printf("told %d running process%s%s\n", told.told, told.told == 1 ? "" : "es",
	       told.starting ? "; those that are just starting read the files anyway" : "");
	if (told.told + told.starting + told.failed == 0)
		fprintf(stderr, "vendorfetch: no vendorfetch.fcgi or vendorfetch-worker with %s runs here\n", settings_config_path());
	return told.told + told.starting > 0 && told.failed == 0 ? COMMAND_OK : COMMAND_BAD;
}

const struct command reload_command = {
	.name = "reload",
	.operands = "",
	.help = "Checks the vendor files, then has the handlers and workers that run on this machine by the same settings file read "
	        "them again (SIGHUP). Their logs say what has changed.",
	.run = run,
};
