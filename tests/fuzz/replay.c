/* What runs a fuzz target where there is no libFuzzer: gives it every file of its folders, and says so as TAP.
 *
 * Without arguments the folders are those of its line in tests/fuzz/targets; else files and folders are arguments. Each
 * input is announced before it is used, so that the last line is the one that ended the process. */
#include "fuzz.h"

#include <dirent.h>
#include <stdbool.h>
#include <sys/stat.h>

enum { PATH_SIZE = 1024, LINE_SIZE = 1024 };

/* For the sanitizer, if there is one: what it finds ends the process, too, as under libFuzzer. */
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void) { return "halt_on_error=1"; }

static const char *source_folder(void)
{
	const char *folder = getenv("top_srcdir");

	return folder ? folder : ".";
}

static void die(const char *what)
{
	printf("Bail out! %s\n", what);
	exit(1);
}

static void replay_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = malloc(size ? size : 1);

	if (!file || fread(bytes, 1, size, file) != size)
		die(path);
	fclose(file);
	printf("# %s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(bytes, size);
	free(bytes);
}

/* How many inputs there were. */
static int replay(const char *path)
{
	struct dirent **entries;
	struct stat info;
	char below[PATH_SIZE];
	int n, replayed = 0;

	if (stat(path, &info) < 0)
		die(path);
	if (!S_ISDIR(info.st_mode)) {
		replay_file(path, (size_t)info.st_size);
		return 1;
	}
	n = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(below, sizeof(below), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			replayed += replay(below);
		free(entries[i]);
	}
	free(entries);
	return replayed;
}

static void check(const char *path, const char *shown, int *n)
{
	int inputs = replay(path);

	printf("%sok %d - %s: %d inputs\n", inputs ? "" : "not ", ++*n, shown, inputs);
}

/* The folders of a target's line: its name, then they. False: it has none. */
static bool replay_folders(const char *target, int *n)
{
	char path[PATH_SIZE], line[LINE_SIZE], *rest, *word;
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/tests/fuzz/targets", source_folder());
	file = fopen(path, "r");
	if (!file)
		die(path);
	while (!found && fgets(line, sizeof(line), file)) {
		word = strtok_r(line, " \n", &rest);
		found = word && strcmp(word, target) == 0;
		while (found && (word = strtok_r(NULL, " \n", &rest))) {
			snprintf(path, sizeof(path), "%s/%s", source_folder(), word);
			check(path, word, n);
		}
	}
	fclose(file);
	return found;
}

int main(int argc, char **argv)
{
	const char *name = strstr(argv[0], "fuzz_");
	int n = 0;

	for (const char *next = name; next; next = strstr(next + 1, "fuzz_"))
		name = next;
	for (int i = 1; i < argc; i++)
		check(argv[i], argv[i], &n);
	if (argc == 1 && (!name || !replay_folders(name + strlen("fuzz_"), &n)))
		die("this target has no line in tests/fuzz/targets");
	printf("1..%d\n", n);
	return 0;
}
