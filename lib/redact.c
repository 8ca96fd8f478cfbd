#include "redact.h"

#include "buffer.h"
#include "mem.h"
#include "secret.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

struct shape { char *bytes; size_t len; };

struct redaction {
	struct shape *shapes;      /* of all secrets, the longest first */
	size_t n;
	bool begins[256];          /* some shape begins with this byte */
};

/* ---- Shapes ---- */

static int compare_shapes(const void *a, const void *b)
{
	size_t x = ((const struct shape *)a)->len, y = ((const struct shape *)b)->len;

	return (x < y) - (x > y);
}

static void add(struct redaction *r, const char *bytes, size_t len)
{
	if (len == 0)
		return;
	for (size_t i = 0; i < r->n; i++)
		if (r->shapes[i].len == len && memcmp(r->shapes[i].bytes, bytes, len) == 0)
			return;
	r->shapes = mem_realloc(r->shapes, (r->n + 1) * sizeof(*r->shapes));
	r->shapes[r->n++] = (struct shape){ mem_strndup(bytes, len), len };
	r->begins[(unsigned char)bytes[0]] = true;
}

/* Adds what `put` makes of the secret, byte by byte. */
static void add_made(struct redaction *r, const char *secret, size_t len, void (*put)(struct buffer *out, unsigned char c))
{
	struct buffer made;

	buffer_init_secret(&made, 6 * len);
	for (size_t i = 0; i < len; i++)
		put(&made, (unsigned char)secret[i]);
	add(r, made.data, made.len);
	buffer_deinit(&made);
}

static bool is_unreserved(unsigned char c) { return c && strchr(UNRESERVED, c); }

static void put_percent(struct buffer *out, unsigned char c)
{
	if (is_unreserved(c))
		buffer_append(out, &c, 1);
	else
		buffer_printf(out, "%%%02X", c);
}

static void put_percent_lower(struct buffer *out, unsigned char c)
{
	if (is_unreserved(c))
		buffer_append(out, &c, 1);
	else
		buffer_printf(out, "%%%02x", c);
}

static void put_form(struct buffer *out, unsigned char c)
{
	if (c == ' ')
		buffer_append_str(out, "+");
	else
		put_percent(out, c);
}

static void put_json(struct buffer *out, unsigned char c)
{
	buffer_append_json_escaped(out, (const char *)&c, 1);
}

static void put_json_slashes(struct buffer *out, unsigned char c)
{
	if (c == '/')
		buffer_append_str(out, "\\/");
	else
		put_json(out, c);
}

/* Without its padding, which is no secret. */
static void add_base64(struct redaction *r, const char *secret, size_t len)
{
	char *encoded = mem_alloc(4 * (len / 3 + 1) + 1);

	EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)secret, (int)len);
	add(r, encoded, strcspn(encoded, "="));
	secret_free(encoded);
}

void redaction_add(struct redaction *redaction, const char *secret, size_t len)
{
	if (len == 0)
		return;
	add(redaction, secret, len);
	add_made(redaction, secret, len, put_percent);
	add_made(redaction, secret, len, put_percent_lower);
	add_made(redaction, secret, len, put_form);
	add_made(redaction, secret, len, put_json);
	add_made(redaction, secret, len, put_json_slashes);
	add_base64(redaction, secret, len);
	qsort(redaction->shapes, redaction->n, sizeof(*redaction->shapes), compare_shapes);
}

struct redaction *redaction_new(const struct vendor *vendor)
{
	struct redaction *redaction = mem_calloc(1, sizeof(*redaction));

	for (size_t i = 0; i < vendor->n_secrets; i++)
		redaction_add(redaction, vendor->secrets[i], strlen(vendor->secrets[i]));
	return redaction;
}

void redaction_free(struct redaction *redaction)
{
	if (!redaction)
		return;
	for (size_t i = 0; i < redaction->n; i++)
		secret_free_bytes(redaction->shapes[i].bytes, redaction->shapes[i].len);
	free(redaction->shapes);
	free(redaction);
}

/* ---- Texts ---- */

/* How long the shape is that the text begins with; 0: none. */
static size_t shape_at(const struct redaction *r, const char *text, size_t len)
{
	if (!r->begins[(unsigned char)text[0]])
		return 0;
	for (size_t i = 0; i < r->n; i++)
		if (r->shapes[i].len <= len && memcmp(r->shapes[i].bytes, text, r->shapes[i].len) == 0)
			return r->shapes[i].len;
	return 0;
}

char *redaction_apply(const struct redaction *redaction, const char *text, size_t len, size_t *out_len)
{
	struct buffer out;
	size_t i = 0, start = 0;

	buffer_init(&out, (strlen(REDACTED) + 1) * len);
	while (i < len) {
		size_t hidden = shape_at(redaction, text + i, len - i);

		if (hidden == 0) {
			i++;
			continue;
		}
		buffer_append(&out, text + start, i - start);
		buffer_append_str(&out, REDACTED);
		start = i += hidden;
	}
	buffer_append(&out, text + start, len - start);
	return buffer_take(&out, out_len);
}
