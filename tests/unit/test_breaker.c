/* The circuit breaker's arithmetic (lib/queue_breaker.lua), run in a real Redis with a clock of our own. What
 * takes and reports do with it: test_breaker_queue.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../support/private_redis.h"
#include "breaker.h"
#include "queue_scripts.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct private_redis *server;

/* ---- The arithmetic, with our own clock ---- */

/* One call of a function of queue_breaker.lua, and what the breaker then looks like. */
static const char driver[] =
	"local rules, b, op = breaker_rules(ARGV, 3), breaker_load(KEYS[1]), ARGV[9]\n"
	"local now, random, changed = tonumber(ARGV[1]), tonumber(ARGV[2]), nil\n"
	"if op == 'count' then\n"
	"	changed = breaker_count(rules, b, now, { since = ARGV[10] == 'now' and b.since or tonumber(ARGV[10]),\n"
	"		successes = tonumber(ARGV[11]), failures = tonumber(ARGV[12]), connect_row = tonumber(ARGV[13]),\n"
	"		connected = ARGV[14] == '1' }, random)\n"
	"elseif op == 'lease' then changed = breaker_lease(b, now, { ARGV[10] }, tonumber(ARGV[11]))\n"
	"elseif op == 'probed' then changed = breaker_probed(rules, b, now, ARGV[10], ARGV[11], random) end\n"
	"local room, wait = breaker_room(rules, b, now)\n"
	"breaker_save(KEYS[1], b)\n"
	"return { b.state, changed or '', room == math.huge and -1 or room, math.ceil(wait), (#b.probes - 2) / 2,\n"
	"	b.since, b.opens, b.reason }\n";

static const struct breaker_rules RULES = { .failure_ratio = 0.5, .min_calls = 20, .window_ms = 30000, .open_ms = 10000,
	.probes = 3, .connect_failures = 5 };

enum { HALF = 500, EVERYTHING = -1 };

struct view {
	char state[16], changed[16], reason[80];
	int room, leased, opens;
	long long wait_ms, since;
};

struct bench {
	redisContext *redis;
	char sha[41];
	struct breaker_rules rules;
	long long now;
	int random;            /* per mille */
	struct view view;      /* after the last call */
};

static struct bench *bench_new(void)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	char script[sizeof(queue_breaker_lua) + sizeof(driver)];
	redisReply *reply;
	int port = 0;

	private_redis_flush(server);
	assert_int_equal(sscanf(private_redis_url(server), "redis://127.0.0.1:%d", &port), 1);
	bench->redis = redisConnect("127.0.0.1", port);
	assert_non_null(bench->redis);
	assert_int_equal(bench->redis->err, 0);
	snprintf(script, sizeof(script), "%s%s", queue_breaker_lua, driver);
	reply = redisCommand(bench->redis, "SCRIPT LOAD %s", script);
	snprintf(bench->sha, sizeof(bench->sha), "%s", reply->str);
	freeReplyObject(reply);
	bench->rules = RULES;
	bench->now = 1000000000;
	bench->random = HALF;
	return bench;
}

static void bench_free(struct bench *bench)
{
	redisFree(bench->redis);
	free(bench);
}

static void keep_view(struct view *view, const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_ERROR)
		fail_msg("%s", reply->str);
	assert_int_equal(reply->elements, 8);
	snprintf(view->state, sizeof(view->state), "%s", reply->element[0]->str);
	snprintf(view->changed, sizeof(view->changed), "%s", reply->element[1]->str);
	view->room = (int)reply->element[2]->integer;
	view->wait_ms = reply->element[3]->integer;
	view->leased = (int)reply->element[4]->integer;
	view->since = reply->element[5]->integer;
	view->opens = (int)reply->element[6]->integer;
	snprintf(view->reason, sizeof(view->reason), "%s", reply->element[7]->str);
}

