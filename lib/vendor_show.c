/* The file and the fallbacks of the table, put together by the same rows that the reader goes by. */
#include "vendor_show.h"

#include "json_strict.h"
#include "mem.h"
#include "vendor_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char hidden[] = "***";

/* ---- What may be shown ---- */

struct json_object *vendor__show_all(struct json_object *value) { return json_object_get(value); }

/* Copies text[0..len) with each run of what is no reference replaced. */
static void put_hidden(struct buffer *out, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *reference = memmem(text, (size_t)(end - text), "${", 2);
		const char *close = reference ? memchr(reference, '}', (size_t)(end - reference)) : NULL;

		if (text != reference)
			buffer_append_str(out, hidden);
		if (!close)
			return;
		buffer_append(out, reference, (size_t)(close + 1 - reference));
		text = close + 1;
	}
}

struct json_object *vendor__show_secret(struct json_object *value)
{
	const char *text = json_object_get_string(value);
	struct json_object *shown;
	struct buffer out;

	if (text[0] == '\0')
		return json_object_get(value);
	buffer_init(&out, (strlen(hidden) + 1) * strlen(text));
	put_hidden(&out, text, strlen(text));
	shown = json_object_new_string(out.data);
	buffer_deinit(&out);
	return shown;
}

struct json_object *vendor__show_url(struct json_object *value)
{
	const char *text = json_object_get_string(value), *host = strstr(text, "://");
	struct json_object *shown;
	struct buffer out;
	size_t len;

	host = host ? host + strlen("://") : text;
	len = strcspn(host, "/?#");
	while (len > 0 && host[len - 1] != '@')
		len--;
	if (len == 0)
		return json_object_get(value);
	buffer_init(&out, (strlen(hidden) + 1) * strlen(text));
	buffer_append(&out, text, (size_t)(host - text));
	put_hidden(&out, host, len - 1);
	buffer_append_str(&out, host + len - 1);
	shown = json_object_new_string(out.data);
	buffer_deinit(&out);
	return shown;
}

static struct json_object *show_items(struct json_object *array)
{
	struct json_object *shown = json_object_new_array();

	for (size_t i = 0; i < json_object_array_length(array); i++)
		json_object_array_add(shown, vendor__show_named(json_object_array_get_idx(array, i)));
	return shown;
}

struct json_object *vendor__show_named(struct json_object *value)
{
	struct json_object *shown;

	if (json_object_is_type(value, json_type_array))
		return show_items(value);
	if (!json_object_is_type(value, json_type_object))
		return json_object_get(value);
	shown = json_object_new_object();
	json_object_object_foreach(value, name, member) {
		bool hide = json_object_is_type(member, json_type_string) && vendor__sounds_secret(name) &&
		            !strstr(json_object_get_string(member), "${");

		json_object_object_add(shown, name, hide ? json_object_new_string(hidden) : vendor__show_named(member));
	}
	return shown;
}

/* ---- The file ---- */

static struct json_object *show_group(const char *group, struct json_object *object);

static struct json_object *show_entries(const char *group, struct json_object *array)
{
	struct json_object *shown = json_object_new_array();

	for (size_t i = 0; i < json_object_array_length(array); i++)
		json_object_array_add(shown, show_group(group, json_object_array_get_idx(array, i)));
	return shown;
}

static struct json_object *show_member(const struct member *m, struct json_object *value)
{
	const struct type *type = vendor__type(m->type);
	char buffer[VENDOR_GROUP_SIZE];
	const char *group = vendor__rows(m, buffer);
	struct json_object *inside, *shown;

	if (!group)
		return type->show(value);
	inside = type->rows == ROWS_OF_ENTRIES ? show_entries(group, value) : show_group(group, value);
	shown = type->show(inside);
	json_object_put(inside);
	return shown;
}

/* In the order of the table. */
static struct json_object *show_group(const char *group, struct json_object *object)
{
	struct json_object *shown = json_object_new_object();

	for (const struct member *m = NULL; (m = vendor__next_in_group(group, m));) {
		const char *name = m->path + strlen(group);
		struct json_object *value;

		if (json_object_object_get_ex(object, name, &value))
			json_object_get(value);
		else if (m->fallback && m->fallback != MEMBER_REQUIRED)
			value = vendor__own_json(m->fallback);
		else
			continue;
		json_object_object_add(shown, name, show_member(m, value));
		json_object_put(value);
	}
	return shown;
}

static char *show_file(struct json_object *file)
{
	int flags = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE;
	struct json_object *shown = show_group("", file);
	char *text = mem_printf("%s\n", json_object_to_json_string_ext(shown, flags));

	json_object_put(shown);
	return text;
}

enum err vendor_show(const char *dir, const char *name, char **text, struct err_text *why)
{
	struct json_object *file = NULL;
	char *path;
	enum err err = vendor_find_file(dir, name, &path, why);

	*text = NULL;
	if (err == ERR_OK)
		err = vendor__parse_file(path, &file, why);
	if (err == ERR_OK)
		*text = show_file(file);
	json_object_put(file);
	free(path);
	return err;
}
