/* A recursive-descent parser of RFC 8259. What it accepts is JSON and nothing else; what it makes are json-c
 * values, or the text that json-c would print of them. Recursion is bounded by limits->max_depth, which also bounds
 * json-c's own when it prints or frees the value. */
#include "json_strict.h"

#include "json_parser.h"
#include "mem.h"
#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct json_limits JSON_LIMITS_DEFAULT = { .max_bytes = 16 << 20, .max_depth = 200, .max_members = 1000000,
                                                 .max_string_bytes = 16 << 20 };

enum {
	ARRAY_FIRST_ITEMS = 4,      /* json-c would make room for 32 */
	MANY_VALUES = 1000,         /* from here on objects are shrunk to what they hold, see shrink() */
	POINTER_IN_TEXT_BYTES = 200,
};

static enum err parse_value(struct json_parser *p, const struct json_place *place, struct json_object **value);

/* ---- Errors ---- */

static void write_pointer(const struct json_place *place, struct buffer *out)
{
	if (!place || !place->up)
		return;
	write_pointer(place->up, out);
	buffer_append(out, "/", 1);
	if (!place->name.bytes) {
		buffer_printf(out, "%zu", place->index);
		return;
	}
	json_pointer_put(out, place->name.bytes, place->name.len);
}

/* Fills the caller's pointer and why, and gives err back. */
enum err json_parser__fail(struct json_parser *p, size_t at, const struct json_place *place, enum err err,
                           const char *fmt, ...)
{
	struct buffer pointer;
	char reason[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	buffer_init(&pointer, p->limits->max_bytes);
	buffer_append(&pointer, "", 0);
	write_pointer(place, &pointer);
	if (p->pointer && p->pointer_size > 0)
		snprintf(p->pointer, p->pointer_size, "%.*s",
		         (int)utf8_cut(pointer.data, pointer.len, p->pointer_size - 1), pointer.data);
	if (p->failed_at) {
		*p->failed_at = at;
		err_set(p->why, err, "%s", reason);
	} else if (pointer.len > 0)
		err_set(p->why, err, "byte %zu: %s at %.*s", at, reason,
		        (int)utf8_cut(pointer.data, pointer.len, POINTER_IN_TEXT_BYTES), pointer.data);
	else
		err_set(p->why, err, "byte %zu: %s", at, reason);
	buffer_deinit(&pointer);
	return err;
}

enum err json_parser__expected(struct json_parser *p, const struct json_place *place, const char *what)
{
	if (p->at >= p->len)
		return json_parser__fail(p, p->at, place, ERR_INVALID, "expected %s, but the text ends", what);
	return json_parser__fail(p, p->at, place, ERR_INVALID, "expected %s", what);
}

/* json-c answers NULL only when memory is out. */
struct json_object *json_parser__made(struct json_object *value)
{
	if (!value) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return value;
}

/* ---- Containers ---- */

/* json-c gives every object room for 16 members: 800 bytes for two bytes of text. So objects in a text of many
 * values are cut to what they hold, else a small text could take gigabytes. */
static void shrink(const struct json_parser *p, struct json_object *object)
{
	int members = json_object_object_length(object);

	if (p->n_values > MANY_VALUES && members < 6)
		lh_table_resize(json_object_get_object(object), 2 * members + 1);
}

/* A container that is being read: a json-c value, or what its names are known by. */
struct container {
	struct json_object *value;
	struct json_names_object names;
	size_t length;
};

/* The compact form of a string; without escapes that is the string as it was written. */
static void put_string(struct json_parser *p, const struct json_span *string)
{
	if (string->escaped) {
		buffer_append_json_string(p->compact, string->bytes, string->len);
		return;
	}
	buffer_append(p->compact, string->bytes - 1, string->len + 2);   /* with its quotes */
}

/* False: the object has a member of this name. Puts the name into the compact form. */
static bool is_new_name(struct json_parser *p, const struct container *object, const struct json_span *name)
{
	size_t at;

	if (!p->compact)
		return !json_object_object_get_ex(object->value, name->bytes, NULL);
	at = p->compact->len;
	put_string(p, name);
	return json_names_add(&p->names, &object->names, p->compact->data, at, p->compact->len - at);
}

/* A name as a C string, as json-c keeps it. */
static void keep_name(struct json_span *name, char **copy)
{
	struct buffer kept;

	buffer_init(&kept, strlen(NUL_IN_NAME) * name->len);
	buffer_append(&kept, "", 0);
	for (size_t i = 0; i < name->len; i++) {
		if (name->bytes[i])
			buffer_append(&kept, &name->bytes[i], 1);
		else
			buffer_append_str(&kept, NUL_IN_NAME);
	}
	name->bytes = *copy = buffer_take(&kept, &name->len);
}

/* What stays of it when the next string is read; *copy is what the caller frees. */
static void hold_name(const struct json_parser *p, struct json_span *name, char **copy)
{
	if (!p->compact && name->escaped && memchr(name->bytes, '\0', name->len))
		keep_name(name, copy);
	else if (!p->compact || name->escaped)
		name->bytes = *copy = mem_strndup(name->bytes, name->len);
}

/* Fills in the name; *copy is what the caller frees after it. */
static enum err parse_name(struct json_parser *p, const struct json_place *place, const struct container *object,
                           struct json_span *name, char **copy)
{
	struct json_place inside = { .up = place };
	size_t start = p->at;
	enum err err;

	if (!json_parser__next_is(p, '"'))
		return json_parser__expected(p, place, "a member name in double quotes");
	err = json_parser__string(p, place, name);
	if (err)
		return err;
	hold_name(p, name, copy);
	inside.name = *name;
	if (!is_new_name(p, object, name))
		return json_parser__fail(p, start, &inside, ERR_INVALID, "member name that was there before");
	json_parser__skip_space(p);
	if (!json_parser__take(p, ':'))
		return json_parser__expected(p, place, "':'");
	return ERR_OK;
}

/* If somebody looks out for this member of the outermost object: where its compact form lies. */
static void note_wanted(struct json_parser *p, const struct json_span *name, size_t at, size_t value_at)
{
	for (size_t i = 0; i < p->n_wanted; i++) {
		struct json_wanted *wanted = &p->wanted[i];

		if (!name->bytes || strlen(wanted->name) != name->len || memcmp(wanted->name, name->bytes, name->len) != 0)
			continue;
		wanted->at = at;
		wanted->value_at = value_at;
		wanted->end = p->compact->len;
	}
}

static enum err parse_member(struct json_parser *p, const struct json_place *place, const struct container *object)
{
	size_t at = p->compact ? p->compact->len : 0, value_at = 0;
	struct json_place inside = { .up = place };
	struct json_object *value = NULL;
	char *copy = NULL;
	enum err err;

	json_parser__skip_space(p);
	err = parse_name(p, place, object, &inside.name, &copy);
	if (err)
		goto out;
	if (p->compact) {
		buffer_append(p->compact, ":", 1);
		value_at = p->compact->len;
	}
	err = parse_value(p, &inside, &value);
	if (err)
		goto out;
	if (!p->compact && json_object_object_add_ex(object->value, copy, value, JSON_C_OBJECT_ADD_KEY_IS_NEW) != 0)
		json_parser__made(NULL);
	if (!place->up)
		note_wanted(p, &inside.name, at, value_at);
out:
	free(copy);
	return err;
}

static enum err parse_item(struct json_parser *p, const struct json_place *place, const struct container *array)
{
	struct json_place inside = { .up = place, .index = array->length };
	struct json_object *value = NULL;
	enum err err = parse_value(p, &inside, &value);

	if (err == ERR_OK && !p->compact && json_object_array_add(array->value, value) != 0)
		json_parser__made(NULL);
	return err;
}

/* Opening, comma or closing: they stand in the compact form, too. */
static bool take_mark(struct json_parser *p, char mark)
{
	if (!json_parser__take(p, mark))
		return false;
	if (p->compact)
		buffer_append(p->compact, &mark, 1);
	return true;
}

static struct container open_container(struct json_parser *p, bool object)
{
	struct container container = { .names = json_names_enter(&p->names, p->n_objects++) };

	if (!p->compact)
		container.value = json_parser__made(object ? json_object_new_object()
		                                           : json_object_new_array_ext(ARRAY_FIRST_ITEMS));
	p->depth++;
	take_mark(p, object ? '{' : '[');
	json_parser__skip_space(p);
	return container;
}

/* Both containers: an opening, entries with commas between them, a closing. */
static enum err parse_container(struct json_parser *p, const struct json_place *place, struct json_object **value)
{
	bool object = p->text[p->at] == '{';
	char close = object ? '}' : ']';
	struct container container;
	enum err err = ERR_OK;

	if (p->depth >= p->limits->max_depth)
		return json_parser__fail(p, p->at, place, ERR_TOO_BIG, "nested deeper than %d%s", p->limits->max_depth,
		                         json_parser__setting(p, " (VENDORFETCH_JSON_MAX_DEPTH)"));
	container = open_container(p, object);
	if (take_mark(p, close))
		goto out;
	for (;; container.length++) {
		err = object ? parse_member(p, place, &container) : parse_item(p, place, &container);
		if (err)
			goto out;
		if (take_mark(p, close))
			break;
		if (!take_mark(p, ',')) {
			err = json_parser__expected(p, place, object ? "',' or '}'" : "',' or ']'");
			goto out;
		}
	}
out:
	p->depth--;
	json_names_leave(&p->names, &container.names);
	if (err) {
		json_object_put(container.value);
		return err;
	}
	if (object && !p->compact)
		shrink(p, container.value);
	*value = container.value;
	return ERR_OK;
}

/* ---- Values ---- */

/* The words that are values; json-c has no value for null. */
static const struct { const char *word; size_t len; bool is_null, is_true; } words[] = {
	{ "true", 4, false, true }, { "false", 5, false, false }, { "null", 4, true, false },
};

static enum err parse_word(struct json_parser *p, const struct json_place *place, struct json_object **value)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (p->len - p->at < words[i].len || memcmp(p->text + p->at, words[i].word, words[i].len) != 0)
			continue;
		p->at += words[i].len;
		if (p->compact)
			buffer_append(p->compact, words[i].word, words[i].len);
		else if (!words[i].is_null)
			*value = json_parser__made(json_object_new_boolean(words[i].is_true));
		return ERR_OK;
	}
	return json_parser__expected(p, place, "a value");
}

