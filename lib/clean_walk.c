#include "clean_walk.h"

#include "json_strict.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void clean_put(struct json_object *parent, const char *token, struct json_object *value)
{
	if (json_object_is_type(parent, json_type_object))
		json_object_object_add(parent, token, value);
	else
		json_object_array_put_idx(parent, strtoul(token, NULL, 10), value);
}

/* ---- To places ---- */

static void step(struct json_object *value, const char *token, const char *rest, clean_place_fn *act, const void *arg)
{
	struct json_object *found;

	if (!json_step(value, token, &found))
		return;
	if (rest[0] == '\0')
		act(value, token, arg);
	else
		clean_at(found, rest, act, arg);
}

void clean_at(struct json_object *value, const char *pointer, clean_place_fn *act, const void *arg)
{
	char *token = mem_alloc(strlen(pointer) + 1);
	const char *rest = json_pointer_next(pointer, token);
	char index[32];

	if (strcmp(token, "*") != 0 || !json_object_is_type(value, json_type_array)) {
		step(value, token, rest, act, arg);
	} else {
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			snprintf(index, sizeof(index), "%zu", i);
			step(value, index, rest, act, arg);
		}
	}
	free(token);
}

/* ---- To leaves ---- */

static void change_items(const struct vendor *vendor, struct json_object *array, clean_leaf_fn *change)
{
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *item = json_object_array_get_idx(array, i), *changed = clean_leaves(vendor, item, change);

		if (changed != item)
			json_object_array_put_idx(array, i, changed);
	}
}

static void change_members(const struct vendor *vendor, struct json_object *object, clean_leaf_fn *change)
{
	/* A member that gets another value stays where it is, so the loop may go on. */
	json_object_object_foreach(object, name, member) {
		struct json_object *changed = clean_leaves(vendor, member, change);

		if (changed != member)
			json_object_object_add(object, name, changed);
	}
}

struct json_object *clean_leaves(const struct vendor *vendor, struct json_object *value, clean_leaf_fn *change)
{
	switch (json_object_get_type(value)) {
	case json_type_array:
		change_items(vendor, value, change);
		return value;
	case json_type_object:
		change_members(vendor, value, change);
		return value;
	default:
		return change(vendor, value);
	}
}

/* ---- To objects ---- */

void clean_objects(const struct vendor *vendor, struct json_object *value, clean_object_fn *act)
{
	if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			clean_objects(vendor, json_object_array_get_idx(value, i), act);
	} else if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, name, member) {
			(void)name;
			clean_objects(vendor, member, act);
		}
		act(vendor, value);
	}
}
