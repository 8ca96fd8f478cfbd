/* The two things the mock does with JSON text on its fast path: quote a string, and check a document without building
 * it. Both are in buf.h. Reading members (POST /config) is left to json-c, see knobs.c.
 */
#include <stdint.h>
#include <string.h>

#include "buf.h"

enum { JSON_DEPTH_MAX = 64 };

/* The length of the UTF-8 sequence at `at`, 0 if it is none (overlong, surrogate, cut off, above U+10FFFF). */
static size_t utf8_len(const unsigned char *at, size_t left)
{
	static const struct { unsigned char first, last, second_min, second_max, len; } forms[] = {
		{ 0x00, 0x7f, 0, 0, 1 },          { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },    { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },    { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (at[0] < forms[i].first || at[0] > forms[i].last)
			continue;
		if (forms[i].len > left)
			return 0;
		if (forms[i].len > 1 && (at[1] < forms[i].second_min || at[1] > forms[i].second_max))
			return 0;
		for (size_t k = 2; k < forms[i].len; k++)
			if ((at[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].len;
	}
	return 0;
}

static void add_escaped(struct buf *buf, unsigned char c)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	const char *at = c ? strchr(plain, c) : NULL;

	if (at)
		buf_addf(buf, "\\%c", letter[at - plain]);
	else
		buf_addf(buf, "\\u%04x", c);
}

static bool needs_escape(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

void buf_add_json(struct buf *buf, const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + len, *clean = at;

	buf_add(buf, "\"", 1);
	while (at < end) {
		size_t step = needs_escape(*at) ? 0 : utf8_len(at, (size_t)(end - at));

		if (step) {
			at += step;
			continue;
		}
		buf_add(buf, clean, (size_t)(at - clean));
		if (needs_escape(*at))
			add_escaped(buf, *at);
		else
			buf_add_str(buf, "\\ufffd");
		clean = ++at;
	}
	buf_add(buf, clean, (size_t)(at - clean));
	buf_add(buf, "\"", 1);
}

struct scan {
	const unsigned char *at, *end;
};

static void skip_blanks(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

static bool take(struct scan *s, unsigned char c)
{
	if (s->at >= s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool hex_digit(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool take_escape(struct scan *s)
{
	if (s->at >= s->end || !*s->at)
		return false;
	if (*s->at != 'u')
		return strchr("\"\\/bfnrt", *s->at++) != NULL;
	s->at++;
	for (int i = 0; i < 4; i++, s->at++)
		if (s->at >= s->end || !hex_digit(*s->at))
			return false;
	return true;
}

static bool take_string(struct scan *s)
{
	if (!take(s, '"'))
		return false;
	while (s->at < s->end && *s->at != '"') {
		size_t step = *s->at < 0x20 ? 0 : utf8_len(s->at, (size_t)(s->end - s->at));

		if (!step)
			return false;
		if (*s->at == '\\') {
			s->at++;
			if (!take_escape(s))
				return false;
		} else {
			s->at += step;
		}
	}
	return take(s, '"');
}

static bool take_digits(struct scan *s)
{
	const unsigned char *from = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return s->at > from;
}

static bool take_number(struct scan *s)
{
	take(s, '-');
	if (!take(s, '0') && !take_digits(s))
		return false;
	if (take(s, '.') && !take_digits(s))
		return false;
	if (take(s, 'e') || take(s, 'E')) {
		if (!take(s, '+'))
			take(s, '-');
		return take_digits(s);
	}
	return true;
}

static bool take_word(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
		return false;
	s->at += len;
	return true;
}

static bool take_scalar(struct scan *s)
{
	if (s->at < s->end && *s->at == '"')
		return take_string(s);
	return take_word(s, "true") || take_word(s, "false") || take_word(s, "null") || take_number(s);
}

/* `"name" :` of an object's member; nothing in an array. */
static bool take_name(struct scan *s, char closer)
{
	skip_blanks(s);
	if (closer == ']')
		return true;
	if (!take_string(s))
		return false;
	skip_blanks(s);
	return take(s, ':');
}

/* After a value: leaves every container that ends here, then stands before the next value. False on a syntax error;
 * true with *depth 0 at the end of the document. */
static bool after_value(struct scan *s, const char *closers, int *depth)
{
	for (skip_blanks(s); *depth && take(s, (unsigned char)closers[*depth - 1]); skip_blanks(s))
		--*depth;
	return !*depth || (take(s, ',') && take_name(s, closers[*depth - 1]));
}

/* An iterative walk, so that hostile nesting costs no stack: `closers` holds what must end each open container. */
bool json_is_document(const char *text, size_t len)
{
	struct scan s = { .at = (const unsigned char *)text, .end = (const unsigned char *)text + len };
	char closers[JSON_DEPTH_MAX];
	int depth = 0;

	do {
		skip_blanks(&s);
		if (s.at < s.end && (*s.at == '{' || *s.at == '[')) {
			if (depth == JSON_DEPTH_MAX)
				return false;
			closers[depth++] = *s.at++ == '{' ? '}' : ']';
			skip_blanks(&s);
			if (s.at < s.end && *s.at == (unsigned char)closers[depth - 1]) {
				if (!after_value(&s, closers, &depth))
					return false;
			} else if (!take_name(&s, closers[depth - 1])) {
				return false;
			}
		} else if (!depth || !take_scalar(&s) || !after_value(&s, closers, &depth)) {
			return false;
		}
	} while (depth);
	return s.at == s.end;
}
