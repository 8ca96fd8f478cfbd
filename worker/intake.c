/* The thread that takes jobs from the queue: which vendor, when, how many.
 *
 * One turn: find the lanes whose time has come, ask Redis for all of them in one pipeline, claim what was
 * granted, hear what has come in, sleep until the earliest next time, a wake-up message or a poke. It never calls a
 * vendor and never waits for one. Of a vendor whose calls show an access token nothing is taken before there is one. While there is more than one lane with jobs a claim is kept short (pace.h).
 */
#include "claim.h"
#include "clock.h"
#include "crash_point.h"
#include "fall_back.h"
#include "limits_begin.h"
#include "log.h"
#include "mem.h"
#include "pace.h"
#include "quota_count.h"
#include "tokens.h"
#include "worker.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
	LANES_A_TURN = 128,
	GRANTS_A_TURN = 512,        /* bounds a claim, and the payloads that it brings into memory */
	LEAVING_LOOK_MS = 500,      /* a lane that waits although its jobs may go on to other vendors: those that come due do */
	SLOW_LOOK_MS = 3000,        /* a lane that waits is looked at this often, in case something changed that nobody told */
	AWAY_WAIT_MS = 250,         /* between tries while Redis or the store is away */
	LIMITED_GRANTS = 48,        /* of a vendor with limits: the first of a batch waits for the claim of all of it, and a
	                               longer wait is a longer guard, which costs some of the limit */
	PROBE_GRANTS = 8,           /* taken at most after a claim failed, until one succeeds */
	LANE_SHARE = 8,             /* a lane may have so many times the calls that are still free */
	NOT_LEFT_MAX = 256,         /* of a lane: each may be a thread that looks up a name, or a connecting socket */
	NOT_LEFT_WAIT_MS = 10,
	GATHER_MS = 4,              /* after a take that brought so many and left none the next waits for more */
	GATHER_AFTER = 8,
};

/* A lane's next take: its queue is empty. A wake-up message or a look that finds something changes that. */
static const int64_t when_woken = INT64_MAX;

struct intake {
	struct worker *worker;
	struct queue *queue;
	struct queue_wake *wake;
	int wake_fd;                /* as polled last; a new one means that messages may have been lost */
	int64_t next_take_mono_ms;  /* the earliest of all lanes, when the thread went to sleep; 0: look */
	bool undisturbed;           /* it slept, and nobody woke it */
	bool calm;                  /* nor had any lane's time come: none has changed in this turn */
	int64_t next_look_mono_ms;  /* at the lanes that sleep */
	struct lane **glanced;      /* these; room for all lanes */
	struct queue_glance *glances;   /* of each of them, */
	char (*names)[VENDOR_NAME_MAX + 1];   /* by copies that lie together: looking touches no lane, of which each is cold by then */
	size_t n_glances;
	bool listed;                /* they are the lanes that sleep now */
	size_t first_lane;          /* where the next turn begins, so that no lane is always last */
	struct pace pace;
	bool store_away;
	bool claim_failed;          /* the last one did */
	bool redis_away;
	struct queue_take takes[LANES_A_TURN];
	struct lane *lanes[LANES_A_TURN];
	struct queue_left left[LANES_A_TURN][QUEUE_LEFT_MAX];
	struct queue_grant grants[GRANTS_A_TURN];
};

static void look_at_all(struct intake *in)
{
	in->next_take_mono_ms = 0;
	for (size_t i = 0; i < in->worker->n_lanes; i++)
		if (in->worker->lanes[i]->vendor)
			in->worker->lanes[i]->next_take_mono_ms = 0;
}

/* ---- One take over many lanes ---- */

/* A busy vendor's jobs come in fewer and larger batches, each of which is a script and a transaction; a lone one is taken
 * at once. */
static void wake_lane(struct lane *lane)
{
	if (lane->vendor)
		lane->next_take_mono_ms = lane->gather_until_mono_ms;
}

