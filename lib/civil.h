/* Days of the proleptic Gregorian calendar as numbers, and back. Pure. */
#ifndef VF_CIVIL_H
#define VF_CIVIL_H

#include <stdint.h>

enum { SECONDS_A_DAY = 86400, DAYS_A_WEEK = 7 };

/* a / b and a % b, rounded down; b > 0. */
static inline int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }
static inline int64_t floor_mod(int64_t a, int64_t b) { return a - floor_div(a, b) * b; }

struct civil_day { int64_t year; int month, day; };   /* month and day from 1 */

/* Days since 1970-01-01. Years are taken from March on, so that the leap day comes last; 400 of them are an era. */
static inline int64_t civil_to_days(struct civil_day civil)
{
	int64_t year = civil.year - (civil.month <= 2), era = floor_div(year, 400), of_era = year - era * 400;
	int64_t of_year = (153 * (civil.month + (civil.month > 2 ? -3 : 9)) + 2) / 5 + civil.day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static inline struct civil_day civil_from_days(int64_t days)
{
	int64_t era = floor_div(days + 719468, 146097), of_era = days + 719468 - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;

	return (struct civil_day){ .year = year + era * 400 + (month >= 10), .month = (int)(month < 10 ? month + 3 : month - 9),
	                           .day = (int)(of_year - (153 * month + 2) / 5 + 1) };
}

/* 0: Monday. */
static inline int civil_weekday(int64_t days) { return (int)floor_mod(days + 3, DAYS_A_WEEK); }

#endif
