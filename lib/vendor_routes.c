#include "vendor_routes.h"

#include "buffer.h"
#include "file_fail.h"
#include "json_strict.h"
#include "json_walk.h"
#include "mem.h"
#include "text_file.h"
#include "vendor_priv.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 1 << 20, ROUTES_MAX = 1000, VALUES_MAX = 1000, PLACES_MAX = 16, POINTER_MAX_LEN = 256 };

/* A place in the payload. However many routes ask for it, a payload is searched for it once. */
struct place {
	char *pointer;
	char **names;           /* its steps as names are written in compact JSON, with quotes; NULL-terminated */
};

/* The place holds one of these. */
struct condition {
	size_t place;
	char **values;          /* compact JSON texts; NULL-terminated */
};

struct rule {
	struct condition *conditions;
	size_t n_conditions;
	const struct vendor *vendor;
};

struct vendor_routes {
	struct place places[PLACES_MAX];
	size_t n_places;
	struct rule *rules;
	size_t n_rules;
	const struct vendor *fallback;
};

/* ---- Reading the file ---- */

struct reading {
	struct file_place place;
	const struct vendor_set *vendors;
	struct vendor_routes *routes;
};

/* An object of no other members than these. */
static enum err check_members(const struct reading *r, struct json_object *object, const char *first,
                              const char *second)
{
	if (!json_object_is_type(object, json_type_object))
		return file_fail(&r->place, "", "must be an object");
	json_object_object_foreach(object, name, unused) {
		(void)unused;
		if (strcmp(name, first) != 0 && strcmp(name, second) != 0)
			return file_fail(&r->place, name, "unknown member, there are %s and %s", first, second);
	}
	return ERR_OK;
}

static enum err read_vendor(const struct reading *r, const char *member, struct json_object *value,
                            const struct vendor **vendor)
{
	const char *name = json_object_get_string(value);

	if (!json_object_is_type(value, json_type_string))
		return file_fail(&r->place, member, "must be the name of a vendor");
	*vendor = vendor_find(r->vendors, name);
	return *vendor ? ERR_OK : file_fail(&r->place, member, "no file defines the vendor \"%.64s\"", name);
}

/* The steps of a pointer, NULL-terminated. */
static char **names_of(const char *pointer)
{
	char **names = mem_calloc(strlen(pointer) + 1, sizeof(*names)), token[POINTER_MAX_LEN + 1];
	struct buffer name;

	for (size_t i = 0; *pointer; i++) {
		pointer = json_pointer_next(pointer, token);
		buffer_init(&name, 6 * sizeof(token) + 2);   /* six bytes is what one can become */
		buffer_append_json_string(&name, token, strlen(token));
		names[i] = buffer_take(&name, NULL);
	}
	return names;
}

/* The place of this pointer, which is a new one the first time. */
static enum err find_place(const struct reading *r, const char *pointer, size_t *place)
{
	struct vendor_routes *routes = r->routes;

	for (*place = 0; *place < routes->n_places; ++*place)
		if (strcmp(routes->places[*place].pointer, pointer) == 0)
			return ERR_OK;
	if (vendor__bad_pointer(pointer))
		return file_fail(&r->place, "when", "\"%.80s\" %s", pointer, vendor__bad_pointer(pointer));
	if (strlen(pointer) > POINTER_MAX_LEN)
		return file_fail(&r->place, "when", "\"%.80s...\" has more than %d bytes", pointer, POINTER_MAX_LEN);
	if (routes->n_places == PLACES_MAX)
		return file_fail(&r->place, "when", "\"%.80s\" is one more than the %d places that all routes together may ask for",
		                 pointer, PLACES_MAX);
	routes->places[routes->n_places++] = (struct place){ mem_strdup(pointer), names_of(pointer) };
	return ERR_OK;
}

static bool is_comparable(struct json_object *value)
{
	enum json_type type = json_object_get_type(value);

	return type == json_type_string || type == json_type_int || type == json_type_double || type == json_type_boolean;
}

/* One value, or an array of them. */
static enum err read_values(const struct reading *r, const char *pointer, struct json_object *value,
                            struct condition *condition)
{
	bool many = json_object_is_type(value, json_type_array);
	size_t n = many ? json_object_array_length(value) : 1;

	if (n < 1 || n > VALUES_MAX)
		return file_fail(&r->place, "when", "\"%.80s\" must have 1 to %d values", pointer, VALUES_MAX);
	condition->values = mem_calloc(n + 1, sizeof(*condition->values));
	for (size_t i = 0; i < n; i++) {
		struct json_object *one = many ? json_object_array_get_idx(value, i) : value;

		if (!is_comparable(one))
			return file_fail(&r->place, "when", "\"%.80s\" can be compared with strings, numbers, true and false only", pointer);
		condition->values[i] = json_text(one, NULL);
	}
	return ERR_OK;
}

static enum err read_when(const struct reading *r, struct json_object *when, struct rule *rule)
{
	enum err err = ERR_OK;

	/* What always matches is the default. */
	if (!json_object_is_type(when, json_type_object) || json_object_object_length(when) == 0)
		return file_fail(&r->place, "when", "must be an object of places in the payload and their values");
	rule->conditions = mem_calloc((size_t)json_object_object_length(when), sizeof(*rule->conditions));
	json_object_object_foreach(when, pointer, value) {
		struct condition *condition = &rule->conditions[rule->n_conditions++];

		err = find_place(r, pointer, &condition->place);
		if (err == ERR_OK)
			err = read_values(r, pointer, value, condition);
		if (err)
			break;
	}
	return err;
}

