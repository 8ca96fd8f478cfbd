#include "reports.h"

#include <string.h>

void reports_begin(struct reports *reports)
{
	reports->n = 0;
	reports->urgent = false;
}

static void count(struct queue_report *report, enum vendor_health health)
{
	report->successes += health == HEALTH_SUCCESS;
	report->failures += health == HEALTH_FAILURE || health == HEALTH_UNREACHABLE;
	if (health == HEALTH_UNREACHABLE) {
		report->connect_row++;
	} else {
		report->connect_row = 0;
		report->connected = true;
	}
}

/* A line of its own; entry_id is NULL but for probes. */
static struct queue_op *add_line(struct reports *reports, const struct call *call, const char *entry_id)
{
	struct queue_op *op = &reports->ops[reports->n++];

	*op = (struct queue_op){
		.kind = QUEUE_REPORT,
		.vendor = call->lane->name,
		.entry_id = entry_id,
		.report = { .rules = &call->exchange.vendor->breaker, .since = call->breaker_since },
	};
	return op;
}

static struct queue_op *find_line(struct reports *reports, const struct call *call)
{
	for (int i = 0; i < reports->n; i++) {
		struct queue_op *op = &reports->ops[i];

		if (!op->entry_id && op->vendor == call->lane->name && op->report.since == call->breaker_since)
			return op;
	}
	return add_line(reports, call, NULL);
}

void reports_add(struct reports *reports, const struct call *call, enum vendor_health health)
{
	if (!breaker_is_on(&call->exchange.vendor->breaker))
		return;
	if (call->abandoned)
		health = HEALTH_UNKNOWN;
	if (call->probe) {
		/* A vendor that asks for patience is well enough to be called again. */
		count(&add_line(reports, call, call->entry_id)->report, health == HEALTH_ALIVE ? HEALTH_SUCCESS : health);
		reports->urgent = true;
	} else if (health != HEALTH_UNKNOWN) {
		count(&find_line(reports, call)->report, health);
		reports->urgent = reports->urgent || health == HEALTH_FAILURE || health == HEALTH_UNREACHABLE;
	}
}

void reports_hand_over(const struct reports *reports, struct untold *untold)
{
	for (int i = 0; i < reports->n; i++)
		untold_add(untold, &reports->ops[i]);
}
