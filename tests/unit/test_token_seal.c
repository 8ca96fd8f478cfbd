/* Access tokens as they lie in Redis: only who has the key and the id opens them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mem.h"
#include "secret.h"
#include "token_seal.h"

enum { LENGTHS = 70, LONG = 32768, SURELY = 20 /* not by chance */ };

static const char id[] = "0123456789abcdef01234567";

static void what_was_sealed_is_opened(void **state)
{
	unsigned char key[TOKEN_KEY_SIZE];

	(void)state;
	token_key("secret", "context", key);
	for (int len = 0; len <= LENGTHS; len++) {
		char *token = mem_printf("%0*d", len < LENGTHS ? len + 1 : LONG, 7);
		char *sealed = token_seal(key, id, token), *opened = token_open(key, id, sealed);

		assert_string_equal(opened, token);
		assert_true(len < SURELY || !strstr(sealed, token));
		secret_free(opened);
		free(sealed);
		free(token);
	}
}

static void the_same_token_never_looks_the_same(void **state)
{
	unsigned char key[TOKEN_KEY_SIZE];
	char *one, *other;

	(void)state;
	token_key("secret", "context", key);
	one = token_seal(key, id, "token");
	other = token_seal(key, id, "token");
	assert_string_not_equal(one, other);
	free(one);
	free(other);
}

static void expect_closed(const char *secret, const char *context, const char *with_id, const char *sealed)
{
	unsigned char key[TOKEN_KEY_SIZE];

	token_key(secret, context, key);
	assert_null(token_open(key, with_id, sealed));
}

static void another_key_or_id_does_not_open_it(void **state)
{
	unsigned char key[TOKEN_KEY_SIZE];
	char *sealed;

	(void)state;
	token_key("secret", "context", key);
	sealed = token_seal(key, id, "token");
	expect_closed("Secret", "context", id, sealed);
	expect_closed("secret", "another context", id, sealed);
	expect_closed("", "", id, sealed);
	expect_closed("secret", "context", "0123456789abcdef01234568", sealed);
	expect_closed("secret", "context", "", sealed);
	free(sealed);
}

/* Each of its characters; and what is none of ours. */
static void what_was_changed_is_not_opened(void **state)
{
	static const char *const others[] = { "", "=", "==", "====", "AAAA", "not base64!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==" };
	unsigned char key[TOKEN_KEY_SIZE];
	char *sealed;

	(void)state;
	token_key("secret", "context", key);
	sealed = token_seal(key, id, "a new token");
	assert_null(strchr(sealed, '='));   /* of a last character with padding behind it some bits say nothing */
	for (char *c = sealed; *c; c++) {
		char was = *c;

		*c = was == 'A' ? 'B' : 'A';
		assert_null(token_open(key, id, sealed));
		*c = was;
	}
	sealed[strlen(sealed) - 4] = '\0';
	assert_null(token_open(key, id, sealed));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_null(token_open(key, id, others[i]));
	free(sealed);
}

static void ids_differ(void **state)
{
	char one[TOKEN_ID_SIZE], other[TOKEN_ID_SIZE];

	(void)state;
	token_new_id(one);
	token_new_id(other);
	assert_int_equal(strspn(one, "0123456789abcdef"), TOKEN_ID_SIZE - 1);
	assert_string_not_equal(one, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sealed_is_opened),
		cmocka_unit_test(the_same_token_never_looks_the_same),
		cmocka_unit_test(another_key_or_id_does_not_open_it),
		cmocka_unit_test(what_was_changed_is_not_opened),
		cmocka_unit_test(ids_differ),
	};
	return cmocka_run_group_tests_name("token_seal", tests, NULL, NULL);
}
