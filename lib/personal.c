#include "personal.h"

#include "ascii.h"
#include "buffer.h"
#include "mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	CARD_DIGITS_MIN = 13, CARD_DIGITS_MAX = 19,
	PHONE_DIGITS_MIN = 8, PHONE_DIGITS_MAX = 15,     /* E.164, after the prefix */
	PASSES_MAX = 8,
};

/* ---- Characters ---- */

static bool is_wide(char c) { return (unsigned char)c >= 0x80; }

static bool begins_word(const char *text, size_t at) { return at == 0 || !ascii_is_alnum(text[at - 1]); }
static bool ends_word(const char *text, size_t len, size_t end) { return end == len || !ascii_is_alnum(text[end]); }

/* Bytes of the one hyphen, dot or blank at a place, also as typesetters write them; 0: there is none. */
static size_t separator_at(const char *text, size_t len, size_t at)
{
	static const char *const wide[] = {
		"\xc2\xa0", "\xe2\x80\x89", "\xe2\x80\xaf",                                  /* no-break and thin spaces */
		"\xe2\x80\x90", "\xe2\x80\x91", "\xe2\x80\x92", "\xe2\x80\x93", "\xe2\x88\x92",   /* hyphens, dashes, minus */
	};

	if (at < len && (text[at] == '-' || text[at] == '.' || text[at] == ' '))
		return 1;
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
		if (len - at >= strlen(wide[i]) && memcmp(text + at, wide[i], strlen(wide[i])) == 0)
			return strlen(wide[i]);
	return 0;
}

/* ---- Matching: bytes of a value of the kind that begins at a place; 0: none does ---- */

static bool is_local(char c) { return ascii_is_alnum(c) || is_wide(c) || (c != '\0' && strchr("._%+-", c)); }

/* From a domain's label on, where its letters end if it can be the last one; else 0. */
static size_t end_of_top_level(const char *text, size_t len, size_t label)
{
	size_t end = label;

	while (end < len && (ascii_is_letter(text[end]) || is_wide(text[end])))
		end++;
	return end - label >= 2 && ends_word(text, len, end) ? end : 0;
}

static size_t match_email(const char *text, size_t len, size_t at)
{
	size_t i = at, end = 0;

	if (at > 0 && is_local(text[at - 1]))
		return 0;
	while (i < len && is_local(text[i]))
		i++;
	if (i == at || i == len || text[i] != '@')
		return 0;
	for (bool first = true;; first = false) {
		size_t label = ++i, top = first ? 0 : end_of_top_level(text, len, label);

		if (top)
			end = top;
		while (i < len && (ascii_is_alnum(text[i]) || is_wide(text[i]) || text[i] == '-'))
			i++;
		if (i == label || i == len || text[i] != '.')
			return end ? end - at : 0;
	}
}

/* Luhn's check digit (ISO/IEC 7812-1). */
static bool is_luhn(const char *digits, int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++) {
		int digit = digits[n - 1 - i] - '0';

		if (i % 2 == 1)
			digit = digit < 5 ? digit * 2 : digit * 2 - 9;
		sum += digit;
	}
	return sum % 10 == 0;
}

/* The longest that has a right number of digits, the check digit, and no digit after it. */
static size_t match_card(const char *text, size_t len, size_t at)
{
	char digits[CARD_DIGITS_MAX];
	size_t i = at, end = 0;
	int n = 0;

	if (!begins_word(text, at))
		return 0;
	while (i < len && ascii_is_digit(text[i]) && n < CARD_DIGITS_MAX) {
		digits[n++] = text[i++];
		if (n >= CARD_DIGITS_MIN && ends_word(text, len, i) && is_luhn(digits, n))
			end = i;
		i += separator_at(text, len, i);
	}
	return end ? end - at : 0;
}

/* An international number: + or 00, then digits in groups. */
static size_t match_phone(const char *text, size_t len, size_t at)
{
	size_t i = at, end = 0;
	int n = 0;

	if (!begins_word(text, at) || (at > 0 && text[at - 1] == '+'))
		return 0;
	if (text[at] == '+')
		i += 1;
	else if (len - at >= 2 && text[at] == '0' && text[at + 1] == '0')
		i += 2;
	else
		return 0;
	while (i < len && ascii_is_digit(text[i]) && n < PHONE_DIGITS_MAX) {
		n++;
		i++;
		if (n >= PHONE_DIGITS_MIN && ends_word(text, len, i))
			end = i;
		/* "+44 (0)20", "+1 (555) 123" */
		for (int k = 0; k < 2 && i < len && !ascii_is_digit(text[i]); k++)
			i += text[i] == '(' || text[i] == ')' || text[i] == '/' ? 1 : separator_at(text, len, i);
	}
	return end ? end - at : 0;
}

static bool fits(char c, char shape)
{
	return shape == 'd' ? ascii_is_digit(c) : shape == 'A' ? ascii_is_letter(c) : c == shape;
}

/* A shape: d a digit, A a letter, - a hyphen, dot or blank, ~ the same or nothing, all else itself. */
static size_t match_shape(const char *shape, const char *text, size_t len, size_t at)
{
	size_t i = at, n;

	if (!begins_word(text, at))
		return 0;
	for (; *shape; shape++) {
		if (*shape == '-' || *shape == '~') {
			n = separator_at(text, len, i);
			if (n == 0 && *shape == '-')
				return 0;
			i += n;
			continue;
		}
		if (i == len || !fits(text[i], *shape))
			return 0;
		i++;
	}
	return ends_word(text, len, i) ? i - at : 0;
}

/* ---- Kinds ---- */

