/* vendorfetch.fcgi: the HTTP API, behind a web server that speaks FastCGI.
 *
 * One process of a pool: spawn-fcgi opens the socket, multiwatch keeps the processes alive (scripts/stack
 * and the shipped cron lines show the command). Requests are taken also while the store is still away: they
 * are answered 503 until it is there. HUP: the vendor files are read again. TERM: no more requests are taken, those in work are finished, then
 * what is gathered is written and pushed.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "accept_pool.h"
#include "api.h"
#include "clock.h"
#include "core_dump.h"
#include "hangup.h"
#include "log.h"
#include "mem.h"
#include "queue.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum {
	CACHE_LOCAL_BYTES = 16 << 20,
	STORE_MOMENT_MS = 500,
	PUSHER_DRAIN_MS = 2000,
	LEAVE_SECONDS = 15,      /* TERM to exit, whatever hangs */
};

/* Whoever restarts us does so at once, so a fault that stays (a bad setting, too) must not spin. */
static void slow_down_failure(int status, void *arg)
{
	(void)arg;
	if (status)
		sleep(1);
}

static void fatal(const char *what, const char *why)
{
	log_error("%s: %s", what, why);
	exit(1);
}

/* ---- Setting up, in order: nothing later is needed by anything earlier ---- */

/* Every thread inherits this: only wait_for_end() takes signals. */
static void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
}

static void load_vendors(struct api *api)
{
	struct err_text why = { "" };

	if (vendors_new(&api->settings, true, &api->vendors, &why) != ERR_OK)
		fatal("vendor files", why.text);
}

/* Payloads are parsed by others, too, so none of these is over JSON_LIMITS_DEFAULT. */
static void load_limits(struct api *api)
{
	const struct settings *s = &api->settings;

	api->body_limits = (struct json_limits){
		.max_bytes = (size_t)s->max_body_bytes,
		.max_depth = (int)s->json_max_depth,
		.max_members = (size_t)s->json_max_members,
		.max_string_bytes = (size_t)s->json_max_string_bytes,
		.are_settings = true,
	};
}

/* What stands before and in the answers. */
static void load_names(struct api *api)
{
	struct err_text why = { "" };

	if (route_prefix_clashes(api_routes, api->settings.path_prefix))
		fatal("VENDORFETCH_PATH_PREFIX begins with a path of the API", api->settings.path_prefix);
	if (extra_fields_new(api->settings.extra_fields, &api->extra_fields, &why) != ERR_OK)
		fatal("VENDORFETCH_EXTRA_FIELDS", why.text);
}

/* What the store link does until it succeeds: the store, and the key that callback tokens are made with. */
static enum err open_store(void *arg, struct store **store, struct err_text *why)
{
	struct api *api = arg;
	unsigned char candidate[STORE_SECRET_SIZE];
	struct store *opened = NULL;
	enum err err;

	if (getrandom(candidate, sizeof(candidate), 0) != (ssize_t)sizeof(candidate))
		return err_set(why, ERR_SYSTEM, "getrandom: %s", strerror(errno));
	err = store_open(api->settings.store_uri, (int)api->settings.store_timeout_ms, &opened, why);
	if (!err)
		err = store_secret(opened, "callback_key", candidate, api->callback_key, why);
	explicit_bzero(candidate, sizeof(candidate));
	if (err)
		store_close(opened);
	else
		*store = opened;
	return err;
}

static void on_stored(void *arg, const char *vendor, const char *request_id)
{
	queue_pusher_put(arg, vendor, request_id);
}

static void make_parts(struct api *api)
{
	const struct settings *s = &api->settings;
	int timeout_ms = (int)s->redis_timeout_ms;
	struct err_text why = { "" };
	enum err err;

	err = access_new(s, &api->access, &why);
	if (err)
		fatal("VENDORFETCH_TOKENS", why.text);
	err = result_cache_new(s->redis_url, s->redis_prefix, timeout_ms, CACHE_LOCAL_BYTES, &api->cache, &why);
	if (!err)
		err = health_new(s->redis_url, s->redis_prefix, timeout_ms, api->vendors, &api->health, &why);
	if (!err)
		err = queue_pusher_new(s->redis_url, s->redis_prefix, timeout_ms, &api->pusher, &why);
	if (err)
		fatal("REDIS_URL", why.text);
	api->link = store_link_new(open_store, api, (int)s->accept_timeout_ms);
	api->read = group_read_new(api->link);
	api->change = group_change_new(api->link);
	api->commit = group_commit_new(api->link, (int)s->accept_timeout_ms, on_stored, api->pusher);
}

