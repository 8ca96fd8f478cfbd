/* How the queue talks to Redis: commands, scripts by their SHA-1, pipelines, and what an error reply
 * means. */
#include "clock.h"
#include "mem.h"
#include "queue_priv.h"
#include "queue_scripts.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	COMPLAIN_EVERY_MS = 10000,
	STARTS_BEHIND = 2,                 /* of the latest moment that matters */
	START_BYTES = 24,
	STARTS_BYTES = 20 * START_BYTES,   /* a call that may take its time to leave, beside a limit for each minute */
};

/* ---- Scripts ---- */

static const struct { const char *limiter, *breaker, *group, *text; } sources[QUEUE_SCRIPT_COUNT] = {
	[QUEUE_SCRIPT_TAKE] = { queue_limiter_lua, queue_breaker_lua, queue_group_lua, queue_take_lua },
	[QUEUE_SCRIPT_LIMITS] = { queue_limiter_lua, "", queue_group_lua, queue_limits_lua },
	[QUEUE_SCRIPT_LATE] = { queue_limiter_lua, "", "", queue_late_lua },
	[QUEUE_SCRIPT_REFUND] = { queue_limiter_lua, "", "", queue_refund_lua },
	[QUEUE_SCRIPT_QUOTA] = { queue_limiter_lua, "", "", queue_quota_lua },
	[QUEUE_SCRIPT_REPORT] = { "", queue_breaker_lua, "", queue_report_lua },
	[QUEUE_SCRIPT_HOLD] = { "", "", "", queue_hold_lua },
	[QUEUE_SCRIPT_GLANCE] = { "", "", "", queue_glance_lua },
	[QUEUE_SCRIPT_DELIVERED] = { "", "", "", queue_delivered_lua },
	[QUEUE_SCRIPT_RECLAIM] = { "", "", "", queue_reclaim_lua },
	[QUEUE_SCRIPT_HEARTBEAT] = { "", "", "", queue_heartbeat_lua },
	[QUEUE_SCRIPT_TOKEN] = { "", "", "", queue_token_lua },
};

static struct { char *text; char sha[QUEUE_SHA_SIZE]; } scripts[QUEUE_SCRIPT_COUNT];
static pthread_once_t scripts_once = PTHREAD_ONCE_INIT;

