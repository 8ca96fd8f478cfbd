#include "settings_file.h"

#include "mem.h"
#include "secret.h"
#include "text_file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 1 << 20 };

static const char name_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

static char *trimmed(char *text)
{
	char *end;

	text += strspn(text, " \t\r");
	end = text + strlen(text);
	while (end > text && strchr(" \t\r", end[-1]))
		end--;
	*end = '\0';
	return text;
}

/* Takes the quotes off, in place. False if they do not close at the end. */
static bool unquote(char *text)
{
	char *out = text, *in = text + 1;

	if (text[0] != '"')
		return true;
	for (; *in && *in != '"'; in++) {
		if (*in == '\\' && (in[1] == '"' || in[1] == '\\'))
			in++;
		*out++ = *in;
	}
	if (in[0] != '"' || in[1] != '\0')
		return false;
	*out = '\0';
	return true;
}

static enum err add_line(struct settings_file *file, char *line, int number, struct err_text *why)
{
	char *equals, *name, *value;

	line = trimmed(line);
	if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
		return ERR_OK;
	equals = strchr(line, '=');
	if (!equals)
		return err_set(why, ERR_INVALID, "%s line %d: expected NAME=VALUE", file->path, number);
	*equals = '\0';
	name = trimmed(line);
	value = trimmed(equals + 1);
	if (name[0] == '\0' || (name[0] >= '0' && name[0] <= '9') || name[strspn(name, name_characters)] != '\0')
		return err_set(why, ERR_INVALID, "%s line %d: what stands before = is not a name", file->path, number);
	if (!unquote(value))
		return err_set(why, ERR_INVALID, "%s line %d: the quotes of %s do not close at its end", file->path, number, name);
	file->lines = mem_realloc(file->lines, (file->n + 1) * sizeof(*file->lines));
	file->lines[file->n++] = (struct settings_line){ mem_strdup(name), mem_strdup(value), number };
	return ERR_OK;
}

enum err settings_file_load(const char *path, struct settings_file *file, struct err_text *why)
{
	char *text, *line, *rest;
	size_t len;
	enum err err;

	err = text_file_read(path, FILE_BYTES_MAX, &text, &len, why);
	if (err)
		return err;
	file->path = mem_strdup(path);
	rest = text;
	for (int number = 1; err == ERR_OK && (line = strsep(&rest, "\n")); number++)
		err = add_line(file, line, number, why);
	secret_free_bytes(text, len);   /* it has become many texts */
	if (err)
		settings_file_free(file);
	return err;
}

void settings_file_free(struct settings_file *file)
{
	for (size_t i = 0; i < file->n; i++) {
		free(file->lines[i].name);
		secret_free(file->lines[i].value);
	}
	free(file->lines);
	free(file->path);
	*file = (struct settings_file){ .path = NULL };
}

const struct settings_line *settings_file_find(const struct settings_file *file, const char *name)
{
	for (size_t i = file->n; i-- > 0;)
		if (strcmp(file->lines[i].name, name) == 0)
			return &file->lines[i];
	return NULL;
}
