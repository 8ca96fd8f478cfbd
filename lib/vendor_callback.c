/* The readers of callback/auth and callback/allow_from: who may call back. */
#include "mem.h"
#include "secret.h"
#include "signature.h"
#include "vendor_priv.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Lists ---- */

static const char *bad_text(const char *text) { return text[0] == '\0' ? "is empty" : NULL; }

/* One, or several. */
enum err vendor__read_secrets(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	bool many = json_object_is_type(value, json_type_array);
	size_t n = many ? json_object_array_length(value) : 1;
	char ***secrets = field;
	struct reader inside = *r;

	if (n < 1 || (int64_t)n > m->max)
		return vendor__fail(r, m, "must have 1 to %lld entries", (long long)m->max);
	*secrets = mem_calloc(n + 1, sizeof(**secrets));
	for (size_t i = 0; i < n; i++) {
		struct json_object *one = many ? json_object_array_get_idx(value, i) : value;
		enum err err;

		inside.item = many ? &i : NULL;
		err = vendor__read_resolved(&inside, m, one, &(*secrets)[i], bad_text);
		if (err)
			return err;
	}
	return ERR_OK;
}

struct json_object *vendor__show_secrets(struct json_object *value)
{
	struct json_object *shown;

	if (!json_object_is_type(value, json_type_array))
		return vendor__show_secret(value);
	shown = json_object_new_array();
	for (size_t i = 0; i < json_object_array_length(value); i++)
		json_object_array_add(shown, vendor__show_secret(json_object_array_get_idx(value, i)));
	return shown;
}

enum err vendor__read_networks(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	struct networks *networks = field;
	struct reader inside = *r;
	size_t n;

	if (!json_object_is_type(value, json_type_array))
		return vendor__fail(r, m, "must be an array of networks");
	n = json_object_array_length(value);
	if ((int64_t)n > m->max)
		return vendor__fail(r, m, "has more than %lld entries", (long long)m->max);
	networks->items = mem_calloc(n + 1, sizeof(*networks->items));
	for (size_t i = 0; i < n; i++) {
		const char *text = vendor__string(json_object_array_get_idx(value, i));

		inside.item = &i;
		if (!text || !network_parse(text, &networks->items[i]))
			return vendor__fail(&inside, m, "must be an address or a network such as 192.0.2.0/24 or 2001:db8::/32");
	}
	networks->n = n;
	return ERR_OK;
}

/* ---- Kinds ---- */

static enum err fail(const struct reader *r, const char *member, const char *reason)
{
	const struct member m = { .path = member };

	return vendor__fail(r, &m, "%s", reason);
}

static void add_key(struct callback_auth *auth, unsigned char *bytes, size_t len)
{
	auth->keys = mem_realloc(auth->keys, (auth->n_keys + 1) * sizeof(*auth->keys));
	auth->keys[auth->n_keys++] = (struct callback_key){ bytes, len };
}

/* Takes text. */
static void add_text(struct callback_auth *auth, char *text) { add_key(auth, (unsigned char *)text, strlen(text)); }

static void take(char **to, char **from)
{
	*to = *from;
	*from = NULL;
}

static enum err use_nothing(const struct reader *r, struct callback_auth_texts *texts)
{
	(void)r, (void)texts;
	return ERR_OK;
}

static enum err use_standard_webhooks(const struct reader *r, struct callback_auth_texts *texts)
{
	for (char **secret = texts->secrets; *secret; secret++) {
		if (vendor__bad_secret(*secret))
			return fail(r, "callback/auth/secrets", vendor__bad_secret(*secret));
		add_text(&r->vendor->callback_auth, mem_strdup(*secret));
	}
	return ERR_OK;
}

static enum err check_message(const struct reader *r, const struct callback_auth *auth)
{
	const char *rest = auth->message;

	if (!strstr(auth->message, CALLBACK_BODY))
		return fail(r, "callback/auth/message", "does not hold " CALLBACK_BODY);
	if (auth->timestamp_header && !strstr(auth->message, CALLBACK_TIMESTAMP))
		return fail(r, "callback/auth/message", "does not hold " CALLBACK_TIMESTAMP ", so anybody could change it");
	if (!auth->timestamp_header && strstr(auth->message, CALLBACK_TIMESTAMP))
		return fail(r, "callback/auth/timestamp_header", "is missing, callback/auth/message holds " CALLBACK_TIMESTAMP);
	while ((rest = strstr(rest, "${"))) {
		if (strncmp(rest, CALLBACK_BODY, strlen(CALLBACK_BODY)) != 0 &&
		    strncmp(rest, CALLBACK_TIMESTAMP, strlen(CALLBACK_TIMESTAMP)) != 0)
			return fail(r, "callback/auth/message", "refers to something else than " CALLBACK_BODY " and " CALLBACK_TIMESTAMP);
		rest += 2;
	}
	return ERR_OK;
}

static enum err use_hmac(const struct reader *r, struct callback_auth_texts *texts)
{
	struct callback_auth *auth = &r->vendor->callback_auth;
	struct err_text reason = { "" };

