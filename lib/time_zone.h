/* Time zones: what local clocks show at an instant, from the files of tzdata (TZif, RFC 8536).
 *
 * The C library knows one zone a process, set through the environment, which no program with threads may touch; here a
 * zone is a value. Instants are seconds since 1970 UTC. A zone is immutable once loaded, so all functions are
 * thread-safe.
 */
#ifndef VF_TIME_ZONE_H
#define VF_TIME_ZONE_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

struct time_zone;

/* Where Debian's tzdata has its files. */
#define TIME_ZONE_DIR "/usr/share/zoneinfo"

/* By its name in dir, e.g. Europe/Berlin. "UTC" is known without a file. ERR_INVALID: it is no such name, there is no such
 * file, or it cannot be read; the text names the zone. */
enum err time_zone_load(const char *dir, const char *name, struct time_zone **zone, struct err_text *why)
	__attribute__((warn_unused_result));
/* A file's bytes; for what is not in a folder. ERR_INVALID: the reason alone. */
enum err time_zone_parse(const void *bytes, size_t len, struct time_zone **zone, struct err_text *why)
	__attribute__((warn_unused_result));
/* NULL is fine. */
void time_zone_free(struct time_zone *zone);

/* As it was loaded by; "" if it was not loaded by a name. Borrowed. */
const char *time_zone_name(const struct time_zone *zone);

/* Seconds that local clocks are ahead of UTC at this instant. *until, if not NULL: the first later instant at which that
 * may be something else; INT64_MAX: never. zone NULL is UTC. */
int32_t time_zone_offset(const struct time_zone *zone, int64_t at, int64_t *until);

#endif
