/* Readers of the rules by which results are cleaned. */
#include "buffer.h"
#include "json_strict.h"
#include "mem.h"
#include "vendor_priv.h"

#include <stdlib.h>
#include <string.h>

enum { COUNTRY_DIGITS_MAX = 3, KINDS_BYTES_MAX = 400 };

static const char *bad_part(const char *text)
{
	return text[0] == '\0' ? "is the whole result, not a place in it" : vendor__bad_pointer(text);
}

enum err vendor__read_parts(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	return vendor__read_list(r, m, value, field, bad_part);
}

/* ---- New names ---- */

static bool tokens_meet(const char *a, const char *b)
{
	return strcmp(a, "*") == 0 || strcmp(b, "*") == 0 || strcmp(a, b) == 0;
}

/* Does a member with its new name lie on the way to a place? Places are compared step by step; "*" may be any step. */
static bool leads_to(const struct vendor_rename *renamed, const char *place)
{
	char *from = mem_alloc(strlen(renamed->from) + 1), *to = mem_alloc(strlen(place) + 1);
	const char *rest = renamed->from;
	bool meet = true;

	while (meet && *rest) {
		rest = json_pointer_next(rest, from);
		meet = *place != '\0';
		if (meet) {
			place = json_pointer_next(place, to);
			meet = tokens_meet(*rest ? from : renamed->to, to);
		}
	}
	free(from);
	free(to);
	return meet;
}

/* What one rule names must not be renamed by itself or a rule before it: a second cleaning would go on where the
 * first ended. */
static enum err check_order(const struct reader *r, const struct member *m, const struct vendor_rename *renames,
                            size_t n)
{
	for (size_t i = 0; i <= n; i++)
		if (leads_to(&renames[n], renames[i].from))
			return vendor__fail(r, m, "%.100s becomes \"%.64s\", which %s renames", renames[n].from, renames[n].to,
			                    i == n ? "the same rule" : "a rule before it");
	return ERR_OK;
}

enum err vendor__read_renames(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	struct vendor_rename **renames = field;
	size_t n = 0;

	if (!json_object_is_type(value, json_type_object))
		return vendor__fail(r, m, "must be an object of places and names");
	if (json_object_object_length(value) > m->max)
		return vendor__fail(r, m, "has more than %lld members", (long long)m->max);
	*renames = mem_calloc((size_t)json_object_object_length(value) + 1, sizeof(**renames));
	json_object_object_foreach(value, from, to) {
		const char *name = json_object_is_type(to, json_type_string) ? json_object_get_string(to) : "";
		enum err err;

		if (bad_part(from))
			return vendor__fail(r, m, "\"%.100s\" %s", from, bad_part(from));
		if (name[0] == '\0' || strlen(name) != (size_t)json_object_get_string_len(to))
			return vendor__fail(r, m, "the new name of %.100s must be a string, and not empty", from);
		(*renames)[n] = (struct vendor_rename){ mem_strdup(from), mem_strdup(name) };
		err = check_order(r, m, *renames, n);
		if (err)
			return err;
		n++;
	}
	return ERR_OK;
}

/* ---- Kinds of personal data ---- */

static enum err fail_kind(const struct reader *r, const struct member *m, const char *given)
{
	struct buffer names;
	char *text;

	buffer_init(&names, KINDS_BYTES_MAX);
	for (size_t i = 0; personal_kind_name(i); i++)
		buffer_printf(&names, "%s%s", i ? ", " : "", personal_kind_name(i));
	text = buffer_take(&names, NULL);
	vendor__fail(r, m, "%.40s is none of %s", given, text);
	free(text);
	return ERR_INVALID;
}

enum err vendor__read_kinds(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	unsigned *kinds = field;
	struct reader inside = *r;

	if (!json_object_is_type(value, json_type_array))
		return vendor__fail(r, m, "must be an array of strings");
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		struct json_object *entry = json_object_array_get_idx(value, i);
		const char *name = entry ? json_object_get_string(entry) : "null";

		inside.item = &i;
		if (!personal_kind(name))
			return fail_kind(&inside, m, name);
		*kinds |= personal_kind(name);
	}
	return ERR_OK;
}

enum err vendor__read_country(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
	size_t len = strspn(text, "0123456789");

	if (len == 0 || len > COUNTRY_DIGITS_MAX || text[len] != '\0' || text[0] == '0')
		return vendor__fail(r, m, "must be a string of 1 to %d digits that does not begin with 0", COUNTRY_DIGITS_MAX);
	*(char **)field = mem_strdup(text);
	return ERR_OK;
}
