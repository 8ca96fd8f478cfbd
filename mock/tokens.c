#include "tokens.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "form.h"
#include "util.h"

enum { TOKEN_SIZE = 48, CREDENTIALS_MAX = 1024, ALWAYS = 0 };

struct token {
	char text[TOKEN_SIZE];  /* "": none */
	int64_t until_us;       /* ALWAYS: it was not said */
};

struct tokens {
	struct token list[TOKENS_MAX];
	uint64_t given;
};

struct tokens *tokens_new(void) { return mem_calloc(1, sizeof(struct tokens)); }

void tokens_free(struct tokens *tokens) { free(tokens); }

void tokens_revoke(struct tokens *tokens) { memset(tokens->list, 0, sizeof(tokens->list)); }

/* What follows the name of a scheme, or NULL. */
static const char *of_scheme(const char *authorization, size_t *len, const char *scheme)
{
	size_t start = strlen(scheme);

	if (!authorization || *len <= start || strncasecmp(authorization, scheme, start) != 0 || authorization[start] != ' ')
		return NULL;
	*len -= start + 1;
	return authorization + start + 1;
}

/* ---- The client ---- */

/* Base64 of id and secret, each encoded as in a form. */
static bool is_in_header(const char *authorization, size_t len, const char *id, size_t id_len, const char *secret)
{
	char base64[CREDENTIALS_MAX], decoded[CREDENTIALS_MAX], part[CREDENTIALS_MAX];
	const char *given = of_scheme(authorization, &len, "Basic"), *colon;
	int n;

	if (!given || len >= sizeof(base64))
		return false;
	memcpy(base64, given, len);
	base64[len] = '\0';
	n = EVP_DecodeBlock((unsigned char *)decoded, (const unsigned char *)base64, (int)len);
	if (n < 0)
		return false;
	while (n > 0 && decoded[n - 1] == '\0')   /* what the padding became */
		n--;
	colon = memchr(decoded, ':', (size_t)n);
	if (!colon || form_decode(decoded, (size_t)(colon - decoded), part, sizeof(part)) != id_len || memcmp(part, id, id_len) != 0)
		return false;
	colon++;
	return form_decode(colon, (size_t)(decoded + n - colon), part, sizeof(part)) == strlen(secret) &&
	       memcmp(part, secret, strlen(secret)) == 0;
}

/* client: "id:secret", or empty: anybody. */
static bool is_client(const char *client, const char *body, size_t body_len, const char *authorization, size_t len)
{
	const char *colon = strchr(client, ':');
	size_t id_len;

	if (!colon)
		return true;
	id_len = (size_t)(colon - client);
	if (authorization)
		return is_in_header(authorization, len, client, id_len, colon + 1);
	return form_field_is(body, body_len, "client_id", client, id_len) &&
	       form_field_is(body, body_len, "client_secret", colon + 1, strlen(colon + 1));
}

/* ---- Tokens ---- */

static const char *give(struct tokens *tokens, int64_t now_us, int64_t seconds)
{
	static const char grant[] = "mock-token-";
	struct token *token = &tokens->list[tokens->given++ % TOKENS_MAX];
	unsigned char random[16];

	if (RAND_bytes(random, sizeof(random)) != 1)
		abort();
	snprintf(token->text, sizeof(token->text), "%s", grant);
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(token->text + sizeof(grant) - 1 + 2 * i, 3, "%02x", random[i]);
	token->until_us = seconds ? now_us + 1000000 * seconds : ALWAYS;
	return token->text;
}

static int refuse(struct buf *text, int status, const char *code)
{
	buf_addf(text, "{\"error\":\"%s\"}", code);
	return status;
}

int tokens_answer(struct tokens *tokens, const char *body, size_t body_len, const char *authorization,
                  size_t authorization_len, int64_t now_us, const struct knobs *knobs, struct buf *text)
{
	static const char grant[] = "client_credentials";

	if (knobs->token_fail_status)
		return refuse(text, (int)knobs->token_fail_status, "temporarily_unavailable");
	if (!form_field_is(body, body_len, "grant_type", grant, sizeof(grant) - 1))
		return refuse(text, 400, "unsupported_grant_type");
	if (!is_client(knobs->token_client, body, body_len, authorization, authorization_len))
		return refuse(text, 401, "invalid_client");
	buf_addf(text, "{\"access_token\":\"%s\",\"token_type\":\"Bearer\"", give(tokens, now_us, knobs->token_expires_in));
	if (knobs->token_expires_in)
		buf_addf(text, ",\"expires_in\":%lld", (long long)knobs->token_expires_in);
	buf_add_str(text, "}");
	return 200;
}

bool tokens_is_shown(const struct tokens *tokens, const char *authorization, size_t len, int64_t now_us)
{
	const char *shown = of_scheme(authorization, &len, "Bearer");

	for (size_t i = 0; shown && i < TOKENS_MAX; i++) {
		const struct token *token = &tokens->list[i];

		if (token->text[0] && strlen(token->text) == len && memcmp(token->text, shown, len) == 0)
			return token->until_us == ALWAYS || now_us < token->until_us;
	}
	return false;
}
