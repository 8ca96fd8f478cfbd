#include "access.h"

#include "client_limit.h"
#include "clock.h"
#include "fallback.h"
#include "log.h"
#include "mem.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TELL_EVERY_MS = 60000, NUMBER_SIZE = 24, CHALLENGE_SIZE = 128 };

struct access {
	char *path;                      /* "" = tokens are not asked for */
	bool open;                       /* then: from anywhere */
	struct client_limit *limit;
	_Atomic int64_t told_at_ms;      /* mono; refusals were in the log then */
	_Atomic int64_t refused;         /* since then */
	pthread_rwlock_t lock;           /* over which set it is; readers hold the set beyond it */
	struct clients *clients;         /* NULL without a file */
};

/* Who calls when no token is asked for, and who calls without one where none is needed. */
static const struct client anybody = { .name = (char *)"", .scopes = SCOPES_ALL };
static const struct client nobody = { .name = (char *)"" };

/* ---- Life ---- */

static void say_who_may_call(const struct access *access)
{
	if (access->clients)
		log_info("API tokens are asked for clients=%zu", clients_count(access->clients));
	else if (access->open)
		log_warn("no API tokens are asked for, from anywhere: whoever reaches this API may use it");
	else
		log_info("no API tokens are asked for from this machine, and no others are let in (VENDORFETCH_TOKENS)");
}

enum err access_new(const struct settings *settings, struct access **access, struct err_text *why)
{
	struct access *a = mem_calloc(1, sizeof(*a));
	enum err err;

	a->path = mem_strdup(settings->tokens);
	a->open = settings->open != 0;
	pthread_rwlock_init(&a->lock, NULL);
	err = client_limit_new(settings->redis_url, settings->redis_prefix, (int)settings->redis_timeout_ms, &a->limit, why);
	if (!err && *a->path)
		err = clients_load(a->path, &a->clients, why);
	if (err) {
		access_free(a);
		return err;
	}
	say_who_may_call(a);
	*access = a;
	return ERR_OK;
}

void access_free(struct access *access)
{
	if (!access)
		return;
	client_limit_free(access->limit);
	clients_release(access->clients);
	pthread_rwlock_destroy(&access->lock);
	free(access->path);
	free(access);
}

enum err access_reload(struct access *access, struct err_text *why)
{
	struct clients *loaded, *old;
	enum err err;

	if (!*access->path)
		return ERR_OK;
	err = clients_load(access->path, &loaded, why);
	if (err)
		return err;
	pthread_rwlock_wrlock(&access->lock);
	old = access->clients;
	access->clients = loaded;
	pthread_rwlock_unlock(&access->lock);
	clients_release(old);
	return ERR_OK;
}

static struct clients *hold_clients(struct access *access)
{
	struct clients *clients;

	pthread_rwlock_rdlock(&access->lock);
	clients = clients_hold(access->clients);
	pthread_rwlock_unlock(&access->lock);
	return clients;
}

/* ---- Refusing ---- */

/* Once a minute: whoever guesses must not fill the disk. */
static void note_refusal(struct access *access, const struct request *request, const char *why)
{
	int64_t told_at = atomic_load(&access->told_at_ms), now = clock_mono_ms();
	const char *address = request_header(request, "REMOTE_ADDR");

	atomic_fetch_add(&access->refused, 1);
	if ((told_at && now - told_at < TELL_EVERY_MS) ||
	    !atomic_compare_exchange_strong(&access->told_at_ms, &told_at, now))
		return;
	log_warn("refused requests since the last such line count=%" PRId64 " latest_address=%s latest_reason=\"%s\"",
	         atomic_exchange(&access->refused, 0), address ? address : "unknown", why);
}

/* error: as RFC 6750 has it, or NULL. */
static bool refuse(struct access *access, const struct request *request, int status, const char *error, const char *why,
                   struct reply *reply)
{
	char challenge[CHALLENGE_SIZE];

	note_refusal(access, request, why);
	snprintf(challenge, sizeof(challenge), "Bearer realm=\"vendorfetch\"%s%s%s", error ? ", error=\"" : "",
	         error ? error : "", error ? "\"" : "");
	reply_header(reply, "WWW-Authenticate", challenge);
	reply_problem(reply, status, "%s", why);
	return false;
}

