/* The writer is one pass over the text. It checks that each token has the one form that the printer would choose:
 * then the whole has, and no second pass has to compare. Every append is bounded by the buffer's maximum, so an
 * overflow is looked for only where it matters. */
#include "bson_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TYPE_DOUBLE = 0x01, TYPE_UTF8 = 0x02, TYPE_DOCUMENT = 0x03, TYPE_ARRAY = 0x04,
	TYPE_BOOL = 0x08, TYPE_NULL = 0x0a, TYPE_INT32 = 0x10, TYPE_INT64 = 0x12,
	NUMBER_TEXT_SIZE = 40,
};

struct level {
	size_t start;      /* where its length goes */
	uint32_t count;    /* elements so far; the next key of an array */
	bool is_array;
};

struct writer {
	const char *p, *end;
	struct buffer out;           /* the BSON elements */
	size_t type_at;              /* where the type of the element in hand goes */
	struct level levels[BSON_JSON_MAX_DEPTH];
	int depth;
};

/* ---- Numbers ---- */

/* The shortest text that reads back as the same double, with ".0" where it would look like an integer. */
static void format_double(double value, char out[NUMBER_TEXT_SIZE])
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, NUMBER_TEXT_SIZE - 2, "%.*g", digits, value);
		if (strtod(out, NULL) == value)
			break;
	}
	if (!strpbrk(out, ".e"))
		memcpy(out + strlen(out), ".0", sizeof(".0"));
}

static void put_type(struct writer *w, unsigned char type) { w->out.data[w->type_at] = (char)type; }

static void put_i32(struct writer *w, int32_t value)
{
	uint32_t le = BSON_UINT32_TO_LE((uint32_t)value);

	buffer_append(&w->out, &le, sizeof(le));
}

static void put_u64(struct writer *w, uint64_t value)
{
	uint64_t le = BSON_UINT64_TO_LE(value);

	buffer_append(&w->out, &le, sizeof(le));
}