enum kind {
	KIND_EMAIL, KIND_PHONE, KIND_CARD, KIND_US_SSN, KIND_UK_NINO, KIND_ES_DNI, KIND_IT_CODICE, KIND_BR_CPF, KIND_COUNT
};

static const char *const names[KIND_COUNT] = {
	[KIND_EMAIL] = "email",
	[KIND_PHONE] = "phone",
	[KIND_CARD] = "card",
	[KIND_US_SSN] = "us_ssn",
	[KIND_UK_NINO] = "uk_nino",
	[KIND_ES_DNI] = "es_dni",
	[KIND_IT_CODICE] = "it_codice_fiscale",
	[KIND_BR_CPF] = "br_cpf",
};

/* A pattern is a shape, or a function for what no shape can say. A kind may have several. */
static const struct pattern {
	enum kind kind;
	const char *shape;
	size_t (*match)(const char *text, size_t len, size_t at);
} patterns[] = {
	{ KIND_EMAIL, NULL, match_email },
	{ KIND_PHONE, NULL, match_phone },
	{ KIND_PHONE, "(ddd)~ddd-dddd", NULL },          /* North America */
	{ KIND_PHONE, "ddd-ddd-dddd", NULL },
	{ KIND_PHONE, "d-ddd-ddd-dddd", NULL },
	{ KIND_PHONE, "0d~dd~dd~dd~dd", NULL },          /* France, and ten digits in one that begin with 0 */
	{ KIND_PHONE, "0dd~dddd~dddd", NULL },           /* Great Britain */
	{ KIND_PHONE, "0ddd~ddd~dddd", NULL },
	{ KIND_PHONE, "0dddd~dddddd", NULL },
	{ KIND_CARD, NULL, match_card },
	{ KIND_US_SSN, "ddd-dd-dddd", NULL },
	{ KIND_UK_NINO, "AA~dd~dd~dd~A", NULL },
	{ KIND_ES_DNI, "dddddddd~A", NULL },
	{ KIND_IT_CODICE, "AAAAAAddAddAdddA", NULL },
	{ KIND_BR_CPF, "ddd.ddd.ddd-dd", NULL },
};

static unsigned bit_of(enum kind kind) { return 1u << kind; }

unsigned personal_kind(const char *name)
{
	for (int kind = 0; kind < KIND_COUNT; kind++)
		if (strcmp(names[kind], name) == 0)
			return bit_of((enum kind)kind);
	return 0;
}

const char *personal_kind_name(size_t i) { return i < KIND_COUNT ? names[i] : NULL; }

/* The longest value of any of these kinds that begins at a place. */
static size_t match_any(unsigned wanted, const char *text, size_t len, size_t at, enum kind *found)
{
	size_t longest = 0, n;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		const struct pattern *pattern = &patterns[i];

		if (!(bit_of(pattern->kind) & wanted))
			continue;
		n = pattern->match ? pattern->match(text, len, at) : match_shape(pattern->shape, text, len, at);
		if (n > longest) {
			longest = n;
			*found = pattern->kind;
		}
	}
	return longest;
}

/* ---- Taking it out ---- */

char *personal_mask(const char *text, size_t len, int keep, size_t *out_len)
{
	struct buffer out;
	size_t characters = 0, at = 0, hidden;

	for (size_t i = 0; i < len; i++)
		characters += ((unsigned char)text[i] & 0xc0) != 0x80;
	hidden = characters / 2 < (size_t)keep ? characters - characters / 2 : characters - (size_t)keep;
	buffer_init(&out, len);
	for (size_t i = 0; i < hidden; i++) {
		buffer_append(&out, "*", 1);
		for (at++; at < len && ((unsigned char)text[at] & 0xc0) == 0x80; at++)
			;
	}
	buffer_append(&out, text + at, len - at);
	return buffer_take(&out, out_len);
}

static void put_instead(const struct personal_rules *rules, enum kind kind, const char *text, size_t len,
                        struct buffer *out)
{
	char *masked;
	size_t n;

	if (bit_of(kind) & rules->remove) {
		buffer_printf(out, "[%s]", names[kind]);
		return;
	}
	masked = personal_mask(text, len, rules->keep, &n);
	buffer_append(out, masked, n);
	free(masked);
}

/* One pass; NULL if there is nothing. */
static char *scrub_once(const struct personal_rules *rules, const char *text, size_t len, size_t *out_len)
{
	enum kind kind = KIND_COUNT;
	struct buffer out;
	size_t plain = 0, at = 0, n;
	bool any = false;

	buffer_init(&out, 4 * len);   /* a name in brackets is not four times as long as the shortest value of its kind */
	while (at < len) {
		n = match_any(rules->mask | rules->remove, text, len, at, &kind);
		if (n == 0) {
			at++;
			continue;
		}
		any = true;
		buffer_append(&out, text + plain, at - plain);
		put_instead(rules, kind, text + at, n, &out);
		plain = at += n;
	}
	if (any)
		buffer_append(&out, text + plain, len - plain);
	return any ? buffer_take(&out, out_len) : NULL;
}

/* What stands beside a value decides whether it is one, so taking one out may uncover another. A text that is not
 * through after some passes is made to be like that: it goes as a whole. */
char *personal_scrub(const struct personal_rules *rules, const char *text, size_t len, size_t *out_len)
{
	char *scrubbed = NULL, *next;

	if ((rules->mask | rules->remove) == 0)
		return NULL;
	for (int pass = 0; pass < PASSES_MAX; pass++) {
		next = scrub_once(rules, scrubbed ? scrubbed : text, scrubbed ? *out_len : len, out_len);
		if (!next)
			return scrubbed;
		free(scrubbed);
		scrubbed = next;
	}
	free(scrubbed);
	*out_len = strlen("[removed]");
	return mem_strdup("[removed]");
}