static enum err parse_string_value(struct json_parser *p, const struct json_place *place, struct json_object **value)
{
	struct json_span string;
	enum err err = json_parser__string(p, place, &string);

	if (err)
		return err;
	if (p->compact)
		put_string(p, &string);
	else
		*value = json_parser__made(json_object_new_string_len(string.bytes, (int)string.len));
	return ERR_OK;
}

static enum err parse_value_here(struct json_parser *p, const struct json_place *place, struct json_object **value)
{
	char c = p->at < p->len ? p->text[p->at] : '\0';

	if (c == '{' || c == '[')
		return parse_container(p, place, value);
	if (c == '"')
		return parse_string_value(p, place, value);
	if (c == '-' || (c >= '0' && c <= '9'))
		return json_parser__number(p, place, value);
	return parse_word(p, place, value);
}

/* A value with the white space around it. */
static enum err parse_value(struct json_parser *p, const struct json_place *place, struct json_object **value)
{
	enum err err;

	*value = NULL;
	json_parser__skip_space(p);
	if (p->n_values >= p->limits->max_members)
		return json_parser__fail(p, p->at, place, ERR_TOO_BIG, "more than %zu values%s", p->limits->max_members,
		                         json_parser__setting(p, " (VENDORFETCH_JSON_MAX_MEMBERS)"));
	p->n_values++;
	err = parse_value_here(p, place, value);
	if (err == ERR_OK)
		json_parser__skip_space(p);
	return err;
}

