/* Keeping only what the vendor file names. Objects and arrays on the way to it stay, so that what is left has one
 * form. */
#include "clean_walk.h"

#include "json_strict.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One step of a pointer, and what comes after it. */
struct path { char *token; const char *rest; };

static void pick_from(struct json_object *value, const char *const *pointers, size_t n);

/* Keeps what the paths that begin with this name lead to. False: none does, or to nothing. */
static bool pick_member(struct json_object *member, const char *name, bool is_item, const struct path *paths, size_t n)
{
	const char **rests = mem_calloc(n, sizeof(*rests));
	size_t n_rests = 0;
	bool whole = false, container;

	for (size_t i = 0; i < n; i++)
		if (strcmp(paths[i].token, name) == 0 || (is_item && strcmp(paths[i].token, "*") == 0)) {
			rests[n_rests++] = paths[i].rest;
			whole |= paths[i].rest[0] == '\0';
		}
	container = json_object_is_type(member, json_type_object) || json_object_is_type(member, json_type_array);
	if (n_rests && container && !whole)
		pick_from(member, rests, n_rests);
	free(rests);
	return whole || (n_rests && container);
}

static void pick_from_object(struct json_object *object, const struct path *paths, size_t n)
{
	json_object_object_foreach(object, name, member)
		if (!pick_member(member, name, false, paths, n))
			json_object_object_del(object, name);
}

static void pick_from_array(struct json_object *array, const struct path *paths, size_t n)
{
	char index[32];

	for (size_t i = 0; i < json_object_array_length(array); i++) {
		snprintf(index, sizeof(index), "%zu", i);
		if (!pick_member(json_object_array_get_idx(array, i), index, true, paths, n))
			json_object_array_put_idx(array, i, NULL);
	}
}

/* value is an object or an array. */
static void pick_from(struct json_object *value, const char *const *pointers, size_t n)
{
	struct path *paths = mem_calloc(n, sizeof(*paths));

	for (size_t i = 0; i < n; i++) {
		paths[i].token = mem_alloc(strlen(pointers[i]) + 1);
		paths[i].rest = json_pointer_next(pointers[i], paths[i].token);
	}
	if (json_object_is_type(value, json_type_object))
		pick_from_object(value, paths, n);
	else
		pick_from_array(value, paths, n);
	for (size_t i = 0; i < n; i++)
		free(paths[i].token);
	free(paths);
}

struct json_object *clean_pick(const struct vendor *vendor, struct json_object *value)
{
	size_t n = 0;

	while (vendor->pick && vendor->pick[n])
		n++;
	if (n == 0)
		return value;
	if (!json_object_is_type(value, json_type_object) && !json_object_is_type(value, json_type_array))
		return NULL;
	pick_from(value, (const char *const *)vendor->pick, n);
	return value;
}
