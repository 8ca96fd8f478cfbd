/* Readers of limits, of hours and of the time zones that both go by. */
#include "mem.h"
#include "vendor_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_SIZE = 32, HOUR_MINUTES = 60 };

static enum err count(const struct reader *r, const struct member *m, struct json_object *value, size_t *n)
{
	if (!json_object_is_type(value, json_type_array))
		return vendor__fail(r, m, "must be an array");
	*n = json_object_array_length(value);
	return (int64_t)*n > m->max ? vendor__fail(r, m, "has more than %lld entries", (long long)m->max) : ERR_OK;
}

/* ---- Time zones ---- */

enum err vendor__read_zone(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	const char *name = vendor__string(value), *dir = r->env("TZDIR");
	struct err_text reason;

	if (!name)
		return vendor__fail(r, m, "must be a string");
	if (time_zone_load(dir && dir[0] ? dir : TIME_ZONE_DIR, name, field, &reason) != ERR_OK)
		return vendor__fail(r, m, "%s", reason.text);
	return ERR_OK;
}

/* ---- Limits ---- */

enum err vendor__read_unit(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	static const char *const words[] = { UNITS };
	size_t which;
	enum err err = vendor__read_word(r, m, value, words, sizeof(words) / sizeof(words[0]), &which);

	if (err == ERR_OK)
		*(enum calendar_unit *)field = (enum calendar_unit)(CALENDAR_MINUTE + which);
	return err;
}

/* What is wrong between members, said of this one. */
static enum err refuse(const struct reader *r, const char *name, const char *reason)
{
	if (r->mistakes)
		r->mistakes->placed = false;
	return err_set(r->why, ERR_INVALID, "%s%s: %s", r->shown, name, reason);
}

/* What the members of a limit say together. */
static enum err check_limit(const struct reader *r, struct vendor_limit *limit)
{
	if (limit->unit && limit->per_ms)
		return refuse(r, "per", "per_seconds says already how long it is");
	if (limit->unit && limit->burst)
		return refuse(r, "burst", "goes with per_seconds only");
	if (!limit->unit && limit->time_zone)
		return refuse(r, "time_zone", "goes with per only");
	if (limit->cost > (limit->burst ? limit->burst : limit->calls))
		return refuse(r, "cost", limit->burst ? "is more than burst, so there could never be a call" :
		                                        "is more than calls, so there could never be a call");
	if (limit->unit)
		limit->per_ms = calendar_longest_ms(limit->unit);
	return ERR_OK;
}

static enum err read_limit(const struct reader *r, size_t i, struct json_object *value)
{
	size_t errors = r->mistakes ? r->mistakes->errors : 0;
	char shown[SHOWN_SIZE];
	struct reader inside = *r;
	enum err err;

	snprintf(shown, sizeof(shown), "limits/%zu/", i);
	inside.group = "limits/*/";
	inside.shown = shown;
	inside.base = (char *)&r->vendor->limits[i];
	err = vendor__go_on(r, vendor__read_group(&inside, value));
	if (err)
		return err;
	if (json_object_is_type(value, json_type_object) && !json_object_object_get_ex(value, "per_seconds", NULL) &&
	    !json_object_object_get_ex(value, "per", NULL))
		return vendor__go_on(r, refuse(&inside, "per_seconds", "is missing"));
	if (r->mistakes && r->mistakes->errors > errors)
		return ERR_OK;
	return vendor__go_on(r, check_limit(&inside, &r->vendor->limits[i]));
}

enum err vendor__read_limits(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	size_t n = 0;
	enum err err = count(r, m, value, &n);

	(void)field;
	for (size_t i = 0; err == ERR_OK && i < n; i++)
		err = read_limit(r, i, json_object_array_get_idx(value, i));
	if (err == ERR_OK)
		r->vendor->n_limits = n;
	return err;
}

/* ---- Hours ---- */