/* The whole text, as the members of p that are set say. *value is the caller's. */
static enum err parse_text(struct json_parser *p, struct json_object **value)
{
	struct json_place whole = { .up = NULL };
	enum err err;

	*value = NULL;
	if (p->pointer && p->pointer_size > 0)
		p->pointer[0] = '\0';
	if (p->len > p->limits->max_bytes)
		return json_parser__fail(p, p->limits->max_bytes, NULL, ERR_TOO_BIG, "longer than %zu bytes%s",
		                         p->limits->max_bytes, json_parser__setting(p, " (VENDORFETCH_MAX_BODY_BYTES)"));
	buffer_init(&p->unescaped, p->len);
	err = parse_value(p, &whole, value);
	if (err == ERR_OK && p->at < p->len) {
		json_object_put(*value);
		*value = NULL;
		err = json_parser__fail(p, p->at, NULL, ERR_INVALID, "expected the end after the value");
	}
	buffer_deinit(&p->unescaped);
	return err;
}

enum err json_strict_parse(const char *text, size_t len, const struct json_limits *limits, struct json_object **value,
                           char *pointer, size_t pointer_size, struct err_text *why)
{
	struct json_parser p = { .text = text, .len = len, .limits = limits, .pointer = pointer,
	                    .pointer_size = pointer_size, .why = why };

	return parse_text(&p, value);
}

enum err json_strict_parse_at(const char *text, size_t len, const struct json_limits *limits, struct json_object **value,
                              char *pointer, size_t pointer_size, size_t *at, struct err_text *why)
{
	struct json_parser p = { .text = text, .len = len, .limits = limits, .pointer = pointer,
	                    .pointer_size = pointer_size, .why = why, .failed_at = at };

	return parse_text(&p, value);
}

