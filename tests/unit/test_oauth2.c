/* What the answers of token endpoints say, and how long a token is used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mem.h"
#include "oauth2.h"
#include "secret.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ANSWERED "its token endpoint answered "

enum { DEFAULT_MS = 300000 };

static const struct oauth2_rules rules = { .life_ms = DEFAULT_MS };
static const int64_t YEAR_MS = INT64_C(366) * 86400 * 1000;

static enum err read_answer(int status, const char *body, struct oauth2_token *token, struct err_text *why)
{
	*why = (struct err_text){ "" };
	return oauth2_read(&rules, status, body, strlen(body), token, why);
}

/* ---- Tokens ---- */

static const struct { int status; const char *body, *token; int64_t life_ms; } tokens[] = {
	{ 200, "{\"access_token\":\"2YotnFZFEjr1zCsicMWpAA\",\"token_type\":\"example\",\"expires_in\":3600}", NULL, 0 },
	{ 200, "{\"access_token\":\"abc.DEF-_~+/=\",\"token_type\":\"Bearer\",\"expires_in\":3600}", "abc.DEF-_~+/=", 3600000 },
	{ 201, "{\"access_token\":\"a\",\"token_type\":\"BEARER\",\"expires_in\":1}", "a", 1000 },
	{ 200, "{\"access_token\":\"a\",\"token_type\":\"BearerToken\",\"expires_in\":\"1799\"}", "a", 1799000 },
	{ 200, "{\"access_token\":\"a\",\"expires_in\":0.5,\"scope\":\"x y\"}", "a", 500 },
	{ 200, "{\"access_token\":\"a\"}", "a", DEFAULT_MS },
	{ 200, "{\"access_token\":\"a\",\"expires_in\":null}", "a", DEFAULT_MS },
	{ 200, "{\"access_token\":\"a\",\"expires_in\":0}", "a", DEFAULT_MS },
	{ 200, "{\"access_token\":\"a\",\"expires_in\":-5}", "a", DEFAULT_MS },
	{ 200, "{\"access_token\":\"a\",\"expires_in\":\"soon\"}", "a", DEFAULT_MS },
	{ 200, "{\"access_token\":\"a\",\"expires_in\":\"\"}", "a", DEFAULT_MS },
	{ 200, "{\"access_token\":\"a\",\"expires_in\":\"nan\"}", "a", DEFAULT_MS },
	{ 200, "{\"access_token\":\"a\",\"expires_in\":[3600]}", "a", DEFAULT_MS },
	{ 200, "{\"access_token\":\"a\",\"expires_in\":true}", "a", DEFAULT_MS },
	{ 200, "{\"access_token\":\"a\",\"expires_in\":99999999999999999999999}", "a", -1 },
	{ 200, "{\"access_token\":\"a\",\"expires_in\":1e300}", "a", -1 },
	{ 200, "{\"access_token\":\"a\",\"expires_in\":\"inf\"}", "a", -1 },
};

static void a_token_is_taken_with_its_life(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(tokens); i++) {
		struct oauth2_token token;
		struct err_text why;
		enum err err = read_answer(tokens[i].status, tokens[i].body, &token, &why);

		if ((err == ERR_OK) != (tokens[i].token != NULL))
			fail_msg("%s: %s", tokens[i].body, why.text);
		if (err != ERR_OK)
			continue;
		assert_string_equal(token.text, tokens[i].token);
		assert_int_equal(token.life_ms, tokens[i].life_ms < 0 ? YEAR_MS : tokens[i].life_ms);
		secret_free(token.text);
	}
}

/* ---- Anything else ---- */

