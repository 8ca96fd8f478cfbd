/* The reader of auth: how our calls show who we are.
 *
 * All kinds but hmac and oauth2 are known at load and become a header or a query parameter like any other. */
#include "mem.h"
#include "secret.h"
#include "signature.h"
#include "vendor_priv.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* ---- Kinds ---- */

static enum err add_header(const struct reader *r, const char *member, const char *name, const char *value)
{
	const struct member m = { .path = member };

	vendor__at(r, &m);
	return vendor__add_header(r, &m, &m, name, value, 0);
}

static enum err use_bearer(const struct reader *r, const struct auth_texts *texts)
{
	char *value = mem_printf("Bearer %s", texts->token);
	enum err err = add_header(r, "auth/token", "Authorization", value);

	secret_free(value);
	return err;
}

static enum err resolve(const struct reader *r, const char *member, const char *text, char **out)
{
	const struct member m = { .path = member };
	struct err_text reason = { "" };

	vendor__at(r, &m);
	if (vendor__resolve(r, text, out, &reason) != ERR_OK)
		return vendor__fail(r, &m, "%s", reason.text);
	return ERR_OK;
}

char *vendor__basic_credentials(const char *user, const char *password)
{
	static const char scheme[] = "Basic ";
	char *pair = mem_printf("%s:%s", user, password);
	size_t len = strlen(pair);
	char *value = mem_alloc(strlen(scheme) + 4 * (len / 3 + 1) + 1);

	memcpy(value, scheme, sizeof(scheme));
	EVP_EncodeBlock((unsigned char *)value + strlen(scheme), (const unsigned char *)pair, (int)len);
	secret_free(pair);
	return value;
}

static enum err use_basic(const struct reader *r, const struct auth_texts *texts)
{
	char *user = NULL, *password = NULL, *value;
	enum err err = resolve(r, "auth/user", texts->user, &user);

	if (err == ERR_OK && strchr(user, ':'))
		err = vendor__fail(r, &(struct member){ .path = "auth/user" }, "holds a ':', which ends the name");
	err = vendor__go_on(r, err);
	if (err == ERR_OK)
		err = resolve(r, "auth/password", texts->password, &password);
	if (err == ERR_OK && user) {
		value = vendor__basic_credentials(user, password);
		vendor__keep_secret(r->vendor, value + strlen("Basic "), strlen(value) - strlen("Basic "));
		err = add_header(r, "auth/user", "Authorization", value);
		secret_free(value);
	}
	secret_free(user);
	secret_free(password);
	return err;
}

enum err vendor__place_auth(const struct reader *r, const struct auth_texts *texts, const char *name, const char *value,
                            unsigned allowed)
{
	const struct member name_member = { .path = "auth/name" }, value_member = { .path = "auth/value" };
	struct template_rules rules = vendor__rules(r, allowed);
	struct err_text reason = { "" };

	vendor__at(r, &value_member);
	if (texts->in == PLACE_HEADER)
		return vendor__add_header(r, &name_member, &value_member, name, value, allowed);
	if (template_add_pair(&r->vendor->credentials, name, value, ESCAPE_QUERY, &rules, &reason) != ERR_OK)
		return vendor__fail(r, &value_member, "%s", reason.text);
	return ERR_OK;
}

static enum err use_api_key(const struct reader *r, const struct auth_texts *texts)
{
	return vendor__place_auth(r, texts, texts->name, texts->value, 0);
}

static enum err read_key(const struct reader *r, const struct auth_texts *texts, struct vendor_signing *signing)
{
	struct err_text reason = { "" };
	char *secret;
	enum err err = resolve(r, "auth/secret", texts->secret, &secret);

	if (err)
		return err;
	err = signature_key(secret, (enum key_encoding)texts->secret_encoding, &signing->key, &signing->key_len, &reason);
	secret_free(secret);
	return err ? vendor__fail(r, &(struct member){ .path = "auth/secret" }, "%s", reason.text) : ERR_OK;
}

