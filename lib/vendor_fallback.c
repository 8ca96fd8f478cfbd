/* The reader of fallback/on, and what the lists of several files say together. */
#include "vendor_priv.h"

#include <stdio.h>
#include <string.h>

enum { WAY_SIZE = 400 };

enum err vendor__read_reasons(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	static const char *const names[FALLBACK_REASONS] = { FALLBACK_REASON_NAMES };
	struct reader inside = *r;
	unsigned *on = field;

	if (!json_object_is_type(value, json_type_array))
		return vendor__fail(r, m, "must be an array of strings");
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		size_t which;
		enum err err;

		inside.item = &i;
		err = vendor__read_word(&inside, m, json_object_array_get_idx(value, i), names, FALLBACK_REASONS, &which);
		if (err)
			return err;
		*on |= FALLBACK_BIT(which);
	}
	return ERR_OK;
}

/* The way of a job up to this entry of the list, for messages. */
static void put_way(const struct vendor *vendor, size_t entry, char way[WAY_SIZE])
{
	size_t len = (size_t)snprintf(way, WAY_SIZE, "%s", vendor->name ? vendor->name : "it");

	for (size_t i = 0; i <= entry && len < WAY_SIZE; i++)
		len += (size_t)snprintf(way + len, WAY_SIZE - len, " -> %s", vendor->fallback.vendors[i]);
}

enum err vendor__check_fallback(const struct vendor_set *set, size_t vendor, size_t entry, struct err_text *why)
{
	const struct vendor *own = &set->vendors[vendor], *next = vendor_find(set, own->fallback.vendors[entry]);
	bool again = next == own;
	char way[WAY_SIZE];

	if (!next)
		return err_set(why, ERR_NOT_FOUND, "fallback/vendors: there is no vendor \"%s\"", own->fallback.vendors[entry]);
	for (size_t i = 0; i < entry; i++)
		again |= vendor_find(set, own->fallback.vendors[i]) == next;
	if (!again)
		return ERR_OK;
	put_way(own, entry, way);
	return err_set(why, ERR_INVALID, "fallback/vendors: a job would come to \"%s\" twice: %s", own->fallback.vendors[entry], way);
}

static void may_leave(struct vendor *vendor, const struct fallback_rules *rules)
{
	bool is_first = !(vendor->leaving.on & FALLBACK_BIT(FALLBACK_EXHAUSTED));

	vendor->leaving.on |= rules->on & (FALLBACK_BIT(FALLBACK_OPEN) | FALLBACK_BIT(FALLBACK_EXHAUSTED));
	if (rules->on & FALLBACK_BIT(FALLBACK_EXHAUSTED) && (is_first || rules->after_ms < vendor->leaving.after_ms))
		vendor->leaving.after_ms = rules->after_ms;
}

/* All of a way but the last. */
void vendor__link_fallbacks(struct vendor_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct fallback_rules *rules = &set->vendors[i].fallback;
		struct vendor *at = &set->vendors[i];

		for (char **name = rules->vendors; *name; name++) {
			may_leave(at, rules);
			at = &set->vendors[vendor_find(set, *name) - set->vendors];
		}
	}
}