static bool is_due(struct lane *lane, int64_t now)
{
	int64_t hold_until = lane_held_until_mono_us(lane) / 1000, closed_ms;

	if (!lane->vendor)
		return false;
	if (atomic_exchange(&lane->look, false))
		wake_lane(lane);
	/* Calls of others ended. That is nothing to one whose queue is empty. */
	if (atomic_exchange(&lane->room_came, false) && lane->next_take_mono_ms != when_woken)
		wake_lane(lane);
	/* Redis knows of the hold, too, unless it was away then: what we took would not be let out. But those who may go on to
	 * another vendor do not wait for its end. */
	if (lane->next_take_mono_ms < hold_until && !fall_back_is_limited(lane->vendor, hold_until - now))
		lane->next_take_mono_ms = hold_until;
	if (lane->next_take_mono_ms > now)
		return false;
	/* The shared time may be set anew meanwhile, so that is not slept through. */
	closed_ms = lane_closed_ms(lane);
	if (closed_ms > 0)
		lane->next_take_mono_ms = now + (closed_ms < SLOW_LOOK_MS ? closed_ms : SLOW_LOOK_MS);
	return closed_ms == 0;
}

static int free_calls(const struct intake *in)
{
	return in->worker->calls_max - atomic_load(&in->worker->in_flight);
}

/* Of the calls that are still free only so many, that vendors that hang never have them all: one gets 8/9,
 * two get 8/17 each. */
static int lane_room(const struct intake *in, struct lane *lane)
{
	int64_t room = (int64_t)LANE_SHARE * free_calls(in) - atomic_load(&lane->calls);
	int leaving = NOT_LEFT_MAX - atomic_load(&lane->not_left);

	if (room > leaving)
		room = leaving;
	if (lane->vendor->n_limits && room > LIMITED_GRANTS)
		room = LIMITED_GRANTS;
	return room < 0 ? 0 : (int)room;
}

/* For a lane without room. When calls end, their commit has us look again; when they leave, nobody says so. */
static int room_wait_ms(struct lane *lane)
{
	return atomic_load(&lane->not_left) < NOT_LEFT_MAX ? SLOW_LOOK_MS : NOT_LEFT_WAIT_MS;
}

static int find_due_lanes(struct intake *in, int64_t now)
{
	size_t n_lanes = in->worker->n_lanes, i;
	int n = 0;

	for (i = 0; i < n_lanes && n < LANES_A_TURN; i++) {
		struct lane *lane = in->worker->lanes[(in->first_lane + i) % n_lanes];

		if (!is_due(lane, now))
			continue;
		if (lane_room(in, lane) > 0)
			in->lanes[n++] = lane;
		else
			lane->next_take_mono_ms = now + room_wait_ms(lane);
	}
	if (n_lanes)
		in->first_lane = (in->first_lane + (i < n_lanes ? i : 1)) % n_lanes;
	return n;
}

/* Good, if it needs none. */
static enum token_state token_state(struct lane *lane)
{
	const struct oauth2_rules *rules = &lane->vendor->oauth2;

	return rules->url ? token_slot_state(&lane->token, rules->key, clock_mono_ms()) : TOKEN_GOOD;
}

/* No grant waits for a token: without one it is only asked whether there is a job that needs it. */
static int wanted(const struct intake *in, struct lane *lane, int share)
{
	int room = lane_room(in, lane);

	if (token_state(lane) == TOKEN_MISSING)
		return 0;
	return share < room ? share : room;
}

/* Shares the room among the due lanes; returns how many of them get some. */
static int fill_takes(struct intake *in, int n_due)
{
	int room = free_calls(in), most = pace_most(&in->pace, clock_mono_us()), share, n = 0;

	if (most < n_due)
		most = n_due;
	if (in->claim_failed)
		most = PROBE_GRANTS;
	if (room > most)
		room = most;
	share = n_due ? room / n_due : 0;
	if (share < 1)
		share = 1;
	for (int used = 0; n < n_due && used + share <= room; n++, used += share)
		in->takes[n] = (struct queue_take){
			.vendor = in->lanes[n]->vendor,
			.want = wanted(in, in->lanes[n], share),
			.guard_ms = atomic_load(&in->lanes[n]->guard_ms),
			.lease_ms = in->worker->lease_ms,
			.left = in->left[n],
			.n_left = left_take(lane_left(in->lanes[n]), in->left[n]),
			.grants = in->grants + used,
		};
	return n;
}