static enum err read_message(const struct reader *r, const struct auth_texts *texts, struct vendor_signing *signing)
{
	const struct member m = { .path = "auth/message" };
	struct template_rules rules = vendor__rules(r, REFERS_TO_JOB | REFERS_TO_REQUEST);
	struct err_text reason = { "" };

	vendor__at(r, &m);
	if (template_add(&signing->message, texts->message, ESCAPE_NONE, &rules, &reason) != ERR_OK)
		return vendor__fail(r, &m, "%s", reason.text);
	return ERR_OK;
}

static enum err use_hmac(const struct reader *r, const struct auth_texts *texts)
{
	static const char signature[] = "${request:signature}";
	const struct member value_member = { .path = "auth/value" };
	const char *value = texts->value ? texts->value : signature;
	struct vendor_signing *signing = &r->vendor->signing;
	enum err err;

	signing->digest = signature_digest_name((enum signature_algorithm)texts->algorithm);
	signing->base64 = texts->encoding == SIGNATURE_BASE64;
	err = vendor__go_on(r, read_key(r, texts, signing));
	if (err == ERR_OK)
		err = vendor__go_on(r, read_message(r, texts, signing));
	vendor__at(r, &value_member);
	if (err == ERR_OK && !strstr(value, signature))
		err = vendor__fail(r, &value_member, "does not hold %s", signature);
	if (err == ERR_OK)
		err = vendor__place_auth(r, texts, texts->name, value, REFERS_TO_JOB | REFERS_TO_SIGNATURE);
	return err;
}

/* In the order of AUTH_KINDS. */
static const struct kind {
	struct member_kind members;
	enum err (*use)(const struct reader *r, const struct auth_texts *texts);
} kinds[] = {
	{ { { "token" }, { NULL } }, use_bearer },
	{ { { "user" }, { "password" } }, use_basic },
	{ { { "name", "value" }, { "in" } }, use_api_key },
	{ { { "name", "secret" }, { "in", "value", "secret_encoding", "algorithm", "encoding", "message" } }, use_hmac },
	{ { { "token_url", "client_id", "client_secret" },
	    { "client_auth", "scope", "audience", "parameters", "expires_seconds", "in", "name", "value" } }, vendor__use_oauth2 },
};
static const char *const kind_names[] = { AUTH_KINDS };

enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == KIND_COUNT, "each of AUTH_KINDS has a row");

/* ---- Reading ---- */

static void free_texts(struct auth_texts *texts)
{
	char *const all[] = { texts->token, texts->user, texts->password, texts->name, texts->value, texts->secret,
	                      texts->message, texts->token_url, texts->client_id, texts->client_secret, texts->scope,
	                      texts->audience };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		secret_free(all[i]);
	template_deinit(&texts->parameters);
}

enum err vendor__read_auth(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	struct auth_texts texts = { 0 };
	struct reader inside = *r;
	size_t n_headers = r->vendor->call.n_headers;
	bool has_all = false;
	enum err err;

	(void)m, (void)field;
	inside.group = inside.shown = "auth/";
	inside.base = (char *)&texts;
	err = vendor__read_group(&inside, value);
	if (err == ERR_OK)
		err = vendor__check_kind(r, value, "auth/", kind_names[texts.type], &kinds[texts.type].members, &has_all);
	if (err == ERR_OK && has_all)
		err = kinds[texts.type].use(r, &texts);
	for (; n_headers < r->vendor->call.n_headers; n_headers++)
		r->vendor->call.headers[n_headers].is_auth = r->vendor->call.headers[n_headers].is_secret = true;
	free_texts(&texts);
	return err;
}

struct json_object *vendor__show_auth(struct json_object *value)
{
	return vendor__show_kind(value, &kinds[vendor__kind_of(value, kind_names, KIND_COUNT)].members);
}
