/* One reader for each type of member, and the table of types at the end. The value is what the file has, or the
 * member's fallback. A type's reader and its schema say the same: tests/corpus/vendor has files that both are asked
 * about. */
#include "buffer.h"
#include "json_strict.h"
#include "mem.h"
#include "vendor_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODES "sync", "async", "poll"   /* enum vendor_mode */

enum { PATH_SIZE = 256, REASON_SIZE = 256, SECOND_MS = 1000 };
enum { CHOICES_MAX = 8, STATUS_FIRST = 300, STATUS_LAST = 599, TOO_MANY_REQUESTS = 429 };

const char *vendor__string(struct json_object *value)
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
	const char *text = vendor__string(value);

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

enum err vendor__read_list(const struct reader *r, const struct member *m, struct json_object *value, char ***list,
                           const char *(*bad)(const char *text))
{
	struct reader inside = *r;
	size_t n;

	if (!json_object_is_type(value, json_type_array))
		return vendor__fail(r, m, "must be an array of strings");
	n = json_object_array_length(value);
	if ((int64_t)n > m->max)
		return vendor__fail(r, m, "has more than %lld entries", (long long)m->max);
	*list = mem_calloc(n + 1, sizeof(**list));
	for (size_t i = 0; i < n; i++) {
		enum err err;

		inside.item = &i;
		err = read_checked(&inside, m, json_object_array_get_idx(value, i), &(*list)[i], bad);
		if (err)
			return err;
	}
	return ERR_OK;
}

static enum err read_names(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	return vendor__read_list(r, m, value, field, vendor__bad_name);
}

static const char *bad_removal(const char *text)
{
	return text[0] == '\0' ? "would remove the whole result" : vendor__bad_pointer(text);
}

static enum err read_pointers(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	return vendor__read_list(r, m, value, field, bad_removal);
}

/* One place, or several that are looked at in order. */
static enum err read_places(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	char ***places = field;

	if (json_object_is_type(value, json_type_array) && json_object_array_length(value) > 0)
		return vendor__read_list(r, m, value, places, vendor__bad_pointer);
	if (!json_object_is_type(value, json_type_string))
		return vendor__fail(r, m, "must be a string, or an array of one or more");
	*places = mem_calloc(2, sizeof(**places));
	return read_checked(r, m, value, &(*places)[0], vendor__bad_pointer);
}

static enum err read_header_name(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	return read_checked(r, m, value, field, vendor__bad_header_name);
}

static const char *bad_word(const char *text) { return text[0] == '\0' ? "is empty" : NULL; }

static enum err read_words(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	return vendor__read_list(r, m, value, field, bad_word);
}

enum err vendor__read_word(const struct reader *r, const struct member *m, struct json_object *value,
                           const char *const *words, size_t n, size_t *which)
{
	const char *text = vendor__string(value);
	struct buffer reason;
	enum err err;

	for (*which = 0; text && *which < n; (*which)++)
		if (strcmp(text, words[*which]) == 0)
			return ERR_OK;
	buffer_init(&reason, REASON_SIZE);
	for (size_t i = 0; i < n; i++)
		buffer_printf(&reason, "%s\"%s\"", i == 0 ? "" : i + 1 < n ? ", " : " or ", words[i]);
	err = vendor__fail(r, m, "must be %s", reason.data);
	buffer_deinit(&reason);
	return err;
}

static enum err read_mode(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	static const char *const modes[] = { MODES };
	size_t which;
	enum err err = vendor__read_word(r, m, value, modes, sizeof(modes) / sizeof(modes[0]), &which);

	if (err == ERR_OK)
		*(enum vendor_mode *)field = (enum vendor_mode)which;
	return err;
}

/* One of the words of its type, as the number of the word. */
static enum err read_choice(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	static const char *const words[TYPE_COUNT][CHOICES_MAX] = {
		[TYPE_AUTH_KIND] = { AUTH_KINDS },
		[TYPE_AUTH_PLACE] = { AUTH_PLACES },
		[TYPE_CALLBACK_AUTH_KIND] = { CALLBACK_AUTH_KINDS },
		[TYPE_KEY_ENCODING] = { KEY_ENCODINGS },
		[TYPE_DIGEST] = { DIGESTS },
		[TYPE_SIGNATURE_ENCODING] = { SIGNATURE_ENCODINGS },
		[TYPE_CLIENT_AUTH] = { CLIENT_AUTHS },
		[TYPE_RESET_IS] = { RESET_KINDS },
	};
	size_t n = 0, which;
	enum err err;

	while (n < CHOICES_MAX && words[m->type][n])
		n++;
	err = vendor__read_word(r, m, value, words[m->type], n, &which);
	if (err == ERR_OK)
		*(int *)field = (int)which;
	return err;
}

