/* E-mail addresses and phone numbers in one spelling, so that the same one looks the same whoever it came from.
 * Doing it twice is doing it once. Pure; reentrant. */
#ifndef VF_CONTACT_H
#define VF_CONTACT_H

#include <stddef.h>

/* Without white space at both ends, and in lower case (ASCII). *out_len bytes and NUL-terminated; the caller owns
 * it. */
char *contact_email(const char *text, size_t len, size_t *out_len);

/* As E.164 has it: + and digits. country: the digits of the country code for numbers that have none, or NULL: those
 * stay as they are. NULL if it is not a phone number, or would not change. The caller owns it. */
char *contact_phone(const char *text, size_t len, const char *country);

#endif
