/* The reading of vendor_file.c, but nothing ends it. */
#include "vendor_lint.h"

#include "json_locate.h"
#include "json_strict.h"
#include "mem.h"
#include "secret.h"
#include "text_file.h"
#include "utf8.h"
#include "vendor_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MISTAKES_MAX = 50, POINTER_SIZE = 256, LINE_BYTES_MAX = 64 << 10 };

struct lint {
	vendor_env_fn env;
	vendor_mistake_fn on_mistake;
	void *arg;
	struct vendor_set *set;
	/* the file that is being read */
	const char *path;
	char *text;
	size_t len;
	size_t told;
	/* what does not fit into its group */
	const char *misfit_member, *misfit_text;
	bool all_known;    /* a folder is among the paths: what is not there is not elsewhere */
};

/* ---- Telling ---- */

/* Names come from files: what is not printable is written as \xNN. */
char *vendor_mistake_line(const struct vendor_mistake *mistake, bool warnings)
{
	char *plain = mistake->line > 0
		? mem_printf("%s:%zu:%zu: %s%s", mistake->file, mistake->line, mistake->column,
		             warnings && mistake->warning ? "warning: " : "", mistake->text)
		: mem_printf("%s: %s%s", mistake->file, warnings && mistake->warning ? "warning: " : "", mistake->text);
	struct buffer line;

	buffer_init(&line, LINE_BYTES_MAX);
	for (size_t at = 0, len = strlen(plain), bytes; at < len; at += bytes) {
		bytes = utf8_printable(plain + at, len - at);
		buffer_append(&line, plain + at, bytes);
		if (bytes > 0)
			continue;
		buffer_printf(&line, "\\x%02x", (unsigned char)plain[at]);
		bytes = 1;
	}
	free(plain);
	return buffer_take(&line, NULL);
}

static void tell(const struct lint *lint, struct json_position position, bool warning, const char *text)
{
	struct vendor_mistake mistake = { lint->path, position.line, position.column, warning, text };

	lint->on_mistake(lint->arg, &mistake);
}

static void tell_of_file(const struct lint *lint, const char *text)
{
	tell(lint, (struct json_position){ 0, 0 }, false, text);
}

static void tell_at(const struct lint *lint, const char *pointer, bool warning, const char *text)
{
	tell(lint, json_position(lint->text, json_locate(lint->text, lint->len, pointer)), warning, text);
}

/* As many as somebody may want to read; each costs a walk through the text. */
static void add(void *arg, const char *pointer, const char *text, bool warning)
{
	struct lint *lint = arg;

	if (lint->told < MISTAKES_MAX)
		tell_at(lint, pointer, warning, text);
	else if (lint->told == MISTAKES_MAX)
		tell_of_file(lint, "there are more mistakes");
	lint->told++;
}

static void tell_of_syntax(const struct lint *lint, size_t at, const char *pointer, const char *reason)
{
	struct err_text text;

	if (pointer[0])
		err_set(&text, ERR_INVALID, "%.200s: %.300s", pointer + 1, reason);
	else
		err_set(&text, ERR_INVALID, "%s", reason);
	tell(lint, json_position(lint->text, at), false, text.text);
}

/* ---- Files ---- */

static void check_members(struct lint *lint, struct json_object *file, struct vendor *vendor)
{
	struct mistakes mistakes = { .add = add, .arg = lint };
	struct err_text why;

	buffer_init(&mistakes.pointer, 2 * VENDOR_FILE_BYTES_MAX);
	buffer_append_str(&mistakes.pointer, "");
	lint->told = 0;
	vendor__read(vendor, file, lint->env, &mistakes, &why);
	buffer_deinit(&mistakes.pointer);
	/* What could not be read is not compared with other files. */
	if (mistakes.errors > 0) {
		free(vendor->group_name);
		vendor->group_name = NULL;
	}
}

/* Calls use with lint->text. */
static void with_text(struct lint *lint, size_t i, void (*use)(struct lint *lint, size_t which), size_t which)
{
	struct err_text why;

	lint->path = lint->set->paths[i];
	if (text_file_read(lint->path, VENDOR_FILE_BYTES_MAX, &lint->text, &lint->len, &why) != ERR_OK) {
		tell_of_file(lint, why.text);
		return;
	}
	use(lint, which);
	secret_free(lint->text);
}

static void check_text(struct lint *lint, size_t vendor)
{
	struct json_object *file;
	char pointer[POINTER_SIZE];
	struct err_text why;
	size_t at;

	if (json_strict_parse_at(lint->text, lint->len, &JSON_LIMITS_DEFAULT, &file, pointer, sizeof(pointer), &at, &why) == ERR_OK)
		check_members(lint, file, &lint->set->vendors[vendor]);
	else
		tell_of_syntax(lint, at, pointer, why.text);
	json_object_put(file);
}

