#include "contact.h"

#include "ascii.h"
#include "mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PHONE_DIGITS_MIN = 7, PHONE_DIGITS_MAX = 15, NORTH_AMERICA_DIGITS = 10 };

char *contact_email(const char *text, size_t len, size_t *out_len)
{
	char *email;

	ascii_trim(&text, &len);
	email = mem_strndup(text, len);
	for (size_t i = 0; i < len; i++)
		email[i] = ascii_lower(email[i]);
	*out_len = len;
	return email;
}

/* Copies the digits of a number that has nothing else but blanks, hyphens, dots, slashes and brackets; the zero of
 * "+44 (0)20" goes. False: it is something else. */
static bool take_digits(const char *text, size_t len, bool international, char digits[PHONE_DIGITS_MAX + 1], size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < len; i++) {
		if (international && len - i >= 3 && memcmp(text + i, "(0)", 3) == 0)
			i += 2;
		else if (ascii_is_digit(text[i]) && *n < PHONE_DIGITS_MAX)
			digits[(*n)++] = text[i];
		else if (!ascii_is_space(text[i]) && (text[i] == '\0' || !strchr("-./()", text[i])))
			return false;
	}
	digits[*n] = '\0';
	return true;
}

/* A national number without what is dialled before it inside its country: a zero, in North America a one. */
static const char *without_trunk_prefix(const char *digits, size_t n, const char *country)
{
	if (strcmp(country, "1") == 0)
		return n == NORTH_AMERICA_DIGITS + 1 && digits[0] == '1' ? digits + 1 : digits;
	return digits[0] == '0' ? digits + 1 : digits;
}

char *contact_phone(const char *text, size_t len, const char *country)
{
	char digits[PHONE_DIGITS_MAX + 1], *phone;
	const char *number = text;
	size_t number_len = len, prefix = 0, n;

	ascii_trim(&number, &number_len);
	if (number_len >= 1 && number[0] == '+')
		prefix = 1;
	else if (number_len >= 2 && memcmp(number, "00", 2) == 0)
		prefix = 2;
	if (!take_digits(number + prefix, number_len - prefix, prefix > 0, digits, &n) || n < PHONE_DIGITS_MIN)
		return NULL;
	if (prefix)
		phone = mem_printf("+%s", digits);
	else if (country)
		phone = mem_printf("+%s%s", country, without_trunk_prefix(digits, n, country));
	else
		return NULL;
	if (strlen(phone) <= PHONE_DIGITS_MAX + 1 && (strlen(phone) != len || memcmp(phone, text, len) != 0))
		return phone;
	free(phone);
	return NULL;
}
