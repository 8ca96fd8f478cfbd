/* The reader of auth/type oauth2. What the token endpoint is asked is made here, once, at load. */
#include "mem.h"
#include "secret.h"
#include "vendor_priv.h"

#include <stdlib.h>
#include <string.h>

enum { FORM_BYTES_MAX = 64 << 10 };

/* ---- Members ---- */

static const char *bad_token_url(const char *text)
{
	return strchr(text, '#') ? "has a fragment, which is never sent" : vendor__bad_url(text);
}

enum err vendor__read_token_url(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	return vendor__read_resolved(r, m, value, field, bad_token_url);
}

/* What makes it this grant, and what other members say. */
static bool is_ours(const char *name)
{
	static const char *const names[] = { "grant_type", "client_id", "client_secret", "scope", "audience" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static enum err add_field(const struct reader *r, const struct member *m, const char *name, const char *text, void *arg)
{
	struct template_rules rules = vendor__rules(r, 0);
	struct err_text reason = { "" };

	if (template_add_pair(arg, name, text, ESCAPE_FORM, &rules, &reason) != ERR_OK)
		return vendor__fail(r, m, "%s", reason.text);
	return ERR_OK;
}

static enum err add_parameter(const struct reader *r, const struct member *m, const char *name, const char *text, void *arg)
{
	if (is_ours(name))
		return vendor__fail(r, m, "has a place of its own, or is always the same");
	return add_field(r, m, name, text, arg);
}

enum err vendor__read_parameters(const struct reader *r, const struct member *m, struct json_object *value, void *field)
{
	vendor__keep_named(r->vendor, value);
	return vendor__add_pairs(r, m, value, add_parameter, field);
}

/* ---- The request to the token endpoint ---- */

struct field { const char *name, *member, *text; };

static enum err add_fields(const struct reader *r, const struct field *fields, size_t n, struct template *form)
{
	enum err err = ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < n; i++) {
		const struct member m = { .path = fields[i].member };

		if (!fields[i].text)
			continue;
		vendor__at(r, &m);
		err = vendor__go_on(r, add_field(r, &m, fields[i].name, fields[i].text, form));
	}
	return err;
}

/* Both have no references left. */
static void append_form(struct buffer *out, const struct template *form)
{
	struct template_values nothing = { .payload = "null" };

	(void)!template_render(form, &nothing, out, NULL);   /* the buffer knows if it was too much */
	template_values_deinit(&nothing);
}

/* As RFC 6749 (2.3.1) wants it in HTTP Basic. */
static enum err encode(const struct reader *r, const char *member, const char *text, char **out)
{
	const struct member m = { .path = member };
	struct template_rules rules = vendor__rules(r, 0);
	struct template encoded = { 0 };
	struct err_text reason = { "" };
	enum err err;

	vendor__at(r, &m);
	err = template_add(&encoded, text, ESCAPE_FORM, &rules, &reason);
	*out = err ? NULL : mem_strdup(template_beginning(&encoded));
	template_deinit(&encoded);
	return err ? vendor__fail(r, &m, "%s", reason.text) : ERR_OK;
}

static enum err use_basic(const struct reader *r, const struct auth_texts *texts)
{
	char *id = NULL, *secret = NULL, *value;
	enum err err = vendor__go_on(r, encode(r, "auth/client_id", texts->client_id, &id));

	if (err == ERR_OK)
		err = vendor__go_on(r, encode(r, "auth/client_secret", texts->client_secret, &secret));
	if (id && secret) {
		value = vendor__basic_credentials(id, secret);
		vendor__keep_secret(r->vendor, value + strlen("Basic "), strlen(value) - strlen("Basic "));
		r->vendor->oauth2.authorization = mem_printf("Authorization: %s", value);
		secret_free(value);
	}
	secret_free(id);
	secret_free(secret);
	return err;
}

/* Tokens of another client, endpoint or purpose are sealed with another key: a changed file asks for its own. */
static void make_key(struct oauth2_rules *rules)
{
	char *context = mem_printf("%s\n%s", rules->url, rules->form);

	/* Either has the client's secret in it. */
	token_key(rules->authorization ? rules->authorization : rules->form, context, rules->key);
	secret_free(context);
}

static enum err make_form(const struct reader *r, const struct auth_texts *texts)
{
	bool in_body = texts->client_auth == CLIENT_AUTH_BODY;
	const struct field fields[] = {
		{ "grant_type", "auth/type", "client_credentials" },
		{ "client_id", "auth/client_id", in_body ? texts->client_id : NULL },
		{ "client_secret", "auth/client_secret", in_body ? texts->client_secret : NULL },
		{ "scope", "auth/scope", texts->scope },
		{ "audience", "auth/audience", texts->audience },
	};
	struct template form = { 0 };
	struct buffer out;
	enum err err = add_fields(r, fields, sizeof(fields) / sizeof(fields[0]), &form);

	buffer_init_secret(&out, FORM_BYTES_MAX);
	append_form(&out, &form);
	append_form(&out, &texts->parameters);
	template_deinit(&form);
	if (err == ERR_OK && out.overflowed)
		err = vendor__fail(r, &(struct member){ .path = "auth/parameters" }, "the token request is longer than %d bytes",
		                   FORM_BYTES_MAX);
	r->vendor->oauth2.form = buffer_take(&out, NULL);
	return err;
}

/* ---- What calls show ---- */

static enum err place_token(const struct reader *r, const struct auth_texts *texts)
{
	static const char token[] = "${auth:access_token}";
	/* RFC 6750, 2.1 and 2.3. */
	static const struct { const char *name, *value; } usual[] = {
		[PLACE_HEADER] = { "Authorization", "Bearer ${auth:access_token}" },
		[PLACE_QUERY] = { "access_token", "${auth:access_token}" },
	};
	const struct member value_member = { .path = "auth/value" };
	const char *value = texts->value ? texts->value : usual[texts->in].value;

	vendor__at(r, &value_member);
	if (!strstr(value, token))
		return vendor__fail(r, &value_member, "does not hold %s", token);
	return vendor__place_auth(r, texts, texts->name ? texts->name : usual[texts->in].name, value, REFERS_TO_TOKEN);
}

enum err vendor__use_oauth2(const struct reader *r, const struct auth_texts *texts)
{
	struct oauth2_rules *rules = &r->vendor->oauth2;
	enum err err = ERR_OK;

	rules->url = mem_strdup(texts->token_url);
	rules->life_ms = texts->life_ms;
	if (texts->client_auth == CLIENT_AUTH_BASIC)
		err = use_basic(r, texts);
	if (err == ERR_OK)
		err = vendor__go_on(r, make_form(r, texts));
	if (err)
		return err;
	make_key(rules);
	return place_token(r, texts);
}
