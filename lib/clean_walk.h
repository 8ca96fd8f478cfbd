/* Ways through a JSON value, for cleaning, and the one step that has a file of its own. Depth is bounded by the
 * parser. Nobody else's than clean.c's. */
#ifndef VF_CLEAN_WALK_H
#define VF_CLEAN_WALK_H

#include "vendor.h"

#include <json-c/json.h>

/* Does something with the member or item of this name in parent. */
typedef void clean_place_fn(struct json_object *parent, const char *token, const void *arg);

/* Calls act for everything that a pointer leads to; "*" stands for all items of an array. The pointer is not empty. */
void clean_at(struct json_object *value, const char *pointer, clean_place_fn *act, const void *arg);

/* What becomes of a string, number, boolean or null, which is borrowed: itself, changed or not, or a new value. */
typedef struct json_object *clean_leaf_fn(const struct vendor *vendor, struct json_object *leaf);

/* Puts what change makes of each leaf of value into its place. Borrows value, and gives it or its own new value. */
struct json_object *clean_leaves(const struct vendor *vendor, struct json_object *value, clean_leaf_fn *change);

/* Calls act for every object in value, the inner ones first; act may change the object's members. */
typedef void clean_object_fn(const struct vendor *vendor, struct json_object *object);
void clean_objects(const struct vendor *vendor, struct json_object *value, clean_object_fn *act);

/* The step that keeps only what vendor->pick names. Items of arrays that are not named become null, and so does a
 * result that is neither object nor array: it has no place. Borrows value, and gives it or its own new value. */
struct json_object *clean_pick(const struct vendor *vendor, struct json_object *value);

/* The member or item of this name in parent is value from now on, which is taken. */
void clean_put(struct json_object *parent, const char *token, struct json_object *value);

#endif
