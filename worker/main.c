/* vendorfetch-worker: takes jobs from the queue, calls vendors within their limits, writes what came of it.
 *
 * One process, five threads (worker.h). Runs in the foreground; cron, systemd or scripts/stack keep it alive.
 * HUP: the vendor files are read again. The first TERM or INT stops the intake and lets calls in flight end (drain_ms);
 * the second leaves at once, and leases bring the rest back.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "../http/http.h"
#include "clock.h"
#include "core_dump.h"
#include "hangup.h"
#include "log.h"
#include "mem.h"
#include "queue.h"
#include "secret.h"
#include "tokens.h"
#include "worker.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	FILES_KEPT_BACK = 384,         /* descriptors for everything but calls; the loop's shards have some hundred */
	STORE_WAIT_MS = 500,
};

static void fatal(const char *what, const char *why)
{
	log_error("%s: %s", what, why);
	exit(1);
}

/* ---- Setting up, in order: nothing later is needed by anything earlier ---- */

/* From here on no thread takes TERM or INT, nor HUP (hangup.h): run() does. *set are those that end us. */
static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int calls_within_files(int64_t calls_max)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return (int)calls_max;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur == RLIM_INFINITY || (int64_t)files.rlim_cur - FILES_KEPT_BACK >= calls_max)
		return (int)calls_max;
	log_warn("the limit of open files allows fewer calls in flight calls_max=%lld files=%llu", (long long)calls_max,
	         (unsigned long long)files.rlim_cur);
	return files.rlim_cur > 2 * FILES_KEPT_BACK ? (int)files.rlim_cur - FILES_KEPT_BACK : FILES_KEPT_BACK;
}

static void load_vendors(struct worker *worker)
{
	struct err_text why = { "" };

	if (vendors_new(&worker->settings, false, &worker->vendors, &why) != ERR_OK)
		fatal("vendor files", why.text);
	worker_follow_rules(worker);
	worker->retention_ms = worker->settings.retention_days * 86400000;
}

static void name_worker(struct worker *worker)
{
	char host[64] = "localhost";

	gethostname(host, sizeof(host) - 1);
	snprintf(worker->consumer, sizeof(worker->consumer), "w%d", (int)worker->settings.worker_slot);
	snprintf(worker->name, sizeof(worker->name), "%s/%s", host, worker->consumer);
}

/* With a wall clock that is wrong, repair would fail jobs whose deadline has not come. Whether Redis is there is not
 * needed for a start. */
static void learn_time(const struct settings *s)
{
	struct err_text why = { "" };
	enum err err = queue_learn_time(s->redis_url, (int)s->redis_timeout_ms, &why);

	if (err == ERR_UNAVAILABLE)
		log_warn("Redis is away, the time is that of the wall clock until it is back error=\"%s\"", why.text);
	else if (err != ERR_OK)
		fatal("REDIS_URL", why.text);
}

/* Waits for a store that is away; a URI or schema that cannot be used ends the program. False: TERM came
 * first. */
static bool open_store(struct worker *worker, const sigset_t *signals)
{
	const struct settings *s = &worker->settings;
	struct timespec wait = { .tv_nsec = STORE_WAIT_MS * 1000000L };
	struct err_text why = { "" };
	char *shown = secret_hide_in_url(s->store_uri);
	bool told = false, stopped = false;
	enum err err;

	while (!stopped && (err = store_open(s->store_uri, (int)s->store_timeout_ms, &worker->store, &why)) != ERR_OK) {
		if (err != ERR_UNAVAILABLE)
			fatal("the store cannot be used", why.text);
		if (!told)
			log_warn("waiting for the store store=%s error=\"%s\"", shown, why.text);
		told = true;
		stopped = sigtimedwait(signals, NULL, &wait) > 0;
	}
	free(shown);
	return !stopped;
}

/* The key that callback tokens are made with; all processes share the one in the store. */
static bool read_callback_key(struct worker *worker, const sigset_t *signals)
{
	struct timespec wait = { .tv_nsec = STORE_WAIT_MS * 1000000L };
	unsigned char candidate[STORE_SECRET_SIZE];
	struct err_text why = { "" };

	if (getrandom(candidate, sizeof(candidate), 0) != (ssize_t)sizeof(candidate))
		fatal("getrandom", strerror(errno));
	while (store_secret(worker->store, "callback_key", candidate, worker->callback_key, &why) != ERR_OK) {
		log_warn("waiting for the store error=\"%s\"", why.text);
		if (sigtimedwait(signals, NULL, &wait) > 0)
			return false;
	}
	explicit_bzero(candidate, sizeof(candidate));
	worker->context.api_base_url = worker->settings.api_base_url;
	worker->context.callback_key = worker->callback_key;
	return true;
}

