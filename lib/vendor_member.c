/* One reader for each type of member. The value is what the file has, or the member's fallback. */
#include "mem.h"
#include "vendor_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PATH_SIZE = 256, SECOND_MS = 1000, STATUS_FIRST = 300, STATUS_LAST = 599, TOO_MANY_REQUESTS = 429 };

/* A string without NUL, or NULL. */
static const char *string_of(struct json_object *value)
{
	if (!json_object_is_type(value, json_type_string))
		return NULL;
	if (strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
		return NULL;
	return json_object_get_string(value);
}

static enum err read_checked(const struct reader *r, const struct member *m, struct json_object *value, char **field,
                             const char *(*bad)(const char *text))
{
	const char *text = string_of(value);

	if (!text)
		return vendor__fail(r, m, "must be a string");
	if (bad(text))
		return vendor__fail(r, m, "%s", bad(text));
	*field = mem_strdup(text);
	return ERR_OK;
}

static enum err read_name(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	return read_checked(r, m, value, field, vendor__bad_name);
}

static enum err read_pointer(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	return read_checked(r, m, value, field, vendor__bad_pointer);
}

static enum err read_list(const struct reader *r, const struct member *m, struct json_object *value, char ***list,
                          const char *(*bad)(const char *text))
{
	size_t n;

	if (!json_object_is_type(value, json_type_array))
		return vendor__fail(r, m, "must be an array of strings");
	n = json_object_array_length(value);
	if ((int64_t)n > m->max)
		return vendor__fail(r, m, "has more than %lld entries", (long long)m->max);
	*list = mem_calloc(n + 1, sizeof(**list));
	for (size_t i = 0; i < n; i++) {
		enum err err = read_checked(r, m, json_object_array_get_idx(value, i), &(*list)[i], bad);

		if (err)
			return err;
	}
	return ERR_OK;
}

static enum err read_names(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	return read_list(r, m, value, field, vendor__bad_name);
}

static const char *bad_removal(const char *text)
{
	return text[0] == '\0' ? "would remove the whole result" : vendor__bad_pointer(text);
}

static enum err read_pointers(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	return read_list(r, m, value, field, bad_removal);
}

static const char *bad_word(const char *text) { return text[0] == '\0' ? "is empty" : NULL; }

static enum err read_words(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	return read_list(r, m, value, field, bad_word);
}

static enum err read_mode(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	const char *text = string_of(value);

	static const char *const modes[] = { [VENDOR_SYNC] = "sync", [VENDOR_ASYNC] = "async", [VENDOR_POLL] = "poll" };

	for (size_t i = 0; text && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(text, modes[i]) == 0) {
			*(enum vendor_mode *)field = (enum vendor_mode)i;
			return ERR_OK;
		}
	return vendor__fail(r, m, "must be \"sync\", \"async\" or \"poll\"");
}

static const char *bad_method(const char *text)
{
	static const char *const methods[] = { "POST", "PUT", "PATCH", "GET" };

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(text, methods[i]) == 0)
			return NULL;
	return "must be \"POST\", \"PUT\", \"PATCH\" or \"GET\"";
}

static enum err read_method(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	return read_checked(r, m, value, field, bad_method);
}

enum err vendor__read_resolved(const struct reader *r, const struct member *m, struct json_object *value,
                               const char *const *job_names, char **field, const char *(*bad)(const char *text))
{
	const char *text = string_of(value);
	struct err_text reason = { "" };

	if (!text)
		return vendor__fail(r, m, "must be a string");
	if (vendor__resolve(text, r->env, job_names, field, &reason) != ERR_OK)
		return vendor__fail(r, m, "%s", reason.text);
	return bad(*field) ? vendor__fail(r, m, "%s", bad(*field)) : ERR_OK;
}

static enum err read_url(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	return vendor__read_resolved(r, m, value, NULL, field, vendor__bad_url);
}

static enum err read_secret(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	return vendor__read_resolved(r, m, value, NULL, field, vendor__bad_secret);
}

static enum err read_header(const struct reader *r, const char *name, struct json_object *value)
{
	static const char *const job_names[] = { "request_id", "callback_url", NULL };
	struct vendor *v = r->vendor;
	struct vendor_header *header = &v->headers[v->n_headers];
	char path[PATH_SIZE];
	struct member m = { .path = path };

	snprintf(path, sizeof(path), "request/headers/%.64s", name);
	if (vendor__bad_header_name(name))
		return vendor__fail(r, &m, "%s", vendor__bad_header_name(name));
	for (size_t i = 0; i < v->n_headers; i++)
		if (strcasecmp(v->headers[i].name, name) == 0)
			return vendor__fail(r, &m, "is there twice");
	v->n_headers++;
	header->name = mem_strdup(name);
	return vendor__read_resolved(r, &m, value, job_names, &header->value, vendor__bad_header_value);
}

static enum err read_headers(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	(void)field;
	if (!json_object_is_type(value, json_type_object))
		return vendor__fail(r, m, "must be an object of names and values");
	if (json_object_object_length(value) > m->max)
		return vendor__fail(r, m, "has more than %lld members", (long long)m->max);
	r->vendor->headers = mem_calloc((size_t)json_object_object_length(value), sizeof(*r->vendor->headers));
	json_object_object_foreach(value, name, text) {
		enum err err = read_header(r, name, text);

		if (err)
			return err;
	}
	return ERR_OK;
}

static enum err read_bool(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	if (!json_object_is_type(value, json_type_boolean))
		return vendor__fail(r, m, "must be true or false");
	*(bool *)field = json_object_get_boolean(value);
	return ERR_OK;
}

