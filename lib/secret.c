#include "secret.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

void secret_free(char *text) { secret_free_bytes(text, text ? strlen(text) : 0); }

void secret_free_bytes(void *bytes, size_t len)
{
	if (!bytes)
		return;
	explicit_bzero(bytes, len);
	free(bytes);
}

/* The password, as far as the last @: it may have characters in it that should have been percent-encoded. NULL: none. */
static const char *find_password(const char *url, const char **end)
{
	const char *user = strstr(url, "://"), *colon;

	*end = user ? strrchr(user, '@') : NULL;
	if (!*end)
		return NULL;
	colon = memchr(user + 3, ':', (size_t)(*end - user - 3));
	return colon ? colon + 1 : NULL;
}

/* Such as MongoDB's tlsCertificateKeyFilePassword=, authMechanismProperties=AWS_SESSION_TOKEN:. */
static const char *find_options(const char *url)
{
	const char *options = strchr(url, '?');

	return options && (strcasestr(options, "pass") || strcasestr(options, "token") || strcasestr(options, "secret"))
		? options + 1 : NULL;
}

bool secret_in_url(const char *url)
{
	const char *end;

	return find_password(url, &end) || (strstr(url, "://") && find_options(url));
}

char *secret_hide_in_url(const char *url)
{
	const char *end, *password = find_password(url, &end), *rest = password ? end : url, *options = strstr(url, "://") ? find_options(rest) : NULL;
	int rest_len = (int)(options ? (size_t)(options - rest) : strlen(rest));

	return mem_printf("%.*s%s%.*s%s", password ? (int)(password - url) : 0, url, password ? "***" : "", rest_len, rest,
	                  options ? "***" : "");
}
