/* The leaves of JSON: strings and numbers. */
#include "json_parser.h"

#include "hex.h"
#include "mem.h"
#include "utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Strings ---- */

/* \uXXXX at the parser's place: its 16 bits and 6 bytes on, or -1. */
static int32_t take_code_unit(struct json_parser *p)
{
	int32_t unit = 0;

	if (p->len - p->at < 6 || p->text[p->at] != '\\' || p->text[p->at + 1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		int digit = hex_digit(p->text[p->at + i]);

		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	p->at += 6;
	return unit;
}

static enum err parse_unicode_escape(struct json_parser *p, const struct json_place *place)
{
	size_t start = p->at;
	int32_t unit = take_code_unit(p), low;

	if (unit < 0)
		return json_parser__fail(p, start, place, ERR_INVALID, "expected four hexadecimal digits after \\u");
	if (unit >= 0xdc00 && unit <= 0xdfff)
		return json_parser__fail(p, start, place, ERR_INVALID, "half of a surrogate pair");
	if (unit >= 0xd800 && unit <= 0xdbff) {
		low = take_code_unit(p);
		if (low < 0xdc00 || low > 0xdfff)
			return json_parser__fail(p, start, place, ERR_INVALID, "half of a surrogate pair");
		unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
	}
	utf8_append(&p->unescaped, (uint32_t)unit);
	return ERR_OK;
}

static enum err parse_escape(struct json_parser *p, const struct json_place *place)
{
	static const char short_forms[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
	char c = p->at + 1 < p->len ? p->text[p->at + 1] : '\0';

	if (c == 'u')
		return parse_unicode_escape(p, place);
	for (const char *form = short_forms; *form; form += 2)
		if (form[0] == c) {
			buffer_append(&p->unescaped, form + 1, 1);
			p->at += 2;
			return ERR_OK;
		}
	return json_parser__fail(p, p->at, place, ERR_INVALID, "unknown escape");
}

static enum err check_length(struct json_parser *p, size_t start, const struct json_place *place, size_t len,
                             const char *what)
{
	if (len <= p->limits->max_string_bytes)
		return ERR_OK;
	return json_parser__fail(p, start, place, ERR_TOO_BIG, "%s longer than %zu bytes%s", what,
	                         p->limits->max_string_bytes,
	                         json_parser__setting(p, " (VENDORFETCH_JSON_MAX_STRING_BYTES)"));
}

enum err json_parser__string(struct json_parser *p, const struct json_place *place, struct json_span *string)
{
	size_t start = p->at, plain;
	bool escapes = false;
	enum err err;

	buffer_reset(&p->unescaped);
	plain = ++p->at;
	while (p->at < p->len && p->text[p->at] != '"') {
		unsigned char c = (unsigned char)p->text[p->at];
		size_t bytes = c < 0x80 ? 1 : utf8_sequence(p->text + p->at, p->len - p->at);

		if (c < 0x20)
			return json_parser__fail(p, p->at, place, ERR_INVALID, "control character in a string");
		if (bytes == 0)
			return json_parser__fail(p, p->at, place, ERR_INVALID, "not UTF-8");
		if (c != '\\') {
			p->at += bytes;
			continue;
		}
		escapes = true;
		buffer_append(&p->unescaped, p->text + plain, p->at - plain);
		err = parse_escape(p, place);
		if (err)
			return err;
		plain = p->at;
	}
	if (p->at >= p->len)
		return json_parser__expected(p, place, "'\"'");
	*string = (struct json_span){ p->text + plain, p->at++ - plain, false };
	if (escapes) {
		buffer_append(&p->unescaped, string->bytes, string->len);
		*string = (struct json_span){ p->unescaped.data, p->unescaped.len, true };
	}
	return check_length(p, start, place, string->len, "string");
}

/* ---- Numbers ---- */

static size_t count_digits(const struct json_parser *p, size_t at)
{
	size_t start = at;

	while (at < p->len && p->text[at] >= '0' && p->text[at] <= '9')
		at++;
	return at - start;
}

/* Moves past a number; false (at the place of the trouble) if it is none. */
static bool scan_number(struct json_parser *p, bool *integer)
{
	size_t digits;

	*integer = true;
	json_parser__take(p, '-');
	digits = count_digits(p, p->at);
	if (digits == 0 || (digits > 1 && p->text[p->at] == '0'))
		return false;
	p->at += digits;
	if (json_parser__take(p, '.')) {
		*integer = false;
		digits = count_digits(p, p->at);
		if (digits == 0)
			return false;
		p->at += digits;
	}
	if (json_parser__next_is(p, 'e') || json_parser__next_is(p, 'E')) {
		*integer = false;
		p->at++;
		if (!json_parser__take(p, '+'))
			json_parser__take(p, '-');
		digits = count_digits(p, p->at);
		if (digits == 0)
			return false;
		p->at += digits;
	}
	return true;
}

static bool to_int64(const char *text, int64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool to_uint64(const char *text, uint64_t *number)
{
	char *end;

	if (text[0] == '-')
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

/* Decimals, -0 and integers over 64 bits carry their own text, and print as they came: so the
 * compact form of every number is what was written. */
enum err json_parser__number(struct json_parser *p, const struct json_place *place, struct json_object **value)
{
	size_t start = p->at;
	uint64_t positive;
	int64_t number;
	bool integer;
	enum err err;
	char *text;

	if (!scan_number(p, &integer))
		return json_parser__fail(p, p->at, place, ERR_INVALID, "bad number");
	err = check_length(p, start, place, p->at - start, "number");
	if (err)
		return err;
	if (p->compact) {
		buffer_append(p->compact, p->text + start, p->at - start);
		return ERR_OK;
	}
	text = mem_strndup(p->text + start, p->at - start);
	if (integer && strcmp(text, "-0") != 0 && to_int64(text, &number))
		*value = json_parser__made(json_object_new_int64(number));
	else if (integer && to_uint64(text, &positive))
		*value = json_parser__made(json_object_new_uint64(positive));
	else
		*value = json_parser__made(json_object_new_double_s(strtod(text, NULL), text));
	free(text);
	return ERR_OK;
}
