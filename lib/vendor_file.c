/* The folder of vendor files, and the set of vendors that was read from it. */
#include "json_strict.h"
#include "mem.h"
#include "secret.h"
#include "signature.h"
#include "text_file.h"
#include "vendor_priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char suffix[] = ".json";

/* ---- The folder ---- */

static int is_vendor_file(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > strlen(suffix) && strcmp(entry->d_name + len - strlen(suffix), suffix) == 0;
}

/* By bytes, whatever the locale. */
static int compare_entries(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

enum err vendor__list_files(const char *dir, struct vendor_set *set, struct err_text *why)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_vendor_file, compare_entries);

	if (n < 0)
		return err_set(why, ERR_INVALID, "%s: %s", dir, strerror(errno));
	set->paths = mem_realloc(set->paths, (set->n + (size_t)n + 1) * sizeof(*set->paths));
	for (int i = 0; i < n; i++) {
		set->paths[set->n++] = mem_printf("%s/%s", dir, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	if (n == 0)
		return err_set(why, ERR_INVALID, "%s: there is no vendor file (*.json) in it", dir);
	if (set->n > VENDOR_FILES_MAX)
		return err_set(why, ERR_INVALID, "%s: more than %d vendor files", dir, VENDOR_FILES_MAX);
	return ERR_OK;
}

enum err vendor__parse_file(const char *path, struct json_object **file, struct err_text *why)
{
	char *text;
	size_t len;
	enum err err = text_file_read(path, VENDOR_FILE_BYTES_MAX, &text, &len, why);

	*file = NULL;
	if (err == ERR_OK)
		err = json_strict_parse(text, len, &JSON_LIMITS_DEFAULT, file, NULL, 0, why);
	secret_free(text);
	return err;
}

static bool is_called(struct json_object *file, const char *name)
{
	const char *own = json_string_at(file, "/name");
	struct json_object *aliases;

	if (own && strcmp(own, name) == 0)
		return true;
	json_at(file, "/aliases", &aliases);
	for (size_t i = 0; aliases && i < json_object_array_length(aliases); i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(aliases, i)), name) == 0)
			return true;
	return false;
}

enum err vendor_find_file(const char *dir, const char *name, char **path, struct err_text *why)
{
	struct vendor_set *set = mem_calloc(1, sizeof(*set));
	enum err err = vendor__list_files(dir, set, why);

	*path = NULL;
	set->vendors = mem_calloc(set->n, sizeof(*set->vendors));   /* which stay empty: the texts are all that is needed */
	for (size_t i = 0; err == ERR_OK && !*path && i < set->n; i++) {
		struct json_object *file;

		if (vendor__parse_file(set->paths[i], &file, why) == ERR_OK && is_called(file, name))
			*path = mem_strdup(set->paths[i]);
		json_object_put(file);
	}
	vendor_set_free(set);
	if (err == ERR_OK && !*path)
		err = err_set(why, ERR_NOT_FOUND, "no file in %s has a vendor of this name", dir);
	return err;
}

static enum err read_vendor(const char *path, vendor_env_fn env, struct vendor *vendor, struct err_text *why)
{
	struct err_text reason = { "" };
	struct json_object *file = NULL;
	char *text, digest[SIGNATURE_TEXT_SIZE];
	size_t len;
	enum err err;

	err = text_file_read(path, VENDOR_FILE_BYTES_MAX, &text, &len, why);
	if (err)
		return err;
	signature_sha256_hex(text, len, digest);
	vendor->file_digest = mem_strdup(digest);
	err = json_strict_parse(text, len, &JSON_LIMITS_DEFAULT, &file, NULL, 0, &reason);
	if (err == ERR_OK)
		err = vendor__read(vendor, file, env, NULL, &reason);
	if (err)
		err = err_set(why, ERR_INVALID, "%.120s: %.380s", path, reason.text);
	json_object_put(file);
	secret_free(text);
	return err;
}

/* ---- Names ---- */

static int compare_names(const void *a, const void *b)
{
	const struct name_entry *x = a, *y = b;

	int order = strcmp(x->name, y->name);

	if (order == 0)
		order = (x->vendor > y->vendor) - (x->vendor < y->vendor);
	return order ? order : (x->alias > y->alias) - (x->alias < y->alias);
}

static int compare_to_name(const void *name, const void *entry)
{
	return strcmp(name, ((const struct name_entry *)entry)->name);
}

static void add_name(struct vendor_set *set, const char *name, size_t vendor, size_t alias)
{
	set->names = mem_realloc(set->names, (set->n_names + 1) * sizeof(*set->names));
	set->names[set->n_names++] = (struct name_entry){ name, vendor, alias };
}

