#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "mem.h"
#include "personal.h"

static unsigned all_kinds(void)
{
	unsigned all = 0;

	for (size_t i = 0; personal_kind_name(i); i++)
		all |= personal_kind(personal_kind_name(i));
	return all;
}

/* What is left of a text; cleaned twice is cleaned once. The caller owns it. */
static char *left_of(const struct personal_rules *rules, const char *text)
{
	size_t len = strlen(text), again_len;
	char *scrubbed = personal_scrub(rules, text, len, &len), *again;

	if (!scrubbed)
		return mem_strdup(text);
	assert_int_equal(strlen(scrubbed), len);
	again = personal_scrub(rules, scrubbed, len, &again_len);
	if (again)
		fail_msg("\"%s\" became \"%s\", then \"%s\"", text, scrubbed, again);
	return scrubbed;
}

static const struct { const char *kind, *text, *left; } rows[] = {
	{ "email", "ann@example.com", "[email]" },
	{ "email", "write to Ann.O+x@Mail.Example.co.uk, or call", "write to [email], or call" },
	{ "email", "<ann@example.com>;bob@b.org.", "<[email]>;[email]." },
	{ "email", "user_1%x@sub-domain.example.museum", "[email]" },
	{ "email", "j\xc3\xb6rg@b\xc3\xbc" "cher.example", "[email]" },
	{ "email", "mailto:ann@example.com?subject=x", "mailto:[email]?subject=x" },
	{ "email", "ann@localhost", "ann@localhost" },
	{ "email", "ann@192.168.0.1", "ann@192.168.0.1" },
	{ "email", "@example.com", "@example.com" },
	{ "email", "ann@", "ann@" },
	{ "email", "a @ b.com", "a @ b.com" },
	{ "email", "ann@example.c", "ann@example.c" },
	{ "email", "ann@example.com2", "ann@example.com2" },
	{ "email", "a@b.com@c.com", "[email]@c.com" },

	{ "phone", "+15551234567", "[phone]" },
	{ "phone", "call +1 (555) 123-4567 now", "call [phone] now" },
	{ "phone", "+44 (0)20 7946 0958.", "[phone]." },
	{ "phone", "0049 171 2345678", "[phone]" },
	{ "phone", "(555) 123-4567", "[phone]" },
	{ "phone", "(555)123-4567", "[phone]" },
	{ "phone", "555.123.4567", "[phone]" },
	{ "phone", "1-555-123-4567", "[phone]" },
	{ "phone", "555\xe2\x80\x91" "123\xe2\x80\x91" "4567", "[phone]" },
	{ "phone", "06 12 34 56 78", "[phone]" },
	{ "phone", "0612345678", "[phone]" },
	{ "phone", "020 7946 0958", "[phone]" },
	{ "phone", "2026-11-30 10:22:59", "2026-11-30 10:22:59" },
	{ "phone", "2026-11-30T10:22:59.123+01:00", "2026-11-30T10:22:59.123+01:00" },
	{ "phone", "192.168.100.200", "192.168.100.200" },
	{ "phone", "order 5551234567", "order 5551234567" },
	{ "phone", "+1234567", "+1234567" },
	{ "phone", "1+12345678901", "1+12345678901" },
	{ "phone", "x+15551234567", "x+15551234567" },

	{ "card", "4111111111111111", "[card]" },
	{ "card", "4111 1111 1111 1111", "[card]" },
	{ "card", "card 5500-0000-0000-0004, cvv 123", "card [card], cvv 123" },
	{ "card", "4111 1111 1111 1111 123", "[card] 123" },
	{ "card", "340000000000009", "[card]" },
	{ "card", "4222222222222", "[card]" },
	{ "card", "6304000000000000018", "[card]" },
	{ "card", "4111111111111112", "4111111111111112" },
	{ "card", "x4111111111111111", "x4111111111111111" },
	{ "card", "4111111111111111x", "4111111111111111x" },
	{ "card", "411111111111", "411111111111" },

	{ "us_ssn", "078-05-1120", "[us_ssn]" },
	{ "us_ssn", "SSN: 078 05 1120!", "SSN: [us_ssn]!" },
	{ "us_ssn", "078051120", "078051120" },
	{ "us_ssn", "1078-05-1120", "1078-05-1120" },
	{ "us_ssn", "078-05-11201", "078-05-11201" },
	{ "us_ssn", "2078-05-112", "2078-05-112" },
	{ "uk_nino", "QQ 12 34 56 C", "[uk_nino]" },
	{ "uk_nino", "qq123456c", "[uk_nino]" },
	{ "uk_nino", "QQ1234567", "QQ1234567" },
	{ "es_dni", "12345678Z", "[es_dni]" },
	{ "es_dni", "12345678-z", "[es_dni]" },
	{ "it_codice_fiscale", "RSSMRA85T10A562S", "[it_codice_fiscale]" },
	{ "br_cpf", "123.456.789-09", "[br_cpf]" },
	{ "br_cpf", "123.456.78909", "123.456.78909" },
	/* One that another hides. */
	{ "card", "1 4111 1111 1111 1111", "1 [card]" },
};

