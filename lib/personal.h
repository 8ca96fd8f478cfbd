/* Personal data in text, known by what it looks like: e-mail addresses, phone numbers, national ids, card numbers.
 *
 * One table of kinds (personal.c) that a row extends. Such patterns find what is written in the usual ways, and now
 * and then what only looks like it; where a value is known by its place or name, clean.h does it by that. Pure;
 * reentrant.
 */
#ifndef VF_PERSONAL_H
#define VF_PERSONAL_H

#include <stddef.h>

/* No mask shows more: so little is never a whole value of any kind. */
enum { PERSONAL_KEEP_MAX = 4 };

/* Sets of kinds are bit masks. */
struct personal_rules {
	unsigned mask;      /* what is found is masked: all but its end becomes '*' */
	unsigned remove;    /* its kind in brackets stands instead: "[email]" */
	int keep;           /* characters that a mask leaves at the end, at most PERSONAL_KEEP_MAX */
};

/* The bit of a kind by its name ("email", "us_ssn"); 0 if there is none. */
unsigned personal_kind(const char *name);

/* Their names, from 0 on; NULL after the last. Borrowed, for ever. */
const char *personal_kind_name(size_t i);

/* The text without what the rules look for, *out_len bytes and NUL-terminated, owned by the caller; NULL if there
 * is nothing in it. Doing it twice is doing it once. */
char *personal_scrub(const struct personal_rules *rules, const char *text, size_t len, size_t *out_len);

/* UTF-8 text in which every character but the last keep is '*', and at least half of them are. As many characters
 * as before, so masking twice is masking once. The caller owns it. */
char *personal_mask(const char *text, size_t len, int keep, size_t *out_len);

#endif