/* ---- Who it is ---- */

/* What stands behind "Bearer " in Authorization; NULL: nothing of that kind is there. */
static const char *bearer_token(const struct request *request)
{
	const char *value = request_header(request, "HTTP_AUTHORIZATION");

	if (!value || strncasecmp(value, "Bearer ", 7) != 0)
		return NULL;
	value += 7;
	return value + strspn(value, " ");
}

static bool is_on_this_machine(const struct request *request)
{
	const char *address = request_header(request, "REMOTE_ADDR");

	return address && (strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
	                   strncmp(address, "::ffff:127.", 11) == 0);
}

static bool enter_without_token(struct access *access, const struct route *route, struct request *request,
                                struct reply *reply)
{
	if (access->open || is_on_this_machine(request)) {
		request->client = &anybody;
		return true;
	}
	request->client = &nobody;
	return !route->scope || refuse(access, request, 401, NULL, "only clients on the machine itself are let in: "
	                               "no API tokens are set up here (VENDORFETCH_TOKENS)", reply);
}

static bool enter_with_token(struct access *access, const struct route *route, struct request *request,
                             struct reply *reply)
{
	const char *token = bearer_token(request);
	const struct client *client = token ? clients_find(request->clients, token) : NULL;

	request->client = client ? client : &nobody;
	if (client && client->expires_at && clock_now_ms() >= client->expires_at) {
		request->client = &nobody;
		return !route->scope || refuse(access, request, 401, "invalid_token", "this API token has expired", reply);
	}
	if (client && (!route->scope || (client->scopes & route->scope)))
		return true;
	if (client)
		return refuse(access, request, 403, "insufficient_scope", "this API token is not for that", reply);
	if (!route->scope)
		return true;
	return token ? refuse(access, request, 401, "invalid_token", "there is no such API token", reply)
	             : refuse(access, request, 401, NULL, "an API token is needed: Authorization: Bearer ...", reply);
}

/* ---- How often ---- */

static void number_header(struct reply *reply, const char *name, int64_t value)
{
	char text[NUMBER_SIZE];

	snprintf(text, sizeof(text), "%" PRId64, value);
	reply_header(reply, name, text);
}

static int64_t seconds(int64_t ms) { return (ms + 999) / 1000; }

static bool within_limit(struct access *access, const struct request *request, struct reply *reply)
{
	const struct client *client = request->client;
	struct client_limit_answer answer;

	if (!client->limit_requests ||
	    client_limit_take(access->limit, client->name, client->limit_requests, client->limit_ms, &answer) != ERR_OK)
		return true;
	number_header(reply, "RateLimit-Limit", client->limit_requests);
	number_header(reply, "RateLimit-Remaining", answer.left);
	number_header(reply, "RateLimit-Reset", seconds(answer.full_ms));
	if (answer.allowed)
		return true;
	number_header(reply, "Retry-After", seconds(answer.retry_ms) > 0 ? seconds(answer.retry_ms) : 1);
	reply_problem(reply, 429, "more than %" PRId64 " requests in %" PRId64 " s", client->limit_requests,
	              client->limit_ms / 1000);
	return false;
}

/* ---- Both ---- */

bool access_enter(struct access *access, const struct route *route, struct request *request, struct reply *reply)
{
	bool entered;

	if (*access->path)
		request->clients = hold_clients(access);
	entered = request->clients ? enter_with_token(access, route, request, reply)
	                           : enter_without_token(access, route, request, reply);
	return entered && within_limit(access, request, reply);
}

void access_leave(struct request *request)
{
	clients_release(request->clients);
	request->clients = NULL;
	request->client = NULL;
}

/* Of one that may see the jobs of some vendors only: a job that came in for one of them stays its own where it goes. */
static bool has_left_one_of(const struct client *client, const struct job *job)
{
	for (char **vendor = client->vendors; vendor && *vendor; vendor++)
		if (fallback_has_left(job, *vendor))
			return true;
	return false;
}

bool access_may_see(const struct client *client, const struct job *job)
{
	if (client->tenant && (!job->tenant || strcmp(client->tenant, job->tenant) != 0))
		return false;
	return client_may_use(client, job->vendor) || has_left_one_of(client, job);
}
