#include "utf8.h"

#include "mem.h"

size_t utf8_sequence(const char *bytes, size_t len)
{
	const unsigned char *s = (const unsigned char *)bytes;
	/* first byte from..to, number of bytes, range of the second byte */
	static const struct { unsigned char from, to, bytes, second_from, second_to; } forms[] = {
		{ 0x00, 0x7f, 1, 0, 0 },
		{ 0xc2, 0xdf, 2, 0x80, 0xbf },
		{ 0xe0, 0xe0, 3, 0xa0, 0xbf },
		{ 0xe1, 0xec, 3, 0x80, 0xbf },
		{ 0xed, 0xed, 3, 0x80, 0x9f },
		{ 0xee, 0xef, 3, 0x80, 0xbf },
		{ 0xf0, 0xf0, 4, 0x90, 0xbf },
		{ 0xf1, 0xf3, 4, 0x80, 0xbf },
		{ 0xf4, 0xf4, 4, 0x80, 0x8f },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (s[0] < forms[i].from || s[0] > forms[i].to)
			continue;
		if (forms[i].bytes > len)
			return 0;
		if (forms[i].bytes > 1 && (s[1] < forms[i].second_from || s[1] > forms[i].second_to))
			return 0;
		for (size_t k = 2; k < forms[i].bytes; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].bytes;
	}
	return 0;
}

static uint32_t decode(const char *s, size_t len)
{
	static const unsigned char first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t c = (unsigned char)s[0] & first_bits[len];

	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)s[i] & 0x3f);
	return c;
}

size_t utf8_printable(const char *s, size_t len)
{
	static const struct { uint32_t from, to; } obeyed[] = {
		{ 0x00, 0x1f }, { 0x7f, 0x9f },       /* C0, DEL, C1 */
		{ 0x2028, 0x2029 },                   /* the ends of lines and paragraphs */
		{ 0x061c, 0x061c }, { 0x200e, 0x200f }, { 0x202a, 0x202e }, { 0x2066, 0x2069 },   /* Unicode's Bidi_Control */
	};
	size_t bytes = utf8_sequence(s, len);
	uint32_t c = decode(s, bytes);

	for (size_t i = 0; i < sizeof(obeyed) / sizeof(obeyed[0]); i++)
		if (c >= obeyed[i].from && c <= obeyed[i].to)
			return 0;
	return bytes;
}

void utf8_append(struct buffer *out, uint32_t c)
{
	if (c < 0x80)
		buffer_append(out, (char[]){ (char)c }, 1);
	else if (c < 0x800)
		buffer_append(out, (char[]){ (char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f)) }, 2);
	else if (c < 0x10000)
		buffer_append(out, (char[]){ (char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)),
		                             (char)(0x80 | (c & 0x3f)) }, 3);
	else
		buffer_append(out, (char[]){ (char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 0x3f)),
		                             (char)(0x80 | (c >> 6 & 0x3f)), (char)(0x80 | (c & 0x3f)) }, 4);
}

size_t utf8_cut(const char *s, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 0 && ((unsigned char)s[max] & 0xc0) == 0x80)
		max--;
	return max;
}

char *utf8_clean(const char *s, size_t len, size_t max)
{
	char *copy = mem_strndup(s, len);

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_sequence(copy + i, len - i);
		if (n > 0)
			continue;
		copy[i] = '?';
		n = 1;
	}
	copy[utf8_cut(copy, len, max)] = '\0';
	return copy;
}
