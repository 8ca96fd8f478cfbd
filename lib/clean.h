/* What a vendor's result is made into before anybody sees or stores it: the rules of `response` in the vendor file.
 *
 * The steps have one order (the table in clean.c), whatever the order in the file. Names come first, so that all other
 * steps speak of those that clients see; patterns come late, so that nothing slips through that an earlier step has
 * made. Idempotent: cleaned twice is cleaned once; that is why items of arrays are never moved. Numbers that no rule
 * names, and names and strings that no rule names, come out as they went in. Pure. Reentrant.
 */
#ifndef VF_CLEAN_H
#define VF_CLEAN_H

#include "vendor.h"

#include <json-c/json.h>

/* Changes value in place. Takes value and returns what is left (NULL = JSON null), which the caller owns. */
struct json_object *clean_result(const struct vendor *vendor, struct json_object *value);

/* Of the vendor's own words in an error, at most. */
enum { CLEAN_WORDS_BYTES = 500 };

/* The vendor's words for a failure at a place in a body, on their way into an error text: what the file takes out
 * of results by name or by pattern is not in them either, nor a member that is named as a place that is removed or
 * masked. A string or number, an object's "message", else its JSON; NULL if there is nothing, null, false or an
 * empty string. UTF-8; the caller owns it. */
char *clean_words_at(const struct vendor *vendor, struct json_object *body, const char *place);

#endif
