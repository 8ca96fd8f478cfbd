#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "breaker_bench.h"
#include "queue_scripts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

const struct breaker_rules BENCH_RULES = { .failure_ratio = 0.5, .min_calls = 20, .window_ms = 30000, .open_ms = 10000,
	.probes = 3, .connect_failures = 5 };

struct bench *bench_new(struct private_redis *server)
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
	bench->rules = BENCH_RULES;
	bench->now = 1000000000;
	bench->random = HALF;
	return bench;
}

void bench_free(struct bench *bench)
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

const struct view *bench_run(struct bench *bench, const char *fmt, ...)
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

const struct view *bench_look(struct bench *bench) { return bench_run(bench, "look"); }
