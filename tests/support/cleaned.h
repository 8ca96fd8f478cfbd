/* For tests of cleaning. Include after cmocka.h. */
#ifndef VF_TEST_CLEANED_H
#define VF_TEST_CLEANED_H

#include <string.h>

#include "clean.h"
#include "json_strict.h"

/* What is left of a JSON text, as text; the caller owns it. */
static inline char *cleaned(const struct vendor *vendor, const char *text)
{
	struct json_object *value;
	struct err_text why = { "" };
	char *out;

	if (json_strict_parse(text, strlen(text), &JSON_LIMITS_DEFAULT, &value, NULL, 0, &why) != ERR_OK)
		fail_msg("%s: %s", text, why.text);
	value = clean_result(vendor, value);
	out = json_text(value, NULL);
	json_object_put(value);
	return out;
}

#endif
