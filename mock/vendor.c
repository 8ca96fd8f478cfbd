#include "vendor.h"

#include <string.h>

/* Job numbers start at the clock, so that a mock that is started again never gives a job id twice. */
void vendor_init(struct vendor *vendor, const char *name, bool async)
{
	vendor->name = name;
	vendor->async = async;
	vendor->calls = calls_new();
	vendor->asked = asked_new();
	vendor->tokens = tokens_new();
	vendor->next_job = (uint64_t)(clock_real_ns() / 1000);
	vendor_apply_limits(vendor);
}

void vendor_deinit(struct vendor *vendor)
{
	calls_free(vendor->calls);
	asked_free(vendor->asked);
	tokens_free(vendor->tokens);
	window_deinit(&vendor->window);
	buf_deinit(&vendor->text);
}

void vendor_apply_limits(struct vendor *vendor)
{
	window_set(&vendor->window, (uint64_t)vendor->knobs.limit_calls,
	           (int64_t)(vendor->knobs.limit_seconds * 1e9));
}

void vendor_reset(struct vendor *vendor)
{
	uint64_t in_flight = vendor->stats.in_flight, queued = vendor->webhooks.queued;

	vendor->stats = (struct vendor_stats){ .in_flight = in_flight, .max_in_flight_seen = in_flight };
	vendor->webhooks = (struct webhook_counts){ .queued = queued };
	calls_reset(vendor->calls);
	vendor_apply_limits(vendor);
}

struct number {
	const char *name;
	uint64_t value;
};

static void add_numbers(struct buf *out, const struct number *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_addf(out, "%s\"%s\":%llu", i ? "," : "", numbers[i].name, (unsigned long long)numbers[i].value);
}

static void add_by_status(const struct vendor_stats *stats, struct buf *out)
{
	const char *between = "";

	buf_add_str(out, ",\"by_status\":{");
	for (int status = 0; status <= STATUS_MAX; status++) {
		if (!stats->by_status[status])
			continue;
		buf_addf(out, "%s\"%d\":%llu", between, status, (unsigned long long)stats->by_status[status]);
		between = ",";
	}
	buf_add_str(out, "}");
}

static void add_webhooks(const struct webhook_counts *w, struct buf *out)
{
	const struct number numbers[] = {
		{ "queued", w->queued },   { "sent", w->sent },       { "accepted", w->accepted },
		{ "refused", w->refused }, { "failed", w->failed },   { "lost", w->lost },
		{ "retried", w->retried }, { "dropped", w->dropped },
	};

	buf_add_str(out, ",\"webhooks\":{");
	add_numbers(out, numbers, ARRAY_LEN(numbers));
	buf_add_str(out, ",\"last_error\":");
	buf_add_json(out, w->last_error, strlen(w->last_error));
	buf_add_str(out, "}");
}

void vendor_stats_json(const struct vendor *vendor, struct buf *out)
{
	const struct vendor_stats *s = &vendor->stats;
	struct calls_totals t = calls_totals(vendor->calls);
	const struct number numbers[] = {
		{ "calls", s->calls },
		{ "polls", s->polls },
		{ "token_requests", s->token_requests },
		{ "tokens_given", s->tokens_given },
		{ "unauthorized", s->unauthorized },
		{ "answered", s->answered },
		{ "violations", vendor->window.violations },
		{ "max_in_window", vendor->window.max_in_window },
		{ "in_flight", s->in_flight },
		{ "max_in_flight_seen", s->max_in_flight_seen },
		{ "in_flight_violations", s->in_flight_violations },
		{ "distinct_ids", t.distinct_ids },
		{ "repeated_ids", t.repeated_ids },
		{ "first_call_at_us", (uint64_t)s->first_call_at_us },
		{ "last_call_at_us", (uint64_t)s->last_call_at_us },
		{ "no_callback_url", s->no_callback_url },
		{ "bad_requests", s->bad_requests },
		{ "reset_early", s->reset_early },
		{ "calls_recorded", t.recorded },
		{ "calls_dropped", t.dropped },
		{ "stamped_by_kernel", s->stamped_by_kernel },
	};
	const struct number unanswered[] = {
		{ "hung", s->hung }, { "reset", s->reset }, { "closed", s->closed }, { "client_gone", s->client_gone },
		{ "trickled", s->trickled }, { "endless", s->endless }, { "cut_short", s->cut_short },
	};

	buf_addf(out, "{\"vendor\":\"%s\",", vendor->name);
	add_numbers(out, numbers, ARRAY_LEN(numbers));
	add_by_status(s, out);
	buf_add_str(out, ",\"unanswered\":{");
	add_numbers(out, unanswered, ARRAY_LEN(unanswered));
	buf_add_str(out, "}");
	add_webhooks(&vendor->webhooks, out);
	buf_add_str(out, "}");
}
