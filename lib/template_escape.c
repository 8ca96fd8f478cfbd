/* What becomes of a value in the place where it stands: one table. */
#include "template_priv.h"

#include "hex.h"

#include <string.h>

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
/* RFC 3986, 2.3: these mean the same encoded or not, and nothing special anywhere. */
#define UNRESERVED ALPHANUMERIC "-._~"

static const struct escape {
	const char *keep;          /* all other bytes are percent-encoded; NULL: none is */
	bool plus_for_space;
	bool no_controls;          /* a control character is refused */
	bool no_nothing;           /* an empty value is refused */
	bool json;                 /* escaped as in a JSON string */
} escapes[ESCAPE_COUNT] = {
	[ESCAPE_NONE]   = { 0 },
	[ESCAPE_URL]    = { .keep = UNRESERVED, .no_nothing = true },   /* without its segment a path is another one */
	[ESCAPE_QUERY]  = { .keep = UNRESERVED },
	[ESCAPE_FORM]   = { .keep = ALPHANUMERIC "*-._", .plus_for_space = true },
	[ESCAPE_HEADER] = { .no_controls = true },
	[ESCAPE_JSON]   = { .json = true },
};

static bool has_controls(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)bytes[i] < ' ' && bytes[i] != '\t') || bytes[i] == 0x7f)
			return true;
	return false;
}

static void append_percent_encoded(struct buffer *out, const char *bytes, size_t len, const struct escape *escape)
{
	static const char digits[] = "0123456789ABCDEF";

	for (const char *c = bytes; c < bytes + len; c++) {
		unsigned char byte = (unsigned char)*c;

		if (byte && strchr(escape->keep, byte))
			buffer_append(out, c, 1);
		else if (byte == ' ' && escape->plus_for_space)
			buffer_append(out, "+", 1);
		else
			buffer_append(out, (char[]){ '%', digits[byte >> 4], digits[byte & 15] }, 3);
	}
}

const char *template__append(struct buffer *out, const char *bytes, size_t len, enum template_escape kind)
{
	const struct escape *escape = &escapes[kind];

	if (escape->no_nothing && len == 0)
		return "is empty";
	if (escape->no_controls && has_controls(bytes, len))
		return "holds a control character";
	if (escape->keep)
		append_percent_encoded(out, bytes, len, escape);
	else if (escape->json)
		buffer_append_json_escaped(out, bytes, len);
	else
		buffer_append(out, bytes, len);
	return NULL;
}

/* ---- "." and ".." ---- */

/* Is there a dot, which may be percent-encoded? How many bytes it takes; 0: there is none. */
static size_t dot_len(const char *text, size_t len)
{
	if (len >= 1 && text[0] == '.')
		return 1;
	return len >= 3 && text[0] == '%' && hex_byte(text + 1, len - 1) == '.' ? 3 : 0;
}

static bool is_dots(const char *segment, size_t len)
{
	size_t first = dot_len(segment, len), second = first ? dot_len(segment + first, len - first) : 0;

	return first && first + second == len;
}

bool template_url_has_dots(const char *url)
{
	const char *host = strstr(url, "://"), *segment = host ? host + 3 : url;

	segment += strcspn(segment, "/?");
	while (*segment == '/') {
		size_t len = strcspn(++segment, "/?");

		if (is_dots(segment, len))
			return true;
		segment += len;
	}
	return false;
}