static enum err read_int64(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	/* json-c clamps what is larger than 64 bits, which is outside of all bounds here. */
	int64_t number = json_object_get_int64(value);

	if (!json_object_is_type(value, json_type_int))
		return vendor__fail(r, m, "must be an integer");
	if (number < m->min || number > m->max)
		return vendor__fail(r, m, "%s is not between %lld and %lld", json_object_get_string(value), (long long)m->min,
		            (long long)m->max);
	*(int64_t *)field = number;
	return ERR_OK;
}

static enum err read_int(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	int64_t number = 0;
	enum err err = read_int64(r, m, value, &number);

	if (err == ERR_OK)
		*(int *)field = (int)number;
	return err;
}

static enum err read_seconds(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	double ms = json_object_get_double(value) * SECOND_MS;

	if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double))
		return vendor__fail(r, m, "must be a number");
	if (!(ms >= (double)m->min && ms <= (double)m->max))
		return vendor__fail(r, m, "%s is not between %g and %.10g", json_object_get_string(value), (double)m->min / SECOND_MS,
		            (double)m->max / SECOND_MS);
	*(int64_t *)field = (int64_t)(ms + 0.5);
	return ERR_OK;
}

static enum err read_ratio(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	double ratio = json_object_get_double(value);

	if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double))
		return vendor__fail(r, m, "must be a number");
	if (!(ratio >= (double)m->min && ratio <= (double)m->max))
		return vendor__fail(r, m, "%s is not between %lld and %lld", json_object_get_string(value), (long long)m->min,
		                    (long long)m->max);
	*(double *)field = ratio;
	return ERR_OK;
}

/* A 2xx says what it says; 429 costs no attempt, which no list may change. */
static enum err read_statuses(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	int **statuses = field;
	size_t n;

	if (!json_object_is_type(value, json_type_array))
		return vendor__fail(r, m, "must be an array of integers");
	n = json_object_array_length(value);
	if ((int64_t)n > m->max)
		return vendor__fail(r, m, "has more than %lld entries", (long long)m->max);
	*statuses = mem_calloc(n + 1, sizeof(**statuses));
	for (size_t i = 0; i < n; i++) {
		struct json_object *entry = json_object_array_get_idx(value, i);
		int64_t status = json_object_get_int64(entry);

		if (!json_object_is_type(entry, json_type_int) || status < STATUS_FIRST || status > STATUS_LAST)
			return vendor__fail(r, m, "%s is not a status between %d and %d", entry ? json_object_get_string(entry) : "null",
			                    STATUS_FIRST, STATUS_LAST);
		if (status == TOO_MANY_REQUESTS)
			return vendor__fail(r, m, "429 is always tried again when the vendor lets us");
		(*statuses)[i] = (int)status;
	}
	return ERR_OK;
}

static enum err read_limits(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	size_t n;

	(void)field;
	if (!json_object_is_type(value, json_type_array))
		return vendor__fail(r, m, "must be an array");
	n = json_object_array_length(value);
	if (n > VENDOR_LIMITS_MAX)
		return vendor__fail(r, m, "has more than %d entries", VENDOR_LIMITS_MAX);
	for (size_t i = 0; i < n; i++) {
		char shown[32];
		struct reader inside = *r;
		enum err err;

		snprintf(shown, sizeof(shown), "limits/%zu/", i);
		inside.group = "limits/*/";
		inside.shown = shown;
		inside.base = (char *)&r->vendor->limits[i];
		err = vendor__read_group(&inside, json_object_array_get_idx(value, i));
		if (err)
			return err;
	}
	r->vendor->n_limits = n;
	return ERR_OK;
}

static enum err read_members(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	struct reader inside = *r;
	char path[PATH_SIZE];

	(void)field;
	snprintf(path, sizeof(path), "%s/", m->path);
	inside.group = inside.shown = path;
	return vendor__read_group(&inside, value);
}

static const struct {
	const char *name;
	enum err (*read)(const struct reader *r, const struct member *m, struct json_object *value, void *field);
} types[TYPE_COUNT] = {
	[TYPE_NAME] = { "name", read_name },
	[TYPE_NAMES] = { "array of names", read_names },
	[TYPE_MODE] = { "word", read_mode },
	[TYPE_METHOD] = { "word", read_method },
	[TYPE_URL] = { "URL", read_url },
	[TYPE_HEADERS] = { "object", read_headers },
	[TYPE_SECRET] = { "secret", read_secret },
	[TYPE_POINTER] = { "JSON Pointer", read_pointer },
	[TYPE_POINTERS] = { "array of JSON Pointers", read_pointers },
	[TYPE_BOOL] = { "boolean", read_bool },
	[TYPE_INT] = { "integer", read_int },
	[TYPE_INT64] = { "integer", read_int64 },
	[TYPE_SECONDS] = { "number", read_seconds },
	[TYPE_RATIO] = { "number", read_ratio },
	[TYPE_STATUSES] = { "array of integers", read_statuses },
	[TYPE_LIMITS] = { "array of objects", read_limits },
	[TYPE_GROUP] = { "object", read_members },
	[TYPE_WORDS] = { "array of strings", read_words },
	[TYPE_POLL_URL] = { "URL", vendor__read_poll_url },
};

enum err vendor__read_member(const struct reader *r, const struct member *m, struct json_object *value)
{
	return types[m->type].read(r, m, value, r->base + m->offset);
}

const char *vendor__type_name(enum member_type type) { return types[type].name; }