/* "s3cret" stands for what an endpoint may repeat of what it was sent. */
static const struct { int status; const char *body, *reason; } refusals[] = {
	{ 400, "{\"error\":\"invalid_client\",\"error_description\":\"s3cret is wrong\"}", ANSWERED "400 invalid_client" },
	{ 401, "{\"error\":\"invalid_client\",\"access_token\":\"s3cret\"}", ANSWERED "401 invalid_client" },
	{ 400, "{\"error\":\"s3cret\"}", ANSWERED "400" },
	{ 400, "{\"error\":{\"code\":\"s3cret\"}}", ANSWERED "400" },
	{ 302, "", ANSWERED "302" },
	{ 500, "<html>s3cret", ANSWERED "500" },
	{ 503, "[]", ANSWERED "503" },
	{ 200, "", ANSWERED "200, but its body is not JSON" },
	{ 200, "access_token=s3cret&token_type=bearer", ANSWERED "200, but its body is not JSON" },
	{ 200, "{\"access_token\":\"s3cret\"", ANSWERED "200, but its body is not JSON" },
	{ 200, "{\"access_token\":\"a\",\"access_token\":\"s3cret\"}", ANSWERED "200, but its body is not JSON" },
	{ 200, "\"s3cret\"", ANSWERED "200, without an access_token" },
	{ 200, "null", ANSWERED "200, without an access_token" },
	{ 200, "[\"s3cret\"]", ANSWERED "200, without an access_token" },
	{ 200, "{}", ANSWERED "200, without an access_token" },
	{ 200, "{\"error\":\"invalid_scope\"}", ANSWERED "200 invalid_scope, without an access_token" },
	{ 200, "{\"access_token\":\"\"}", ANSWERED "200, without an access_token" },
	{ 200, "{\"access_token\":null}", ANSWERED "200, without an access_token" },
	{ 200, "{\"access_token\":17}", ANSWERED "200, without an access_token" },
	{ 200, "{\"access_token\":\"s3cret\\r\\nX-Evil: 1\"}", ANSWERED "200, with an access_token that cannot be sent" },
	{ 200, "{\"access_token\":\"s3cret\\u0000\"}", ANSWERED "200, with an access_token that cannot be sent" },
	{ 200, "{\"access_token\":\"s3 cret\"}", ANSWERED "200, with an access_token that cannot be sent" },
	{ 200, "{\"access_token\":\"s3cr\\u00e9t\"}", ANSWERED "200, with an access_token that cannot be sent" },
	{ 200, "{\"access_token\":\"s3cret\",\"token_type\":\"mac\"}", ANSWERED "200, with a token_type that is not Bearer" },
};

static void what_is_no_token_is_named_without_a_word_of_the_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refusals); i++) {
		struct oauth2_token token;
		struct err_text why;

		assert_int_equal(read_answer(refusals[i].status, refusals[i].body, &token, &why), ERR_INVALID);
		assert_null(token.text);
		assert_string_equal(why.text, refusals[i].reason);
	}
}

static void a_token_has_a_bound(void **state)
{
	char *longest = mem_printf("{\"access_token\":\"%0*d\"}", OAUTH2_TOKEN_BYTES_MAX, 0);
	char *longer = mem_printf("{\"access_token\":\"%0*d\"}", OAUTH2_TOKEN_BYTES_MAX + 1, 0);
	struct oauth2_token token;
	struct err_text why;

	(void)state;
	assert_int_equal(read_answer(200, longest, &token, &why), ERR_OK);
	secret_free(token.text);
	assert_int_equal(read_answer(200, longer, &token, &why), ERR_INVALID);
	assert_string_equal(why.text, ANSWERED "200, with an access_token that is too long");
	free(longest);
	free(longer);
}

/* ---- How long it is used ---- */

static void a_token_is_used_for_less_than_its_life(void **state)
{
	static const struct { int64_t life, use, renew; } lives[] = {
		{ 3600000, 3540000, 3480000 }, { 600000, 540000, 480000 }, { 60000, 54000, 48000 }, { 1000, 900, 800 }, { 1, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lives); i++) {
		int64_t use, renew;

		oauth2_use(lives[i].life, &use, &renew);
		assert_int_equal(use, lives[i].use);
		assert_int_equal(renew, lives[i].renew);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_taken_with_its_life),
		cmocka_unit_test(what_is_no_token_is_named_without_a_word_of_the_answer),
		cmocka_unit_test(a_token_has_a_bound),
		cmocka_unit_test(a_token_is_used_for_less_than_its_life),
	};
	return cmocka_run_group_tests_name("oauth2", tests, NULL, NULL);
}
