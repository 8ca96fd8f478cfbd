/* What a token endpoint is asked, of whole vendor files. Single quotes stand for double ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/one_vendor.h"

/* As base64 has it: what stands before and after the colon is encoded as in a form. */
static const struct { const char *members, *authorization, *form; } asked[] = {
	{ "'client_id':'me','client_secret':'${env:TOKEN}'", "Authorization: Basic bWU6czNjcmV0" /* me:s3cret */,
	  "grant_type=client_credentials" },
	{ "'client_id':'a:b@c','client_secret':'p +%/'", "Authorization: Basic YSUzQWIlNDBjOnArJTJCJTI1JTJG" /* a%3Ab%40c:p+%2B%25%2F */,
	  "grant_type=client_credentials" },
	{ "'client_id':'a:b','client_secret':'${env:TOKEN}&x=1','client_auth':'body'", NULL,
	  "grant_type=client_credentials&client_id=a%3Ab&client_secret=s3cret%26x%3D1" },
	{ "'client_id':'me','client_secret':'x','scope':'read write','audience':'https://api.example/'",
	  "Authorization: Basic bWU6eA==", "grant_type=client_credentials&scope=read+write&audience=https%3A%2F%2Fapi.example%2F" },
	{ "'client_id':'me','client_secret':'x','client_auth':'body','parameters':{'resource':'${env:TOKEN}','a b':'&'}", NULL,
	  "grant_type=client_credentials&client_id=me&client_secret=x&resource=s3cret&a+b=%26" },
	{ "'client_id':'me','client_secret':'x','parameters':{}", "Authorization: Basic bWU6eA==", "grant_type=client_credentials" },
};

static struct vendor_set *load(const char *members)
{
	char *auth = mem_printf("'auth':{'type':'oauth2','token_url':'https://a.example/${env:TOKEN}?t=1',%s}", members);
	struct vendor_set *set = one_vendor("sync", auth);

	free(auth);
	return set;
}

static void the_request_is_made_of_the_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct vendor_set *set = load(asked[i].members);
		const struct oauth2_rules *rules = &vendor_at(set, 0)->oauth2;

		assert_string_equal(rules->url, "https://a.example/s3cret?t=1");
		assert_string_equal(rules->form, asked[i].form);
		if (asked[i].authorization)
			assert_string_equal(rules->authorization, asked[i].authorization);
		else
			assert_null(rules->authorization);
		vendor_set_free(set);
	}
}

static void a_life_that_is_not_said_is_the_files(void **state)
{
	struct vendor_set *usual = load("'client_id':'me','client_secret':'x'");
	struct vendor_set *own = load("'client_id':'me','client_secret':'x','expires_seconds':1799.5");

	(void)state;
	assert_int_equal(vendor_at(usual, 0)->oauth2.life_ms, 300000);
	assert_int_equal(vendor_at(own, 0)->oauth2.life_ms, 1799500);
	vendor_set_free(usual);
	vendor_set_free(own);
}

static void only_this_kind_needs_tokens(void **state)
{
	struct vendor_set *set = one_vendor("sync", "'auth':{'type':'bearer','token':'x'}");

	(void)state;
	assert_null(vendor_at(set, 0)->oauth2.url);
	vendor_set_free(set);
}

/* So that nobody shows a token that was given to another client, or for something else. */
static void whatever_is_asked_otherwise_has_another_key(void **state)
{
	static const char *const others[] = {
		"'client_id':'me','client_secret':'y'", "'client_id':'we','client_secret':'x'",
		"'client_id':'me','client_secret':'x','scope':'a'", "'client_id':'me','client_secret':'x','audience':'a'",
		"'client_id':'me','client_secret':'x','parameters':{'a':'b'}",
		"'client_id':'me','client_secret':'x','client_auth':'body'",
	};
	struct vendor_set *set = load("'client_id':'me','client_secret':'x'"), *again = load("'client_id':'me','client_secret':'x'");
	const unsigned char *key = vendor_at(set, 0)->oauth2.key;

	(void)state;
	assert_memory_equal(vendor_at(again, 0)->oauth2.key, key, TOKEN_KEY_SIZE);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct vendor_set *other = load(others[i]);

		assert_memory_not_equal(vendor_at(other, 0)->oauth2.key, key, TOKEN_KEY_SIZE);
		vendor_set_free(other);
	}
	vendor_set_free(again);
	vendor_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_request_is_made_of_the_file),
		cmocka_unit_test(a_life_that_is_not_said_is_the_files),
		cmocka_unit_test(only_this_kind_needs_tokens),
		cmocka_unit_test(whatever_is_asked_otherwise_has_another_key),
	};
	return cmocka_run_group_tests_name("vendor_oauth2", tests, NULL, NULL);
}