enum err vendor__read_resolved(const struct reader *r, const struct member *m, struct json_object *value,
                               char **field, const char *(*bad)(const char *text))
{
	const char *text = vendor__string(value);
	struct err_text reason = { "" };

	if (!text)
		return vendor__fail(r, m, "must be a string");
	if (vendor__resolve(r, text, field, &reason) != ERR_OK)
		return vendor__fail(r, m, "%s", reason.text);
	return bad(*field) ? vendor__fail(r, m, "%s", bad(*field)) : ERR_OK;
}

static enum err read_secret(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	enum err err = vendor__read_resolved(r, m, value, field, vendor__bad_secret);

	if (err == ERR_OK)
		vendor__keep_secret(r->vendor, *(char **)field, strlen(*(char **)field));
	return err;
}

/* As it is written: whoever uses it resolves what is in it. */
static enum err read_text(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	const char *text = vendor__string(value);

	if (!text)
		return vendor__fail(r, m, "must be a string");
	if ((int64_t)strlen(text) < m->min)
		return vendor__fail(r, m, "is empty");
	*(char **)field = mem_strdup(text);
	return ERR_OK;
}

static enum err read_secret_text(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	enum err err = read_text(r, m, value, field);

	if (err == ERR_OK)
		vendor__keep_written(r->vendor, *(char **)field);
	return err;
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
	struct reader inside = *r;
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

		inside.item = &i;
		if (!json_object_is_type(entry, json_type_int) || status < STATUS_FIRST || status > STATUS_LAST)
			return vendor__fail(&inside, m, "%s is not a status between %d and %d", entry ? json_object_get_string(entry) : "null",
			                    STATUS_FIRST, STATUS_LAST);
		if (status == TOO_MANY_REQUESTS)
			return vendor__fail(&inside, m, "429 is always tried again when the vendor lets us");
		(*statuses)[i] = (int)status;
	}
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

/* Whatever it is, it is the editor's. */
static enum err read_for_editors(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	(void)field;
	return vendor__string(value) ? ERR_OK : vendor__fail(r, m, "must be a string");
}

/* ---- The table of types ---- */

#define QUOTE(...) #__VA_ARGS__
#define WORDS_SCHEMA(...) "{\"enum\":[" QUOTE(__VA_ARGS__) "]}"
#define LIST_SCHEMA(entry) "{\"type\":\"array\",\"items\":" entry "}"

#define NAME_SCHEMA "{\"type\":\"string\",\"maxLength\":64,\"pattern\":\"^[A-Za-z0-9][A-Za-z0-9._-]*$\"}"
#define POINTER_SCHEMA "{\"type\":\"string\",\"pattern\":\"^(/([^~\\\\u0000]|~[01])*)?$\"}"
#define REMOVAL_SCHEMA "{\"type\":\"string\",\"pattern\":\"^/([^~\\\\u0000]|~[01])*$\"}"
#define WORD_SCHEMA "{\"type\":\"string\",\"pattern\":\"^[^\\\\u0000]+$\"}"
#define STATUS_SCHEMA "{\"type\":\"integer\",\"minimum\":300,\"maximum\":599,\"not\":{\"const\":429}}"

/* A text begins with a reference or with a scheme and a host, and has printable characters between its references. */
#define REFERENCE "[$][{][^}]*[}]"
#define URL_SCHEMA(characters) "{\"type\":\"string\",\"pattern\":\"^(?=[$][{]|[Hh][Tt][Tt][Pp][Ss]?://[^/?#:@])" \
	"(" REFERENCE "|[$](?![{])|[" characters "])*$\"}"
#define HEADER_NAME_SCHEMA "{\"pattern\":\"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$\",\"not\":{\"pattern\":" \
	"\"^([Cc][Oo][Nn][Tt][Ee][Nn][Tt]-[Ll][Ee][Nn][Gg][Tt][Hh]|[Cc][Oo][Nn][Nn][Ee][Cc][Tt][Ii][Oo][Nn]" \
	"|[Tt][Rr][Aa][Nn][Ss][Ff][Ee][Rr]-[Ee][Nn][Cc][Oo][Dd][Ii][Nn][Gg]|[Uu][Pp][Gg][Rr][Aa][Dd][Ee])$\"}}"
#define HEADERS_SCHEMA "{\"type\":\"object\",\"propertyNames\":" HEADER_NAME_SCHEMA "," \
	"\"additionalProperties\":{\"type\":\"string\",\"pattern\":\"^[^\\\\u0000-\\\\u0008\\\\u000a-\\\\u001f\\\\u007f]*$\"}}"
