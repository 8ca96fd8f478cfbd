#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "clean.h"
#include "json_strict.h"
#include "outcome.h"
#include "../support/cleaned.h"
#include "../support/one_vendor.h"

/* Cleaned twice is cleaned once. */
static void assert_cleaned(const struct vendor *vendor, const char *text, const char *expected)
{
	char *once = cleaned(vendor, text), *twice = cleaned(vendor, once);

	assert_string_equal(once, expected);
	assert_string_equal(twice, expected);
	free(once);
	free(twice);
}

static void without_rules_nothing_changes(void **state)
{
	static const struct vendor none;

	(void)state;
	assert_cleaned(&none, "{\"a\":\" x \",\"n\":[1.0,1e2,null]}", "{\"a\":\" x \",\"n\":[1.0,1e2,null]}");
	assert_cleaned(&none, "null", "null");
}

static void strings_lose_white_space_at_both_ends_everywhere(void **state)
{
	static const struct vendor trim = { .trim_strings = true };

	(void)state;
	assert_cleaned(&trim, "\" a b \"", "\"a b\"");
	assert_cleaned(&trim, "\" \\t\\r\\n \"", "\"\"");
	assert_cleaned(&trim, "\"\"", "\"\"");
	assert_cleaned(&trim, "null", "null");
	assert_cleaned(&trim, "[\" a\",[\"b \",{\" k \":\" v \"}],5,true,null]", "[\"a\",[\"b\",{\" k \":\"v\"}],5,true,null]");
	assert_cleaned(&trim, "\" \\u0000 x\\u0000 \"", "\"\\u0000 x\\u0000\"");
	assert_cleaned(&trim, "\" \xc2\xa0x \"", "\"\xc2\xa0x\"");
}

static void a_long_string_is_trimmed_whole(void **state)
{
	static const struct vendor trim = { .trim_strings = true };
	char text[2010], expected[2010];

	(void)state;
	memset(text, 'x', sizeof(text));
	memset(expected, 'x', sizeof(expected));
	memcpy(text, "\"  ", 3);
	memcpy(text + 2003, "  \"", 4);
	expected[0] = '"';
	memcpy(expected + 2001, "\"", 2);
	assert_cleaned(&trim, text, expected);
}

static void named_members_go(void **state)
{
	static char *remove[] = { "/ssn", "/person/tax~1id", "/gone/away", NULL };
	static const struct vendor vendor = { .remove = remove };

	(void)state;
	assert_cleaned(&vendor, "{\"ssn\":1,\"name\":\"a\",\"person\":{\"tax/id\":2,\"ssn\":3}}", "{\"name\":\"a\",\"person\":{\"ssn\":3}}");
	assert_cleaned(&vendor, "{\"ssn\":null}", "{}");
	assert_cleaned(&vendor, "[1]", "[1]");
	assert_cleaned(&vendor, "\"ssn\"", "\"ssn\"");
	assert_cleaned(&vendor, "null", "null");
	assert_cleaned(&vendor, "{\"person\":null}", "{\"person\":null}");
}

static void a_star_stands_for_all_items(void **state)
{
	static char *remove[] = { "/*/ssn", "/people/*/ssn", "/m/*/*/x", NULL };
	static const struct vendor vendor = { .remove = remove };

	(void)state;
	assert_cleaned(&vendor, "{\"people\":[{\"ssn\":1,\"a\":2},null,5,{\"ssn\":3}]}", "{\"people\":[{\"a\":2},null,5,{}]}");
	assert_cleaned(&vendor, "[{\"ssn\":1},{\"b\":1}]", "[{},{\"b\":1}]");
	assert_cleaned(&vendor, "{\"m\":[[{\"x\":1},{\"y\":1}],[{\"x\":2}]]}", "{\"m\":[[{},{\"y\":1}],[{}]]}");
	/* In an object it is a name like any other. */
	assert_cleaned(&vendor, "{\"*\":{\"ssn\":1},\"a\":{\"ssn\":2}}", "{\"*\":{},\"a\":{\"ssn\":2}}");
}

static void items_of_arrays_become_null(void **state)
{
	static char *remove[] = { "/a/1", "/a/9", "/b/*", NULL };
	static const struct vendor vendor = { .remove = remove };

	(void)state;
	assert_cleaned(&vendor, "{\"a\":[1,2,3],\"b\":[1,{}]}", "{\"a\":[1,null,3],\"b\":[null,null]}");
}

static void numbers_stay_as_written(void **state)
{
	static char *remove[] = { "/x", NULL };
	static const struct vendor vendor = { .remove = remove, .trim_strings = true };

	(void)state;
	assert_cleaned(&vendor, "{\"x\":1,\"n\":[1.00,-0,1e999,123456789012345678901234567890]}",
	               "{\"n\":[1.00,-0,1e999,123456789012345678901234567890]}");
}

