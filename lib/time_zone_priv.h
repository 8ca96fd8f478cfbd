/* Between the parts of the time zone module: the rule behind the last change of a file. */
#ifndef VF_TIME_ZONE_PRIV_H
#define VF_TIME_ZONE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

/* A day of a year, and how many seconds after its midnight: Mm.w.d, Jn or n of POSIX. */
struct rule_day {
	enum { RULE_WEEKDAY, RULE_JULIAN, RULE_ZERO_BASED } kind;
	int month, week, day;      /* RULE_WEEKDAY: 1 .. 12, 1 .. 5 (5: the last), 0 (Sunday) .. 6; else day alone */
	int32_t time;
};

/* A POSIX TZ string. */
struct zone_rule {
	int32_t standard, summer;  /* seconds ahead of UTC */
	bool has_summer;
	struct rule_day to_summer, to_standard;
};

/* False: it is not one (or one that leaves the days of change to the C library). */
bool zone_rule_parse(const char *text, struct zone_rule *rule) __attribute__((warn_unused_result));
/* As time_zone_offset(). */
int32_t zone_rule_offset(const struct zone_rule *rule, int64_t at, int64_t *until);

#endif
