#include "extra_fields.h"

#include "buffer.h"
#include "json_walk.h"
#include "mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { EXTRAS_MAX = 16, NAME_MAX_LEN = 64 };

/* What the answers to POST /jobs and GET /jobs/{id} have, as it is written there. */
static const char *const members[] = {
	"\"request_id\"", "\"status\"", "\"vendor\"", "\"created_at\"", "\"updated_at\"", "\"completed_at\"",
	"\"attempts\"", "\"result\"", "\"error\"", "\"last_error\"", "\"history\"",
};

enum { MEMBER_COUNT = sizeof(members) / sizeof(members[0]) };

struct extra {
	const char *member;    /* of the table */
	char *name;
};

struct extra_fields {
	struct extra extras[EXTRAS_MAX];
	size_t n;
};

/* ---- Reading the setting ---- */

/* NULL: there is no such member. */
static const char *find_member(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < MEMBER_COUNT; i++)
		if (strlen(members[i]) == len + 2 && memcmp(members[i] + 1, name, len) == 0)
			return members[i];
	return NULL;
}

static bool is_name(const char *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	size_t len = strlen(text);

	return len >= 1 && len <= NAME_MAX_LEN && strchr(letters, text[0]) &&
	       strspn(text + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789.-") == len - 1;
}

static bool is_taken(const struct extra_fields *fields, const char *name)
{
	for (size_t i = 0; i < fields->n; i++)
		if (strcmp(fields->extras[i].name, name) == 0)
			return true;
	return find_member(name) != NULL;
}

static enum err add_name(struct extra_fields *fields, const char *member, const char *name, struct err_text *why)
{
	if (!is_name(name))
		return err_set(why, ERR_INVALID, "\"%.80s\" is no name of 1 to %d letters, digits, '_', '.' and '-'", name,
		               NAME_MAX_LEN);
	if (is_taken(fields, name))
		return err_set(why, ERR_INVALID, "the name \"%s\" is there twice", name);
	if (fields->n == EXTRAS_MAX)
		return err_set(why, ERR_INVALID, "more than %d names", EXTRAS_MAX);
	fields->extras[fields->n++] = (struct extra){ .member = member, .name = mem_strdup(name) };
	return ERR_OK;
}

/* "member=name,name": cuts it up. */
static enum err read_part(struct extra_fields *fields, char *part, struct err_text *why)
{
	char *names = strchr(part, '='), *name;
	const char *member;
	enum err err = ERR_OK;

	if (!names)
		return err_set(why, ERR_INVALID, "\"%.80s\" is not like member=name,name", part);
	*names++ = '\0';
	member = find_member(part);
	if (!member)
		return err_set(why, ERR_INVALID, "answers have no member \"%.80s\"", part);
	while (err == ERR_OK && (name = strsep(&names, ",")))
		err = add_name(fields, member, name, why);
	return err;
}

enum err extra_fields_new(const char *text, struct extra_fields **fields, struct err_text *why)
{
	struct extra_fields *made = mem_calloc(1, sizeof(*made));
	char *copy = mem_strdup(text), *rest = *copy ? copy : NULL, *part;
	enum err err = ERR_OK;

	*fields = NULL;
	while (err == ERR_OK && (part = strsep(&rest, ";")))
		err = read_part(made, part, why);
	free(copy);
	if (err) {
		extra_fields_free(made);
		return err;
	}
	*fields = made;
	return ERR_OK;
}

void extra_fields_free(struct extra_fields *fields)
{
	if (!fields)
		return;
	for (size_t i = 0; i < fields->n; i++)
		free(fields->extras[i].name);
	free(fields);
}

/* ---- Adding them ---- */

static const char answer_end[] = "}\n";

static void add_extras(const struct extra_fields *fields, struct json_piece object, struct buffer *out)
{
	struct json_walk walk = json_walk_of(object);
	struct json_piece member, value;

	while (json_walk_next(&walk, &member, &value))
		for (const struct extra *extra = fields->extras; extra < fields->extras + fields->n; extra++) {
			if (!json_piece_is(member, extra->member))
				continue;
			buffer_printf(out, ",\"%s\":", extra->name);
			buffer_append(out, value.at, value.len);
		}
}

char *extra_fields_add(const struct extra_fields *fields, char *answer, size_t *len)
{
	size_t end_len = strlen(answer_end), longest = *len + NAME_MAX_LEN + strlen(",\"\":");
	struct buffer out;

	if (fields->n == 0 || *len < end_len || memcmp(answer + *len - end_len, answer_end, end_len) != 0)
		return answer;
	buffer_init(&out, *len + fields->n * longest);
	buffer_append(&out, answer, *len - end_len);
	add_extras(fields, (struct json_piece){ answer, *len - strlen("\n") }, &out);
	buffer_append_str(&out, answer_end);
	free(answer);
	return buffer_take(&out, len);
}