static const char *const day_names[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

enum { DAYS = sizeof(day_names) / sizeof(day_names[0]), DAY_NAME_LEN = 3 };

/* DAYS: it is none. */
static int read_day(const char *text)
{
	int day = 0;

	while (day < DAYS && strncmp(text, day_names[day], DAY_NAME_LEN) != 0)
		day++;
	return day;
}

/* A day, or all from one to another. 0: it is neither. */
static unsigned days_of(const char *text)
{
	int day = read_day(text), last = day;
	unsigned days = 0;

	if (day < DAYS && text[DAY_NAME_LEN] == '-')
		last = read_day(text + DAY_NAME_LEN + 1);
	if (day == DAYS || last == DAYS || strlen(text) != (text[DAY_NAME_LEN] == '-' ? 2 * DAY_NAME_LEN + 1 : DAY_NAME_LEN))
		return 0;
	for (days = 1u << last; day != last; day = (day + 1) % DAYS)
		days |= 1u << day;
	return days;
}

enum err vendor__read_days(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	struct reader inside = *r;
	unsigned *days = field;
	size_t n = 0;
	enum err err = count(r, m, value, &n);

	if (err)
		return err;
	if (n == 0)
		return vendor__fail(r, m, "is empty: it would never be open");
	for (size_t i = 0; i < n; i++) {
		const char *text = vendor__string(json_object_array_get_idx(value, i));
		unsigned more = text ? days_of(text) : 0;

		inside.item = &i;
		if (!more)
			return vendor__fail(&inside, m, "must be \"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\" or \"sun\", or two of them "
			                    "like \"mon-fri\"");
		*days |= more;
	}
	return ERR_OK;
}

enum err vendor__read_clock(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	const char *text = vendor__string(value);
	int hour, minute;
	char rest;

	if (!text || strlen(text) != strlen("hh:mm") || strspn(text, "0123456789") != 2 ||
	    sscanf(text, "%2d:%2d%c", &hour, &minute, &rest) != 2 || text[3] < '0' || text[3] > '9' ||
	    minute >= HOUR_MINUTES || hour * HOUR_MINUTES + minute > MINUTES_A_DAY)
		return vendor__fail(r, m, "must be a time like \"08:00\", up to \"24:00\"");
	*(int *)field = hour * HOUR_MINUTES + minute;
	return ERR_OK;
}

static enum err read_hours_of(const struct reader *r, size_t i, struct json_object *value)
{
	struct hours_texts texts = { .days = 0 };
	char shown[SHOWN_SIZE];
	struct reader inside = *r;
	enum err err;

	snprintf(shown, sizeof(shown), "hours/%zu/", i);
	inside.group = "hours/*/";
	inside.shown = shown;
	inside.base = (char *)&texts;
	err = vendor__read_group(&inside, value);
	if (err)
		return err;
	if (texts.from == MINUTES_A_DAY)
		return refuse(&inside, "from", "is the end of a day; the next one begins at \"00:00\"");
	if (texts.from == texts.to)
		return refuse(&inside, "to", "is the same as from; a whole day is from \"00:00\" to \"24:00\"");
	hours_add(&r->vendor->hours, texts.days, texts.from, texts.to);
	return ERR_OK;
}

enum err vendor__read_hours(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	size_t n = 0;
	enum err err = count(r, m, value, &n);

	(void)field;
	for (size_t i = 0; err == ERR_OK && i < n; i++)
		err = vendor__go_on(r, read_hours_of(r, i, json_object_array_get_idx(value, i)));
	return err;
}

static bool are_open(const struct vendor *vendor, int64_t at_ms, int64_t *until_ms)
{
	int64_t until;
	bool open = hours_are_open(&vendor->hours, vendor->time_zone, at_ms / 1000, &until);

	*until_ms = until == INT64_MAX ? until : until * 1000;
	return open;
}

static int64_t later(int64_t at_ms, int64_t ms) { return at_ms == INT64_MAX ? at_ms : at_ms + ms; }

/* Open for the earliest and for the latest clock. */
bool vendor_is_open(const struct vendor *vendor, int64_t now_ms, int64_t *until_ms)
{
	int64_t ignored, early_until, late_until;
	bool early, late;

	until_ms = until_ms ? until_ms : &ignored;
	*until_ms = INT64_MAX;
	if (vendor->hours.n == 0)
		return true;
	late = are_open(vendor, now_ms - VENDOR_CLOCK_SPARE_MS, &late_until);
	early = are_open(vendor, now_ms + VENDOR_CLOCK_SPARE_MS, &early_until);
	if (early && late)
		*until_ms = later(early_until, -VENDOR_CLOCK_SPARE_MS);
	else
		*until_ms = later(early ? late_until : early_until, VENDOR_CLOCK_SPARE_MS);
	return early && late;
}

void vendor__deinit_limits(struct vendor *vendor)
{
	for (size_t i = 0; i < VENDOR_LIMITS_MAX; i++)
		time_zone_free(vendor->limits[i].time_zone);
	time_zone_free(vendor->time_zone);
	hours_deinit(&vendor->hours);
}