/* op and its arguments, in one text with blanks. */
__attribute__((format(printf, 2, 3)))
static const struct view *run(struct bench *bench, const char *fmt, ...)
{
	const struct breaker_rules *r = &bench->rules;
	const char *argv[24] = { "EVALSHA", bench->sha, "1", "b" };
	char text[256], *word, *rest = NULL;
	redisReply *reply;
	int argc = 4, head;
	va_list args;

	head = snprintf(text, sizeof(text), "%lld %.3f %.0f %d %lld %lld %d %d ", bench->now, bench->random / 1000.0,
	                r->failure_ratio * 1e6, r->min_calls, (long long)r->window_ms, (long long)r->open_ms, r->probes,
	                r->connect_failures);
	va_start(args, fmt);
	vsnprintf(text + head, sizeof(text) - (size_t)head, fmt, args);
	va_end(args);
	for (word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	reply = redisCommandArgv(bench->redis, argc, argv, NULL);
	assert_non_null(reply);
	keep_view(&bench->view, reply);
	freeReplyObject(reply);
	return &bench->view;
}

/* Calls that ended, granted in the present spell; none of them lacked a connection. */
static const char *count(struct bench *bench, int successes, int failures)
{
	return run(bench, "count now %d %d 0 1", successes, failures)->changed;
}

static const struct view *look(struct bench *bench) { return run(bench, "look"); }

static void open_it(struct bench *bench)
{
	assert_string_equal(count(bench, 0, bench->rules.min_calls), "open");
}

/* Open, waited for, and with one probe out. */
static void half_open_it(struct bench *bench, const char *probe, long long lease_ms)
{
	open_it(bench);
	bench->now += look(bench)->wait_ms;
	assert_string_equal(run(bench, "lease %s %lld", probe, bench->now + lease_ms)->changed, "half_open");
}

static void a_new_breaker_is_closed(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	assert_string_equal(look(bench)->state, "closed");
	assert_int_equal(bench->view.room, EVERYTHING);
	bench_free(bench);
}

static const struct { int successes, failures; const char *changed; } ratios[] = {
	{ 0, 19, "" }, { 0, 20, "open" }, { 10, 10, "open" }, { 11, 10, "" }, { 11, 11, "open" }, { 1000, 999, "" },
	{ 20, 0, "" }, { 0, 0, "" },
};

static void opens_at_the_ratio_but_not_below_the_minimum(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++) {
		struct bench *bench = bench_new();

		assert_string_equal(count(bench, ratios[i].successes, ratios[i].failures), ratios[i].changed);
		bench_free(bench);
	}
}

static void says_why_it_opened(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	count(bench, 10, 15);
	assert_string_equal(bench->view.reason, "15 of 25 calls failed within 30 s");
	bench_free(bench);
	bench = bench_new();
	run(bench, "count now 0 5 5 0");
	assert_string_equal(bench->view.reason, "5 connections in a row could not be opened");
	bench_free(bench);
}

static void calls_add_up_over_reports(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	for (int i = 0; i < 19; i++, bench->now += 1000)
		assert_string_equal(count(bench, 0, 1), "");
	assert_string_equal(count(bench, 0, 1), "open");
	bench_free(bench);
}

static void what_is_older_than_the_window_is_forgotten(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	count(bench, 0, 19);
	bench->now += RULES.window_ms;
	assert_string_equal(count(bench, 0, 1), "");
	assert_string_equal(count(bench, 0, 18), "");
	assert_string_equal(count(bench, 0, 1), "open");
	bench_free(bench);
}

static void successes_are_forgotten_too(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	count(bench, 1000, 0);
	bench->now += RULES.window_ms - RULES.window_ms / 5;
	assert_string_equal(count(bench, 0, 100), "");
	bench->now += RULES.window_ms / 5;
	assert_string_equal(count(bench, 0, 1), "open");
	bench_free(bench);
}

static void a_clock_set_back_forgets_what_lies_ahead(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	count(bench, 0, 19);
	bench->now -= 3600000;
	assert_string_equal(count(bench, 0, 19), "");
	open_it(bench);
	bench->now -= 3600000;
	assert_in_range(look(bench)->wait_ms, 1, 8 * RULES.open_ms);
	bench_free(bench);
}

static void connections_that_fail_in_a_row_open_it_without_the_minimum(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	run(bench, "count now 0 2 2 0");
	run(bench, "count now 0 2 2 0");
	assert_string_equal(bench->view.changed, "");
	assert_string_equal(run(bench, "count now 1 4 4 1")->changed, "");   /* one in between got through */
	assert_string_equal(run(bench, "count now 0 1 1 0")->changed, "open");
	bench_free(bench);
}

static void each_way_of_opening_can_be_switched_off(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	bench->rules.failure_ratio = 0;
	assert_string_equal(count(bench, 0, 1000), "");
	bench->rules = RULES;
	bench->rules.connect_failures = 0;
	bench->rules.min_calls = 100000;
	assert_string_equal(run(bench, "count now 0 1000 1000 0")->changed, "");
	bench_free(bench);
}

static void open_it_waits_half_fixed_half_jitter(void **state)
{
	static const struct { int random; long long wait_ms; } waits[] = { { 0, 5000 }, { 500, 7500 }, { 1000, 10000 } };

	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		struct bench *bench = bench_new();

		bench->random = waits[i].random;
		open_it(bench);
		assert_int_equal(bench->view.room, 0);
		assert_int_equal(bench->view.wait_ms, waits[i].wait_ms);
		bench->now += waits[i].wait_ms - 1;
		assert_int_equal(look(bench)->room, 0);
		bench->now++;
		assert_int_equal(look(bench)->room, RULES.probes);
		assert_string_equal(bench->view.state, "open");   /* until a probe goes */
		bench_free(bench);
	}
}