/* Of a vendor with limits: when what was granted has left, which a take tells Redis, its windows may end sooner. */
static int64_t longest_wait_ms(const struct queue_take *take)
{
	if (take->n > 0 && take->vendor->n_limits > 0)
		return take->guard_ms;
	return take->vendor->leaving.on ? LEAVING_LOOK_MS : SLOW_LOOK_MS;
}

/* Were there jobs, and nothing but a token to wait for? */
static bool waits_for_token(const struct lane *lane, const struct queue_take *take)
{
	return lane->vendor->oauth2.url && take->want == 0 && take->wait_ms == 0;
}

/* There is to be one, and one that is old is renewed while it is used. The ms after which the lane is looked at again, if it
 * waits; when its token comes, the tokens thread has us look before. */
static int64_t want_token(struct intake *in, struct lane *lane)
{
	enum token_state state = token_state(lane);

	if (state != TOKEN_GOOD)
		tokens_want(in->worker->tokens, lane);
	return state == TOKEN_MISSING ? SLOW_LOOK_MS : 0;
}

/* answered_at: when the waits were told; the claim took its time since then. */
static void set_next_take(struct intake *in, struct lane *lane, const struct queue_take *take, int64_t answered_at)
{
	int64_t wait = take->wait_ms;

	if (take->outcome == ERR_STALE) {
		/* A store that hangs is waited for once, not for every vendor. When it is back all are looked at. */
		wait = in->store_away ? AWAY_WAIT_MS : limits_begin(in->worker->store, in->queue, lane, &in->store_away);
		lane->next_take_mono_ms = wait ? clock_mono_ms() + wait : 0;
		return;
	}
	if (take->outcome != ERR_OK)
		wait = AWAY_WAIT_MS;
	else if (waits_for_token(lane, take))
		wait = want_token(in, lane);
	else if (wait > longest_wait_ms(take))
		wait = longest_wait_ms(take);
	if (take->n > 0)
		want_token(in, lane);
	if (take->outcome == ERR_OK)
		lane_used_up(lane, take->quota_wait_ms);
	lane->gather_until_mono_ms = wait < 0 && take->n >= GATHER_AFTER ? clock_mono_ms() + GATHER_MS : 0;
	lane->next_take_mono_ms = wait < 0 ? when_woken : wait ? answered_at + wait : 0;
}

/* Of which lane the jobs of these takes are; NULL: of several. */
static const struct lane *only_lane(const struct claim_item *items, size_t n)
{
	/* They lie together, lane by lane. */
	return items[0].lane == items[n - 1].lane ? items[0].lane : NULL;
}

static size_t fill_claims(struct intake *in, int n_takes, struct claim_item *items)
{
	size_t n = 0;

	for (int i = 0; i < n_takes; i++)
		for (int k = 0; in->takes[i].outcome == ERR_OK && k < in->takes[i].n; k++)
			items[n++] = (struct claim_item){
				.lane = in->lanes[i],
				.take = &in->takes[i],
				.grant = &in->takes[i].grants[k],
			};
	return n;
}

static void redis_is(struct intake *in, bool away, const char *why)
{
	if (away && !in->redis_away)
		log_warn("intake: Redis is away, nothing is taken error=\"%s\"", why);
	if (!away && in->redis_away) {
		log_info("intake: Redis is back");
		look_at_all(in);
	}
	in->redis_away = away;
}

/* Nothing is claimed that could break a quota: what was granted is counted first. */
static enum err count_and_call(struct intake *in, int n_takes, const struct claim_item *items, size_t n)
{
	struct err_text why = { "" };
	enum err err = quota_count_grants(in->worker->store, in->lanes, in->takes, n_takes, &why);

	if (err != ERR_OK) {
		log_warn("intake: calls cannot be counted, none is made jobs=%zu error=\"%s\"", n, why.text);
		claim_nothing(in->queue, items, n);
		return err;
	}
	CRASH_POINT("count_after");
	return claim_and_call(in->worker, in->queue, items, n);
}

/* Calls that left too late count anew, before anything more is taken. Told again if Redis did not answer: counted twice
 * they cost some of the limit, never break it. */
