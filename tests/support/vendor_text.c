#include "vendor_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 64 };

static const char *test_env(const char *name)
{
	static const struct { const char *name, *value; } all[] = {
		{ "TOKEN", "s3cret" }, { "KEY64", "a2V5" }, { "TWO_LINES", "a\r\nX-Evil: 1" }, { "EMPTY", "" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(name, all[i].name) == 0)
			return all[i].value;
	return NULL;
}

static void write_quoted(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file) {
		perror(path);
		exit(1);
	}
	for (; *text; text++)
		putc(*text == '\'' ? '"' : *text, file);
	fclose(file);
}

struct vendor_set *vendor_texts_load(const char *const *texts, size_t n, struct err_text *why)
{
	char dir[] = "/tmp/vendor_text.XXXXXX", path[PATH_SIZE];
	struct vendor_set *set = NULL;
	struct err_text whole = { "" };

	if (!mkdtemp(dir)) {
		perror(dir);
		exit(1);
	}
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%zu.json", dir, i);
		write_quoted(path, texts[i]);
	}
	if (vendor_set_load(dir, test_env, &set, &whole) != ERR_OK)
		snprintf(why->text, sizeof(why->text), "%s", whole.text + strlen(path) + strlen(": "));
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%zu.json", dir, i);
		unlink(path);
	}
	rmdir(dir);
	return set;
}

struct vendor_set *vendor_text_load(const char *text, struct err_text *why) { return vendor_texts_load(&text, 1, why); }
