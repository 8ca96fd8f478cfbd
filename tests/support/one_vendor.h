/* For tests that want a vendor as a vendor file makes it. Include after cmocka.h.
 * In the members, single quotes stand for double ones. */
#ifndef VF_TEST_ONE_VENDOR_H
#define VF_TEST_ONE_VENDOR_H

#include <stdlib.h>

#include "mem.h"
#include "vendor.h"
#include "vendor_text.h"

/* A set with a vendor of this mode and these members, or NULL and why it is refused (without the file's name). */
static inline struct vendor_set *one_vendor_try(const char *mode, const char *members, struct err_text *why)
{
	char *text = mem_printf("{'name':'v','mode':'%s','request':{'url':'http://h/'}%s%s}", mode, members[0] ? "," : "",
	                        members);
	struct vendor_set *set = vendor_text_load(text, why);

	free(text);
	return set;
}

static inline struct vendor_set *one_vendor(const char *mode, const char *members)
{
	struct err_text why = { "" };
	struct vendor_set *set = one_vendor_try(mode, members, &why);

	if (!set)
		fail_msg("%s: %s", members, why.text);
	return set;
}

/* Members that no vendor may have, and what is said to that. */
static inline void one_vendor_refused(const char *mode, const char *members, const char *message)
{
	struct err_text why = { "" };

	assert_null(one_vendor_try(mode, members, &why));
	assert_string_equal(why.text, message);
}

#endif