/* Redis names a script by the SHA-1 of its text; nothing secret rests on it. */
static void sha1_hex(const char *text, char out[QUEUE_SHA_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (EVP_Digest(text, strlen(text), digest, &len, EVP_sha1(), NULL) != 1)
		len = 0;   /* no SHA-1 in this OpenSSL: an empty name makes Redis say NOSCRIPT or ERR, and EVAL follows */
	out[0] = '\0';
	for (unsigned int i = 0; i < len && i < (QUEUE_SHA_SIZE - 1) / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void free_scripts(void)
{
	for (int i = 0; i < QUEUE_SCRIPT_COUNT; i++)
		free(scripts[i].text);
}

static void make_scripts(void)
{
	for (int i = 0; i < QUEUE_SCRIPT_COUNT; i++) {
		scripts[i].text = mem_printf("%s%s%s%s", sources[i].limiter, sources[i].breaker, sources[i].group, sources[i].text);
		sha1_hex(scripts[i].text, scripts[i].sha);
	}
	atexit(free_scripts);
}

const char *queue__script_text(enum queue_script_id id)
{
	pthread_once(&scripts_once, make_scripts);
	return scripts[id].text;
}

const char *queue__script_sha(enum queue_script_id id)
{
	pthread_once(&scripts_once, make_scripts);
	return scripts[id].sha;
}

/* ---- Commands ---- */

/* An argument that does not fit cannot be: the sizes follow from VENDOR_NAME_MAX, QUEUE_PREFIX_MAX and the
 * longest command. */
static void add(struct queue_command *command, const char *text, size_t len)
{
	if (command->argc == QUEUE_ARGS_MAX)
		abort();
	command->argv[command->argc] = text;
	command->lens[command->argc++] = len;
}

__attribute__((format(printf, 2, 3)))
static void add_formatted(struct queue_command *command, const char *fmt, ...)
{
	size_t room = sizeof(command->text) - command->used;
	char *text = command->text + command->used;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, room, fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= room)
		abort();
	command->used += (size_t)len + 1;
	add(command, text, (size_t)len);
}

void queue__arg(struct queue_command *command, const char *borrowed)
{
	add(command, borrowed, strlen(borrowed));
}

void queue__arg_number(struct queue_command *command, int64_t number)
{
	add_formatted(command, "%lld", (long long)number);
}

void queue__arg_key(struct queue_command *command, const struct queue *queue, const char *kind, const char *tag)
{
	add_formatted(command, "%s%s:{%.*s}", queue->prefix, kind, QUEUE_TAG_MAX, tag);
}

void queue__arg_name(struct queue_command *command, const struct queue *queue, const char *name)
{
	add_formatted(command, "%s%s", queue->prefix, name);
}

void queue__arg_breaker(struct queue_command *command, const struct breaker_rules *rules)
{
	queue__arg_number(command, (int64_t)(rules->failure_ratio * 1e6 + 0.5));
	queue__arg_number(command, rules->min_calls);
	queue__arg_number(command, rules->window_ms);
	queue__arg_number(command, rules->open_ms);
	queue__arg_number(command, rules->probes);
	queue__arg_number(command, rules->connect_failures);
}

/* From the one before now: our clock may be ahead of Redis TIME, or behind it. */
static void arg_starts(struct queue_command *command, const struct vendor *vendor, const struct vendor_limit *limit,
                       int64_t leave_within_ms)
{
	int64_t now = clock_now_ms(), at, last = now + leave_within_ms + VENDOR_CLOCK_SPARE_MS;
	char text[STARTS_BYTES];
	int len = 0;

	at = limit_start(vendor, limit, limit_start(vendor, limit, now) - 1);
	for (int behind = 0; behind < STARTS_BEHIND && len < STARTS_BYTES - START_BYTES; at = limit_next_start(vendor, limit, at)) {
		len += snprintf(text + len, START_BYTES, "%lld ", (long long)at);
		behind += at > last;
	}
	add_formatted(command, "%s", text);
}

/* A bucket fills so much slower as a call costs more. */
static void arg_limit(struct queue_command *command, const struct vendor *vendor, const struct vendor_limit *limit,
                      int64_t leave_within_ms)
{
	int64_t cost = limit->cost ? limit->cost : 1;

	queue__arg_number(command, limit->burst ? limit->calls : limit_in_calls(limit));
	queue__arg_number(command, limit->burst ? limit->per_ms * cost : limit->per_ms);
	queue__arg_number(command, limit->burst ? limit_in_calls(limit) : 0);
	if (limit->unit)
		arg_starts(command, vendor, limit, leave_within_ms);
	else
		queue__arg(command, "");
}

void queue__arg_limits(struct queue_command *command, const struct vendor *vendor, int64_t leave_within_ms)
{
	queue__arg_number(command, (int64_t)vendor->n_limits);
	for (size_t i = 0; i < vendor->n_limits; i++)
		arg_limit(command, vendor, &vendor->limits[i], leave_within_ms);
}

void queue__arg_group(struct queue_command *command, const struct vendor *vendor)
{
	const struct vendor_group *group = vendor->group;

	queue__arg(command, group ? group->account : "");
	if (!group)
		return;
	queue__arg(command, vendor->name);
	queue__arg_number(command, (int64_t)group->n_members);
	for (size_t i = 0; i < group->n_members; i++)
		queue__arg(command, group->members[i]);
}

void queue__script(struct queue_command *command, enum queue_script_id id, int n_keys)
{
	queue__arg(command, "EVALSHA");
	queue__arg(command, queue__script_sha(id));
	queue__arg_number(command, n_keys);
}

/* The same with the text of the script. */
static void send_text(struct queue_command *command)
{
	for (int i = 0; i < QUEUE_SCRIPT_COUNT; i++) {
		if (command->argv[1] != scripts[i].sha)
			continue;
		command->argv[0] = "EVAL";
		command->lens[0] = 4;
		command->argv[1] = scripts[i].text;
		command->lens[1] = strlen(scripts[i].text);
	}
}

/* ---- The pipeline ---- */

/* Errors that say something about the server, not about the command. */
static const char *const server_errors[] = {
	"READONLY ", "NOREPLICAS ", "OOM ", "LOADING ", "MISCONF ", "BUSY ", "CLUSTERDOWN ", "MASTERDOWN ", "MOVED ",
	"NOAUTH ", "UNBLOCKED ",
};

/* At the start of the text; or, in a script's error of Redis 6, behind a "-" somewhere in it. */
static bool is_server_error(const char *text)
{
	for (size_t i = 0; i < sizeof(server_errors) / sizeof(server_errors[0]); i++) {
		const char *at = strstr(text, server_errors[i]);

		if (at && (at == text || at[-1] == '-'))
			return true;
	}
	return false;
}

struct run {
	struct queue *queue;
	const struct queue_pipeline *pipeline;
	size_t first, n;                  /* the commands of this batch */
	bool again[QUEUE_BATCH_MAX];      /* this one's script was not known */
	bool drop;
	enum err err;                     /* of the first command that was refused */
	struct err_text *why;
};

static void refused(struct run *run, const char *text)
{
	if (!run->err)
		run->err = err_set(run->why, ERR_UNAVAILABLE, "redis: %s", text);
	run->drop = run->drop || is_server_error(text);
}

static void answered(struct run *run, size_t i, const redisReply *reply, bool with_text)
{
	const struct queue_pipeline *p = run->pipeline;

	if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0 && !with_text)
		run->again[i] = true;
	else if (reply->type == REDIS_REPLY_ERROR)
		refused(run, reply->str);
	else if (p->take && !p->take(run->queue, p->arg, run->first + i, reply))
		refused(run, "an answer that makes no sense");
}

/* The whole batch, or those whose script was not known, with its text. ERR_UNAVAILABLE only if the connection
 * is lost. */
static enum err round_trip(struct run *run, bool with_text)
{
	for (size_t i = 0; i < run->n; i++) {
		struct queue_command command;   /* most of its 16 KiB are never touched */

		if (with_text && !run->again[i])
			continue;
		command.argc = 0;
		command.used = 0;
		run->pipeline->make(run->queue, run->pipeline->arg, run->first + i, &command);
		if (with_text)
			send_text(&command);
		redis_append(run->queue->redis, command.argc, command.argv, command.lens);
	}
	for (size_t i = 0; i < run->n; i++) {
		redisReply *reply;
		enum err err;

		if (with_text && !run->again[i])
			continue;
		if ((err = redis_next(run->queue->redis, &reply, run->why)))
			return err;
		answered(run, i, reply, with_text);
		freeReplyObject(reply);
	}
	return ERR_OK;
}

static bool any_again(const struct run *run)
{
	return memchr(run->again, true, run->n) != NULL;
}

enum err queue__run(struct queue *queue, const struct queue_pipeline *pipeline, size_t n, struct err_text *why)
{
	struct run run = { .queue = queue, .pipeline = pipeline, .why = why };
	enum err err = redis_ready(queue->redis, why);

	while (!err && run.first < n && !run.drop) {
		run.n = n - run.first < QUEUE_BATCH_MAX ? n - run.first : QUEUE_BATCH_MAX;
		memset(run.again, 0, sizeof(run.again));
		err = round_trip(&run, false);
		if (!err && any_again(&run))
			err = round_trip(&run, true);
		run.first += run.n;
	}
	if (run.drop)
		redis_drop(queue->redis);
	return err ? err : run.err;
}

bool queue__may_complain(struct queue *queue)
{
	if (queue->complained_at && clock_mono_ms() - queue->complained_at < COMPLAIN_EVERY_MS)
		return false;
	queue->complained_at = clock_mono_ms();
	return true;
}

/* Far over any count, and any time in us, of this century; sums and the few products of two of them fit. */
static const int64_t INTEGER_MAX = INT64_MAX / 2048;

int64_t queue__integer(const redisReply *reply)
{
	int64_t integer = reply->type == REDIS_REPLY_INTEGER ? reply->integer : reply->str ? strtoll(reply->str, NULL, 10) : 0;

	return integer > INTEGER_MAX ? INTEGER_MAX : integer < -INTEGER_MAX ? -INTEGER_MAX : integer;
}