#define TEXT_SCHEMA "{\"type\":\"string\",\"pattern\":\"^[^\\\\u0000]*$\"}"
#define QUERY_SCHEMA "{\"type\":\"object\",\"propertyNames\":{\"not\":{\"pattern\":\"[$][{]\"}}," \
	"\"additionalProperties\":" TEXT_SCHEMA "}"
#define RANGE_SCHEMA "{\"type\":[\"integer\",\"string\"],\"minimum\":100,\"maximum\":599," \
	"\"pattern\":\"^[1-5][0-9][0-9]-[1-5][0-9][0-9]$\",\"not\":{\"const\":429}}"
#define SIMPLE_SCHEMA "{\"maxItems\":0,\"maxProperties\":0}"
#define PLACES_SCHEMA "{\"type\":[\"string\",\"array\"],\"pattern\":\"^(/([^~\\\\u0000]|~[01])*)?$\"," \
	"\"items\":" POINTER_SCHEMA ",\"minItems\":1}"
#define SECRETS_SCHEMA "{\"type\":[\"string\",\"array\"],\"minLength\":1,\"minItems\":1," \
	"\"items\":{\"type\":\"string\",\"minLength\":1}}"
#define RENAMES_SCHEMA "{\"type\":\"object\",\"propertyNames\":" REMOVAL_SCHEMA ",\"additionalProperties\":" WORD_SCHEMA "}"

/* Of a limit exactly one of the two says how long it is; and what goes only with one of them. */
#define LIMITS_SCHEMA "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"oneOf\":[{\"required\":[\"per_seconds\"]}," \
	"{\"required\":[\"per\"]}],\"dependentRequired\":{\"burst\":[\"per_seconds\"],\"time_zone\":[\"per\"]}}}"
#define ZONE_SCHEMA "{\"type\":\"string\",\"maxLength\":64,\"pattern\":\"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$\"}"
#define DAY "(mon|tue|wed|thu|fri|sat|sun)"
#define DAYS_SCHEMA "{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"string\",\"pattern\":\"^" DAY "(-" DAY ")?$\"}}"
#define CLOCK_SCHEMA "{\"type\":\"string\",\"pattern\":\"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$\"}"

/* Every row fills every column: a type that forgets its schema, or what may be shown of it, fails
 * tests/unit/test_vendor_schema.c, and does not compile with clang -Wextra -Werror. */
