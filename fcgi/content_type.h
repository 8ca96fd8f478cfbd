/* What a Content-Type says of a body (RFC 9110, 8.3). Pure; reentrant. */
#ifndef VF_CONTENT_TYPE_H
#define VF_CONTENT_TYPE_H

#include <stdbool.h>

/* Is it JSON in UTF-8: application/json, or a type of any kind that ends in +json, without a charset or with UTF-8? False
 * also for what is no media type. */
bool content_type_is_json(const char *value);

#endif