void vendor__index_names(struct vendor_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		char **aliases = set->vendors[i].aliases;

		if (set->vendors[i].name)
			add_name(set, set->vendors[i].name, i, 0);
		for (size_t k = 0; aliases && aliases[k]; k++)
			add_name(set, aliases[k], i, k + 1);
	}
	if (set->n_names > 0)
		qsort(set->names, set->n_names, sizeof(*set->names), compare_names);
}

static enum err refuse_same_names(const struct vendor_set *set, struct err_text *why)
{
	for (size_t i = 1; i < set->n_names; i++) {
		const struct name_entry *a = &set->names[i - 1], *b = &set->names[i];

		if (strcmp(a->name, b->name) != 0)
			continue;
		if (a->vendor == b->vendor)
			return err_set(why, ERR_INVALID, "%.380s: the name \"%s\" is there twice", set->paths[a->vendor], a->name);
		return err_set(why, ERR_INVALID, "%.190s and %.190s: both claim the name \"%s\"", set->paths[a->vendor],
		               set->paths[b->vendor], a->name);
	}
	return ERR_OK;
}

static enum err refuse_bad_fallbacks(const struct vendor_set *set, struct err_text *why)
{
	struct err_text reason;

	for (size_t i = 0; i < set->n; i++)
		for (size_t k = 0; set->vendors[i].fallback.vendors[k]; k++)
			if (vendor__check_fallback(set, i, k, &reason) != ERR_OK)
				return err_set(why, ERR_INVALID, "%.120s: %.380s", set->paths[i], reason.text);
	return ERR_OK;
}

/* ---- The set ---- */

/* From its paths, or frees it. */
static enum err read_set(struct vendor_set *loaded, vendor_env_fn env, struct vendor_set **set, enum err err,
                         struct err_text *why)
{
	loaded->vendors = mem_calloc(loaded->n, sizeof(*loaded->vendors));
	for (size_t i = 0; err == ERR_OK && i < loaded->n; i++)
		err = read_vendor(loaded->paths[i], env, &loaded->vendors[i], why);
	if (err == ERR_OK) {
		vendor__index_names(loaded);
		err = refuse_same_names(loaded, why);
	}
	if (err == ERR_OK)
		err = vendor__make_groups(loaded, why);
	if (err == ERR_OK)
		err = refuse_bad_fallbacks(loaded, why);
	if (err) {
		vendor_set_free(loaded);
		return err;
	}
	vendor__link_fallbacks(loaded);
	*set = loaded;
	return ERR_OK;
}

enum err vendor_set_load(const char *dir, vendor_env_fn env, struct vendor_set **set, struct err_text *why)
{
	struct vendor_set *loaded = mem_calloc(1, sizeof(*loaded));

	*set = NULL;
	return read_set(loaded, env, set, vendor__list_files(dir, loaded, why), why);
}

enum err vendor_set_load_file(const char *path, vendor_env_fn env, struct vendor_set **set, struct err_text *why)
{
	struct vendor_set *loaded = mem_calloc(1, sizeof(*loaded));

	*set = NULL;
	loaded->paths = mem_calloc(1, sizeof(*loaded->paths));
	loaded->paths[loaded->n++] = mem_strdup(path);
	return read_set(loaded, env, set, ERR_OK, why);
}

/* Secrets were gathered in the order in which the file is read. */
bool vendor_is_same(const struct vendor *a, const struct vendor *b)
{
	if (strcmp(a->file_digest, b->file_digest) != 0 || a->n_secrets != b->n_secrets)
		return false;
	for (size_t i = 0; i < a->n_secrets; i++)
		if (strcmp(a->secrets[i], b->secrets[i]) != 0)
			return false;
	return true;
}

void vendor_set_free(struct vendor_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->n; i++) {
		vendor__deinit(&set->vendors[i]);
		free(set->paths[i]);
	}
	vendor__free_groups(set);
	free(set->vendors);
	free(set->paths);
	free(set->names);
	free(set);
}

const struct vendor *vendor_find(const struct vendor_set *set, const char *name)
{
	const struct name_entry *found = NULL;

	if (set->n_names > 0)
		found = bsearch(name, set->names, set->n_names, sizeof(*set->names), compare_to_name);
	return found ? &set->vendors[found->vendor] : NULL;
}

size_t vendor_count(const struct vendor_set *set) { return set->n; }

const struct vendor *vendor_at(const struct vendor_set *set, size_t i) { return &set->vendors[i]; }

int64_t vendor_longest_call_ms(const struct vendor_set *set)
{
	int64_t longest = 0;

	for (size_t i = 0; i < set->n; i++)
		if (set->vendors[i].timeout_ms > longest)
			longest = set->vendors[i].timeout_ms;
	return longest;
}
