#include "clean.h"

#include "json_strict.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static void trim(struct json_object *string)
{
	const char *text = json_object_get_string(string);
	size_t len = (size_t)json_object_get_string_len(string), start = 0, end = len;
	char *trimmed;

	while (start < end && is_space(text[start]))
		start++;
	while (end > start && is_space(text[end - 1]))
		end--;
	if (end - start == len)
		return;
	/* The string is copied from, so it cannot be written over. */
	trimmed = mem_strndup(text + start, end - start);
	json_object_set_string_len(string, trimmed, (int)(end - start));
	free(trimmed);
}

/* Depth is bounded by the parser. */
static void trim_all(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_string:
		trim(value);
		break;
	case json_type_array:
		for (size_t i = 0; i < json_object_array_length(value); i++)
			trim_all(json_object_array_get_idx(value, i));
		break;
	case json_type_object: {
		json_object_object_foreach(value, name, member) {
			(void)name;
			trim_all(member);
		}
		break;
	}
	default:
		break;
	}
}

/* A member goes. An item of an array becomes null: the others keep their index, so removing twice removes no more. */
static void drop(struct json_object *value, const char *token)
{
	struct json_object *found;

	if (!json_step(value, token, &found))
		return;
	if (json_object_is_type(value, json_type_object))
		json_object_object_del(value, token);
	else
		json_object_array_put_idx(value, strtoul(token, NULL, 10), NULL);
}

static void remove_at(struct json_object *value, const char *pointer);

static void remove_step(struct json_object *value, const char *token, const char *rest)
{
	struct json_object *found;

	if (rest[0] == '\0')
		drop(value, token);
	else if (json_step(value, token, &found))
		remove_at(found, rest);
}

static void remove_at(struct json_object *value, const char *pointer)
{
	char *token = mem_alloc(strlen(pointer) + 1);
	const char *rest = json_pointer_next(pointer, token);
	char index[32];

	if (strcmp(token, "*") != 0 || !json_object_is_type(value, json_type_array)) {
		remove_step(value, token, rest);
	} else {
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			snprintf(index, sizeof(index), "%zu", i);
			remove_step(value, index, rest);
		}
	}
	free(token);
}

struct json_object *clean_result(const struct vendor *vendor, struct json_object *value)
{
	for (char **pointer = vendor->remove; pointer && *pointer; pointer++)
		remove_at(value, *pointer);
	if (vendor->trim_strings)
		trim_all(value);
	return value;
}
