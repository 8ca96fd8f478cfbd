#include "rate_headers.h"

#include "outcome.h"

#include <stdlib.h>
#include <string.h>

/* Numbers are read in thousandths: some vendors have fractions of a second. */
enum { MILLI = 1000, ITEMS_MAX = 16, DIGITS_MAX = 15 };

#define SECONDS_SINCE_1970 INT64_C(1000000000)           /* from 2001 on; as a wait that is 31 years */
#define MILLISECONDS_SINCE_1970 INT64_C(100000000000)    /* from 1973 on; as seconds since 1970 that is the year 5138 */

static const int64_t longest_ms = INT64_C(366) * 86400 * 1000;

struct span { const char *at; size_t len; };

static bool is_space(char c) { return c == ' ' || c == '\t'; }

static struct span trim(struct span s)
{
	while (s.len && is_space(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len && is_space(s.at[s.len - 1]))
		s.len--;
	return s;
}

/* Digits, with or without a fraction, in thousandths; -1 if it is anything else. */
static int64_t number(struct span s)
{
	int64_t whole = 0, part = 0, unit = MILLI;
	size_t i = 0;

	for (; i < s.len && s.at[i] >= '0' && s.at[i] <= '9'; i++) {
		if (i == DIGITS_MAX)
			return -1;
		whole = whole * 10 + (s.at[i] - '0');
	}
	if (i == 0)
		return -1;
	if (i < s.len && s.at[i++] != '.')
		return -1;
	if (i == s.len && s.at[i - 1] == '.')
		return -1;
	for (; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9')
			return -1;
		unit /= 10;
		part += (s.at[i] - '0') * unit;
	}
	return whole * MILLI + part;
}

/* ---- Adding up ---- */

static void hear_nonsense(struct rate_said *said)
{
	if (said->says != RATE_SAYS_HOLD)
		said->says = RATE_SAYS_NONSENSE;
}

/* The longest hold counts. One that is over by now is none. */
static void hear_hold(struct rate_said *said, int64_t wait_ms, bool counted)
{
	if (wait_ms > longest_ms) {
		hear_nonsense(said);
	} else if (wait_ms > 0 && (said->says != RATE_SAYS_HOLD || wait_ms > said->wait_ms)) {
		*said = (struct rate_said){ .says = RATE_SAYS_HOLD, .wait_ms = wait_ms, .counted = counted };
	}
}

static void hear_room(struct rate_said *said)
{
	if (said->says == RATE_SAYS_NOTHING)
		said->says = RATE_SAYS_ROOM;
}

/* ---- Two headers ---- */

/* At most ITEMS_MAX parts between commas; more are nonsense: 0. */
static size_t split(const char *text, struct span items[ITEMS_MAX])
{
	size_t n = 0;

	for (;;) {
		size_t len = strcspn(text, ",");

		if (n == ITEMS_MAX)
			return 0;
		items[n++] = trim((struct span){ text, len });
		if (text[len] == '\0')
			return n;
		text += len + 1;
	}
}

static int kind_of(int reset_is, int64_t value)
{
	if (reset_is != RESET_AUTO)
		return reset_is;
	if (value / MILLI >= MILLISECONDS_SINCE_1970)
		return RESET_EPOCH_MS;
	return value / MILLI >= SECONDS_SINCE_1970 ? RESET_EPOCH : RESET_SECONDS;
}

static void hear_reset(const struct rate_rules *rules, struct span text, int64_t now, struct rate_said *said)
{
	int64_t value = number(text);

	if (value < 0) {
		hear_nonsense(said);
		return;
	}
	switch (kind_of(rules->reset_is, value)) {
	case RESET_EPOCH:
		hear_hold(said, value - now, false);
		break;
	case RESET_EPOCH_MS:
		hear_hold(said, value / MILLI - now, false);
		break;
	default:
		hear_hold(said, value, true);
		break;
	}
}

/* A date has a comma of its own. */
static bool hear_date(const struct rate_rules *rules, const char *text, int64_t now, struct rate_said *said)
{
	char first = text[strspn(text, " \t")];

	if (rules->reset_is != RESET_AUTO || !((first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z')))
		return false;
	if (retry_after_parse(text, now) < 0)
		hear_nonsense(said);
	else
		hear_hold(said, retry_after_parse(text, now), false);
	return true;
}

static void hear_pair(const struct rate_rules *rules, const char *remaining, const char *reset, int64_t now,
                      struct rate_said *said)
{
	struct span left[ITEMS_MAX], resets[ITEMS_MAX];
	size_t n_left = split(remaining, left), n_resets = reset ? split(reset, resets) : 0;

	if (n_left == 0)
		hear_nonsense(said);
	for (size_t i = 0; i < n_left; i++) {
		int64_t value = number(left[i]);

		if (value < 0)
			hear_nonsense(said);
		else if (value >= rules->hold_below * MILLI)
			hear_room(said);
		else if (!reset || hear_date(rules, reset, now, said))
			continue;   /* until when is not known, or is now */
		else if (n_resets == 1 || n_resets == n_left)
			hear_reset(rules, resets[n_resets == 1 ? 0 : i], now, said);
		else
			hear_nonsense(said);
	}
}

/* ---- One header ---- */

struct item { int64_t remaining, reset; };   /* in thousandths; -1: not said */

static const struct item no_item = { -1, -1 };

static void hear_item(const struct rate_rules *rules, const struct item *item, struct rate_said *said)
{
	if (item->remaining >= rules->hold_below * MILLI)
		hear_room(said);
	else if (item->remaining >= 0 && item->reset >= 0)
		hear_hold(said, item->reset, true);
}

/* Up to the next comma or semicolon that is not in a string. */
static size_t part_len(const char *text)
{
	bool quoted = false;
	size_t i = 0;

	for (; text[i] && (quoted || (text[i] != ',' && text[i] != ';')); i++) {
		if (quoted && text[i] == '\\' && text[i + 1])
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
	}
	return i;
}

static bool is_called(struct span part, const char *a, const char *b, struct span *value)
{
	const char *equals = memchr(part.at, '=', part.len);
	size_t len = equals ? (size_t)(equals - part.at) : 0;

	if (!len || !((len == strlen(a) && memcmp(part.at, a, len) == 0) || (len == strlen(b) && memcmp(part.at, b, len) == 0)))
		return false;
	*value = (struct span){ equals + 1, part.len - len - 1 };
	return true;
}

static void read_part(struct span part, struct item *item, struct rate_said *said)
{
	struct span value;
	int64_t *field;

	if (is_called(part, "r", "remaining", &value))
		field = &item->remaining;
	else if (is_called(part, "t", "reset", &value))
		field = &item->reset;
	else
		return;
	*field = number(value);
	if (*field < 0)
		hear_nonsense(said);
}

/* A list of limits, each with its parameters; or, in older drafts, one limit as a dictionary. So a limit begins where there
 * is a part without a value. */
static void hear_both(const struct rate_rules *rules, const char *text, struct rate_said *said)
{
	struct item item = no_item;

	for (;;) {
		size_t len = part_len(text);
		struct span part = trim((struct span){ text, len });

		if (!memchr(part.at, '=', part.len) || part.at[0] == '"') {
			hear_item(rules, &item, said);
			item = no_item;
		} else {
			read_part(part, &item, said);
		}
		if (text[len] == '\0')
			break;
		text += len + 1;
	}
	hear_item(rules, &item, said);
}

void rate_values_deinit(struct rate_values *values)
{
	free(values->remaining);
	free(values->reset);
	free(values->header);
	*values = (struct rate_values){ 0 };
}

void rate_headers_read(const struct rate_rules *rules, const struct rate_values *values, bool refused, int64_t now,
                       struct rate_said *said)
{
	*said = (struct rate_said){ .says = RATE_SAYS_NOTHING };
	if (rules->header && values->header)
		hear_both(rules, values->header, said);
	if (rules->remaining && values->remaining)
		hear_pair(rules, values->remaining, values->reset, now, said);
	else if (rules->reset && values->reset && refused)
		hear_pair(rules, "0", values->reset, now, said);
}