/* ---- By the vendor file ---- */

static const struct { const char *rules, *text, *cleaned; } by_file[] = {
	/* New names */
	{ "'rename':{'/fullName':'name'}", "{\"fullName\":\"Ann\",\"x\":1}", "{\"x\":1,\"name\":\"Ann\"}" },
	{ "'rename':{'/people/*/fullName':'name'}", "{\"people\":[{\"fullName\":1},{\"a\":2},3]}",
	  "{\"people\":[{\"name\":1},{\"a\":2},3]}" },
	{ "'rename':{'/a':'b','/b':'c'}", "{\"a\":1}", "{\"c\":1}" },
	{ "'rename':{'/a':'b'}", "{\"b\":2,\"a\":null}", "{\"b\":null}" },
	{ "'rename':{'/p/first':'given','/p':'person'}", "{\"p\":{\"first\":1}}", "{\"person\":{\"given\":1}}" },
	{ "'rename':{'/list/0':'x'}", "{\"list\":[1]}", "{\"list\":[1]}" },
	{ "'rename':{'/a':'b'}", "\"text\"", "\"text\"" },
	/* Picking, by the new names */
	{ "'pick':['/a','/b/c']", "{\"a\":[1,{\"x\":2}],\"b\":{\"c\":null,\"d\":4},\"e\":5}", "{\"a\":[1,{\"x\":2}],\"b\":{\"c\":null}}" },
	{ "'pick':['/b/c']", "{\"b\":{\"d\":4}}", "{\"b\":{}}" },
	{ "'pick':['/b/c']", "{\"b\":5}", "{}" },
	{ "'pick':['/p/*/name','/p/1/age']", "{\"p\":[{\"name\":1,\"age\":2},{\"name\":3,\"age\":4},5,[6]]}",
	  "{\"p\":[{\"name\":1},{\"name\":3,\"age\":4},null,[null]]}" },
	{ "'pick':['/1']", "[1,2,3]", "[null,2,null]" },
	{ "'pick':['/*']", "{\"*\":1,\"a\":2}", "{\"*\":1}" },
	{ "'pick':['/a~1b']", "{\"a/b\":1,\"a\":{\"b\":2}}", "{\"a/b\":1}" },
	{ "'pick':['/a']", "\"whole\"", "null" },
	{ "'pick':['/a']", "null", "null" },
	{ "'pick':['/b'],'rename':{'/a':'b'}", "{\"a\":1,\"c\":2}", "{\"b\":1}" },
	/* Names */
	{ "'remove_names':['ssn','*_token']", "{\"SSN\":1,\"a\":[{\"ssn\":2,\"x_token\":3,\"token\":4}],\"_token\":{\"b\":5}}",
	  "{\"a\":[{\"token\":4}]}" },
	{ "'remove_names':['a*b*c']", "{\"abc\":1,\"aXbXc\":1,\"axbxcx\":1,\"ac\":1,\"aabbcc\":1}", "{\"axbxcx\":1,\"ac\":1}" },
	{ "'mask_names':['card*']", "{\"cardNo\":\"4111111111111111\",\"x\":{\"CARD\":[12345678,{\"y\":\"abcdefgh\"},true,null]}}",
	  "{\"cardNo\":\"************1111\",\"x\":{\"CARD\":[\"****5678\",{\"y\":\"****efgh\"},null,null]}}" },
	{ "'remove_names':['*']", "{\"a\":1}", "{}" },
	/* Contacts */
	{ "'emails':['/e','/all/*']", "{\"e\":\" Ann@X.org \",\"all\":[\"B@C.de\",5],\"other\":\"D@E.fr\"}",
	  "{\"e\":\"ann@x.org\",\"all\":[\"b@c.de\",5],\"other\":\"D@E.fr\"}" },
	{ "'phones':['/p'],'phone_country':'1'", "{\"p\":[\"(555) 123-4567\",\"+44 20 7946 0958\",5551234567,\"none\"]}",
	  "{\"p\":[\"+15551234567\",\"+442079460958\",5551234567,\"none\"]}" },
	/* Masks */
	{ "'mask':['/iban','/n','/f'],'mask_keep':2", "{\"iban\":\"DE89370400440532013000\",\"n\":123.50,\"f\":false,\"o\":123.50}",
	  "{\"iban\":\"********************00\",\"n\":\"****50\",\"f\":null,\"o\":123.50}" },
	/* Patterns, also in numbers and names */
	{ "'remove_values':['email','card']", "{\"note\":\"to a@b.org\",\"n\":4111111111111111,\"m\":4111111111111112,\"d\":-4111111111111111}",
	  "{\"note\":\"to [email]\",\"n\":\"[card]\",\"m\":4111111111111112,\"d\":-4111111111111111}" },
	{ "'remove_values':['email']", "{\"a@b.org\":1,\"c@d.org\":2,\"x\":{\"e@f.org\":3},\"[email] 2\":4}",
	  "{\"x\":{\"[email]\":3},\"[email] 2\":4,\"[email]\":1,\"[email] 3\":2}" },
	{ "'mask_values':['us_ssn']", "[\"078-05-1120\",[\"x 078-05-1120\"]]", "[\"*******1120\",[\"x *******1120\"]]" },
	{ "'mask_values':['card'],'mask_keep':0", "4111111111111111", "\"****************\"" },
	/* Empty */
	{ "'drop_empty':true", "{\"a\":null,\"b\":\"\",\"c\":{\"d\":[],\"e\":{}},\"f\":0,\"g\":false,\"h\":[null,\"\",{\"i\":null}]}",
	  "{\"f\":0,\"g\":false,\"h\":[null,\"\",{}]}" },
	{ "'drop_empty':true,'trim_strings':true,'remove':['/a/b']", "{\"a\":{\"b\":1},\"c\":\"  \"}", "{}" },
	/* What no rule names */
	{ "'rename':{'/x':'y'},'pick':['/n','/u'],'remove_names':['z'],'trim_strings':true,'mask':['/z'],"
	  "'mask_values':['email','phone','card','us_ssn','uk_nino','es_dni','it_codice_fiscale','br_cpf'],'drop_empty':true",
	  "{\"n\":[1.00,-0,1e999,123456789012345678901234567890,18446744073709551615],\"u\":\"\xc5\xbdofie \xf0\x9f\x98\x80 \\u0000\"}",
	  "{\"n\":[1.00,-0,1e999,123456789012345678901234567890,18446744073709551615],\"u\":\"\xc5\xbdofie \xf0\x9f\x98\x80 \\u0000\"}" },
};

