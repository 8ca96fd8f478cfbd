/* What a single value of a vendor file may look like, and what its ${...} references stand for. */
#include "vendor_priv.h"

#include "buffer.h"
#include "mem.h"
#include "secret.h"
#include "text_file.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SECRET_FILE_BYTES_MAX = 64 << 10 };

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* ---- Checks ---- */

const char *vendor__bad_name(const char *text)
{
	size_t len = strlen(text), first = strspn(text, ALPHANUMERIC);

	if (len == 0 || len > VENDOR_NAME_MAX)
		return "must have 1 to 64 characters";
	if (first == 0)
		return "must begin with a letter or digit";
	for (size_t i = first; i < len; i++)
		if (!strchr(ALPHANUMERIC "._-", text[i]))
			return "may only hold letters, digits, '.', '_' and '-'";
	return NULL;
}

bool vendor__is_http(const char *url)
{
	return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

const char *vendor__bad_url(const char *text)
{
	const char *host;

	if (!vendor__is_http(text))
		return "must begin with http:// or https://";
	host = strstr(text, "://") + 3;
	if (*host == '\0' || strchr("/?#:@", *host))
		return "has no host";
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c >= 0x7f)
			return "holds a character that must be percent-encoded";
	return NULL;
}

const char *vendor__bad_pointer(const char *text)
{
	if (text[0] != '\0' && text[0] != '/')
		return "must be a JSON Pointer: empty, or beginning with '/'";
	for (const char *c = strchr(text, '~'); c; c = strchr(c + 1, '~'))
		if (c[1] != '0' && c[1] != '1')
			return "must be a JSON Pointer: '~' is written ~0";
	return NULL;
}

/* These decide where a request ends, so they are the worker's alone. */
const char *vendor__bad_header_name(const char *text)
{
	static const char *const reserved[] = { "Content-Length", "Transfer-Encoding", "Connection", "Upgrade" };

	if (text[0] == '\0')
		return "is empty";
	for (const char *c = text; *c; c++)
		if (!strchr(ALPHANUMERIC "!#$%&'*+-.^_`|~", *c))
			return "is not a header name";
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (strcasecmp(text, reserved[i]) == 0)
			return "cannot be set";
	return NULL;
}

/* "whsec_" announces base64; a secret that cannot be decoded would refuse every callback. */
const char *vendor__bad_secret(const char *text)
{
	const char *encoded = text + strlen("whsec_");
	size_t len, padding;

	if (text[0] == '\0')
		return "is empty";
	if (strncmp(text, "whsec_", strlen("whsec_")) != 0)
		return NULL;
	len = strspn(encoded, ALPHANUMERIC "+/");
	padding = strspn(encoded + len, "=");
	if (len == 0 || len % 4 == 1 || padding > 2 || encoded[len + padding] != '\0')
		return "is not base64 after whsec_";
	return NULL;
}

/* ---- References ---- */

static enum err resolve_env(const char *name, const struct reader *r, struct buffer *out, struct err_text *why)
{
	const char *value = r->env(name);

	/* A token that is missing must not go out as an empty one. */
	if (!value || value[0] == '\0')
		return err_set(why, ERR_NOT_FOUND, "the environment variable %s is %s", name, value ? "empty" : "not set");
	buffer_append_str(out, value);
	return ERR_OK;
}

static enum err resolve_file(const char *path, const struct reader *r, struct buffer *out, struct err_text *why)
{
	enum err err = ERR_OK;
	char *text;
	size_t len;

	(void)r;
	if (path[0] != '/')
		return err_set(why, ERR_INVALID, "${file:} takes an absolute path, not \"%s\"", path);
	if (text_file_read(path, SECRET_FILE_BYTES_MAX, &text, &len, why) != ERR_OK)
		return ERR_NOT_FOUND;
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	if (len > 0)
		buffer_append(out, text, len);
	else
		err = err_set(why, ERR_NOT_FOUND, "%s is empty", path);
	secret_free(text);
	return err;
}

/* Whoever collects mistakes wants to know of the others: the reference stays as it is written. */
static enum err lack(const struct reader *r, const char *reference, struct buffer *out, const struct err_text *why)
{
	vendor__lack(r, why->text);
	buffer_printf(out, "${%s}", reference);
	return ERR_OK;
}

static enum err resolve_fixed(const char *reference, const void *arg, struct buffer *out, struct err_text *why)
{
	static const struct {
		const char *prefix;
		enum err (*resolve)(const char *rest, const struct reader *r, struct buffer *out, struct err_text *why);
	} kinds[] = {
		{ "env:", resolve_env },
		{ "file:", resolve_file },
	};
	const struct reader *r = arg;
	size_t before = out->len;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		enum err err;

		if (strncmp(reference, kinds[i].prefix, strlen(kinds[i].prefix)) != 0)
			continue;
		err = kinds[i].resolve(reference + strlen(kinds[i].prefix), r, out, why);
		if (err == ERR_OK)
			vendor__keep_secret(r->vendor, out->data + before, out->len - before);
		if (err == ERR_NOT_FOUND)
			err = r->mistakes ? lack(r, reference, out, why) : ERR_INVALID;
		return err;
	}
	return ERR_NOT_FOUND;
}

struct template_rules vendor__rules(const struct reader *r, unsigned allowed)
{
	return (struct template_rules){ .allowed = allowed, .fixed = resolve_fixed, .arg = r };
}

enum err vendor__resolve(const struct reader *r, const char *text, char **out, struct err_text *why)
{
	const struct template_rules rules = vendor__rules(r, 0);
	struct template resolved = { 0 };
	enum err err = template_add(&resolved, text, ESCAPE_NONE, &rules, why);

	*out = err ? NULL : mem_strdup(template_beginning(&resolved));
	template_deinit(&resolved);
	return err;
}