enum err json_strict_compact(const char *text, size_t len, const struct json_limits *limits, struct json_wanted *wanted,
                             size_t n_wanted, char **compact, char *pointer, size_t pointer_size, struct err_text *why)
{
	struct buffer out;
	struct json_parser p = { .text = text, .len = len, .limits = limits, .pointer = pointer,
	                    .pointer_size = pointer_size, .why = why,
	                    .compact = &out, .wanted = wanted, .n_wanted = n_wanted };
	struct json_object *none;
	enum err err;

	buffer_init(&out, len);   /* no compact form is longer than what was written */
	for (size_t i = 0; i < n_wanted; i++)
		wanted[i].at = wanted[i].value_at = wanted[i].end = 0;
	err = parse_text(&p, &none);
	json_names_deinit(&p.names);
	*compact = err ? NULL : buffer_take(&out, NULL);
	buffer_deinit(&out);
	return err;
}

/* ---- Reading and printing ---- */

/* The first U+0000 of a name in what json-c has printed, or NULL: nothing else has these bytes. */
static const char *find_nul(const char *text, size_t n)
{
	return memmem(text, n, NUL_IN_NAME, strlen(NUL_IN_NAME));
}

static char *print_nuls(const char *text, size_t n, size_t *len)
{
	struct buffer out;
	const char *nul;

	buffer_init(&out, strlen("\\u0000") * n);
	for (; (nul = find_nul(text, n)); text = nul + strlen(NUL_IN_NAME)) {
		buffer_append(&out, text, (size_t)(nul - text));
		buffer_append_str(&out, "\\u0000");
		n -= (size_t)(nul - text) + strlen(NUL_IN_NAME);
	}
	buffer_append(&out, text, n);
	return buffer_take(&out, len);
}

char *json_text(struct json_object *value, size_t *len)
{
	size_t n = 0;
	int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
	const char *text = json_object_to_json_string_length(value, flags, &n);

	if (!text)
		json_parser__made(NULL);
	if (find_nul(text, n))
		return print_nuls(text, n, len);
	if (len)
		*len = n;
	return mem_strndup(text, n);
}

struct json_object *json_copy(struct json_object *value)
{
	struct json_object *copy = NULL;

	if (value && json_object_deep_copy(value, &copy, NULL) != 0)
		json_parser__made(NULL);
	return copy;
}

/* The item of an array for a token of a pointer: digits without a leading zero. */
static bool item_at(struct json_object *array, const char *token, struct json_object **found)
{
	size_t index = 0, length = json_object_array_length(array);

	if (token[0] == '\0' || (token[0] == '0' && token[1] != '\0'))
		return false;
	for (; *token; token++) {
		if (*token < '0' || *token > '9' || index > length)
			return false;
		index = index * 10 + (size_t)(*token - '0');
	}
	*found = index < length ? json_object_array_get_idx(array, index) : NULL;
	return index < length;
}

bool json_step(struct json_object *value, const char *token, struct json_object **found)
{
	if (json_object_is_type(value, json_type_object))
		return json_object_object_get_ex(value, token, found);
	return json_object_is_type(value, json_type_array) && item_at(value, token, found);
}

const char *json_pointer_next(const char *pointer, char *token)
{
	for (pointer++; *pointer && *pointer != '/'; pointer++) {
		*token = *pointer;
		if (*pointer == '~' && (pointer[1] == '0' || pointer[1] == '1'))
			*token = *++pointer == '0' ? '~' : '/';
		token++;
	}
	*token = '\0';
	return pointer;
}

void json_pointer_put(struct buffer *out, const char *token, size_t len)
{
	for (const char *c = token; c < token + len; c++) {
		if (*c == '~')
			buffer_append(out, "~0", 2);
		else if (*c == '/')
			buffer_append(out, "~1", 2);
		else if (*c == '\0')
			buffer_append_str(out, NUL_IN_NAME);
		else
			buffer_append(out, c, 1);
	}
}

/* json-c's own json_pointer_get() finds no null in an array. */
bool json_at(struct json_object *value, const char *pointer, struct json_object **found)
{
	char *token = mem_alloc(strlen(pointer) + 1);
	bool there = pointer[0] == '\0' || pointer[0] == '/';

	*found = value;
	while (there && pointer[0] == '/') {
		pointer = json_pointer_next(pointer, token);
		there = json_step(*found, token, found);
	}
	if (!there)
		*found = NULL;
	free(token);
	return there;
}

static bool has_nul(struct json_object *string)
{
	return memchr(json_object_get_string(string), '\0', (size_t)json_object_get_string_len(string)) != NULL;
}

const char *json_string_at(struct json_object *value, const char *pointer)
{
	struct json_object *found;

	if (!json_at(value, pointer, &found))
		return NULL;
	switch (json_object_get_type(found)) {
	case json_type_string:
		return has_nul(found) ? NULL : json_object_get_string(found);
	case json_type_int:
	case json_type_double:
		return json_object_get_string(found);
	default:
		return NULL;
	}
}