static void a_file_says_how_results_are_cleaned(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(by_file) / sizeof(by_file[0]); i++) {
		char *members = mem_printf("'response':{%s}", by_file[i].rules);
		struct vendor_set *set = one_vendor("sync", members);

		assert_cleaned(vendor_at(set, 0), by_file[i].text, by_file[i].cleaned);
		vendor_set_free(set);
		free(members);
	}
}

/* ---- Words of failures ---- */

#define ERRORS_FILE "'response':{'remove':['/person/ssn','/a~1b~0'],'mask':['/people/*/born'],'remove_names':['token'],'mask_names':['account'],'remove_values':['email'],'mask_values':['us_ssn']}"

static const struct { const char *body, *error; } failures[] = {
	{ "{\"error\":\"no customer ann@example.com\"}", "vendor answered 422: no customer [email]" },
	{ "{\"error\":{\"message\":\"078-05-1120 is unknown\"}}", "vendor answered 422: *******1120 is unknown" },
	{ "{\"error\":{\"code\":7,\"token\":\"t\",\"account\":12345678,\"to\":[\"a@b.org\"],\"c@d.org\":1}}",
	  "vendor answered 422: {\"code\":7,\"account\":\"****5678\",\"to\":[\"[email]\"],\"[email]\":1}" },
	/* By the last names of places. */
	{ "{\"error\":{\"ssn\":1,\"at\":{\"ssn\":2,\"ssn2\":3,\"person\":4},\"born\":\"1970-01-01\",\"a/b~\":5,\"a/b\":6,\"b~\":7}}",
	  "vendor answered 422: {\"at\":{\"ssn2\":3,\"person\":4},\"born\":\"******1-01\",\"a/b\":6,\"b~\":7}" },
	{ "{\"error\":\"fine\"}", "vendor answered 422: fine" },
};

static void what_goes_is_not_in_errors_either(void **state)
{
	struct vendor_set *set = one_vendor("async", ERRORS_FILE);

	(void)state;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		struct job job = { .deadline_at = INT64_MAX };
		struct answer answer = { .transport = TRANSPORT_ANSWERED, .http_status = 422, .body = failures[i].body,
		                         .body_len = strlen(failures[i].body), .retry_after_ms = -1 };
		struct outcome outcome;
		struct json_object *body, *entry;

		outcome_of_answer(vendor_at(set, 0), &job, &answer, 1, 0, &outcome);
		assert_string_equal(outcome.error, failures[i].error);
		assert_int_equal(json_strict_parse(outcome.history_entry, strlen(outcome.history_entry), &JSON_LIMITS_DEFAULT, &entry,
		                                   NULL, 0, NULL), ERR_OK);
		assert_string_equal(json_string_at(entry, "/error"), failures[i].error);
		json_object_put(entry);
		outcome_deinit(&outcome);
		assert_int_equal(json_strict_parse(answer.body, answer.body_len, &JSON_LIMITS_DEFAULT, &body, NULL, 0, NULL), ERR_OK);
		assert_int_equal(outcome_of_callback(vendor_at(set, 0), body, &outcome, NULL), ERR_OK);
		assert_string_equal(strstr(outcome.error, ": ") + 2, strstr(failures[i].error, ": ") + 2);
		outcome_deinit(&outcome);
		json_object_put(body);
	}
	vendor_set_free(set);
}

