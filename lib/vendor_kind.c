/* Objects whose type says which members they have: auth, callback/auth. */
#include "vendor_priv.h"

#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 64 };

static bool is_among(const char *const names[KIND_MEMBERS_MAX], const char *name)
{
	for (int i = 0; i < KIND_MEMBERS_MAX && names[i]; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool is_of_kind(const struct member_kind *kind, const char *name)
{
	return strcmp(name, "type") == 0 || is_among(kind->needs, name) || is_among(kind->takes, name);
}

static enum err check_needs(const struct reader *r, struct json_object *object, const char *group, const char *kind_name,
                            const struct member_kind *kind, bool *has_all)
{
	char path[PATH_SIZE];
	const struct member m = { .path = path };

	*has_all = true;
	for (int i = 0; i < KIND_MEMBERS_MAX && kind->needs[i]; i++) {
		enum err err;

		if (json_object_object_get_ex(object, kind->needs[i], NULL))
			continue;
		*has_all = false;
		snprintf(path, sizeof(path), "%s%s", group, kind->needs[i]);
		err = vendor__go_on(r, vendor__fail(r, &m, "is missing, type %s needs it", kind_name));
		if (err)
			return err;
	}
	return ERR_OK;
}

/* A member of another kind is a misunderstanding, and perhaps a call that nobody signs. */
static enum err refuse_others(const struct reader *r, struct json_object *object, const char *group,
                              const char *kind_name, const struct member_kind *kind)
{
	char path[PATH_SIZE];
	const struct member m = { .path = path };

	json_object_object_foreach(object, name, unused) {
		enum err err;

		(void)unused;
		if (is_of_kind(kind, name))
			continue;
		snprintf(path, sizeof(path), "%s%s", group, name);
		err = vendor__go_on(r, vendor__fail(r, &m, "type %s has no use for it", kind_name));
		if (err)
			return err;
	}
	return ERR_OK;
}

enum err vendor__check_kind(const struct reader *r, struct json_object *object, const char *group, const char *kind_name,
                            const struct member_kind *kind, bool *has_all)
{
	enum err err = check_needs(r, object, group, kind_name, kind, has_all);

	return err ? err : refuse_others(r, object, group, kind_name, kind);
}

size_t vendor__kind_of(struct json_object *value, const char *const *names, size_t n)
{
	struct json_object *type;
	const char *name = json_object_object_get_ex(value, "type", &type) ? json_object_get_string(type) : "";
	size_t kind = 0;

	while (kind < n - 1 && strcmp(names[kind], name) != 0)
		kind++;
	return kind;
}

struct json_object *vendor__show_kind(struct json_object *value, const struct member_kind *kind)
{
	struct json_object *shown = json_object_new_object();

	json_object_object_foreach(value, member, entry)
		if (is_of_kind(kind, member))
			json_object_object_add(shown, member, json_object_get(entry));
	return shown;
}