static bool write_integer(struct writer *w, const char *text, size_t len)
{
	bool negative = *text == '-';
	uint64_t value = 0, limit = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
	int64_t number;

	for (size_t i = negative; i < len; i++) {
		unsigned digit = (unsigned)(text[i] - '0');

		if (digit > 9 || value > (limit - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	/* "-", "-0" and leading zeros would be printed differently. */
	if (len == (size_t)negative || (text[negative] == '0' && len > 1))
		return false;
	number = negative ? (int64_t)(0 - value) : (int64_t)value;
	if (number >= INT32_MIN && number <= INT32_MAX) {
		put_type(w, TYPE_INT32);
		put_i32(w, (int32_t)number);
	} else {
		put_type(w, TYPE_INT64);
		put_u64(w, (uint64_t)number);
	}
	return true;
}

static bool write_double(struct writer *w, const char *text, size_t len)
{
	char copy[NUMBER_TEXT_SIZE], printed[NUMBER_TEXT_SIZE];
	uint64_t bits;
	double value;

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	value = strtod(copy, NULL);
	if (!isfinite(value))
		return false;
	format_double(value, printed);
	if (strcmp(copy, printed) != 0)
		return false;
	memcpy(&bits, &value, sizeof(bits));
	put_type(w, TYPE_DOUBLE);
	put_u64(w, bits);
	return true;
}

static bool write_number(struct writer *w)
{
	const char *start = w->p;
	bool integer = true;

	for (; w->p < w->end; w->p++) {
		char c = *w->p;

		if (c == '.' || c == 'e' || c == 'E' || c == '+')
			integer = false;
		else if (c != '-' && (c < '0' || c > '9'))
			break;
	}
	if (w->p == start)
		return false;
	return integer ? write_integer(w, start, (size_t)(w->p - start)) : write_double(w, start, (size_t)(w->p - start));
}

/* ---- Strings ---- */

/* The value of the four hexadecimal digits at p (lower case, as the printer writes them), or -1. */
static int hex4(const char *p)
{
	static const char digits[] = "0123456789abcdef";
	int value = 0;

	for (int i = 0; i < 4; i++) {
		const char *digit = p[i] ? strchr(digits, p[i]) : NULL;

		if (!digit)
			return -1;
		value = value << 4 | (int)(digit - digits);
	}
	return value;
}

/* One escape at w->p (after the backslash). Only the form that buffer_append_json_string() writes is taken. */
static bool write_escape(struct writer *w)
{
	static const char forms[] = "\"\"\\\\b\bf\fn\nr\rt\t";
	int code;

	if (w->p == w->end)
		return false;
	for (const char *form = forms; *form; form += 2)
		if (form[0] == *w->p) {
			w->p++;
			buffer_append(&w->out, &form[1], 1);
			return true;
		}
	if (*w->p != 'u' || w->end - w->p < 5)
		return false;
	code = hex4(w->p + 1);
	if (code < 0 || code >= 0x20 || (code && strchr("\b\f\n\r\t", code)))
		return false;
	w->p += 5;
	buffer_append(&w->out, &(char){ (char)code }, 1);
	return true;
}

/* The bytes of a JSON string, opening quote at w->p, to its closing quote. */
static bool write_string_bytes(struct writer *w)
{
	if (w->p == w->end || *w->p++ != '"')
		return false;
	for (;;) {
		const char *start = w->p;

		while (w->p < w->end && *w->p != '"' && *w->p != '\\' && (unsigned char)*w->p >= 0x20)
			w->p++;
		buffer_append(&w->out, start, (size_t)(w->p - start));
		if (w->p == w->end || (unsigned char)*w->p < 0x20)
			return false;
		if (*w->p++ == '"')
			return true;
		if (!write_escape(w))
			return false;
	}
}

static bool write_string(struct writer *w)
{
	size_t start = w->out.len;
	uint32_t le;

	put_type(w, TYPE_UTF8);
	put_i32(w, 0);
	if (!write_string_bytes(w))
		return false;
	buffer_append(&w->out, "", 1);
	if (w->out.overflowed)
		return false;
	le = BSON_UINT32_TO_LE((uint32_t)(w->out.len - start - sizeof(le)));
	memcpy(w->out.data + start, &le, sizeof(le));
	return true;
}

/* ---- Structure ---- */

static bool write_literal(struct writer *w)
{
	static const struct { const char *text; unsigned char type; const char *bytes; size_t size; } literals[] = {
		{ "true", TYPE_BOOL, "\1", 1 }, { "false", TYPE_BOOL, "\0", 1 }, { "null", TYPE_NULL, "", 0 },
	};

	for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
		size_t len = strlen(literals[i].text);

		if ((size_t)(w->end - w->p) < len || memcmp(w->p, literals[i].text, len) != 0)
			continue;
		w->p += len;
		put_type(w, literals[i].type);
		buffer_append(&w->out, literals[i].bytes, literals[i].size);
		return true;
	}
	return false;
}

static bool open_level(struct writer *w)
{
	bool is_array = *w->p++ == '[';

	if (w->depth == BSON_JSON_MAX_DEPTH)
		return false;
	put_type(w, is_array ? TYPE_ARRAY : TYPE_DOCUMENT);
	w->levels[w->depth++] = (struct level){ .start = w->out.len, .is_array = is_array };
	put_i32(w, 0);
	return true;
}

static bool close_level(struct writer *w)
{
	const struct level *level = &w->levels[--w->depth];
	uint32_t le;

	w->p++;
	buffer_append(&w->out, "", 1);
	if (w->out.overflowed)
		return false;
	le = BSON_UINT32_TO_LE((uint32_t)(w->out.len - level->start));
	memcpy(w->out.data + level->start, &le, sizeof(le));
	return true;
}

static bool write_value(struct writer *w)
{
	if (w->p == w->end || w->out.overflowed)
		return false;
	switch (*w->p) {
	case '{':
	case '[':
		return open_level(w);
	case '"':
		return write_string(w);
	case 't':
	case 'f':
	case 'n':
		return write_literal(w);
	default:
		return write_number(w);
	}
}

/* A member name with its colon. MongoDB gives $ and dots in names a meaning of their own. */
static bool write_name(struct writer *w)
{
	size_t start = w->out.len, len;
	const char *name;

	if (!write_string_bytes(w) || w->out.overflowed)
		return false;
	name = w->out.data + start;
	len = w->out.len - start;
	if (len == 0 || name[0] == '$' || memchr(name, '.', len) || memchr(name, '\0', len))
		return false;
	buffer_append(&w->out, "", 1);
	return w->p < w->end && *w->p++ == ':';
}

static void write_index(struct writer *w, uint32_t index)
{
	const char *text;
	char digits[16];
	size_t len = bson_uint32_to_string(index, &text, digits, sizeof(digits));

	buffer_append(&w->out, text, len + 1);
}

/* The next element of the innermost level: comma, type, key, value. */
static bool write_element(struct writer *w)
{
	struct level *level = &w->levels[w->depth - 1];

	if (level->count && *w->p++ != ',')
		return false;
	w->type_at = w->out.len;
	buffer_append(&w->out, "", 1);
	if (level->is_array)
		write_index(w, level->count);
	else if (!write_name(w))
		return false;
	level->count++;
	return write_value(w);
}

/* A whole document around the value, with an empty key: so the first value is an element like any other. */
static bool write_all(struct writer *w)
{
	uint32_t le;

	put_i32(w, 0);
	w->type_at = w->out.len;
	buffer_append(&w->out, "\0", 2);
	if (!write_value(w))
		return false;
	while (w->depth > 0) {
		if (w->p == w->end)
			return false;
		if (*w->p == (w->levels[w->depth - 1].is_array ? ']' : '}')) {
			if (!close_level(w))
				return false;
		} else if (!write_element(w)) {
			return false;
		}
	}
	buffer_append(&w->out, "", 1);
	if (w->p != w->end || w->out.overflowed)
		return false;
	le = BSON_UINT32_TO_LE((uint32_t)w->out.len);
	memcpy(w->out.data, &le, sizeof(le));
	return true;
}

static bool append_written(const struct writer *w, bson_t *doc, const char *key)
{
	bson_t written;
	bson_iter_t iter;

	return bson_init_static(&written, (const uint8_t *)w->out.data, w->out.len) && bson_iter_init(&iter, &written)
	       && bson_iter_next(&iter) && bson_append_iter(doc, key, -1, &iter);
}

bool bson_json_append(bson_t *doc, const char *key, const char *text, size_t len)
{
	struct writer w = { .p = text, .end = text + len };
	bool ok;

	if (len > 2 * BSON_JSON_MAX_BYTES)
		return false;
	buffer_init(&w.out, BSON_JSON_MAX_BYTES);
	ok = write_all(&w) && append_written(&w, doc, key);
	buffer_deinit(&w.out);
	return ok;
}

/* ---- BSON -> text ---- */

static void print_number(struct buffer *out, const bson_iter_t *iter)
{
	char text[NUMBER_TEXT_SIZE];

	if (BSON_ITER_HOLDS_DOUBLE(iter))
		format_double(bson_iter_double(iter), text);
	else
		snprintf(text, sizeof(text), "%" PRId64, bson_iter_as_int64(iter));
	buffer_append_str(out, text);
}

/* A value that contains no others. */
static bool print_scalar(struct buffer *out, const bson_iter_t *iter)
{
	const char *text;
	uint32_t len;

	switch (bson_iter_type(iter)) {
	case BSON_TYPE_UTF8:
		text = bson_iter_utf8(iter, &len);
		buffer_append_json_string(out, text, len);
		return true;
	case BSON_TYPE_BOOL:
		buffer_append_str(out, bson_iter_bool(iter) ? "true" : "false");
		return true;
	case BSON_TYPE_NULL:
		buffer_append_str(out, "null");
		return true;
	case BSON_TYPE_DOUBLE:
		if (!isfinite(bson_iter_double(iter)))
			return false;
		print_number(out, iter);
		return true;
	case BSON_TYPE_INT32:
	case BSON_TYPE_INT64:
		print_number(out, iter);
		return true;
	default:
		return false;
	}
}

struct printer {
	struct { bson_iter_t next; bool is_array, any; } levels[BSON_JSON_MAX_DEPTH];
	int depth;
};

/* Prints a scalar, or the opening bracket of a container, which becomes the innermost level. */
static bool print_value(struct buffer *out, struct printer *printer, const bson_iter_t *iter)
{
	bool is_array = BSON_ITER_HOLDS_ARRAY(iter);
	int depth = printer->depth;

	if (!is_array && !BSON_ITER_HOLDS_DOCUMENT(iter))
		return print_scalar(out, iter);
	if (depth == BSON_JSON_MAX_DEPTH || !bson_iter_recurse(iter, &printer->levels[depth].next))
		return false;
	printer->levels[depth].is_array = is_array;
	printer->levels[depth].any = false;
	printer->depth++;
	buffer_append(out, is_array ? "[" : "{", 1);
	return true;
}

bool bson_json_print(struct buffer *out, const bson_iter_t *iter)
{
	struct printer printer;

	printer.depth = 0;
	if (!print_value(out, &printer, iter))
		return false;
	while (printer.depth > 0) {
		bson_iter_t *next = &printer.levels[printer.depth - 1].next;
		bool is_array = printer.levels[printer.depth - 1].is_array;

		if (!bson_iter_next(next)) {
			buffer_append(out, is_array ? "]" : "}", 1);
			printer.depth--;
			continue;
		}
		if (printer.levels[printer.depth - 1].any)
			buffer_append(out, ",", 1);
		printer.levels[printer.depth - 1].any = true;
		if (!is_array) {
			buffer_append_json_string(out, bson_iter_key(next), bson_iter_key_len(next));
			buffer_append(out, ":", 1);
		}
		if (!print_value(out, &printer, next))
			return false;
	}
	return true;
}