static enum err read_rule(const struct reading *r, struct json_object *object, struct rule *rule)
{
	enum err err = check_members(r, object, "when", "vendor");

	if (err == ERR_OK)
		err = read_when(r, json_object_object_get(object, "when"), rule);
	if (err == ERR_OK)
		err = read_vendor(r, "vendor", json_object_object_get(object, "vendor"), &rule->vendor);
	return err;
}

static enum err read_rules(struct reading *r, struct json_object *list)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	enum err err = ERR_OK;

	if (n < 1 || n > ROUTES_MAX)
		return file_fail(&r->place, "routes", "must be an array of 1 to %d routes", ROUTES_MAX);
	r->routes->rules = mem_calloc(n, sizeof(*r->routes->rules));
	for (size_t i = 0; err == ERR_OK && i < n; i++) {
		snprintf(r->place.group, sizeof(r->place.group), "routes/%zu", i);
		err = read_rule(r, json_object_array_get_idx(list, i), &r->routes->rules[r->routes->n_rules++]);
	}
	r->place.group[0] = '\0';
	return err;
}

static enum err read_file(struct reading *r, struct json_object *file)
{
	struct json_object *fallback;
	enum err err = check_members(r, file, "routes", "default");

	if (err == ERR_OK)
		err = read_rules(r, json_object_object_get(file, "routes"));
	if (err == ERR_OK && json_object_object_get_ex(file, "default", &fallback))
		err = read_vendor(r, "default", fallback, &r->routes->fallback);
	return err;
}

enum err vendor_routes_load(const char *path, const struct vendor_set *vendors, struct vendor_routes **routes,
                            struct err_text *why)
{
	struct vendor_routes *loaded = mem_calloc(1, sizeof(*loaded));
	struct reading r = { .place = { .path = path, .why = why }, .vendors = vendors, .routes = loaded };
	struct json_object *file = NULL;
	struct err_text reason;
	char *text = NULL;
	size_t len;
	enum err err;

	*routes = NULL;
	err = text_file_read(path, FILE_BYTES_MAX, &text, &len, why);
	if (err)
		goto out;
	err = json_strict_parse(text, len, &JSON_LIMITS_DEFAULT, &file, NULL, 0, &reason);
	err = err ? err_set(why, ERR_INVALID, "%.120s: %.380s", path, reason.text) : read_file(&r, file);
out:
	json_object_put(file);
	free(text);
	if (err)
		vendor_routes_free(loaded);
	else
		*routes = loaded;
	return err;
}

static void free_texts(char **texts)
{
	for (char **text = texts; text && *text; text++)
		free(*text);
	free(texts);
}

void vendor_routes_free(struct vendor_routes *routes)
{
	if (!routes)
		return;
	for (size_t i = 0; i < routes->n_places; i++) {
		free(routes->places[i].pointer);
		free_texts(routes->places[i].names);
	}
	for (size_t i = 0; i < routes->n_rules; i++) {
		for (size_t k = 0; k < routes->rules[i].n_conditions; k++)
			free_texts(routes->rules[i].conditions[k].values);
		free(routes->rules[i].conditions);
	}
	free(routes->rules);
	free(routes);
}

/* ---- Finding the vendor ---- */

/* The item of an array that a name means. */
static size_t item_of(const char *name)
{
	size_t item = strtoul(name + 1, NULL, 10);
	char text[32];

	snprintf(text, sizeof(text), "\"%zu\"", item);
	return strcmp(text, name) == 0 ? item : SIZE_MAX;
}

static struct json_piece step(struct json_piece value, const char *name)
{
	struct json_walk walk = json_walk_of(value);
	size_t item = walk.object ? SIZE_MAX : item_of(name);
	struct json_piece member, found;

	for (size_t i = 0; json_walk_next(&walk, &member, &found); i++)
		if (walk.object ? json_piece_is(member, name) : i == item)
			return found;
	return (struct json_piece){ .at = NULL };
}

static struct json_piece look(struct json_piece value, const struct place *place)
{
	for (char **name = place->names; *name && value.at; name++)
		value = step(value, *name);
	return value;
}

static bool is_number(const char *text) { return *text == '-' || (*text >= '0' && *text <= '9'); }

static bool is_integer(const char *text, size_t len) { return strspn(text, "-0123456789") >= len; }

/* As values: 1 is 1.0 and 10e-1. Only numbers can be written in several ways, and integers in one, so that long ones
 * are compared to the last digit. */
static bool is_same(const char *wanted, struct json_piece value)
{
	if (json_piece_is(value, wanted))
		return true;
	return value.at && is_number(wanted) && is_number(value.at) &&
	       !(is_integer(wanted, strlen(wanted)) && is_integer(value.at, value.len)) &&
	       strtod(wanted, NULL) == strtod(value.at, NULL);
}

static bool holds(const struct condition *condition, const struct json_piece *values)
{
	for (char **wanted = condition->values; *wanted; wanted++)
		if (is_same(*wanted, values[condition->place]))
			return true;
	return false;
}

static bool matches(const struct rule *rule, const struct json_piece *values)
{
	for (size_t i = 0; i < rule->n_conditions; i++)
		if (!holds(&rule->conditions[i], values))
			return false;
	return true;
}

const struct vendor *vendor_routes_find(const struct vendor_routes *routes, const char *payload)
{
	const struct json_piece whole = { payload, strlen(payload) };
	struct json_piece values[PLACES_MAX];

	for (size_t i = 0; i < routes->n_places; i++)
		values[i] = look(whole, &routes->places[i]);
	for (size_t i = 0; i < routes->n_rules; i++)
		if (matches(&routes->rules[i], values))
			return routes->rules[i].vendor;
	return routes->fallback;
}
