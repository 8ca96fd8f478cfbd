#include "queue_token.h"

#include "mem.h"
#include "queue_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 7 };

/* One run of the script: the words are texts, or numbers where the text is NULL. */
struct words {
	const char *vendor;
	struct { const char *text; int64_t number; } all[WORDS_MAX];
	size_t n;
	struct queue_token_ask *ask;     /* NULL: nothing but an answer is waited for */
};

static void make_words(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	const struct words *words = arg;

	(void)i;
	queue__script(command, QUEUE_SCRIPT_TOKEN, 1);
	queue__arg_key(command, queue, "token", words->vendor);
	for (size_t k = 0; k < words->n; k++)
		if (words->all[k].text)
			queue__arg(command, words->all[k].text);
		else
			queue__arg_number(command, words->all[k].number);
}

static bool take_token(struct queue_token_ask *ask, const redisReply *reply)
{
	const redisReply *id, *sealed;

	if (reply->elements != 5)
		return false;
	id = reply->element[1];
	sealed = reply->element[2];
	if (!id->str || !sealed->str || id->len >= sizeof(ask->id))
		return false;
	ask->answer = QUEUE_TOKEN_THERE;
	memcpy(ask->id, id->str, id->len + 1);
	ask->sealed = mem_strndup(sealed->str, sealed->len);
	ask->use_ms = queue__integer(reply->element[3]);
	ask->renew_ms = queue__integer(reply->element[4]);
	return true;
}

static bool take_fetch(struct queue_token_ask *ask, const redisReply *reply)
{
	if (reply->elements != 2)
		return false;
	ask->answer = QUEUE_TOKEN_FETCH;
	ask->failures = (int)queue__integer(reply->element[1]);
	return true;
}

static bool take_wait(struct queue_token_ask *ask, const redisReply *reply)
{
	if (reply->elements != 3 || !reply->element[2]->str)
		return false;
	ask->answer = QUEUE_TOKEN_WAIT;
	ask->wait_ms = queue__integer(reply->element[1]);
	snprintf(ask->reason, sizeof(ask->reason), "%s", reply->element[2]->str);
	return true;
}

static bool take_answer(struct queue *queue, void *arg, size_t i, const redisReply *reply)
{
	static const struct {
		const char *name;
		bool (*take)(struct queue_token_ask *ask, const redisReply *reply);
	} answers[] = { { "token", take_token }, { "fetch", take_fetch }, { "wait", take_wait } };
	struct words *words = arg;

	(void)queue, (void)i;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1 || !reply->element[0]->str)
		return false;
	for (size_t k = 0; words->ask && k < sizeof(answers) / sizeof(answers[0]); k++)
		if (strcmp(answers[k].name, reply->element[0]->str) == 0)
			return answers[k].take(words->ask, reply);
	return !words->ask;
}

static enum err run(struct queue *queue, struct words *words, struct err_text *why)
{
	return queue__run(queue, &(struct queue_pipeline){ .make = make_words, .take = take_answer, .arg = words }, 1, why);
}

enum err queue_token_ask(struct queue *queue, const char *worker, struct queue_token_ask *ask, struct err_text *why)
{
	struct words words = { ask->vendor, { { "ask", 0 }, { worker, 0 }, { ask->known, 0 }, { NULL, ask->refused },
	                                      { NULL, ask->lease_ms } }, 5, ask };

	ask->sealed = NULL;
	ask->reason[0] = '\0';
	return run(queue, &words, why);
}

enum err queue_token_keep(struct queue *queue, const char *vendor, const char *worker, const char *id, const char *sealed,
                          int64_t use_ms, int64_t renew_ms, struct err_text *why)
{
	struct words words = { vendor, { { "keep", 0 }, { worker, 0 }, { id, 0 }, { sealed, 0 }, { NULL, use_ms },
	                                 { NULL, renew_ms }, { NULL, QUEUE_TOKEN_REST_MS } }, 7, NULL };

	return run(queue, &words, why);
}

enum err queue_token_fail(struct queue *queue, const char *vendor, const char *worker, int64_t wait_ms, const char *reason,
                          struct err_text *why)
{
	char cut[QUEUE_TOKEN_REASON_SIZE];
	struct words words = { vendor, { { "fail", 0 }, { worker, 0 }, { NULL, wait_ms }, { cut, 0 } }, 4, NULL };

	snprintf(cut, sizeof(cut), "%s", reason);
	return run(queue, &words, why);
}

enum err queue_token_leave(struct queue *queue, const char *vendor, const char *worker, struct err_text *why)
{
	struct words words = { vendor, { { "leave", 0 }, { worker, 0 } }, 2, NULL };

	return run(queue, &words, why);
}

/* ---- Why a vendor's jobs wait ---- */

struct troubles {
	struct queue_state *states;
	size_t *place;           /* of those whose vendors need tokens */
	int64_t now;
};

static void make_trouble(struct queue *queue, void *arg, size_t i, struct queue_command *command)
{
	static const char *const fields[] = { "use_until", "next_at", "failures", "reason" };
	const struct troubles *all = arg;

	if (i == 0) {
		queue__arg(command, "TIME");
		return;
	}
	queue__arg(command, "HMGET");
	queue__arg_key(command, queue, "token", all->states[all->place[i - 1]].vendor->name);
	for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++)
		queue__arg(command, fields[k]);
}

static bool take_trouble(struct queue *queue, void *arg, size_t i, const redisReply *reply)
{
	struct troubles *all = arg;
	struct queue_state *state;
	int64_t next_at;

	(void)queue;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != (i ? 4 : 2))
		return false;
	if (i == 0) {
		all->now = queue__integer(reply->element[0]) * 1000 + queue__integer(reply->element[1]) / 1000;
		return true;
	}
	state = &all->states[all->place[i - 1]];
	state->no_token = queue__integer(reply->element[2]) > 0 && queue__integer(reply->element[0]) <= all->now;
	if (!state->no_token)
		return true;
	next_at = queue__integer(reply->element[1]);
	state->token_ms = next_at > all->now ? next_at - all->now : 0;
	snprintf(state->token_reason, sizeof(state->token_reason), "%s", reply->element[3]->str ? reply->element[3]->str : "");
	return true;
}

enum err queue__token_states(struct queue *queue, struct queue_state *states, size_t n, struct err_text *why)
{
	struct troubles all = { .states = states, .place = mem_calloc(n ? n : 1, sizeof(*all.place)) };
	struct queue_pipeline pipeline = { .make = make_trouble, .take = take_trouble, .arg = &all };
	size_t n_tokens = 0;
	enum err err = ERR_OK;

	for (size_t i = 0; i < n; i++)
		if (states[i].vendor->oauth2.url)
			all.place[n_tokens++] = i;
	if (n_tokens)
		err = queue__run(queue, &pipeline, 1 + n_tokens, why);
	free(all.place);
	return err;
}