static void so_many_probes_go_and_close_it(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	half_open_it(bench, "1-1", 60000);
	assert_int_equal(bench->view.room, 2);
	run(bench, "lease 1-2 %lld", bench->now + 50000);
	assert_int_equal(run(bench, "lease 1-3 %lld", bench->now + 60000)->room, 0);
	assert_int_equal(bench->view.wait_ms, 50000);
	assert_string_equal(run(bench, "probed 1-2 success")->changed, "");
	assert_int_equal(bench->view.room, 0);   /* one success, two out: no more are needed */
	run(bench, "probed 1-1 success");
	assert_string_equal(run(bench, "probed 1-3 success")->changed, "closed");
	assert_int_equal(bench->view.room, EVERYTHING);
	assert_int_equal(bench->view.opens, 0);
	assert_string_equal(count(bench, 0, 19), "");   /* its window begins anew */
	bench_free(bench);
}

static void a_probe_that_fails_opens_it_for_longer_each_time(void **state)
{
	static const long long waits[] = { 7500, 15000, 30000, 60000, 60000 };
	struct bench *bench = bench_new();

	(void)state;
	open_it(bench);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		assert_int_equal(look(bench)->wait_ms, waits[i]);
		bench->now += waits[i];
		run(bench, "lease 1-%zu %lld", i, bench->now + 60000);
		assert_string_equal(run(bench, "probed 1-%zu failure", i)->changed, "open");
		assert_string_equal(bench->view.reason, "a probe failed");
	}
	bench_free(bench);
}

static void a_probe_that_says_nothing_makes_room_for_another(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	half_open_it(bench, "1-1", 60000);
	run(bench, "lease 1-2 %lld", bench->now + 60000);
	assert_int_equal(run(bench, "lease 1-3 %lld", bench->now + 60000)->room, 0);
	assert_string_equal(run(bench, "probed 1-2 none")->changed, "");
	assert_int_equal(bench->view.room, 1);
	assert_int_equal(bench->view.leased, 2);
	bench_free(bench);
}

static void a_probe_whose_worker_died_is_forgotten_with_its_lease(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	bench->rules.probes = 1;
	half_open_it(bench, "1-1", 60000);
	assert_int_equal(bench->view.room, 0);
	bench->now += 60000;
	assert_int_equal(look(bench)->room, 1);
	assert_string_equal(run(bench, "probed 1-1 success")->changed, "");   /* too late */
	run(bench, "lease 1-2 %lld", bench->now + 60000);
	assert_string_equal(run(bench, "probed 1-2 success")->changed, "closed");
	bench_free(bench);
}

static void only_leased_probes_count_and_once(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	half_open_it(bench, "1-1", 60000);
	assert_string_equal(run(bench, "probed 9-9 failure")->changed, "");
	run(bench, "probed 1-1 success");
	run(bench, "probed 1-1 success");
	assert_string_equal(run(bench, "probed 1-1 success")->state, "half_open");
	assert_string_equal(run(bench, "probed 1-1 failure")->state, "half_open");
	bench_free(bench);
}

/* Calls that were out when it opened come back: while it is open, half-open, and closed again. */
static void late_reports_change_nothing(void **state)
{
	struct bench *bench = bench_new();
	long long before = look(bench)->since;

	(void)state;
	open_it(bench);
	assert_string_equal(run(bench, "count %lld 100 0 0 1", before)->state, "open");
	bench->now += bench->view.wait_ms;
	run(bench, "lease 1-1 %lld", bench->now + 60000);
	assert_string_equal(run(bench, "count %lld 100 0 0 1", before)->state, "half_open");
	assert_string_equal(run(bench, "count %lld 0 100 9 0", before)->state, "half_open");
	assert_string_equal(run(bench, "count now 0 100 9 0")->state, "half_open");
	for (int i = 1; i <= RULES.probes; i++) {
		run(bench, "lease 1-%d %lld", i, bench->now + 60000);
		run(bench, "probed 1-%d success", i);
	}
	assert_string_equal(bench->view.state, "closed");
	assert_string_equal(run(bench, "count %lld 0 100 9 0", before)->state, "closed");
	bench_free(bench);
}

static void a_probe_of_an_earlier_time_half_open_does_not_count(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	half_open_it(bench, "1-1", 600000);
	run(bench, "lease 1-2 %lld", bench->now + 600000);
	run(bench, "probed 1-2 failure");
	bench->now += bench->view.wait_ms;
	run(bench, "lease 1-3 %lld", bench->now + 600000);
	assert_string_equal(run(bench, "probed 1-1 failure")->state, "half_open");
	assert_int_equal(bench->view.leased, 1);
	bench_free(bench);
}