/* ---- Names ---- */

/* That the file's name or alias is the one before it in the index. */
static void tell_of_name(struct lint *lint, size_t which)
{
	const struct name_entry *entry = &lint->set->names[which], *before = entry - 1;
	char pointer[POINTER_SIZE] = "/name";
	struct err_text text;

	if (entry->alias > 0)
		snprintf(pointer, sizeof(pointer), "/aliases/%zu", entry->alias - 1);
	if (before->vendor == entry->vendor)
		err_set(&text, ERR_INVALID, "%s: the name \"%s\" is there twice", entry->alias ? "aliases" : "name", entry->name);
	else
		err_set(&text, ERR_INVALID, "%s: %.300s claims the name \"%s\", too", entry->alias ? "aliases" : "name",
		        lint->set->paths[before->vendor], entry->name);
	tell_at(lint, pointer, false, text.text);
}

static void check_names(struct lint *lint)
{
	const struct vendor_set *set = lint->set;

	vendor__index_names(lint->set);
	for (size_t i = 1; i < set->n_names; i++)
		if (strcmp(set->names[i - 1].name, set->names[i].name) == 0)
			with_text(lint, set->names[i].vendor, tell_of_name, i);
}

/* ---- Groups ---- */

static void tell_of_misfit(struct lint *lint, size_t unused)
{
	char pointer[POINTER_SIZE];

	(void)unused;
	snprintf(pointer, sizeof(pointer), "/%s", lint->misfit_member);
	tell_at(lint, pointer, false, lint->misfit_text);
}

static void on_misfit(void *arg, size_t vendor, const char *member, const char *text)
{
	struct lint *lint = arg;

	lint->misfit_member = member;
	lint->misfit_text = text;
	with_text(lint, vendor, tell_of_misfit, 0);
}

/* ---- Lists of vendors to go on to ---- */

static void tell_of_fallbacks(struct lint *lint, size_t vendor)
{
	char **list = lint->set->vendors[vendor].fallback.vendors;
	char pointer[POINTER_SIZE];
	struct err_text why;
	enum err err;

	for (size_t i = 0; list[i]; i++) {
		err = vendor__check_fallback(lint->set, vendor, i, &why);
		if (err == ERR_OK)
			continue;
		snprintf(pointer, sizeof(pointer), "/fallback/vendors/%zu", i);
		tell_at(lint, pointer, err == ERR_NOT_FOUND && !lint->all_known, why.text);
	}
}

static void check_fallbacks(struct lint *lint)
{
	const struct vendor_set *set = lint->set;

	for (size_t i = 0; i < set->n; i++)
		if (set->vendors[i].fallback.vendors && set->vendors[i].fallback.vendors[0])
			with_text(lint, i, tell_of_fallbacks, i);
}

/* ---- Paths ---- */

static void add_path(struct vendor_set *set, const char *path)
{
	set->paths = mem_realloc(set->paths, (set->n + 1) * sizeof(*set->paths));
	set->paths[set->n++] = mem_strdup(path);
}

/* What was named twice, or alone and with its folder, is looked at once. */
static void drop_repeated(struct vendor_set *set)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->n; i++) {
		size_t k = 0;

		while (k < kept && strcmp(set->paths[k], set->paths[i]) != 0)
			k++;
		if (k == kept)
			set->paths[kept++] = set->paths[i];
		else
			free(set->paths[i]);
	}
	set->n = kept;
}

static void add_paths(struct lint *lint, const char *const *paths, size_t n)
{
	struct err_text why;
	struct stat file;

	for (size_t i = 0; i < n; i++) {
		lint->path = paths[i];
		if (stat(paths[i], &file) < 0 || !S_ISDIR(file.st_mode))
			add_path(lint->set, paths[i]);
		else if (vendor__list_files(paths[i], lint->set, &why) != ERR_OK)
			tell_of_file(lint, why.text);
		else
			lint->all_known = true;
	}
	drop_repeated(lint->set);
}

void vendor_lint(const char *const *paths, size_t n, vendor_env_fn env, vendor_mistake_fn on_mistake, void *arg)
{
	struct vendor_set *set = mem_calloc(1, sizeof(*set));
	struct lint lint = { .env = env, .on_mistake = on_mistake, .arg = arg, .set = set };

	add_paths(&lint, paths, n);
	set->vendors = mem_calloc(set->n, sizeof(*set->vendors));
	for (size_t i = 0; i < set->n; i++)
		with_text(&lint, i, check_text, i);
	check_names(&lint);
	vendor__find_misfits(set, on_misfit, &lint);
	check_fallbacks(&lint);
	vendor_set_free(set);
}
