/* For targets that need a vendor: from the text of a vendor file, without the file. */
#ifndef VF_FUZZ_VENDOR_H
#define VF_FUZZ_VENDOR_H

#include "json_strict.h"
#include "vendor_priv.h"

static inline const char *fuzz_env(const char *name)
{
	return strcmp(name, "TOKEN") == 0 ? "s3cret" : strcmp(name, "KEY64") == 0 ? "a2V5" : NULL;
}

/* vendor is for vendor__deinit() either way. */
static inline enum err fuzz_vendor_read(struct vendor *vendor, const char *text, size_t len, struct err_text *why)
{
	struct json_object *file = NULL;
	enum err err = json_strict_parse(text, len, &JSON_LIMITS_DEFAULT, &file, NULL, 0, why);

	memset(vendor, 0, sizeof(*vendor));
	if (!err)
		err = vendor__read(vendor, file, fuzz_env, NULL, why);
	json_object_put(file);
	return err;
}

#endif
