#include "tokens.h"

#include "../http/token_fetch.h"

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "queue_token.h"
#include "retry.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	AWAY_WAIT_MS = 250,          /* until Redis is asked again that did not answer */
	LEASE_SPARE_MS = 2000,       /* from the end of a fetch to its being told */
	BACKOFF_BASE_MS = 1000, BACKOFF_MAX_MS = 30000,
};

/* What is under way for one lane. There is one for each lane that ever wanted a token. */
struct seeker {
	struct seeker *next;
	struct lane *lane;
	struct vendor *vendor;           /* by whose rules it is fetched: a copy, as the lane may have other rules tomorrow */
	_Atomic(struct vendor *) given;  /* by intake, and not looked at yet; or NULL */
	struct vendor latest;            /* intake's: what it has given last, without its texts */
	struct token_fetch *fetch;       /* or NULL */
	int64_t next_ask_mono_ms;
	int failures;                    /* in a row, before this fetch */
	char unreadable[TOKEN_ID_SIZE];  /* id of the token in Redis, if it is none of this client's, or "" */
	char told[QUEUE_TOKEN_REASON_SIZE];   /* in the log, why there is none; "" */
};

struct tokens {
	const char *worker;
	struct mailbox *intake_poke;
	struct mailbox poke;             /* no calls: somebody wants a token, or it is time to stop */
	struct queue *queue;
	CURLM *multi;
	pthread_t thread;
	_Atomic bool stopping;
	_Atomic(struct seeker *) seekers;   /* intake adds, at the front */
};

/* ---- Who seeks ---- */

static struct seeker *find(struct tokens *t, const struct lane *lane)
{
	struct seeker *s = atomic_load(&t->seekers);

	while (s && s->lane != lane)
		s = s->next;
	return s;
}

static struct seeker *add(struct tokens *t, struct lane *lane)
{
	struct seeker *s = mem_calloc(1, sizeof(*s));

	s->lane = lane;
	s->next = atomic_load(&t->seekers);
	return s;
}

/* ---- What is needed of a vendor ---- */

static struct vendor needed_of(const struct vendor *vendor)
{
	struct vendor needed = { .timeout_ms = vendor->timeout_ms, .connect_timeout_ms = vendor->connect_timeout_ms,
	                         .retry.max_hold_ms = vendor->retry.max_hold_ms };

	memcpy(needed.oauth2.key, vendor->oauth2.key, sizeof(needed.oauth2.key));
	return needed;
}

static struct vendor *copy_of(const struct vendor *vendor)
{
	struct vendor *copy = mem_alloc(sizeof(*copy));

	*copy = needed_of(vendor);
	copy->name = mem_strdup(vendor->name);
	oauth2_rules_copy(&copy->oauth2, &vendor->oauth2);
	return copy;
}

static void free_copy(struct vendor *copy)
{
	if (!copy)
		return;
	oauth2_rules_deinit(&copy->oauth2);
	free(copy->name);
	free(copy);
}

static bool is_as_before(const struct vendor *a, const struct vendor *b)
{
	return a->timeout_ms == b->timeout_ms && a->connect_timeout_ms == b->connect_timeout_ms &&
	       a->retry.max_hold_ms == b->retry.max_hold_ms &&
	       memcmp(a->oauth2.key, b->oauth2.key, sizeof(a->oauth2.key)) == 0;
}

/* Intake's side. */
static void give(struct seeker *s, const struct vendor *vendor)
{
	if (is_as_before(&s->latest, vendor))
		return;
	s->latest = needed_of(vendor);
	free_copy(atomic_exchange(&s->given, copy_of(vendor)));
}

/* The thread's. */
static void take_given(struct seeker *s)
{
	struct vendor *given = atomic_exchange(&s->given, NULL);

	if (!given)
		return;
	free_copy(s->vendor);
	s->vendor = given;
	s->next_ask_mono_ms = 0;
}

void tokens_want(struct tokens *t, struct lane *lane)
{
	struct seeker *s = find(t, lane), *known = s;

	if (!known)
		s = add(t, lane);
	give(s, lane->vendor);
	if (!known)
		atomic_store(&t->seekers, s);
	if (token_slot_want(&lane->token, clock_mono_ms()))
		mailbox_poke(&t->poke);
}

/* ---- Telling ---- */

/* Once for each reason. */
static void tell_trouble(struct seeker *s, const char *reason)
{
	if (!reason[0] || strncmp(s->told, reason, sizeof(s->told) - 1) == 0)
		return;
	snprintf(s->told, sizeof(s->told), "%s", reason);
	log_warn("tokens: there is no new access token, jobs wait for it vendor=%s error=\"%s\"", s->vendor->name, reason);
}

