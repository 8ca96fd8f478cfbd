/* For tests: vendors out of texts instead of files. */
#ifndef VF_TEST_VENDOR_TEXT_H
#define VF_TEST_VENDOR_TEXT_H

#include "vendor.h"

/* The set of one vendor file; single quotes in the text stand for double ones. NULL: why says "member: reason". Of the
 * environment there is TOKEN (s3cret), KEY64 (base64 of "key"), TWO_LINES and EMPTY. */
struct vendor_set *vendor_text_load(const char *text, struct err_text *why);
/* Of n of them, at most 9. */
struct vendor_set *vendor_texts_load(const char *const *texts, size_t n, struct err_text *why);

#endif