	auth->digest = signature_digest_name((enum signature_algorithm)texts->algorithm);
	auth->base64 = texts->encoding == SIGNATURE_BASE64;
	take(&auth->header, &texts->name);
	take(&auth->prefix, &texts->prefix);
	take(&auth->timestamp_header, &texts->timestamp_header);
	take(&auth->timestamp_prefix, &texts->timestamp_prefix);
	take(&auth->message, &texts->message);
	if (!auth->message)
		auth->message = mem_strdup(auth->timestamp_header ? CALLBACK_TIMESTAMP "." CALLBACK_BODY : CALLBACK_BODY);
	for (char **secret = texts->secrets; *secret; secret++) {
		unsigned char *key;
		size_t len;

		if (!**secret)   /* this machine lacks it, which vendor lint has said */
			continue;
		if (signature_key(*secret, (enum key_encoding)texts->secret_encoding, &key, &len, &reason) != ERR_OK)
			return fail(r, "callback/auth/secrets", reason.text);
		add_key(auth, key, len);
	}
	return check_message(r, auth);
}

static enum err use_bearer(const struct reader *r, struct callback_auth_texts *texts)
{
	r->vendor->callback_auth.header = mem_strdup("Authorization");
	for (char **secret = texts->secrets; *secret; secret++)
		add_text(&r->vendor->callback_auth, mem_printf("Bearer %s", *secret));
	return ERR_OK;
}

static enum err use_basic(const struct reader *r, struct callback_auth_texts *texts)
{
	r->vendor->callback_auth.header = mem_strdup("Authorization");
	if (strchr(texts->user, ':'))
		return fail(r, "callback/auth/user", "holds a ':', which ends the name");
	for (char **secret = texts->secrets; *secret; secret++)
		add_text(&r->vendor->callback_auth, vendor__basic_credentials(texts->user, *secret));
	return ERR_OK;
}

static enum err use_api_key(const struct reader *r, struct callback_auth_texts *texts)
{
	take(&r->vendor->callback_auth.header, &texts->name);
	for (char **secret = texts->secrets; *secret; secret++)
		add_text(&r->vendor->callback_auth, mem_strdup(*secret));
	return ERR_OK;
}

/* In the order of enum callback_auth_kind. */
static const struct kind {
	struct member_kind members;
	enum err (*use)(const struct reader *r, struct callback_auth_texts *texts);
} kinds[] = {
	{ { { NULL }, { NULL } }, use_nothing },
	{ { { "secrets" }, { NULL } }, use_standard_webhooks },
	{ { { "name", "secrets" },
	    { "prefix", "secret_encoding", "algorithm", "encoding", "timestamp_header", "timestamp_prefix", "message" } },
	  use_hmac },
	{ { { "secrets" }, { NULL } }, use_bearer },
	{ { { "user", "secrets" }, { NULL } }, use_basic },
	{ { { "name", "secrets" }, { NULL } }, use_api_key },
	{ { { NULL }, { NULL } }, use_nothing },
};
static const char *const kind_names[] = { CALLBACK_AUTH_KINDS };

enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == KIND_COUNT && KIND_COUNT == CALLBACK_AUTH_NONE + 1,
               "each of CALLBACK_AUTH_KINDS has a row");

/* ---- Reading ---- */

static void free_texts(struct callback_auth_texts *texts)
{
	for (char **secret = texts->secrets; secret && *secret; secret++)
		secret_free(*secret);
	free(texts->secrets);
	secret_free(texts->user);
	free(texts->name);
	free(texts->prefix);
	free(texts->timestamp_header);
	free(texts->timestamp_prefix);
	free(texts->message);
}

enum err vendor__read_callback_auth(const struct reader *r, const struct member *m, struct json_object *value,
                                    void *field)
{
	struct callback_auth_texts texts = { 0 };
	struct reader inside = *r;
	bool has_all = false;
	enum err err;

	(void)m, (void)field;
	r->vendor->has_callback_auth = true;
	inside.group = inside.shown = "callback/auth/";
	inside.base = (char *)&texts;
	err = vendor__read_group(&inside, value);
	if (err == ERR_OK)
		err = vendor__check_kind(r, value, "callback/auth/", kind_names[texts.type], &kinds[texts.type].members, &has_all);
	if (err == ERR_OK && has_all) {
		r->vendor->callback_auth.kind = (enum callback_auth_kind)texts.type;
		err = kinds[texts.type].use(r, &texts);
	}
	free_texts(&texts);
	return err;
}

struct json_object *vendor__show_callback_auth(struct json_object *value)
{
	return vendor__show_kind(value, &kinds[vendor__kind_of(value, kind_names, KIND_COUNT)].members);
}

enum err vendor__complete_callback(struct vendor *vendor, struct err_text *why)
{
	struct callback_auth *auth = &vendor->callback_auth;

	if (!vendor->callback_secret)
		return ERR_OK;
	if (vendor->has_callback_auth)
		return err_set(why, ERR_INVALID, "callback/secret: callback/auth says it, too");
	auth->kind = CALLBACK_AUTH_STANDARD_WEBHOOKS;
	add_text(auth, mem_strdup(vendor->callback_secret));
	return ERR_OK;
}