static void each_kind_is_found_and_what_only_resembles_it_stays(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct personal_rules rules = { .remove = personal_kind(rows[i].kind) };
		char *left = left_of(&rules, rows[i].text);

		assert_int_not_equal(rules.remove, 0);
		assert_string_equal(left, rows[i].left);
		free(left);
	}
}

static void a_mask_leaves_the_end_and_never_more_than_half(void **state)
{
	static const struct { const char *text; int keep; const char *masked; } masks[] = {
		{ "4111111111111111", 4, "************1111" },
		{ "4111111111111111", 0, "****************" },
		{ "12345678", 4, "****5678" },
		{ "1234567", 4, "****567" },
		{ "12", 4, "*2" },
		{ "1", 4, "*" },
		{ "", 4, "" },
		{ "\xc5\xbdofie \xe2\x82\xac", 2, "*****" " \xe2\x82\xac" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		size_t len;
		char *once = personal_mask(masks[i].text, strlen(masks[i].text), masks[i].keep, &len);
		char *twice = personal_mask(once, len, masks[i].keep, &len);

		assert_string_equal(once, masks[i].masked);
		assert_string_equal(twice, masks[i].masked);
		free(once);
		free(twice);
	}
}

static void what_is_found_is_masked_where_it_stands(void **state)
{
	struct personal_rules rules = { .mask = all_kinds(), .keep = 4 };
	char *left = left_of(&rules, "ann@example.com, 078-05-1120 and 4111 1111 1111 1111");

	(void)state;
	assert_string_equal(left, "***********.com, *******1120 and ***************1111");
	free(left);
}

static void a_kind_that_is_masked_and_removed_is_removed(void **state)
{
	struct personal_rules rules = { .mask = all_kinds(), .remove = personal_kind("email"), .keep = 2 };
	char *left = left_of(&rules, "a@b.org 078-05-1120");

	(void)state;
	assert_string_equal(left, "[email] *********20");
	free(left);
}

static void nothing_is_looked_for_without_rules(void **state)
{
	struct personal_rules none = { .keep = 4 };
	size_t len;

	(void)state;
	assert_null(personal_scrub(&none, "ann@example.com", 15, &len));
	assert_int_equal(personal_kind("emails"), 0);
	assert_int_equal(personal_kind(""), 0);
}

static void a_text_may_hold_nul_bytes(void **state)
{
	struct personal_rules rules = { .remove = all_kinds() };
	static const char text[] = "x\0ann@example.com\0" "078-05-1120";
	size_t len = sizeof(text) - 1;
	char *scrubbed = personal_scrub(&rules, text, len, &len);

	(void)state;
	assert_int_equal(len, 2 + 7 + 1 + 8);
	assert_memory_equal(scrubbed, "x\0[email]\0[us_ssn]", len);
	free(scrubbed);
}

/* Text of what patterns are made of; what is left holds nothing that would be found. */
static void whatever_is_left_is_clean(void **state)
{
	static const char *const pieces[] = { "0", "1", "4111", "555", "07", "-", " ", ".", "+", "(", ")", "@", "a", "com", "*",
		"[email]", "\xc3\xa9", "\xe2\x80\x91", "078-05-1120", "a@b.com", "4111111111111111", "+15551234567" };

	(void)state;
	srand(7);
	for (int round = 0; round < 20000; round++) {
		struct personal_rules rules = { .keep = rand() % (PERSONAL_KEEP_MAX + 1) };
		char text[512] = "";

		rules.mask = (unsigned)rand() & all_kinds();
		rules.remove = (unsigned)rand() & all_kinds();
		for (int i = rand() % 20; i > 0; i--)
			strcat(text, pieces[(size_t)rand() % (sizeof(pieces) / sizeof(pieces[0]))]);
		free(left_of(&rules, text));
	}
}

static void a_long_hostile_text_takes_no_time(void **state)
{
	static const char *const pieces[] = { "a@", "1-", "4", "+1 ", "a.", "a@b.co ", "078-05-1120-" };
	struct personal_rules rules = { .mask = all_kinds(), .keep = 4 };
	size_t size = 1 << 20, len;

	(void)state;
	alarm(60);   /* what takes the square of it ends the program */
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		char *text = mem_alloc(size + 16);

		for (len = 0; len < size; len += strlen(pieces[i]))
			memcpy(text + len, pieces[i], strlen(pieces[i]) + 1);
		free(left_of(&rules, text));
		free(text);
	}
	alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_is_found_and_what_only_resembles_it_stays),
		cmocka_unit_test(a_mask_leaves_the_end_and_never_more_than_half),
		cmocka_unit_test(what_is_found_is_masked_where_it_stands),
		cmocka_unit_test(a_kind_that_is_masked_and_removed_is_removed),
		cmocka_unit_test(nothing_is_looked_for_without_rules),
		cmocka_unit_test(a_text_may_hold_nul_bytes),
		cmocka_unit_test(whatever_is_left_is_clean),
		cmocka_unit_test(a_long_hostile_text_takes_no_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
