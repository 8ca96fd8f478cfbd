/* What the headers of an answer say of a vendor's own limits: how many calls are left, and when there are more.
 *
 * Pure: the time comes in as an argument. What comes from outside may be anything: whatever makes no sense says nothing.
 */
#ifndef VF_RATE_HEADERS_H
#define VF_RATE_HEADERS_H

#include <stdbool.h>
#include <stdint.h>

enum { RATE_HEADER_BYTES_MAX = 512 };

/* What a number in `reset` counts. AUTO: seconds until then, seconds or milliseconds since 1970, by its size (they are
 * decades apart); or an HTTP-date. */
enum reset_is { RESET_AUTO, RESET_SECONDS, RESET_EPOCH, RESET_EPOCH_MS };

/* Names of headers, NULL: not looked at. */
struct rate_rules {
	char *remaining;       /* calls that are left; of several limits one number each, with commas */
	char *reset;           /* when there are more: one for all of them, or one for each */
	char *header;          /* one that has both (IETF draft): "default";r=0;t=30 or limit=5, remaining=0, reset=30 */
	int reset_is;          /* enum reset_is */
	int64_t hold_below;    /* with fewer left the vendor is left alone; >= 1 */
};

/* Their values, NULL where they are not there. Of one that is there several times: joined with commas. */
struct rate_values {
	char *remaining, *reset, *header;
};

/* Frees them; they are NULL then. */
void rate_values_deinit(struct rate_values *values);

enum rate_says {
	RATE_SAYS_NOTHING,
	RATE_SAYS_ROOM,        /* there are calls left */
	RATE_SAYS_HOLD,        /* too few are left until wait_ms from now */
	RATE_SAYS_NONSENSE,
};

struct rate_said {
	enum rate_says says;
	int64_t wait_ms;       /* > 0 and at most a year, as of `now` */
	bool counted;          /* the vendor counted it from its answer on; else it named a moment */
};

/* refused: the answer was 429, which says that nothing is left. now: clock_now_ms() when the headers came. */
void rate_headers_read(const struct rate_rules *rules, const struct rate_values *values, bool refused, int64_t now,
                       struct rate_said *said);

#endif
