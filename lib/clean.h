/* What a vendor's result is made into before anybody sees or stores it: the rules of `response` in the vendor file.
 * Pure and idempotent: cleaned twice is cleaned once. Reentrant. */
#ifndef VF_CLEAN_H
#define VF_CLEAN_H

#include "vendor.h"

#include <json-c/json.h>

/* Changes value in place: members named by vendor->remove go, strings lose white space at both ends if
 * vendor->trim_strings. Takes value and returns what is left (NULL = JSON null); names are never changed. */
struct json_object *clean_result(const struct vendor *vendor, struct json_object *value);

#endif
