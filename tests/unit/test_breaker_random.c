/* The circuit breaker (lib/queue_breaker.lua) against a model: ten thousand random events, and what must hold after each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../support/breaker_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct private_redis *server;

enum { EVENTS = 10000, PROBES_SEEN = 64, LEASE_MAX_MS = 16000 };

/* What the test knows by itself: what happened in the window, and the probes that are out. */
struct model {
	struct { long long at; int successes, failures; } counted[EVENTS];
	int n_counted, row, next_probe, n_out;
	struct { int id; long long end; } out[PROBES_SEEN];
	int successes;     /* of probes since it was half-open */
};

static int roll(int n) { return (int)(random() % n); }

static void forget(struct model *model)
{
	model->n_counted = model->row = model->n_out = model->successes = 0;
}

static void drop_ended(struct model *model, long long now)
{
	int kept = 0;

	for (int i = 0; i < model->n_out; i++)
		if (model->out[i].end > now)
			model->out[kept++] = model->out[i];
	model->n_out = kept;
}

static void event_count(struct bench *bench, struct model *model)
{
	int ok = roll(4), bad = roll(4), row = bad ? roll(bad + 1) : 0, successes = 0, failures = 0;
	bool connected = ok + bad > row, was_closed = strcmp(bench_look(bench)->state, "closed") == 0;

	bench_run(bench, "count now %d %d %d %d", ok, bad, row, connected);
	if (!was_closed) {
		assert_string_equal(bench->view.changed, "");
		return;
	}
	model->counted[model->n_counted].at = bench->now;
	model->counted[model->n_counted].successes = ok;
	model->counted[model->n_counted++].failures = bad;
	model->row = connected ? row : model->row + row;
	for (int i = 0; i < model->n_counted; i++)
		if (model->counted[i].at > bench->now - bench->rules.window_ms) {
			successes += model->counted[i].successes;
			failures += model->counted[i].failures;
		}
	if (strcmp(bench->view.changed, "open") == 0) {
		/* The slots forget up to a tenth of the window early, never late: the calls are among those we counted. */
		assert_true(model->row >= bench->rules.connect_failures || successes + failures >= bench->rules.min_calls);
		forget(model);
	} else {
		assert_true(model->row < bench->rules.connect_failures);
	}
}

static void event_lease(struct bench *bench, struct model *model)
{
	long long end = bench->now + 1 + roll(LEASE_MAX_MS);

	if (strcmp(bench_look(bench)->state, "closed") == 0 || bench->view.room == 0)
		return;
	model->out[model->n_out].id = ++model->next_probe;
	model->out[model->n_out++].end = end;
	bench_run(bench, "lease 1-%d %lld", model->next_probe, end);
	assert_string_equal(bench->view.state, "half_open");
}

static void event_probed(struct bench *bench, struct model *model)
{
	static const char *const verdicts[] = { "success", "success", "success", "success", "success", "success", "none",
		"failure" };
	const char *verdict = verdicts[roll(8)];
	int i;

	drop_ended(model, bench->now);
	bench_look(bench);
	if (model->n_out == 0)
		return;
	i = roll(model->n_out);
	bench_run(bench, "probed 1-%d %s", model->out[i].id, verdict);
	model->out[i] = model->out[--model->n_out];
	model->successes += strcmp(verdict, "success") == 0;
	assert_string_equal(bench->view.changed, strcmp(verdict, "failure") == 0 ? "open" :
	                    model->successes >= bench->rules.probes ? "closed" : "");
	if (bench->view.changed[0])
		forget(model);
}

static void invariants(struct bench *bench, struct model *model)
{
	const struct view *view = bench_look(bench);

	drop_ended(model, bench->now);
	assert_int_equal(view->leased, strcmp(view->state, "half_open") == 0 ? model->n_out : 0);
	assert_true(view->leased <= bench->rules.probes);
	if (strcmp(view->state, "closed") == 0)
		assert_int_equal(view->room, EVERYTHING);
	else
		assert_true(view->room >= 0 && view->room + view->leased <= bench->rules.probes);
	/* It says when to look again, and that is soon enough: nothing wedges. */
	if (view->room == 0)
		assert_in_range(view->wait_ms, 1, LEASE_MAX_MS);   /* which is also 8 times open_ms */
}

static void no_sequence_of_events_breaks_it(void **state)
{
	struct bench *bench = bench_new(server);
	struct model *model = calloc(1, sizeof(*model));
	int opened = 0, closed = 0;

	(void)state;
	srandom(20261122);
	bench->rules = (struct breaker_rules){ .failure_ratio = 0.55, .min_calls = 20, .window_ms = 10000, .open_ms = 2000,
		.probes = 4, .connect_failures = 6 };
	for (int i = 0; i < EVENTS; i++) {
		void (*const events[])(struct bench *, struct model *) = { event_count, event_lease, event_probed, event_probed };

		bench->random = roll(1001);
		bench->now += roll(10) ? roll(300) : roll(6000);
		events[roll(4)](bench, model);
		opened += strcmp(bench->view.changed, "open") == 0;
		closed += strcmp(bench->view.changed, "closed") == 0;
		invariants(bench, model);
	}
	print_message("breaker: opened %d times, closed %d times\n", opened, closed);
	assert_true(opened > 20 && closed > 20);
	free(model);
	bench_free(bench);
}

static int start_server(void **state)
{
	(void)state;
	server = private_redis_start(NULL);
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	private_redis_free(server);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_sequence_of_events_breaks_it),
	};

	private_redis_or_skip();
	return cmocka_run_group_tests_name("breaker_random", tests, start_server, stop_server);
}
