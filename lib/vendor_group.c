/* Vendors that share an account: which they are, and that their files say the same of what they share. */
#include "mem.h"
#include "vendor_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A vendor of a group; sorted by group, then in order of the files. */
struct entry { const char *group; size_t vendor; };

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->group, y->group);

	return order ? order : (x->vendor > y->vendor) - (x->vendor < y->vendor);
}

static size_t list_entries(const struct vendor_set *set, struct entry **entries)
{
	size_t n = 0;

	*entries = mem_calloc(set->n + 1, sizeof(**entries));
	for (size_t i = 0; i < set->n; i++)
		if (set->vendors[i].group_name)
			(*entries)[n++] = (struct entry){ set->vendors[i].group_name, i };
	qsort(*entries, n, sizeof(**entries), compare);
	return n;
}

static bool is_first(const struct entry *entries, size_t i)
{
	return i == 0 || strcmp(entries[i - 1].group, entries[i].group) != 0;
}

/* ---- What has to be the same ---- */

static const char *zone_of(const struct vendor *vendor, const struct vendor_limit *limit)
{
	return time_zone_name(limit->time_zone ? limit->time_zone : vendor->time_zone);
}

static bool same_limit(const struct vendor *x, const struct vendor_limit *a, const struct vendor *y, const struct vendor_limit *b)
{
	return a->calls == b->calls && a->per_ms == b->per_ms && a->burst == b->burst && a->cost == b->cost && a->unit == b->unit &&
	       (!a->unit || strcmp(zone_of(x, a), zone_of(y, b)) == 0);
}

/* How many of the vendor's limits are as this one of `of`. */
static size_t count_limit(const struct vendor *vendor, const struct vendor *of, const struct vendor_limit *limit)
{
	size_t n = 0;

	for (size_t i = 0; i < vendor->n_limits; i++)
		n += same_limit(vendor, &vendor->limits[i], of, limit);
	return n;
}

/* In any order. */
static bool same_limits(const struct vendor *a, const struct vendor *b)
{
	bool same = a->n_limits == b->n_limits;

	for (size_t i = 0; same && i < a->n_limits; i++)
		same = count_limit(a, a, &a->limits[i]) == count_limit(b, a, &a->limits[i]);
	return same;
}

static const char *differing_member(const struct vendor *a, const struct vendor *b)
{
	if (!same_limits(a, b))
		return "limits";
	return a->max_in_flight != b->max_in_flight ? "max_in_flight" : NULL;
}

void vendor__find_misfits(const struct vendor_set *set, vendor_misfit_fn on_misfit, void *arg)
{
	struct entry *entries;
	size_t n = list_entries(set, &entries), first = 0;
	struct err_text text;

	for (size_t i = 0; i < n; i++) {
		size_t vendor = entries[i].vendor, leader;
		const char *member;

		if (is_first(entries, i))
			first = i;
		leader = entries[first].vendor;
		member = differing_member(&set->vendors[leader], &set->vendors[vendor]);
		if (i - first == VENDOR_GROUP_MAX) {
			err_set(&text, ERR_INVALID, "group: more than %d vendors are in \"%s\"", VENDOR_GROUP_MAX, entries[i].group);
			on_misfit(arg, vendor, "group", text.text);
		} else if (member) {
			err_set(&text, ERR_INVALID, "%s: not the same as in %.190s, which is in the group \"%s\", too", member,
			        set->paths[leader], entries[i].group);
			on_misfit(arg, vendor, member, text.text);
		}
	}
	free(entries);
}

/* ---- The groups of a set ---- */

struct refusal {
	const struct vendor_set *set;
	enum err err;
	struct err_text *why;
};

static void refuse(void *arg, size_t vendor, const char *member, const char *text)
{
	struct refusal *refusal = arg;

	(void)member;
	if (refusal->err == ERR_OK)
		refusal->err = err_set(refusal->why, ERR_INVALID, "%.120s: %.380s", refusal->set->paths[vendor], text);
}

static void begin_group(struct vendor_set *set, const char *name)
{
	struct vendor_group *group = &set->groups[set->n_groups++];

	snprintf(group->account, sizeof(group->account), "@%s", name);
	group->members = mem_calloc(VENDOR_GROUP_MAX + 1, sizeof(*group->members));
}

enum err vendor__make_groups(struct vendor_set *set, struct err_text *why)
{
	struct refusal refusal = { .set = set, .err = ERR_OK, .why = why };
	struct entry *entries;
	size_t n;

	vendor__find_misfits(set, refuse, &refusal);
	if (refusal.err != ERR_OK)
		return refusal.err;
	n = list_entries(set, &entries);
	set->groups = mem_calloc(n + 1, sizeof(*set->groups));   /* vendors point into it: it never moves */
	for (size_t i = 0; i < n; i++) {
		struct vendor *vendor = &set->vendors[entries[i].vendor];
		struct vendor_group *group;

		if (is_first(entries, i))
			begin_group(set, entries[i].group);
		group = &set->groups[set->n_groups - 1];
		group->members[group->n_members++] = vendor->name;
		vendor->group = group;
	}
	free(entries);
	return ERR_OK;
}

void vendor__free_groups(struct vendor_set *set)
{
	for (size_t i = 0; i < set->n_groups; i++)
		free(set->groups[i].members);
	free(set->groups);
}
