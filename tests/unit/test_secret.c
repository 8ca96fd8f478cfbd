#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "secret.h"

static void urls_are_shown_without_their_passwords(void **state)
{
	static const struct { const char *url, *shown; } urls[] = {
		{ "redis://:hunter2@redis.example:6379/0", "redis://:***@redis.example:6379/0" },
		{ "mongodb://me:hunter2@a,b:27018/db?replicaSet=rs0", "mongodb://me:***@a,b:27018/db?replicaSet=rs0" },
		{ "mongodb://me:hun/t?er@2@a/db", "mongodb://me:***@a/db" },   /* not percent-encoded */
		{ "mongodb://a/db?tls=true&tlsCertificateKeyFilePassword=hunter2", "mongodb://a/db?***" },
		{ "mongodb://me:hunter2@a/db?authMechanismProperties=AWS_SESSION_TOKEN:hunter2", "mongodb://me:***@a/db?***" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		char *shown = secret_hide_in_url(urls[i].url);

		assert_true(secret_in_url(urls[i].url));
		assert_string_equal(shown, urls[i].shown);
		free(shown);
	}
}

static void urls_without_passwords_stay_as_they_are(void **state)
{
	static const char *const urls[] = {
		"", "sqlite:/var/lib/vendorfetch/a:b@c.db", "redis://127.0.0.1:6379/0", "mongodb://me@a:27017/db", "unix:///run/redis.sock",
		"mongodb://a:1,b:2,c:3/db?replicaSet=rs0&w=majority", "http://[::1]:3000/base",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		char *shown = secret_hide_in_url(urls[i]);

		assert_false(secret_in_url(urls[i]));
		assert_string_equal(shown, urls[i]);
		free(shown);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_shown_without_their_passwords),
		cmocka_unit_test(urls_without_passwords_stay_as_they_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
