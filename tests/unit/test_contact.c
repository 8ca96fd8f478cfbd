#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "contact.h"

static void an_email_is_trimmed_and_in_lower_case(void **state)
{
	static const struct { const char *text, *email; } rows[] = {
		{ " Ann@Example.COM\t", "ann@example.com" },
		{ "ann@example.com", "ann@example.com" },
		{ "J\xc3\x96RG@X.org", "j\xc3\x96rg@x.org" },
		{ " \n ", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len;
		char *email = contact_email(rows[i].text, strlen(rows[i].text), &len);

		assert_string_equal(email, rows[i].email);
		assert_int_equal(len, strlen(rows[i].email));
		free(email);
	}
}

/* expected NULL: it stays as it is. */
static const struct { const char *text, *country, *expected; } phones[] = {
	{ "+1 (555) 123-4567", NULL, "+15551234567" },
	{ "001 555 123 4567", NULL, "+15551234567" },
	{ " +44 (0)20 7946 0958 ", NULL, "+442079460958" },
	{ "+442079460958", NULL, NULL },
	{ "(555) 123-4567", "1", "+15551234567" },
	{ "1-555-123-4567", "1", "+15551234567" },
	{ "020 7946 0958", "44", "+442079460958" },
	{ "0171/2345678", "49", "+491712345678" },
	{ "555 123 4567", NULL, NULL },
	{ "12345", "44", NULL },
	{ "+12345", NULL, NULL },
	{ "1234567890123456", NULL, NULL },
	{ "12345678901234", "44", NULL },
	{ "555-123-4567 ext 8", "1", NULL },
	{ "ann@example.com", "1", NULL },
	{ "********4567", "1", NULL },
	{ "[phone]", "1", NULL },
	{ "+", "1", NULL },
	{ "", "1", NULL },
};

static void a_phone_number_is_plus_and_digits_and_all_else_stays(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(phones) / sizeof(phones[0]); i++) {
		char *phone = contact_phone(phones[i].text, strlen(phones[i].text), phones[i].country);

		if (!phone || !phones[i].expected) {
			assert_ptr_equal(phone, phones[i].expected);
			continue;
		}
		assert_string_equal(phone, phones[i].expected);
		assert_null(contact_phone(phone, strlen(phone), phones[i].country));
		free(phone);
	}
}

static void a_phone_number_with_a_nul_byte_is_none(void **state)
{
	(void)state;
	assert_null(contact_phone("+1555\0001234567", 14, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_email_is_trimmed_and_in_lower_case),
		cmocka_unit_test(a_phone_number_is_plus_and_digits_and_all_else_stays),
		cmocka_unit_test(a_phone_number_with_a_nul_byte_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
