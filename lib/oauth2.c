#include "oauth2.h"

#include "json_strict.h"
#include "mem.h"
#include "secret.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const int64_t MARGIN_MAX_MS = 60 * 1000;
static const double LIFE_MAX_SECONDS = 366.0 * 86400;

void oauth2_rules_copy(struct oauth2_rules *copy, const struct oauth2_rules *rules)
{
	*copy = *rules;
	copy->url = mem_strdup(rules->url);
	copy->authorization = mem_strdup(rules->authorization);
	copy->form = mem_strdup(rules->form);
}

void oauth2_rules_deinit(struct oauth2_rules *rules)
{
	secret_free(rules->url);
	secret_free(rules->authorization);
	secret_free(rules->form);
	explicit_bzero(rules->key, sizeof(rules->key));
	*rules = (struct oauth2_rules){ 0 };
}

/* ---- What an answer says ---- */

/* Of RFC 6749 (4.1.2.1 and 5.2), RFC 8707 and OpenID Connect. Any other text may be anything. */
static const char *known_code(const char *code)
{
	static const char *const codes[] = {
		"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
		"invalid_scope", "invalid_target", "access_denied", "server_error", "temporarily_unavailable",
	};

	for (size_t i = 0; code && i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(codes[i], code) == 0)
			return codes[i];
	return NULL;
}

static enum err refused(int http_status, struct json_object *answer, const char *wrong, struct err_text *why)
{
	const char *code = known_code(json_string_at(answer, "/error"));

	return err_set(why, ERR_INVALID, "its token endpoint answered %d%s%s%s%s", http_status, code ? " " : "", code ? code : "",
	               wrong ? ", " : "", wrong ? wrong : "");
}

/* A header takes it as it is. */
static const char *bad_token(struct json_object *token)
{
	const char *text = json_object_get_string(token);
	int len = json_object_get_string_len(token);

	if (!json_object_is_type(token, json_type_string) || len == 0)
		return "without an access_token";
	if (len > OAUTH2_TOKEN_BYTES_MAX)
		return "with an access_token that is too long";
	for (int i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return "with an access_token that cannot be sent";
	return NULL;
}

/* That of a token that is shown as it is; some endpoints say "BearerToken". */
static bool is_bearer(struct json_object *answer)
{
	const char *type = json_string_at(answer, "/token_type");

	return !type || strncasecmp(type, "bearer", strlen("bearer")) == 0;
}

/* Some endpoints write the number as a string. NAN: there is none. */
static double seconds_of(struct json_object *value)
{
	const char *text = json_object_get_string(value);
	double seconds;
	char *end;

	if (!text || json_object_is_type(value, json_type_object) || json_object_is_type(value, json_type_array))
		return NAN;
	seconds = strtod(text, &end);
	return end > text && *end == '\0' ? seconds : NAN;
}

static int64_t life_of(const struct oauth2_rules *rules, struct json_object *answer)
{
	struct json_object *value;
	double seconds = json_at(answer, "/expires_in", &value) ? seconds_of(value) : NAN;

	if (!(seconds > 0))
		return rules->life_ms;
	return (int64_t)(1000 * (seconds < LIFE_MAX_SECONDS ? seconds : LIFE_MAX_SECONDS));
}

enum err oauth2_read(const struct oauth2_rules *rules, int http_status, const char *body, size_t len,
                     struct oauth2_token *token, struct err_text *why)
{
	bool accepted = http_status >= 200 && http_status <= 299;
	struct json_object *answer = NULL, *text = NULL;
	const char *wrong;
	enum err err = ERR_OK;

	*token = (struct oauth2_token){ 0 };
	if (json_strict_parse(body, len, &JSON_LIMITS_DEFAULT, &answer, NULL, 0, NULL) != ERR_OK)
		return refused(http_status, NULL, accepted ? "but its body is not JSON" : NULL, why);
	json_at(answer, "/access_token", &text);
	wrong = bad_token(text);
	if (!wrong && !is_bearer(answer))
		wrong = "with a token_type that is not Bearer";
	if (!accepted || wrong)
		err = refused(http_status, answer, accepted ? wrong : NULL, why);
	else
		*token = (struct oauth2_token){ mem_strdup(json_object_get_string(text)), life_of(rules, answer) };
	json_object_put(answer);
	return err;
}

void oauth2_use(int64_t life_ms, int64_t *use_ms, int64_t *renew_ms)
{
	int64_t margin = life_ms / 10 < MARGIN_MAX_MS ? life_ms / 10 : MARGIN_MAX_MS;

	*use_ms = life_ms - margin;
	*renew_ms = life_ms - 2 * margin;
}
