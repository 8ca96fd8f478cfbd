#include "form.h"

#include <string.h>

enum { VALUE_MAX = 4096 };

const char *form_field(const char *text, size_t text_len, const char *name, size_t *len)
{
	const char *at = text, *end = text + text_len;
	size_t name_len = strlen(name);

	while (at < end) {
		const char *stop = memchr(at, '&', (size_t)(end - at));

		if (!stop)
			stop = end;
		if ((size_t)(stop - at) > name_len && memcmp(at, name, name_len) == 0 && at[name_len] == '=') {
			*len = (size_t)(stop - at) - name_len - 1;
			return at + name_len + 1;
		}
		at = stop + 1;
	}
	return NULL;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

	return at ? (int)(at - digits) : -1;
}

size_t form_decode(const char *text, size_t len, char *out, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < len && count < size; i++) {
		if (text[i] == '%' && i + 2 < len && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
			out[count++] = (char)(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
			i += 2;
		} else {
			out[count++] = text[i] == '+' ? ' ' : text[i];
		}
	}
	return count;
}

bool form_field_is(const char *text, size_t text_len, const char *name, const char *value, size_t value_len)
{
	char decoded[VALUE_MAX];
	size_t len;
	const char *raw = form_field(text, text_len, name, &len);

	return raw && form_decode(raw, len, decoded, sizeof(decoded)) == value_len && memcmp(decoded, value, value_len) == 0;
}
