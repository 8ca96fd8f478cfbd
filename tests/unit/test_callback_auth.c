#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "callback_auth.h"
#include "signature.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* By openssl dgst -hmac; the first is GitHub's documented example. */
#define BODY "Hello, World!"
#define KEY "It's a Secret to Everybody"
#define IN_HEX "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
#define IN_CAPITALS "757107EA0EB2509FC211221CCE984B8A37570B6D7586C22C46F4379C8B043E17"
#define IN_BASE64 "dXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc="
#define AT "1700000000"

enum { AT_SECONDS = 1700000000 };

struct sent { const char *name, *value; };

static const char *header(const void *arg, const char *name)
{
	for (const struct sent *sent = arg; sent->name; sent++)
		if (strcmp(sent->name, name) == 0)
			return sent->value;
	return NULL;
}

static enum err check(const struct callback_auth *auth, const struct sent *sent, const char *address, const char *body)
{
	const struct callback_proof proof = { header, sent, address, body, strlen(body) };
	struct err_text why = { "" };
	enum err err = callback_auth_check(auth, &proof, AT_SECONDS * INT64_C(1000), &why);

	/* What is said may go to anybody. */
	assert_true(err == ERR_OK || (why.text[0] && !strstr(why.text, KEY)));
	return err;
}

static struct callback_key key_of(const char *text)
{
	return (struct callback_key){ (unsigned char *)(uintptr_t)text, strlen(text) };
}

static void a_body_may_be_signed_in_a_header(void **state)
{
	static const struct { const char *prefix; bool base64; const char *value; enum err expected; } rows[] = {
		{ "", false, IN_HEX, ERR_OK },
		{ "", false, IN_CAPITALS, ERR_OK },
		{ "sha256=", false, "sha256=" IN_HEX, ERR_OK },
		{ "", true, IN_BASE64, ERR_OK },
		{ "v1=", false, "t=5,v1=00, v1=" IN_HEX " ,v0=" IN_BASE64, ERR_OK },
		{ "", false, "", ERR_INVALID },
		{ "", false, NULL, ERR_INVALID },
		{ "sha256=", false, IN_HEX, ERR_INVALID },
		{ "sha256=", false, "sha256=", ERR_INVALID },
		{ "", false, IN_HEX "0", ERR_INVALID },
		{ "", false, "857107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", ERR_INVALID },
		{ "", true, IN_HEX, ERR_INVALID },
		{ "", true, "DXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc=", ERR_INVALID },
		{ "v1=", false, "v1=" IN_HEX "x,t=5", ERR_INVALID },
		{ "", false, ",,, ,", ERR_INVALID },
	};
	struct callback_key key = key_of(KEY);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct callback_auth auth = { .kind = CALLBACK_AUTH_HMAC, .keys = &key, .n_keys = 1, .header = (char *)"X-Sig",
		                              .digest = "SHA256", .base64 = rows[i].base64, .message = (char *)CALLBACK_BODY,
		                              .prefix = (char *)(uintptr_t)rows[i].prefix };
		const struct sent sent[] = { { "X-Sig", rows[i].value }, { NULL, NULL } };

		if (check(&auth, sent, NULL, BODY) != rows[i].expected)
			fail_msg("%zu: %s", i, rows[i].value ? rows[i].value : "nothing");
		assert_int_equal(check(&auth, sent, NULL, BODY " "), ERR_INVALID);
	}
}

