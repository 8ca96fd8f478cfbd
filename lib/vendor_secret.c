/* What of a vendor nobody is to see, gathered while its file is read: what ${env:NAME} and ${file:/path} stand for, members
 * that are secrets, and texts whose names sound like one. */
#include "mem.h"
#include "secret.h"
#include "vendor_priv.h"

#include <stdlib.h>
#include <string.h>

bool vendor__sounds_secret(const char *name)
{
	static const char *const parts[] = { "auth", "cookie", "key", "pass", "secret", "token" };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcasestr(name, parts[i]))
			return true;
	return false;
}

void vendor__keep_secret(struct vendor *vendor, const char *text, size_t len)
{
	if (len == 0)
		return;
	for (size_t i = 0; i < vendor->n_secrets; i++)
		if (strlen(vendor->secrets[i]) == len && memcmp(vendor->secrets[i], text, len) == 0)
			return;
	vendor->secrets = mem_realloc(vendor->secrets, (vendor->n_secrets + 1) * sizeof(*vendor->secrets));
	vendor->secrets[vendor->n_secrets++] = mem_strndup(text, len);
}

void vendor__keep_written(struct vendor *vendor, const char *text)
{
	if (!strstr(text, "${"))
		vendor__keep_secret(vendor, text, strlen(text));
}

void vendor__keep_named(struct vendor *vendor, struct json_object *value)
{
	for (size_t i = 0; json_object_is_type(value, json_type_array) && i < json_object_array_length(value); i++)
		vendor__keep_named(vendor, json_object_array_get_idx(value, i));
	if (!json_object_is_type(value, json_type_object))
		return;
	json_object_object_foreach(value, name, member) {
		if (json_object_is_type(member, json_type_string) && vendor__sounds_secret(name))
			vendor__keep_written(vendor, json_object_get_string(member));
		else
			vendor__keep_named(vendor, member);
	}
}

void vendor__keep_user(struct vendor *vendor, const char *url)
{
	const char *host = strstr(url, "://"), *end, *colon;

	host = host ? host + strlen("://") : url;
	end = memrchr(host, '@', strcspn(host, "/?#"));
	if (!end)
		return;
	vendor__keep_secret(vendor, host, (size_t)(end - host));
	colon = memchr(host, ':', (size_t)(end - host));
	if (colon)
		vendor__keep_secret(vendor, colon + 1, (size_t)(end - colon - 1));
}

void vendor__deinit_secrets(struct vendor *vendor)
{
	for (size_t i = 0; i < vendor->n_secrets; i++)
		secret_free(vendor->secrets[i]);
	free(vendor->secrets);
}