static void tell_late(struct intake *in)
{
	enum err err = ERR_OK;

	for (size_t i = 0; i < in->worker->n_lanes && !err; i++) {
		struct lane *lane = in->worker->lanes[i];
		struct queue_op op = { .kind = QUEUE_LATE };
		int n = atomic_load(&lane->late) ? atomic_exchange(&lane->late, 0) : 0;

		if (n == 0)
			continue;
		op.vendor = lane->vendor ? vendor_account(lane->vendor) : lane->name;
		op.at = n;
		err = queue_apply(in->queue, &op, 1, NULL);   /* an absence of Redis is said by the take that follows */
		if (err)
			atomic_fetch_add(&lane->late, n);
		else
			log_info("intake: calls left after their grants were over vendor=%s calls=%d", lane->name, n);
	}
}

static void list_sleepers(struct intake *in)
{
	in->n_glances = 0;
	for (size_t i = 0; i < in->worker->n_lanes; i++) {
		struct lane *lane = in->worker->lanes[i];
		size_t n = in->n_glances;

		if (!lane->vendor || lane->next_take_mono_ms != when_woken)
			continue;
		in->glanced[n] = lane;
		memcpy(in->names[n], lane->name, sizeof(in->names[n]));
		in->glances[n] = (struct queue_glance){ .vendor = in->names[n] };
		in->n_glances++;
	}
}

/* At the lanes that sleep, in case a wake-up message was lost: all of them in a few commands. False: Redis is away. */
static bool look_at_sleepers(struct intake *in)
{
	int64_t now = clock_mono_ms();
	struct err_text why = { "" };

	if (now < in->next_look_mono_ms)
		return true;
	if (!in->listed)
		list_sleepers(in);
	if (queue_glance(in->queue, QUEUE_GLANCE_WAITING, in->glances, in->n_glances, &why) != ERR_OK) {
		redis_is(in, true, why.text);
		return false;
	}
	for (size_t i = 0; i < in->n_glances; i++) {
		if (!in->glances[i].any)
			continue;
		in->glanced[i]->next_take_mono_ms = 0;
		in->calm = false;
	}
	in->listed = in->calm;
	in->next_look_mono_ms = now + in->worker->settings.repair_period_ms;
	redis_is(in, false, "");
	return true;
}

static void make_room(struct intake *in)
{
	size_t n = in->worker->n_lanes;

	in->glances = mem_realloc(in->glances, n * sizeof(*in->glances));
	in->glanced = mem_realloc(in->glanced, n * sizeof(*in->glanced));
	in->names = mem_realloc(in->names, n * sizeof(*in->names));
}

/* Is there nothing to find among the lanes? Then the hundreds of an idle system are not gone through. */
static void begin_turn(struct intake *in)
{
	in->calm = in->undisturbed && clock_mono_ms() < in->next_take_mono_ms;
	if (worker_follow_rules(in->worker)) {
		make_room(in);
		in->calm = false;
	}
	in->undisturbed = false;
	in->listed = in->listed && in->calm;
	if (!in->calm)
		tell_late(in);
}

/* Takes and claims once. False if there was nothing due or no room. */
static bool take_once(struct intake *in)
{
	struct worker *worker = in->worker;
	struct claim_item items[GRANTS_A_TURN];
	struct err_text why = { "" };
	int64_t began_us = clock_mono_us(), answered_at;
	size_t n_items;
	int n;

	begin_turn(in);
	if (!look_at_sleepers(in) || in->calm)
		return false;
	n = fill_takes(in, find_due_lanes(in, clock_mono_ms()));
	if (n == 0)
		return false;
	if (queue_take(in->queue, worker->consumer, in->takes, (size_t)n, &why) != ERR_OK) {
		redis_is(in, true, why.text);
		return false;
	}
	redis_is(in, false, "");
	answered_at = clock_mono_ms();
	n_items = fill_claims(in, n, items);
	if (n_items) {
		CRASH_POINT("take_after");
		in->store_away = in->claim_failed = count_and_call(in, n, items, n_items) != ERR_OK;
		pace_note(&in->pace, only_lane(items, n_items), (int)n_items, began_us, clock_mono_us());
	}
	for (int i = 0; i < n; i++) {
		set_next_take(in, in->lanes[i], &in->takes[i], answered_at);
		if (in->takes[i].outcome == ERR_OK && !in->store_away && fall_back_waiting(worker, in->queue, in->lanes[i], &in->takes[i]))
			in->lanes[i]->next_take_mono_ms = 0;
	}
	return !in->store_away;
}

