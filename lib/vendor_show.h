/* What is in force for a vendor. */
#ifndef VF_VENDOR_SHOW_H
#define VF_VENDOR_SHOW_H

#include "err.h"

/* The file of the vendor of this name or alias in a folder, with every default filled in, as JSON text that is a vendor
 * file again (owned by the caller). References are shown as they are written and secrets not at all, so no variable has
 * to be set. The folder's files have passed vendor_lint(). ERR_NOT_FOUND: no file has that name. */
enum err vendor_show(const char *dir, const char *name, char **text, struct err_text *why)
	__attribute__((warn_unused_result));

#endif
