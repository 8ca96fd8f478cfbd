#include "quota.h"

#include "civil.h"

int64_t limit_start(const struct vendor *vendor, const struct vendor_limit *limit, int64_t at_ms)
{
	const struct time_zone *zone = limit->time_zone ? limit->time_zone : vendor->time_zone;

	return calendar_start(zone, limit->unit, floor_div(at_ms, 1000)) * 1000;
}

int64_t limit_next_start(const struct vendor *vendor, const struct vendor_limit *limit, int64_t at_ms)
{
	const struct time_zone *zone = limit->time_zone ? limit->time_zone : vendor->time_zone;

	return calendar_next(zone, limit->unit, floor_div(at_ms, 1000)) * 1000;
}

/* Of all windows of this length, for they share one count; INT64_MAX: none goes by the calendar. */
static int64_t next_start(const struct vendor *vendor, int64_t per_ms, int64_t at_ms)
{
	int64_t first = INT64_MAX, next;

	for (size_t i = 0; i < vendor->n_limits; i++) {
		if (vendor->limits[i].per_ms != per_ms || !vendor->limits[i].unit)
			continue;
		next = limit_next_start(vendor, &vendor->limits[i], at_ms);
		first = next < first ? next : first;
	}
	return first;
}

static int64_t slot_until(int64_t per_ms, int64_t leave_by)
{
	int64_t width = per_ms / QUOTA_SLOTS > QUOTA_SLOT_MIN_MS ? per_ms / QUOTA_SLOTS : QUOTA_SLOT_MIN_MS;

	return (leave_by + width - 1) / width * width;
}

void quota_each_slot(const struct vendor *vendor, int64_t per_ms, const struct quota_span *span,
                     void (*each)(void *arg, int64_t until), void *arg)
{
	const int64_t apart = QUOTA_TRAVEL_MS + VENDOR_CLOCK_SPARE_MS;   /* so long before an end a call must leave at the latest */
	int64_t begin = span->from - VENDOR_CLOCK_SPARE_MS, end;

	for (bool first = true;; first = false, begin = end) {
		int64_t until = slot_until(per_ms, first || span->until > begin ? span->until : begin);

		end = next_start(vendor, per_ms, begin);
		each(arg, until < end - apart ? until : end - apart - 1);
		if (end > span->until + apart)
			return;
	}
}
