#include "clean.h"

#include "ascii.h"
#include "clean_walk.h"
#include "contact.h"
#include "json_strict.h"
#include "mem.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

/* A step of cleaning: borrows value, and gives it or its own new value. */
typedef struct json_object *step_fn(const struct vendor *vendor, struct json_object *value);

/* ---- Names ---- */

struct new_name { char *from, *to; };

/* to, or if a member has that name already, to and a number. No number is tried twice in an object. */
static void move_member(struct json_object *object, const struct new_name *name, int *number)
{
	struct json_object *member = json_object_get(json_object_object_get(object, name->from));
	char *to = mem_strdup(name->to);

	json_object_object_del(object, name->from);
	while (json_object_object_get_ex(object, to, NULL)) {
		free(to);
		to = mem_printf("%s %d", name->to, ++*number);
	}
	json_object_object_add(object, to, member);
	free(to);
}

/* Some vendors have objects whose members are named by e-mail address. */
static void scrub_names_of(const struct vendor *vendor, struct json_object *object)
{
	struct new_name *names = mem_calloc((size_t)json_object_object_length(object), sizeof(*names));
	size_t n = 0, len;
	int number = 1;
	char *to;

	json_object_object_foreach(object, from, member) {
		(void)member;
		to = personal_scrub(&vendor->personal, from, strlen(from), &len);
		if (to)
			names[n++] = (struct new_name){ mem_strdup(from), to };
	}
	for (size_t i = 0; i < n; i++) {
		move_member(object, &names[i], &number);
		free(names[i].from);
		free(names[i].to);
	}
	free(names);
}

static struct json_object *scrub_names(const struct vendor *vendor, struct json_object *value)
{
	if (vendor->personal.mask | vendor->personal.remove)
		clean_objects(vendor, value, scrub_names_of);
	return value;
}

static void rename_member(struct json_object *parent, const char *token, const void *to)
{
	struct json_object *member;

	if (!json_object_is_type(parent, json_type_object))
		return;
	member = json_object_get(json_object_object_get(parent, token));
	json_object_object_del(parent, token);
	json_object_object_add(parent, to, member);
}

static struct json_object *rename_members(const struct vendor *vendor, struct json_object *value)
{
	for (const struct vendor_rename *rename = vendor->renames; rename && rename->from; rename++)
		clean_at(value, rename->from, rename_member, rename->to);
	return value;
}

/* ---- Removing ---- */

/* A member goes. An item of an array becomes null: the others keep their index, so removing twice removes no more. */
static void drop(struct json_object *parent, const char *token, const void *unused)
{
	(void)unused;
	if (json_object_is_type(parent, json_type_object))
		json_object_object_del(parent, token);
	else
		clean_put(parent, token, NULL);
}

static struct json_object *remove_places(const struct vendor *vendor, struct json_object *value)
{
	for (char **pointer = vendor->remove; pointer && *pointer; pointer++)
		clean_at(value, *pointer, drop, NULL);
	return value;
}