/* With a wall clock that is wrong, signed callbacks would be refused, and their vendors not come again. */
static void learn_time(const struct settings *s)
{
	struct err_text why = { "" };

	if (queue_learn_time(s->redis_url, (int)s->redis_timeout_ms, &why) != ERR_OK)
		log_warn("Redis is away, the time is that of the wall clock until it is back error=\"%s\"", why.text);
}

/* Mostly the store is there and open within milliseconds: then not one request meets a process that is not
 * ready, and a restart under load answers no 503. Connections wait in the socket's backlog meanwhile. */
static void give_store_a_moment(struct api *api)
{
	struct timespec nap = { .tv_nsec = 2 * 1000000L };

	for (int64_t until = clock_mono_ms() + STORE_MOMENT_MS;
	     clock_mono_ms() < until && !store_link_get(api->link, NULL);)
		nanosleep(&nap, NULL);
}

/* ---- Running and leaving ---- */

/* The vendor files, and who may call; what is bad stays as it was. */
static void reload(struct api *api)
{
	struct err_text why = { "" };

	vendors_reload(api->vendors);
	if (access_reload(api->access, &why) != ERR_OK)
		log_error("VENDORFETCH_TOKENS: %s; the clients stay who they are", why.text);
}

/* Until it is time to leave. Of those that mean "leave" multiwatch 1.0.0 sends QUIT when it is told to send TERM (-s TERM),
 * and its default is USR1. HUP (hangup.h) is no such signal. */
static int wait_for_end(struct api *api)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGHUP };
	sigset_t set;
	int got = 0;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&set, signals[i]);
	while (sigwait(&set, &got) == 0 && got == SIGHUP)
		reload(api);
	return got;
}

/* Ends a leave that hangs. A second signal does not: service managers send one to us and one to multiwatch,
 * which passes it on. Stored jobs are safe, and repair finds what was not pushed. */
static void *leave_at_last(void *arg)
{
	struct timespec limit = { .tv_sec = LEAVE_SECONDS };

	while (nanosleep(&limit, &limit) < 0 && errno == EINTR)
		;
	log_warn("leaving at once, something hangs");
	_exit(1);
	return arg;
}

/* Upstream first: no more requests, then the batch they wait for is long written, then its ids are pushed. */
static void leave(struct api *api, struct accept_pool *pool)
{
	pthread_t watcher;

	if (pthread_create(&watcher, NULL, leave_at_last, NULL) == 0)
		pthread_detach(watcher);
	accept_pool_free(pool);
	group_commit_free(api->commit);
	queue_pusher_free(api->pusher, PUSHER_DRAIN_MS);
	group_change_free(api->change);
	group_read_free(api->read);
	store_link_free(api->link);
	health_free(api->health);
	result_cache_free(api->cache);
	access_free(api->access);
	extra_fields_free(api->extra_fields);
	vendors_free(api->vendors);
	explicit_bzero(api->callback_key, sizeof(api->callback_key));
	settings_free(&api->settings);
}

static void log_ready(struct api *api)
{
	struct generation *rules = vendors_acquire(api->vendors);

	log_info("ready vendors=%zu threads=%d generation=%u digest=%s", vendor_count(rules->set),
	         (int)api->settings.api_threads, rules->number, rules->digest);
	generation_release(rules);
}

int main(int argc, char **argv)
{
	static struct api api;
	struct accept_pool *pool = NULL;
	struct err_text why = { "" };

	core_dump_forbid();
	mem_give_back();
	hangup_expect();
	on_exit(slow_down_failure, NULL);
	settings_load(argc, argv, "vendorfetch.fcgi", "the HTTP API, to be started by spawn-fcgi and multiwatch",
	              &api.settings);
	log_init("vendorfetch.fcgi", api.settings.log_level);
	if (api.settings.core_dumps)
		core_dump_allow();
	/* With a killed multiwatch its children leave, too, and the next one finds its lock free. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	block_signals();
	load_limits(&api);
	load_names(&api);
	load_vendors(&api);
	make_parts(&api);
	learn_time(&api.settings);
	give_store_a_moment(&api);
	if (accept_pool_new(&api, STDIN_FILENO, (int)api.settings.api_threads, &pool, &why) != ERR_OK)
		fatal("cannot take requests", why.text);
	log_ready(&api);
	log_info("leaving signal=%d", wait_for_end(&api));
	leave(&api, pool);
	log_info("left");
	return 0;
}