/* ---- Waiting ---- */

static void on_wake(const char *vendor, void *arg)
{
	struct intake *in = arg;
	struct lane *lane = worker_lane(in->worker, vendor);

	if (lane)
		wake_lane(lane);
}

static int64_t earliest_take(const struct intake *in)
{
	int64_t next = when_woken;

	for (size_t i = 0; i < in->worker->n_lanes; i++)
		if (in->worker->lanes[i]->next_take_mono_ms < next)
			next = in->worker->lanes[i]->next_take_mono_ms;
	return next;
}

static int next_wait_ms(struct intake *in)
{
	int64_t now = clock_mono_ms(), next;

	if (!in->calm)
		in->next_take_mono_ms = 0;
	if (in->redis_away || in->store_away)
		return AWAY_WAIT_MS;
	if (atomic_load(&in->worker->in_flight) >= in->worker->calls_max)
		return SLOW_LOOK_MS;   /* a commit pokes us */
	if (!in->calm)
		in->next_take_mono_ms = earliest_take(in);
	next = in->next_take_mono_ms < in->next_look_mono_ms ? in->next_take_mono_ms : in->next_look_mono_ms;
	return next > now ? (int)(next - now) : 0;
}

/* Hears what has come in; if it may, sleeps until something does or a lane's time has come. */
static void listen_for_wakes(struct intake *in, bool may_sleep)
{
	int fd = queue_wake_fd(in->wake);
	struct pollfd fds[2] = {
		{ .fd = in->worker->intake_poke.fd, .events = POLLIN },
		{ .fd = fd, .events = POLLIN | POLLRDHUP },
	};
	int wait = may_sleep ? next_wait_ms(in) : 0;

	if (fd != in->wake_fd) {
		in->wake_fd = fd;
		look_at_all(in);   /* messages may have gone by while we were not subscribed */
		wait = in->redis_away || in->store_away ? wait : 0;
	}
	if (fd < 0 && wait > AWAY_WAIT_MS)
		wait = AWAY_WAIT_MS;
	in->undisturbed = poll(fds, 2, wait) == 0 && may_sleep;
	if (fds[0].revents)
		mailbox_take(&in->worker->intake_poke);
	if (fds[1].revents)
		queue_wake_read(in->wake, on_wake, in);
	if (fds[1].revents & ~POLLIN)
		in->wake_fd = -1;   /* the next connection may well have the same number */
}

/* While the store is away nothing is taken: what could not be claimed would only pile up as pending. */
static bool store_is_back(struct intake *in)
{
	struct err_text why;

	if (in->store_away && store_ping(in->worker->store, &why) == ERR_OK) {
		log_info("intake: the store is back");
		in->store_away = false;
		look_at_all(in);
	}
	return !in->store_away;
}

static bool open_queues(struct intake *in)
{
	const struct settings *s = &in->worker->settings;
	struct err_text why = { "" };

	if (queue_new(s->redis_url, s->redis_prefix, (int)s->redis_timeout_ms, &in->queue, &why) == ERR_OK &&
	    queue_wake_new(s->redis_url, s->redis_prefix, (int)s->redis_timeout_ms, &in->wake, &why) == ERR_OK)
		return true;
	log_error("intake: %s", why.text);
	return false;
}

void *intake_run(void *arg)
{
	struct intake *in = mem_calloc(1, sizeof(*in));

	in->worker = arg;
	make_room(in);
	in->wake_fd = -1;
	pace_init(&in->pace, GRANTS_A_TURN);
	if (!open_queues(in))
		abort();   /* main() has checked the URL: this cannot be */
	while (!atomic_load(&in->worker->leaving)) {
		/* One lane with a backlog is no reason not to hear of the others. */
		while (store_is_back(in) && !atomic_load(&in->worker->leaving) && take_once(in))
			listen_for_wakes(in, false);
		if (!atomic_load(&in->worker->leaving))
			listen_for_wakes(in, true);
	}
	queue_wake_free(in->wake);
	queue_free(in->queue);
	free(in->glances);
	free(in->glanced);
	free(in->names);
	free(in);
	return NULL;
}
