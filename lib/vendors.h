/* The vendors in force: the vendor files and the routes, read together and replaced together while the program runs.
 *
 * What was read at one time is a generation. Whoever works by it holds on to it, so a request or a call that has begun ends
 * with the rules with which it began, whatever was read since; the last to let go of an old one frees it. All functions
 * but vendors_new(), vendors_reload() and vendors_free() (one thread) are thread-safe, and wait for nothing that reads.
 */
#ifndef VF_VENDORS_H
#define VF_VENDORS_H

#include "err.h"
#include "settings.h"
#include "vendor.h"
#include "vendor_routes.h"

#include <stdbool.h>
#include <stdint.h>

enum { VENDORS_DIGEST_SIZE = 17 };

/* Immutable, but for the count of those who hold it. */
struct generation {
	struct vendor_set *set;
	struct vendor_routes *routes;       /* NULL: there are none */
	unsigned number;                    /* of this program: 1 is what it was started with */
	int64_t loaded_at;                  /* ms since 1970 */
	char digest[VENDORS_DIGEST_SIZE];   /* of the texts of the files: the same in all programs that have the same */
	_Atomic int holders;
};

struct vendors;

/* Reads the files that the settings name; with_routes: the routes and the default vendor, too. ERR_INVALID: why is one
 * line with file, member and reason. Borrows the settings. */
enum err vendors_new(const struct settings *settings, bool with_routes, struct vendors **vendors, struct err_text *why)
	__attribute__((warn_unused_result));
/* NULL is fine. What somebody still holds stays until he lets go. */
void vendors_free(struct vendors *vendors);

/* Reads everything anew, also the secrets that the files refer to. If all of it is well, it is in force from now on: true. Else
 * what was in force stays so. Says in the log what has changed, or all mistakes as `vendorfetch vendor lint` does. */
bool vendors_reload(struct vendors *vendors);

/* Which generation is in force: cheap, for whoever holds one and wants to know whether there is another. */
unsigned vendors_number(const struct vendors *vendors);
/* That one, to be held until generation_release(). */
struct generation *vendors_acquire(struct vendors *vendors);
/* One more holder of what the caller holds. NULL is fine, and likewise below. */
struct generation *generation_share(struct generation *generation);
void generation_release(struct generation *generation);

#endif
