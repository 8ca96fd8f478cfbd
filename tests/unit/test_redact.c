#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../support/vendor_text.h"
#include "redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect(const struct redaction *redaction, const char *text, const char *shown)
{
	size_t len;
	char *got = redaction_apply(redaction, text, strlen(text), &len);

	assert_string_equal(got, shown);
	assert_int_equal(len, strlen(shown));
	free(got);
}

static void a_secret_is_found_however_it_is_written(void **state)
{
	const struct vendor nobody = { .name = (char *)"v" };
	struct redaction *redaction = redaction_new(&nobody);
	static const char *const rows[][2] = {
		{ "", "" },
		{ "nothing in it", "nothing in it" },
		{ "a b/c\"+=", "***" },
		{ "xa b/c\"+=ya b/c\"+=", "x***y***" },
		{ "?key=a%20b%2Fc%22%2B%3D&x=1", "?key=***&x=1" },
		{ "?key=a%20b%2fc%22%2b%3d&x=1", "?key=***&x=1" },
		{ "key=a+b%2Fc%22%2B%3D", "key=***" },
		{ "{\"echo\":\"a b/c\\\"+=\"}", "{\"echo\":\"***\"}" },
		{ "{\"echo\":\"a b\\/c\\\"+=\"}", "{\"echo\":\"***\"}" },
		{ "Basic YSBiL2MiKz0=", "Basic ***=" },
		{ "a b/c", "a b/c" },
	};

	(void)state;
	redaction_add(redaction, "a b/c\"+=", strlen("a b/c\"+="));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(redaction, rows[i][0], rows[i][1]);
	redaction_free(redaction);
}

static void the_longest_one_counts(void **state)
{
	const struct vendor nobody = { .name = (char *)"v" };
	struct redaction *redaction = redaction_new(&nobody);

	(void)state;
	redaction_add(redaction, "abc", 3);
	redaction_add(redaction, "abcdef", 6);
	expect(redaction, "abcdef abcde abc", "*** ***de ***");
	redaction_free(redaction);
}

/* Each: members of a vendor file, and what of its secrets a text has. */
static void a_vendor_s_secrets_are_its_own(void **state)
{
	static const struct { const char *members, *text, *shown; } rows[] = {
		{ "'auth':{'type':'bearer','token':'${env:TOKEN}'}", "Authorization: Bearer s3cret", "Authorization: Bearer ***" },
		{ "'auth':{'type':'bearer','token':'literal'}", "Bearer literal", "Bearer ***" },
		{ "'auth':{'type':'bearer','token':'x${env:TOKEN}y'}", "Bearer xs3crety", "Bearer x***y" },
		{ "'auth':{'type':'basic','user':'bob','password':'${env:TOKEN}'}", "Basic Ym9iOnMzY3JldA== bob s3cret",
		  "Basic *** *** ***" },
		{ "'auth':{'type':'api_key','in':'query','name':'k','value':'${env:TOKEN}'}", "/?k=s3cret", "/?k=***" },
		{ "'auth':{'type':'hmac','name':'X-S','secret':'hush'}", "hush", "***" },
		{ "'callback':{'secret':'sesame'}", "sesame", "***" },
		{ "'response':{'result':'/token'}", "s3cret", "s3cret" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err_text why = { "" };
		char text[512];
		struct vendor_set *set;
		struct redaction *redaction;

		snprintf(text, sizeof(text), "{'name':'v','mode':'async','request':{'url':'http://h/'},%s}", rows[i].members);
		set = vendor_text_load(text, &why);
		if (!set)
			fail_msg("%s: %s", rows[i].members, why.text);
		redaction = redaction_new(vendor_at(set, 0));
		expect(redaction, rows[i].text, rows[i].shown);
		redaction_free(redaction);
		vendor_set_free(set);
	}
}

static void what_a_request_has_of_secrets_is_hidden(void **state)
{
	struct err_text why = { "" };
	struct vendor_set *set = vendor_text_load(
		"{'name':'v','mode':'sync','request':{'url':'http://bob:pass@h/${env:TOKEN}','headers':{'X-Api-Key':'abc1','X-Lang':'en'},"
		"'query':{'apikey':'abc2','q':'qq'},'body':{'a':[{'password':'abc3','n':'nn'}],'token':'${payload:/t}'}}}", &why);
	struct redaction *redaction;

	(void)state;
	if (!set)
		fail_msg("%s", why.text);
	redaction = redaction_new(vendor_at(set, 0));
	expect(redaction, "http://bob:pass@h/s3cret abc1 abc2 abc3 pass en qq nn", "http://***@h/*** *** *** *** *** en qq nn");
	redaction_free(redaction);
	vendor_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_is_found_however_it_is_written),
		cmocka_unit_test(the_longest_one_counts),
		cmocka_unit_test(a_vendor_s_secrets_are_its_own),
		cmocka_unit_test(what_a_request_has_of_secrets_is_hidden),
	};

	return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