/* An address that the cut of long words goes through would look like none. */
static void long_words_are_cut_when_all_is_out_of_them(void **state)
{
	struct vendor_set *set = one_vendor("sync", ERRORS_FILE);
	char text[600];

	(void)state;
	for (int at = CLEAN_WORDS_BYTES - 20; at < CLEAN_WORDS_BYTES; at++) {
		struct json_object *value;
		char *words;

		memset(text, ' ', sizeof(text));
		strcpy(text + at, "ann@example.com");
		value = json_object_new_string(text);
		words = clean_words_at(vendor_at(set, 0), value, "");
		assert_null(strstr(words, "ann"));
		free(words);
		json_object_put(value);
	}
	vendor_set_free(set);
}

static const struct { const char *rules, *message; } bad[] = {
	{ "'rename':['/a']", "response/rename: must be an object of places and names" },
	{ "'rename':{'':'b'}", "response/rename: \"\" is the whole result, not a place in it" },
	{ "'rename':{'a':'b'}", "response/rename: \"a\" must be a JSON Pointer: empty, or beginning with '/'" },
	{ "'rename':{'/a':''}", "response/rename: the new name of /a must be a string, and not empty" },
	{ "'rename':{'/a':5}", "response/rename: the new name of /a must be a string, and not empty" },
	{ "'rename':{'/a':'a'}", "response/rename: /a becomes \"a\", which the same rule renames" },
	{ "'rename':{'/b':'c','/a':'b'}", "response/rename: /a becomes \"b\", which a rule before it renames" },
	{ "'rename':{'/p/*/x':'y','/o/q':'p','/o':'p'}", "response/rename: /o becomes \"p\", which a rule before it renames" },
	{ "'pick':['']", "response/pick: is the whole result, not a place in it" },
	{ "'mask':'/a'", "response/mask: must be an array of strings" },
	{ "'mask_values':['emails']",
	  "response/mask_values: emails is none of email, phone, card, us_ssn, uk_nino, es_dni, it_codice_fiscale, br_cpf" },
	{ "'remove_values':[null]",
	  "response/remove_values: null is none of email, phone, card, us_ssn, uk_nino, es_dni, it_codice_fiscale, br_cpf" },
	{ "'remove_values':'email'", "response/remove_values: must be an array of strings" },
	{ "'mask_keep':5", "response/mask_keep: 5 is not between 0 and 4" },
	{ "'phone_country':'+1'", "response/phone_country: must be a string of 1 to 3 digits that does not begin with 0" },
	{ "'phone_country':44", "response/phone_country: must be a string of 1 to 3 digits that does not begin with 0" },
	{ "'remove_names':['']", "response/remove_names: is empty" },
	{ "'drop_empty':1", "response/drop_empty: must be true or false" },
};

static void bad_rules_are_named_with_the_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *members = mem_printf("'response':{%s}", bad[i].rules);

		one_vendor_refused("sync", members, bad[i].message);
		free(members);
	}
}

/* Each new name is looked for once, however many are the same. */
static void an_object_of_a_hundred_thousand_addresses_takes_no_time(void **state)
{
	struct vendor_set *set = one_vendor("sync", "'response':{'remove_values':['email']}");
	struct json_object *object = json_object_new_object();
	char name[64];

	(void)state;
	alarm(60);   /* what takes the square of it ends the program */
	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "u%d@example.com", i);
		json_object_object_add(object, name, NULL);
	}
	object = clean_result(vendor_at(set, 0), object);
	assert_int_equal(json_object_object_length(object), 100000);
	assert_true(json_object_object_get_ex(object, "[email] 100000", NULL));
	alarm(0);
	json_object_put(object);
	vendor_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_rules_nothing_changes),
		cmocka_unit_test(strings_lose_white_space_at_both_ends_everywhere),
		cmocka_unit_test(a_long_string_is_trimmed_whole),
		cmocka_unit_test(named_members_go),
		cmocka_unit_test(a_star_stands_for_all_items),
		cmocka_unit_test(items_of_arrays_become_null),
		cmocka_unit_test(numbers_stay_as_written),
		cmocka_unit_test(a_file_says_how_results_are_cleaned),
		cmocka_unit_test(what_goes_is_not_in_errors_either),
		cmocka_unit_test(long_words_are_cut_when_all_is_out_of_them),
		cmocka_unit_test(bad_rules_are_named_with_the_reason),
		cmocka_unit_test(an_object_of_a_hundred_thousand_addresses_takes_no_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