static void fewer_probes_in_a_changed_file_do_not_wedge_it(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	half_open_it(bench, "1-1", 60000);
	run(bench, "probed 1-1 success");
	run(bench, "lease 1-2 %lld", bench->now + 60000);
	run(bench, "probed 1-2 success");
	bench->rules.probes = 1;
	assert_int_equal(look(bench)->room, 1);
	run(bench, "lease 1-3 %lld", bench->now + 60000);
	assert_string_equal(run(bench, "probed 1-3 none")->changed, "closed");
	bench_free(bench);
}

static void what_cannot_be_read_is_empty(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	private_redis_do(server, "HSET b state closed window nonsense probes %s connect_row 0", "\x91\x07");
	assert_string_equal(count(bench, 0, 19), "");
	open_it(bench);
	private_redis_do(server, "HSET b state half_open probes %s", "\xff");
	assert_int_equal(look(bench)->room, RULES.probes);
	bench_free(bench);
}

static void it_is_never_evicted_and_small(void **state)
{
	struct bench *bench = bench_new();

	(void)state;
	bench->rules.min_calls = 1000000;
	for (int i = 0; i < 500; i++, bench->now += 77)
		count(bench, 3, 2);
	assert_int_equal(private_redis_do(server, "TTL b"), -1);
	assert_true(private_redis_do(server, "MEMORY USAGE b") < 1000);
	bench_free(bench);
}

/* ---- Whatever happens, in whatever order ---- */

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
	bool connected = ok + bad > row, was_closed = strcmp(look(bench)->state, "closed") == 0;

	run(bench, "count now %d %d %d %d", ok, bad, row, connected);
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

	if (strcmp(look(bench)->state, "closed") == 0 || bench->view.room == 0)
		return;
	model->out[model->n_out].id = ++model->next_probe;
	model->out[model->n_out++].end = end;
	run(bench, "lease 1-%d %lld", model->next_probe, end);
	assert_string_equal(bench->view.state, "half_open");
}

static void event_probed(struct bench *bench, struct model *model)
{
	static const char *const verdicts[] = { "success", "success", "success", "success", "success", "success", "none",
		"failure" };
	const char *verdict = verdicts[roll(8)];
	int i;

	drop_ended(model, bench->now);
	look(bench);
	if (model->n_out == 0)
		return;
	i = roll(model->n_out);
	run(bench, "probed 1-%d %s", model->out[i].id, verdict);
	model->out[i] = model->out[--model->n_out];
	model->successes += strcmp(verdict, "success") == 0;
	assert_string_equal(bench->view.changed, strcmp(verdict, "failure") == 0 ? "open" :
	                    model->successes >= bench->rules.probes ? "closed" : "");
	if (bench->view.changed[0])
		forget(model);
}

static void invariants(struct bench *bench, struct model *model)
{
	const struct view *view = look(bench);

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
	struct bench *bench = bench_new();
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
		cmocka_unit_test(a_new_breaker_is_closed),
		cmocka_unit_test(opens_at_the_ratio_but_not_below_the_minimum),
		cmocka_unit_test(says_why_it_opened),
		cmocka_unit_test(calls_add_up_over_reports),
		cmocka_unit_test(what_is_older_than_the_window_is_forgotten),
		cmocka_unit_test(successes_are_forgotten_too),
		cmocka_unit_test(a_clock_set_back_forgets_what_lies_ahead),
		cmocka_unit_test(connections_that_fail_in_a_row_open_it_without_the_minimum),
		cmocka_unit_test(each_way_of_opening_can_be_switched_off),
		cmocka_unit_test(open_it_waits_half_fixed_half_jitter),
		cmocka_unit_test(so_many_probes_go_and_close_it),
		cmocka_unit_test(a_probe_that_fails_opens_it_for_longer_each_time),
		cmocka_unit_test(a_probe_that_says_nothing_makes_room_for_another),
		cmocka_unit_test(a_probe_whose_worker_died_is_forgotten_with_its_lease),
		cmocka_unit_test(only_leased_probes_count_and_once),
		cmocka_unit_test(late_reports_change_nothing),
		cmocka_unit_test(a_probe_of_an_earlier_time_half_open_does_not_count),
		cmocka_unit_test(fewer_probes_in_a_changed_file_do_not_wedge_it),
		cmocka_unit_test(what_cannot_be_read_is_empty),
		cmocka_unit_test(it_is_never_evicted_and_small),
		cmocka_unit_test(no_sequence_of_events_breaks_it),
	};

	private_redis_or_skip();
	return cmocka_run_group_tests_name("breaker", tests, start_server, stop_server);
}