static const struct type types[TYPE_COUNT] = {
	[TYPE_NAME] = { "name", read_name, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, NAME_SCHEMA, vendor__show_all },
	[TYPE_NAMES] = { "array of names", read_names, BOUNDS_OF_ENTRIES, ROWS_OF_NOTHING, LIST_SCHEMA(NAME_SCHEMA),
	                 vendor__show_all },
	[TYPE_MODE] = { "word", read_mode, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, WORDS_SCHEMA(MODES), vendor__show_all },
	[TYPE_METHOD] = { "word", vendor__read_method, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, WORDS_SCHEMA(METHODS), vendor__show_all },
	[TYPE_URL] = { "URL", vendor__read_url, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, URL_SCHEMA("!\\\"%-~"), vendor__show_url },
	[TYPE_HEADERS] = { "object", vendor__read_headers, BOUNDS_OF_MEMBERS, ROWS_OF_NOTHING, HEADERS_SCHEMA, vendor__show_named },
	[TYPE_SECRET] = { "secret", read_secret, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, "{\"type\":\"string\",\"minLength\":1}",
	                  vendor__show_secret },
	[TYPE_POINTER] = { "JSON Pointer", read_pointer, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, POINTER_SCHEMA, vendor__show_all },
	[TYPE_POINTERS] = { "array of JSON Pointers", read_pointers, BOUNDS_OF_ENTRIES, ROWS_OF_NOTHING, LIST_SCHEMA(REMOVAL_SCHEMA),
	                    vendor__show_all },
	[TYPE_BOOL] = { "boolean", read_bool, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, "{\"type\":\"boolean\"}", vendor__show_all },
	[TYPE_INT] = { "integer", read_int, BOUNDS_OF_NUMBER, ROWS_OF_NOTHING, "{\"type\":\"integer\"}", vendor__show_all },
	[TYPE_INT64] = { "integer", read_int64, BOUNDS_OF_NUMBER, ROWS_OF_NOTHING, "{\"type\":\"integer\"}", vendor__show_all },
	[TYPE_SECONDS] = { "number", read_seconds, BOUNDS_OF_SECONDS, ROWS_OF_NOTHING, "{\"type\":\"number\"}", vendor__show_all },
	[TYPE_RATIO] = { "number", read_ratio, BOUNDS_OF_NUMBER, ROWS_OF_NOTHING, "{\"type\":\"number\"}", vendor__show_all },
	[TYPE_STATUSES] = { "array of integers", read_statuses, BOUNDS_OF_ENTRIES, ROWS_OF_NOTHING, LIST_SCHEMA(STATUS_SCHEMA),
	                    vendor__show_all },
	[TYPE_LIMITS] = { "array of objects", vendor__read_limits, BOUNDS_OF_ENTRIES, ROWS_OF_ENTRIES, LIMITS_SCHEMA, vendor__show_all },
	[TYPE_GROUP] = { "object", read_members, BOUNDS_OF_NOTHING, ROWS_OF_OBJECT, "{\"type\":\"object\"}", vendor__show_all },
	[TYPE_QUERY] = { "object", vendor__read_query, BOUNDS_OF_MEMBERS, ROWS_OF_NOTHING, QUERY_SCHEMA, vendor__show_named },
	[TYPE_BODY_FORMAT] = { "word", vendor__read_body_format, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, WORDS_SCHEMA(BODY_FORMATS),
	                       vendor__show_all },
	[TYPE_BODY] = { "any JSON", vendor__read_body, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, "{}", vendor__show_named },
	[TYPE_AUTH] = { "object", vendor__read_auth, BOUNDS_OF_NOTHING, ROWS_OF_OBJECT, "{\"type\":\"object\"}", vendor__show_auth },
	[TYPE_AUTH_KIND] = { "word", read_choice, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, WORDS_SCHEMA(AUTH_KINDS), vendor__show_all },
	[TYPE_AUTH_PLACE] = { "word", read_choice, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, WORDS_SCHEMA(AUTH_PLACES), vendor__show_all },
	[TYPE_KEY_ENCODING] = { "word", read_choice, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, WORDS_SCHEMA(KEY_ENCODINGS),
	                        vendor__show_all },
	[TYPE_DIGEST] = { "word", read_choice, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, WORDS_SCHEMA(DIGESTS), vendor__show_all },
	[TYPE_SIGNATURE_ENCODING] = { "word", read_choice, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, WORDS_SCHEMA(SIGNATURE_ENCODINGS),
	                              vendor__show_all },
	[TYPE_RESET_IS] = { "word", read_choice, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, WORDS_SCHEMA(RESET_KINDS), vendor__show_all },
	[TYPE_CALLBACK_AUTH] = { "object", vendor__read_callback_auth, BOUNDS_OF_NOTHING, ROWS_OF_OBJECT, "{\"type\":\"object\"}",
	                         vendor__show_callback_auth },
	[TYPE_CALLBACK_AUTH_KIND] = { "word", read_choice, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, WORDS_SCHEMA(CALLBACK_AUTH_KINDS),
	                              vendor__show_all },
	[TYPE_SECRETS] = { "secret or array", vendor__read_secrets, BOUNDS_OF_ENTRIES, ROWS_OF_NOTHING, SECRETS_SCHEMA,
	                   vendor__show_secrets },
	[TYPE_NETWORKS] = { "array of networks", vendor__read_networks, BOUNDS_OF_ENTRIES, ROWS_OF_NOTHING,
	                    LIST_SCHEMA("{\"type\":\"string\",\"pattern\":\"^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$\"}"), vendor__show_all },
	[TYPE_TEXT] = { "text", read_text, BOUNDS_OF_BYTES, ROWS_OF_NOTHING, TEXT_SCHEMA, vendor__show_all },
	[TYPE_SECRET_TEXT] = { "secret", read_secret_text, BOUNDS_OF_BYTES, ROWS_OF_NOTHING, TEXT_SCHEMA, vendor__show_secret },
	[TYPE_TOKEN_URL] = { "URL", vendor__read_token_url, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, URL_SCHEMA("!\\\"%-~"), vendor__show_url },
	[TYPE_PARAMETERS] = { "object", vendor__read_parameters, BOUNDS_OF_MEMBERS, ROWS_OF_NOTHING, QUERY_SCHEMA, vendor__show_named },
	[TYPE_CLIENT_AUTH] = { "word", read_choice, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, WORDS_SCHEMA(CLIENT_AUTHS), vendor__show_all },
	[TYPE_VERDICTS] = { "array of objects", vendor__read_verdicts, BOUNDS_OF_ENTRIES, ROWS_OF_ENTRIES, "{\"type\":\"array\"}",
	                    vendor__show_all },
	[TYPE_RANGES] = { "array of integers and ranges", vendor__read_ranges, BOUNDS_OF_ENTRIES, ROWS_OF_NOTHING,
	                  LIST_SCHEMA(RANGE_SCHEMA), vendor__show_all },
	[TYPE_EQUALS] = { "JSON", vendor__read_equals, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, SIMPLE_SCHEMA, vendor__show_all },
	[TYPE_VALUES] = { "array of JSON", vendor__read_values, BOUNDS_OF_ENTRIES, ROWS_OF_NOTHING,
	                  "{\"type\":\"array\",\"minItems\":1,\"items\":" SIMPLE_SCHEMA "}", vendor__show_all },
	[TYPE_EXISTS] = { "boolean", vendor__read_exists, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, "{\"type\":\"boolean\"}", vendor__show_all },
	[TYPE_VERDICT] = { "word", vendor__read_verdict, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING,
	                   WORDS_SCHEMA(RESPONSE_VERDICTS), vendor__show_all },
	[TYPE_CALLBACK_VERDICT] = { "word", vendor__read_callback_verdict, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING,
	                            WORDS_SCHEMA(CALLBACK_VERDICTS), vendor__show_all },
	[TYPE_JSON] = { "JSON", vendor__read_json, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, "{}", vendor__show_all },
	[TYPE_PLACES] = { "JSON Pointer or array", read_places, BOUNDS_OF_ENTRIES, ROWS_OF_NOTHING, PLACES_SCHEMA, vendor__show_all },
	[TYPE_HEADER_NAME] = { "header name", read_header_name, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING,
	                       "{\"type\":\"string\",\"allOf\":[" HEADER_NAME_SCHEMA "]}", vendor__show_all },
	[TYPE_WORDS] = { "array of strings", read_words, BOUNDS_OF_ENTRIES, ROWS_OF_NOTHING, LIST_SCHEMA(WORD_SCHEMA),
	                 vendor__show_all },
	[TYPE_RENAMES] = { "object", vendor__read_renames, BOUNDS_OF_MEMBERS, ROWS_OF_NOTHING, RENAMES_SCHEMA, vendor__show_all },
	[TYPE_PARTS] = { "array of JSON Pointers", vendor__read_parts, BOUNDS_OF_ENTRIES, ROWS_OF_NOTHING, LIST_SCHEMA(REMOVAL_SCHEMA),
	                 vendor__show_all },
	[TYPE_KINDS] = { "array of words", vendor__read_kinds, BOUNDS_OF_ENTRIES, ROWS_OF_NOTHING,
	                 LIST_SCHEMA("{\"type\":\"string\"}"), vendor__show_all },
	[TYPE_COUNTRY] = { "digits", vendor__read_country, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING,
	                   "{\"type\":\"string\",\"pattern\":\"^[1-9][0-9]{0,2}$\"}", vendor__show_all },
	[TYPE_POLL_METHOD] = { "word", vendor__read_poll_method, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, WORDS_SCHEMA(POLL_METHODS),
	                       vendor__show_all },
	[TYPE_ZONE] = { "time zone", vendor__read_zone, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, ZONE_SCHEMA, vendor__show_all },
	[TYPE_UNIT] = { "word", vendor__read_unit, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, WORDS_SCHEMA(UNITS), vendor__show_all },
	[TYPE_HOURS] = { "array of objects", vendor__read_hours, BOUNDS_OF_ENTRIES, ROWS_OF_ENTRIES, "{\"type\":\"array\"}",
	                 vendor__show_all },
	[TYPE_DAYS] = { "array of days", vendor__read_days, BOUNDS_OF_ENTRIES, ROWS_OF_NOTHING, DAYS_SCHEMA, vendor__show_all },
	[TYPE_CLOCK] = { "time", vendor__read_clock, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, CLOCK_SCHEMA, vendor__show_all },
	[TYPE_REASONS] = { "array of words", vendor__read_reasons, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING,
	                   LIST_SCHEMA(WORDS_SCHEMA(FALLBACK_REASON_NAMES)), vendor__show_all },
	[TYPE_FOR_EDITORS] = { "string", read_for_editors, BOUNDS_OF_NOTHING, ROWS_OF_NOTHING, TEXT_SCHEMA, vendor__show_all },
};

enum err vendor__read_member(const struct reader *r, const struct member *m, struct json_object *value)
{
	return types[m->type].read(r, m, value, r->base + m->offset);
}

const struct type *vendor__type(enum member_type type) { return &types[type]; }
