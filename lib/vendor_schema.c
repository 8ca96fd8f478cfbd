/* The table of members as a JSON Schema (2020-12), for editors and for whoever checks vendor files without us. */
#include "vendor_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_SIZE = 32 };

static struct json_object *group_schema(struct json_object *schema, const char *group);

static void put(struct json_object *schema, const char *keyword, struct json_object *value)
{
	json_object_object_add(schema, keyword, value);
}

static void put_text(struct json_object *schema, const char *keyword, const char *text)
{
	put(schema, keyword, json_object_new_string(text));
}

/* ---- What a row says ---- */

/* Help is Markdown; of a link only its words are of use in an editor. */
static void put_help(struct json_object *schema, const char *help)
{
	struct buffer text;

	buffer_init(&text, strlen(help));
	while (*help) {
		const char *open = strchr(help, '['), *middle = open ? strstr(open, "](#") : NULL;
		const char *close = middle ? strchr(middle, ')') : NULL;

		if (!close) {
			buffer_append_str(&text, help);
			break;
		}
		buffer_append(&text, help, (size_t)(open - help));
		buffer_append(&text, open + 1, (size_t)(middle - open - 1));
		help = close + 1;
	}
	put_text(schema, "description", text.data);
	buffer_deinit(&text);
}

/* The keywords that bounds become; min 0 of entries says nothing. */
static const struct { const char *min, *max; int divisor; } keywords[BOUNDS_OF_COUNT] = {
	[BOUNDS_OF_NUMBER] = { "minimum", "maximum", 1 },
	[BOUNDS_OF_SECONDS] = { "minimum", "maximum", 1000 },
	[BOUNDS_OF_ENTRIES] = { NULL, "maxItems", 1 },
	[BOUNDS_OF_MEMBERS] = { NULL, "maxProperties", 1 },
	[BOUNDS_OF_BYTES] = { "minLength", NULL, 1 },
};

static void put_bound(struct json_object *schema, const char *keyword, int64_t bound, int divisor)
{
	char text[NUMBER_SIZE];

	if (!keyword)
		return;
	snprintf(text, sizeof(text), "%.15g", (double)bound / divisor);
	put(schema, keyword, vendor__own_json(text));
}

static bool is_required(const struct member *m);

static bool has_required(const char *group)
{
	for (const struct member *m = NULL; (m = vendor__next_in_group(group, m));)
		if (is_required(m))
			return true;
	return false;
}

/* An object that is taken for {} where it is not there is as required as what must be in it. */
static bool is_required(const struct member *m)
{
	char group[VENDOR_GROUP_SIZE];

	if (m->fallback == MEMBER_REQUIRED || !m->fallback || vendor__type(m->type)->rows != ROWS_OF_OBJECT)
		return m->fallback == MEMBER_REQUIRED;
	return has_required(vendor__rows(m, group));
}

static void put_default(struct json_object *schema, const struct member *m)
{
	if (m->fallback && !is_required(m))
		put(schema, "default", vendor__own_json(m->fallback));
}

/* ---- The schema ---- */

/* What the type says of an entry, to be added to. The caller's to put. */
static struct json_object *entry_schema(struct json_object *schema)
{
	struct json_object *entry;

	return json_object_object_get_ex(schema, "items", &entry) ? json_object_get(entry) : vendor__own_json("{\"type\":\"object\"}");
}

static void put_rows(struct json_object *schema, const struct member *m)
{
	char buffer[VENDOR_GROUP_SIZE];
	const char *group = vendor__rows(m, buffer);

	if (group && vendor__type(m->type)->rows == ROWS_OF_OBJECT)
		group_schema(schema, group);
	else if (group)
		put(schema, "items", group_schema(entry_schema(schema), group));
}

static struct json_object *member_schema(const struct member *m)
{
	const struct type *type = vendor__type(m->type);
	struct json_object *schema = json_object_new_object(), *own = vendor__own_json(type->schema);

	put_text(schema, "title", m->path);
	put_help(schema, m->help);
	json_object_object_foreach(own, keyword, value)
		put(schema, keyword, json_object_get(value));
	json_object_put(own);
	put_bound(schema, keywords[type->bounds].min, m->min, keywords[type->bounds].divisor);
	put_bound(schema, keywords[type->bounds].max, m->max, keywords[type->bounds].divisor);
	put_default(schema, m);
	put_rows(schema, m);
	return schema;
}

/* Adds to the schema of an object what its rows say, and gives it back. */
static struct json_object *group_schema(struct json_object *schema, const char *group)
{
	struct json_object *properties = json_object_new_object(), *required = json_object_new_array();

	for (const struct member *m = NULL; (m = vendor__next_in_group(group, m));) {
		put(properties, m->path + strlen(group), member_schema(m));
		if (is_required(m))
			json_object_array_add(required, json_object_new_string(m->path + strlen(group)));
	}
	put(schema, "properties", properties);
	if (json_object_array_length(required) > 0)
		put(schema, "required", required);
	else
		json_object_put(required);
	put(schema, "additionalProperties", json_object_new_boolean(false));
	return schema;
}

void vendor_print_schema(void)
{
	struct json_object *schema = json_object_new_object();
	int flags = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE;

	put_text(schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
	put_text(schema, "title", "A vendor file of vendorfetch");
	put_text(schema, "description", "Made from the table of members by: vendorfetch vendor schema");
	put_text(schema, "type", "object");
	group_schema(schema, "");
	puts(json_object_to_json_string_ext(schema, flags));
	json_object_put(schema);
}
