/* Which vendor a job goes to whose client names none: rules on its payload, read from one file and checked at start.
 *
 *   { "routes":  [ {"when": {"/country": ["DE", "AT"], "/amount": 5}, "vendor": "acme-eu"} ],
 *     "default": "acme" }
 *
 * A route matches when each place that its `when` names (a JSON Pointer into the payload) holds its value, or one of
 * its values. The first that matches counts. Immutable once loaded, so thread-safe.
 */
#ifndef VF_VENDOR_ROUTES_H
#define VF_VENDOR_ROUTES_H

#include "vendor.h"

struct vendor_routes;

/* vendors are borrowed and outlive the routes. ERR_INVALID with "file: member: reason". */
enum err vendor_routes_load(const char *path, const struct vendor_set *vendors, struct vendor_routes **routes,
                            struct err_text *why) __attribute__((warn_unused_result));
/* NULL is fine. */
void vendor_routes_free(struct vendor_routes *routes);

/* The vendor for a payload, a compact JSON text: that of the first route that matches, else the file's default; NULL if
 * it has none. */
const struct vendor *vendor_routes_find(const struct vendor_routes *routes, const char *payload);

#endif
