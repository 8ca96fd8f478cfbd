/* The settings file: what was read can be written down so that it is read as the same. And the URLs in it. */
#include "fuzz.h"

#include "redis_priv.h"
#include "settings_file.h"

#include <sys/mman.h>
#include <unistd.h>

static char path[64];

static int fd_of_file(void)
{
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("settings", 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	return fd;
}

static enum err load(const char *text, size_t len, struct settings_file *file, struct err_text *why)
{
	int fd = fd_of_file();

	memset(file, 0, sizeof(*file));
	FUZZ_CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, text, len, 0) == (ssize_t)len, "memfd");
	return settings_file_load(path, file, why);
}

/* NAME="value" lines, owned by the caller. */
static char *written(const struct settings_file *file, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	for (size_t i = 0; i < file->n; i++) {
		fprintf(out, "%s=\"", file->lines[i].name);
		for (const char *p = file->lines[i].value; *p; p++) {
			if (*p == '"' || *p == '\\')
				putc('\\', out);
			putc(*p, out);
		}
		fputs("\"\n", out);
	}
	fclose(out);
	return text;
}

static void check_url(const char *url)
{
	struct redis redis = { .host = NULL };

	if (redis__parse_url(&redis, url, NULL) == ERR_OK)
		FUZZ_CHECK((redis.host || redis.path) && redis.db >= 0 && redis.port >= 0 && redis.port <= 65535, "%s", url);
	free(redis.host);
	free(redis.path);
	free(redis.user);
	free(redis.password);
	free(redis.name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct settings_file file, again;
	struct err_text why = { "" };
	char *text;

	if (load((const char *)data, len, &file, &why) != ERR_OK) {
		FUZZ_CHECK(why.text[0] && file.n == 0, "an error without a reason");
		return 0;
	}
	text = written(&file, &len);
	FUZZ_CHECK(load(text, len, &again, &why) == ERR_OK && again.n == file.n, "%s: %s", why.text, text);
	for (size_t i = 0; i < file.n; i++) {
		FUZZ_CHECK(strcmp(file.lines[i].name, again.lines[i].name) == 0, "%s", text);
		FUZZ_CHECK(strcmp(file.lines[i].value, again.lines[i].value) == 0, "%s", text);
		FUZZ_CHECK(settings_file_find(&file, file.lines[i].name)->number >= file.lines[i].number, "%s", text);
		check_url(file.lines[i].value);
	}
	settings_file_free(&file);
	settings_file_free(&again);
	free(text);
	return 0;
}