/* "*" is any part of a name. Upper and lower case are the same. */
static bool name_fits(const char *name, const char *pattern)
{
	const char *after_star = NULL, *tried = NULL;

	while (*name) {
		if (*pattern == '*') {
			after_star = ++pattern;
			tried = name;
		} else if (*pattern && ascii_lower(*pattern) == ascii_lower(*name)) {
			pattern++;
			name++;
		} else if (after_star) {
			pattern = after_star;
			name = ++tried;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool is_listed(const char *name, char **patterns)
{
	for (; patterns && *patterns; patterns++)
		if (name_fits(name, *patterns))
			return true;
	return false;
}

static void remove_named_in(const struct vendor *vendor, struct json_object *object)
{
	json_object_object_foreach(object, name, member) {
		(void)member;
		if (is_listed(name, vendor->remove_names))
			json_object_object_del(object, name);
	}
}

static struct json_object *remove_named(const struct vendor *vendor, struct json_object *value)
{
	if (vendor->remove_names && vendor->remove_names[0])
		clean_objects(vendor, value, remove_named_in);
	return value;
}

static bool is_empty(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		return true;
	case json_type_string:
		return json_object_get_string_len(value) == 0;
	case json_type_object:
		return json_object_object_length(value) == 0;
	case json_type_array:
		return json_object_array_length(value) == 0;
	default:
		return false;
	}
}

static void drop_empty_in(const struct vendor *vendor, struct json_object *object)
{
	(void)vendor;
	json_object_object_foreach(object, name, member)
		if (is_empty(member))
			json_object_object_del(object, name);
}

static struct json_object *drop_empty(const struct vendor *vendor, struct json_object *value)
{
	if (vendor->drop_empty)
		clean_objects(vendor, value, drop_empty_in);
	return value;
}

/* ---- Strings ---- */

static bool is_number(struct json_object *value)
{
	return json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double);
}

/* What a string or a number says; borrowed until it changes. */
static const char *text_of(struct json_object *leaf, size_t *len)
{
	const char *text = json_object_get_string(leaf);

	*len = is_number(leaf) ? strlen(text) : (size_t)json_object_get_string_len(leaf);
	return text;
}

/* Another text for a string, or a new string for a number. Takes text. */
static struct json_object *with_text(struct json_object *leaf, char *text, size_t len)
{
	struct json_object *string = is_number(leaf) ? json_object_new_string_len(text, (int)len) : leaf;

	if (string == leaf)
		json_object_set_string_len(string, text, (int)len);
	free(text);
	return string;
}

static struct json_object *trimmed(const struct vendor *vendor, struct json_object *leaf)
{
	const char *text;
	size_t whole, len;

	(void)vendor;
	if (!json_object_is_type(leaf, json_type_string))
		return leaf;
	text = text_of(leaf, &whole);
	len = whole;
	ascii_trim(&text, &len);
	/* The string is copied from, so it cannot be written over. */
	return len == whole ? leaf : with_text(leaf, mem_strndup(text, len), len);
}

static struct json_object *trim_strings(const struct vendor *vendor, struct json_object *value)
{
	return vendor->trim_strings ? clean_leaves(vendor, value, trimmed) : value;
}

static struct json_object *spelled_email(const struct vendor *vendor, struct json_object *leaf)
{
	const char *text;
	char *email;
	size_t len;

	(void)vendor;
	if (!json_object_is_type(leaf, json_type_string))
		return leaf;
	text = text_of(leaf, &len);
	email = contact_email(text, len, &len);
	return with_text(leaf, email, len);
}

static struct json_object *spelled_phone(const struct vendor *vendor, struct json_object *leaf)
{
	const char *text;
	char *phone;
	size_t len;

	if (!json_object_is_type(leaf, json_type_string))
		return leaf;
	text = text_of(leaf, &len);
	phone = contact_phone(text, len, vendor->phone_country);
	return phone ? with_text(leaf, phone, strlen(phone)) : leaf;
}

/* What a leaf becomes, for a place that a pointer leads to. */
struct leaf_change { const struct vendor *vendor; clean_leaf_fn *change; };

static void change_place(struct json_object *parent, const char *token, const void *arg)
{
	const struct leaf_change *change = arg;
	struct json_object *found = NULL, *changed;

	json_step(parent, token, &found);
	changed = clean_leaves(change->vendor, found, change->change);
	if (changed != found)
		clean_put(parent, token, changed);
}

static void change_places(const struct vendor *vendor, struct json_object *value, char **pointers,
                          clean_leaf_fn *change)
{
	struct leaf_change arg = { vendor, change };

	for (; pointers && *pointers; pointers++)
		clean_at(value, *pointers, change_place, &arg);
}

static struct json_object *spell_contacts(const struct vendor *vendor, struct json_object *value)
{
	change_places(vendor, value, vendor->emails, spelled_email);
	change_places(vendor, value, vendor->phones, spelled_phone);
	return value;
}

/* ---- Masks and patterns ---- */

/* A number becomes a string. true and false have no end to show, and become null. */
static struct json_object *masked(const struct vendor *vendor, struct json_object *leaf)
{
	const char *text;
	char *mask;
	size_t len;

	if (!is_number(leaf) && !json_object_is_type(leaf, json_type_string))
		return NULL;
	text = text_of(leaf, &len);
	mask = personal_mask(text, len, vendor->personal.keep, &len);
	return with_text(leaf, mask, len);
}

static void mask_named_in(const struct vendor *vendor, struct json_object *object)
{
	json_object_object_foreach(object, name, member)
		if (is_listed(name, vendor->mask_names))
			change_place(object, name, &(struct leaf_change){ vendor, masked });
}

static struct json_object *mask_places(const struct vendor *vendor, struct json_object *value)
{
	change_places(vendor, value, vendor->mask, masked);
	return value;
}

static struct json_object *mask_named(const struct vendor *vendor, struct json_object *value)
{
	if (vendor->mask_names && vendor->mask_names[0])
		clean_objects(vendor, value, mask_named_in);
	return value;
}

/* Does one of the pointers end with this name? */
static bool is_last_step(const char *name, char **pointers)
{
	for (; pointers && *pointers; pointers++) {
		const char *step = strrchr(*pointers, '/') + 1, *c = name;

		for (; *step && *c == (*step != '~' ? *step : step[1] == '0' ? '~' : '/'); step++, c++)
			step += *step == '~';
		if (*step == '\0' && *c == '\0')
			return true;
	}
	return false;
}

static void hide_last_steps_in(const struct vendor *vendor, struct json_object *object)
{
	json_object_object_foreach(object, name, member) {
		(void)member;
		if (is_last_step(name, vendor->remove))
			json_object_object_del(object, name);
		else if (is_last_step(name, vendor->mask))
			change_place(object, name, &(struct leaf_change){ vendor, masked });
	}
}

/* What a failure quotes of the result stands somewhere else, but has the name that it has there. */
static struct json_object *hide_last_steps(const struct vendor *vendor, struct json_object *value)
{
	clean_objects(vendor, value, hide_last_steps_in);
	return value;
}

/* Of numbers only those are looked at that are digits alone: a card number may be one. */
static struct json_object *scrubbed(const struct vendor *vendor, struct json_object *leaf)
{
	const char *text;
	char *clean;
	size_t len;

	if (!is_number(leaf) && !json_object_is_type(leaf, json_type_string))
		return leaf;
	text = text_of(leaf, &len);
	if (is_number(leaf) && text[strspn(text, "0123456789")] != '\0')
		return leaf;
	clean = personal_scrub(&vendor->personal, text, len, &len);
	return clean ? with_text(leaf, clean, len) : leaf;
}

static struct json_object *scrub_values(const struct vendor *vendor, struct json_object *value)
{
	return vendor->personal.mask | vendor->personal.remove ? clean_leaves(vendor, value, scrubbed) : value;
}

/* ---- All steps ---- */

/* What is cleaned: a result, or what a vendor says of a failure, whose places the file does not know. */
enum { RESULT = 1, WORDS = 2, BOTH = RESULT | WORDS };

/* The order is in docs/vendors.md. */
static const struct { step_fn *step; int of; } steps[] = {
	{ scrub_names, BOTH },
	{ rename_members, RESULT },
	{ clean_pick, RESULT },
	{ remove_places, RESULT },
	{ hide_last_steps, WORDS },
	{ remove_named, BOTH },
	{ trim_strings, RESULT },
	{ spell_contacts, RESULT },
	{ mask_places, RESULT },
	{ mask_named, BOTH },
	{ scrub_values, BOTH },
	{ drop_empty, RESULT },
};

/* Takes value, and gives what is left of it. */
static struct json_object *take_steps(const struct vendor *vendor, struct json_object *value, int what)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct json_object *next;

		if (!(steps[i].of & what))
			continue;
		next = steps[i].step(vendor, value);
		if (next != value)
			json_object_put(value);
		value = next;
	}
	return value;
}

struct json_object *clean_result(const struct vendor *vendor, struct json_object *value)
{
	return take_steps(vendor, value, RESULT);
}

static bool is_blank(struct json_object *value)
{
	return !value || (json_object_is_type(value, json_type_boolean) && !json_object_get_boolean(value)) ||
	       (json_object_is_type(value, json_type_string) && json_object_get_string_len(value) == 0);
}

char *clean_words_at(const struct vendor *vendor, struct json_object *body, const char *place)
{
	struct json_object *error, *message, *copy;
	const char *text;
	char *json = NULL, *words;
	size_t len;

	if (!json_at(body, place, &error) || is_blank(error))
		return NULL;
	copy = take_steps(vendor, json_copy(error), WORDS);
	text = json_string_at(copy, "");
	if (!text && json_at(copy, "/message", &message) && json_object_is_type(message, json_type_string))
		text = json_string_at(message, "");
	if (text)
		len = strlen(text);
	else
		text = json = json_text(copy, &len);
	/* Cut when all is out of it: half a value looks like none. */
	words = utf8_clean(text, len, CLEAN_WORDS_BYTES);
	free(json);
	json_object_put(copy);
	return words;
}