/* The one who sends it signs it with the time; whoever replays it later, or changes the time, is refused. */
static void a_time_may_be_signed_too(void **state)
{
	static const struct { const char *signed_at, *sent_at; enum err expected; } rows[] = {
		{ AT, AT, ERR_OK },
		{ "1699999701", "1699999701", ERR_OK },
		{ "1700000299", "1700000299", ERR_OK },
		{ "1699999699", "1699999699", ERR_INVALID },
		{ "1700000301", "1700000301", ERR_INVALID },
		{ "1699999699", AT, ERR_INVALID },
		{ "", "", ERR_INVALID },
		{ "now", "now", ERR_INVALID },
		{ AT, "+1700000000", ERR_INVALID },
		{ AT, "17000000000000000000000000000000000000000000000", ERR_INVALID },
	};
	struct callback_key key = key_of(KEY);
	struct callback_auth auth = { .kind = CALLBACK_AUTH_HMAC, .keys = &key, .n_keys = 1, .header = (char *)"X-Sig",
	                              .digest = "SHA512", .prefix = (char *)"", .timestamp_header = (char *)"X-Time",
	                              .timestamp_prefix = (char *)"",
	                              .message = (char *)"v0:" CALLBACK_TIMESTAMP ":" CALLBACK_BODY };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char message[256], signature[SIGNATURE_TEXT_SIZE];
		const struct sent sent[] = { { "X-Sig", signature }, { "X-Time", rows[i].sent_at }, { NULL, NULL } };
		int len = snprintf(message, sizeof(message), "v0:%s:%s", rows[i].signed_at, BODY);

		signature_hmac("SHA512", key.bytes, key.len, message, (size_t)len, false, signature);
		if (check(&auth, sent, NULL, BODY) != rows[i].expected)
			fail_msg("%s %s", rows[i].signed_at, rows[i].sent_at);
	}
}

static void a_secret_in_a_header_is_compared_whole(void **state)
{
	static const struct { const char *value; enum err expected; } rows[] = {
		{ "Bearer new", ERR_OK }, { "Bearer old", ERR_OK }, { "Bearer ne", ERR_INVALID }, { "Bearer new ", ERR_INVALID },
		{ "bearer new", ERR_OK }, { "BEARER old", ERR_OK }, { "Bearer NEW", ERR_INVALID }, { "Bearer", ERR_INVALID },
		{ "Basic new", ERR_INVALID }, { "new", ERR_INVALID }, { "", ERR_INVALID }, { NULL, ERR_INVALID },
	};
	struct callback_key keys[] = { key_of("Bearer new"), key_of("Bearer old") };
	struct callback_auth auth = { .kind = CALLBACK_AUTH_BEARER, .keys = keys, .n_keys = 2, .header = (char *)"Authorization" };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct sent sent[] = { { "Authorization", rows[i].value }, { NULL, NULL } };

		assert_int_equal(check(&auth, sent, NULL, BODY), rows[i].expected);
	}
}

static void an_api_key_has_no_scheme(void **state)
{
	static const struct { const char *value; enum err expected; } rows[] = {
		{ "Bearer new", ERR_OK }, { "bearer new", ERR_INVALID }, { "Bearer newer", ERR_INVALID },
	};
	struct callback_key key = key_of("Bearer new");
	struct callback_auth auth = { .kind = CALLBACK_AUTH_API_KEY, .keys = &key, .n_keys = 1, .header = (char *)"X-Key" };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct sent sent[] = { { "X-Key", rows[i].value }, { NULL, NULL } };

		assert_int_equal(check(&auth, sent, NULL, BODY), rows[i].expected);
	}
}

static void addresses_are_asked_for_whatever_else_is(void **state)
{
	struct network networks[2];
	struct callback_auth auth = { .kind = CALLBACK_AUTH_NONE, .from = { networks, 2 } };
	const struct sent nothing = { NULL, NULL };

	(void)state;
	assert_true(network_parse("192.0.2.0/24", &networks[0]) && network_parse("2001:db8::/32", &networks[1]));
	assert_int_equal(check(&auth, &nothing, "192.0.2.9", BODY), ERR_OK);
	assert_int_equal(check(&auth, &nothing, "2001:db8::9", BODY), ERR_OK);
	assert_int_equal(check(&auth, &nothing, "192.0.3.9", BODY), ERR_INVALID);
	assert_int_equal(check(&auth, &nothing, NULL, BODY), ERR_INVALID);
	auth.from.n = 0;
	assert_int_equal(check(&auth, &nothing, NULL, BODY), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_may_be_signed_in_a_header),
		cmocka_unit_test(a_time_may_be_signed_too),
		cmocka_unit_test(a_secret_in_a_header_is_compared_whole),
		cmocka_unit_test(an_api_key_has_no_scheme),
		cmocka_unit_test(addresses_are_asked_for_whatever_else_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