/* The lane has one that is good; intake may take. */
static void satisfied(struct tokens *t, struct seeker *s)
{
	if (s->told[0])
		log_info("tokens: there is an access token again vendor=%s", s->vendor->name);
	s->told[0] = s->unreadable[0] = '\0';
	atomic_store(&s->lane->token.wanted_until_mono_ms, 0);
	atomic_store(&s->lane->look, true);
	mailbox_poke(t->intake_poke);
}

/* ---- Fetching ---- */

static void failed(struct tokens *t, struct seeker *s, int64_t retry_after_ms, const char *reason)
{
	const struct vendor *vendor = s->vendor;
	const struct retry_rules rules = { .base_ms = BACKOFF_BASE_MS, .max_ms = BACKOFF_MAX_MS,
	                                   .max_hold_ms = vendor->retry.max_hold_ms };
	int64_t wait = retry_wait_ms(&rules, s->failures + 1, retry_after_ms, (uint32_t)clock_mono_us() * 2654435761u);
	struct err_text why = { "" };

	tell_trouble(s, reason);
	s->next_ask_mono_ms = clock_mono_ms() + wait;
	if (queue_token_fail(t->queue, vendor->name, t->worker, wait, reason, &why) != ERR_OK)
		log_debug("tokens: Redis could not be told vendor=%s error=\"%s\"", vendor->name, why.text);
}

static void fetch(struct tokens *t, struct seeker *s, int failures)
{
	s->failures = failures;
	s->fetch = token_fetch_begin(t->multi, s->vendor, s);
	if (!s->fetch)
		failed(t, s, -1, "curl does not take the request");
}

/* Takes the token. Also of use if Redis cannot be told: then others fetch their own. */
static void fetched(struct tokens *t, struct seeker *s, struct oauth2_token *token)
{
	const struct vendor *vendor = s->vendor;
	int64_t use_ms, renew_ms, now = clock_mono_ms();
	struct err_text why = { "" };
	char id[TOKEN_ID_SIZE], *sealed;

	token_new_id(id);
	oauth2_use(token->life_ms, &use_ms, &renew_ms);
	sealed = token_seal(vendor->oauth2.key, id, token->text);
	if (queue_token_keep(t->queue, vendor->name, t->worker, id, sealed, use_ms, renew_ms, &why) != ERR_OK)
		log_warn("tokens: Redis could not be told of an access token vendor=%s error=\"%s\"", vendor->name, why.text);
	free(sealed);
	log_info("tokens: fetched an access token vendor=%s use_ms=%lld", vendor->name, (long long)use_ms);
	token_slot_fill(&s->lane->token, vendor->oauth2.key, id, token->text, now + use_ms, now + renew_ms);
	satisfied(t, s);
}

/* Those that are over. False: there is none. */
static bool collect(struct tokens *t)
{
	CURLMsg *message;
	bool any = false;
	int left;

	while ((message = curl_multi_info_read(t->multi, &left))) {
		struct oauth2_token token;
		struct err_text why = { "" };
		int64_t retry_after_ms;
		struct seeker *s;
		enum err err;

		any = true;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&s);
		err = token_fetch_end(s->fetch, message->data.result, &token, &retry_after_ms, &why);
		token_fetch_free(s->fetch);
		s->fetch = NULL;
		if (err == ERR_OK)
			fetched(t, s, &token);
		else
			failed(t, s, retry_after_ms, why.text);
	}
	return any;
}

/* ---- Asking Redis ---- */

static void there_is_one(struct tokens *t, struct seeker *s, const struct queue_token_ask *ask, int64_t asked_mono_ms)
{
	char *text = token_open(s->vendor->oauth2.key, ask->id, ask->sealed);

	if (text) {
		token_slot_fill(&s->lane->token, s->vendor->oauth2.key, ask->id, text, asked_mono_ms + ask->use_ms,
		                asked_mono_ms + ask->renew_ms);
		satisfied(t, s);
	} else {
		memcpy(s->unreadable, ask->id, sizeof(s->unreadable));
		s->next_ask_mono_ms = 0;
	}
}