static void make_threads_parts(struct worker *worker)
{
	struct err_text why = { "" };

	if (mailbox_init(&worker->done) < 0 || mailbox_init(&worker->intake_poke) < 0 ||
	    mailbox_init(&worker->repair_poke) < 0)
		fatal("eventfd", strerror(errno));
	if (loop_new(worker->calls_max, &worker->done, &worker->intake_poke, &worker->loop,
	             &why) != ERR_OK)
		fatal("loop", why.text);
	if (tokens_new(&worker->settings, worker->name, &worker->intake_poke, &worker->tokens, &why) != ERR_OK)
		fatal("tokens", why.text);
}

/* ---- Running ---- */

struct threads { pthread_t intake, commit, repair; };

static void start(pthread_t *thread, void *(*body)(void *), struct worker *worker)
{
	int error = pthread_create(thread, NULL, body, worker);

	if (error)
		fatal("pthread_create", strerror(error));
}

static void start_threads(struct worker *worker, struct threads *threads)
{
	struct err_text why = { "" };

	if (loop_start(worker->loop, &why) != ERR_OK)
		fatal("loop", why.text);
	if (tokens_start(worker->tokens, &why) != ERR_OK)
		fatal("tokens", why.text);
	start(&threads->commit, commit_run, worker);
	start(&threads->repair, repair_run, worker);
	start(&threads->intake, intake_run, worker);
}

/* The second TERM while we drain: leave without waiting for anything. */
static void *leave_on_second_signal(void *arg)
{
	int got;

	sigwait(arg, &got);
	log_warn("second signal, leaving at once; leases will bring back what was in flight");
	_exit(1);
}

/* Upstream first: nothing new comes in, then the loop empties, then what it gave is committed. */
static void drain(struct worker *worker, struct threads *threads)
{
	int64_t give_up = clock_mono_ms() + worker->settings.drain_ms;

	log_info("leaving: nothing more is taken in_flight=%d drain_ms=%lld", atomic_load(&worker->in_flight),
	         (long long)worker->settings.drain_ms);
	atomic_store(&worker->give_up_mono_ms, give_up);
	atomic_store(&worker->leaving, true);
	mailbox_poke(&worker->intake_poke);
	mailbox_poke(&worker->repair_poke);
	pthread_join(threads->intake, NULL);
	tokens_stop(worker->tokens);
	loop_stop(worker->loop, give_up);
	atomic_store(&worker->commit_may_end, true);
	mailbox_poke(&worker->done);
	pthread_join(threads->commit, NULL);
	pthread_join(threads->repair, NULL);
	log_info("left");
}

/* Until it is time to leave. */
static void wait_for_end(struct worker *worker, const sigset_t *signals)
{
	sigset_t set = *signals;
	int got = 0;

	sigaddset(&set, SIGHUP);
	while (sigwait(&set, &got) == 0 && got == SIGHUP)
		if (vendors_reload(worker->vendors))
			mailbox_poke(&worker->intake_poke);
}

static void run(struct worker *worker, sigset_t *signals)
{
	struct threads threads;
	pthread_t second;

	log_info("ready vendors=%zu slot=%s calls_max=%d lease_ms=%lld generation=%u digest=%s",
	         vendor_count(worker->rules->set), worker->consumer, worker->calls_max, (long long)worker->lease_ms,
	         worker->rules->number, worker->rules->digest);
	start_threads(worker, &threads);
	wait_for_end(worker, signals);
	if (pthread_create(&second, NULL, leave_on_second_signal, signals) == 0)
		pthread_detach(second);
	drain(worker, &threads);
}

static void worker_deinit(struct worker *worker)
{
	loop_free(worker->loop);
	tokens_free(worker->tokens);
	mailbox_deinit(&worker->done);
	mailbox_deinit(&worker->intake_poke);
	mailbox_deinit(&worker->repair_poke);
	explicit_bzero(worker->callback_key, sizeof(worker->callback_key));
}

int main(int argc, char **argv)
{
	static struct worker worker;
	static sigset_t signals;

	core_dump_forbid();
	mem_give_back();
	hangup_expect();
	settings_load(argc, argv, "vendorfetch-worker", "takes jobs from the queue and calls vendors within their limits",
	              &worker.settings);
	log_init("vendorfetch-worker", worker.settings.log_level);
	if (worker.settings.core_dumps)
		core_dump_allow();
	block_signals(&signals);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (worker.settings.ca_file[0] && access(worker.settings.ca_file, R_OK) < 0)
		fatal(worker.settings.ca_file, strerror(errno));
	http_use_ca_file(worker.settings.ca_file);
	load_vendors(&worker);
	learn_time(&worker.settings);
	worker.calls_max = calls_within_files(worker.settings.calls_max);
	name_worker(&worker);
	if (open_store(&worker, &signals) && read_callback_key(&worker, &signals)) {
		make_threads_parts(&worker);
		run(&worker, &signals);
		worker_deinit(&worker);
	}
	store_close(worker.store);
	worker_free_lanes(&worker);
	vendors_free(worker.vendors);
	settings_free(&worker.settings);
	curl_global_cleanup();
	return 0;
}