static void seek(struct tokens *t, struct seeker *s)
{
	const struct vendor *vendor = s->vendor;
	struct queue_token_ask ask = { .vendor = vendor->name, .lease_ms = vendor->timeout_ms + LEASE_SPARE_MS };
	int64_t now = clock_mono_ms();
	char known[TOKEN_ID_SIZE];
	struct err_text why;

	ask.known = known;
	if (s->unreadable[0]) {
		memcpy(known, s->unreadable, sizeof(known));
		ask.refused = true;
	} else {
		token_slot_known(&s->lane->token, known, &ask.refused);
	}
	if (queue_token_ask(t->queue, t->worker, &ask, &why) != ERR_OK) {
		s->next_ask_mono_ms = now + AWAY_WAIT_MS;   /* that Redis is away intake says */
		return;
	}
	if (ask.answer == QUEUE_TOKEN_THERE) {
		there_is_one(t, s, &ask, now);
	} else if (ask.answer == QUEUE_TOKEN_FETCH) {
		fetch(t, s, ask.failures);
	} else {
		tell_trouble(s, ask.reason);
		s->next_ask_mono_ms = now + ask.wait_ms;
	}
	free(ask.sealed);
}

/* ---- The thread ---- */

static bool is_seeking(struct seeker *s, int64_t now)
{
	return !s->fetch && now < atomic_load(&s->lane->token.wanted_until_mono_ms);
}

/* Until the next seeker may ask, ms. */
static int seek_all(struct tokens *t)
{
	int64_t now = clock_mono_ms(), next = INT64_MAX;

	for (struct seeker *s = atomic_load(&t->seekers); s; s = s->next) {
		if (!is_seeking(s, now))
			continue;
		take_given(s);
		if (token_slot_state(&s->lane->token, s->vendor->oauth2.key, now) == TOKEN_GOOD)
			satisfied(t, s);   /* it came between the want and now */
		else if (now >= s->next_ask_mono_ms)
			seek(t, s);
		if (is_seeking(s, now) && s->next_ask_mono_ms < next)
			next = s->next_ask_mono_ms;
	}
	now = clock_mono_ms();
	return next <= now ? 0 : next - now < INT_MAX ? (int)(next - now) : INT_MAX;
}

static void turn(struct tokens *t)
{
	struct curl_waitfd poke = { .fd = t->poke.fd, .events = CURL_WAIT_POLLIN };
	int wait = seek_all(t), running;

	curl_multi_perform(t->multi, &running);
	if (collect(t))
		return;   /* it was over at once: nothing would end the wait below */
	curl_multi_poll(t->multi, &poke, 1, wait, NULL);
	if (poke.revents)
		mailbox_take(&t->poke);
	curl_multi_perform(t->multi, &running);
	collect(t);
}

static void *run(void *arg)
{
	struct tokens *t = arg;

	while (!atomic_load(&t->stopping))
		turn(t);
	/* Another worker may fetch what this one has begun to. */
	for (struct seeker *s = atomic_load(&t->seekers); s; s = s->next)
		if (s->fetch)
			queue_token_leave(t->queue, s->vendor->name, t->worker, NULL);
	return NULL;
}

/* ---- Life ---- */

enum err tokens_new(const struct settings *settings, const char *worker, struct mailbox *intake_poke,
                    struct tokens **tokens, struct err_text *why)
{
	struct tokens *t = mem_calloc(1, sizeof(*t));
	enum err err = queue_new(settings->redis_url, settings->redis_prefix, (int)settings->redis_timeout_ms, &t->queue, why);

	if (!err && mailbox_init(&t->poke) < 0)
		err = err_set(why, ERR_SYSTEM, "eventfd: %s", strerror(errno));
	if (err) {
		queue_free(t->queue);
		free(t);
		return err;
	}
	t->worker = worker;
	t->intake_poke = intake_poke;
	t->multi = curl_multi_init();
	if (!t->multi)
		abort();   /* out of memory, as in lib/mem.h */
	*tokens = t;
	return ERR_OK;
}

enum err tokens_start(struct tokens *t, struct err_text *why)
{
	int error = pthread_create(&t->thread, NULL, run, t);

	return error ? err_set(why, ERR_SYSTEM, "pthread_create: %s", strerror(error)) : ERR_OK;
}

void tokens_stop(struct tokens *t)
{
	atomic_store(&t->stopping, true);
	mailbox_poke(&t->poke);
	pthread_join(t->thread, NULL);
}

void tokens_free(struct tokens *t)
{
	struct seeker *s, *next;

	if (!t)
		return;
	for (s = atomic_load(&t->seekers); s; s = next) {
		next = s->next;
		token_fetch_free(s->fetch);
		free_copy(atomic_load(&s->given));
		free_copy(s->vendor);
		free(s);
	}
	curl_multi_cleanup(t->multi);
	mailbox_deinit(&t->poke);
	queue_free(t->queue);
	free(t);
}
