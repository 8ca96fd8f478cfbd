/* The contract suite over MongoDB.
 *
 * Server: STORE_TEST_MONGODB_URI (each test makes and drops a database of its own there), or a private mongod in a
 * temporary folder, from MONGOD, PATH or scripts/get-mongod. Without any of them the program skips itself.
 */
#include "store_contract.h"

#include "clock.h"
#include "mem.h"
#include "private_mongod.h"

#include <mongoc/mongoc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SKIPPED = 77, OWN_TIMEOUT_MS = 1500, OWN_SLACK_MS = 2000 };

static const char *base_uri;
static struct private_mongod server;    /* pid 0: somebody else's server is used */

/* base_uri with another database. */
static char *fresh_uri(void)
{
	static int made;
	const char *host = strstr(base_uri, "://") + 3;
	size_t head_len = (size_t)(host - base_uri) + strcspn(host, "/?");
	const char *options = strchr(base_uri + head_len, '?');

	return mem_printf("%.*s/vf_contract_%ld_%d%s", (int)head_len, base_uri, (long)getpid(), made++,
	                  options ? options : "");
}

static void drop_database(const char *uri)
{
	mongoc_uri_t *parsed = mongoc_uri_new(uri);
	mongoc_client_t *client = mongoc_client_new_from_uri(parsed);
	mongoc_database_t *database = mongoc_client_get_database(client, mongoc_uri_get_database(parsed));
	bson_error_t error;

	if (!mongoc_database_drop(database, &error))
		print_error("cannot drop the database of %s: %s\n", uri, error.message);
	mongoc_database_destroy(database);
	mongoc_client_destroy(client);
	mongoc_uri_destroy(parsed);
}

/* ---- Of this engine only ---- */

static void need_private_server(void)
{
	if (!server.pid)
		skip();
}

static void assert_unavailable_in_time(struct store *store, struct job *job)
{
	struct store_insert item = { .job = job };
	struct job *got = NULL;
	int64_t start = clock_mono_ms();

	assert_err(store_insert(store, &item, 1, &contract_why), ERR_UNAVAILABLE);
	assert_err(item.outcome, ERR_UNAVAILABLE);
	assert_in_range(clock_mono_ms() - start, 0, OWN_TIMEOUT_MS + OWN_SLACK_MS);
	start = clock_mono_ms();
	assert_err(store_get(store, job->request_id, &got, &contract_why), ERR_UNAVAILABLE);
	assert_in_range(clock_mono_ms() - start, 0, OWN_TIMEOUT_MS + OWN_SLACK_MS);
}

/* A stopped server takes connections and answers nothing: the worst kind of away. */
static void a_server_that_hangs_is_unavailable_in_time_and_comes_back(void **state)
{
	struct contract *c = *state;
	struct store *store = NULL;
	struct job *job = contract_job(c->now, "alpha");
	struct store_insert again = { .job = job };
	enum err err;

	need_private_server();
	assert_ok(store_open(c->uri, OWN_TIMEOUT_MS, &store, &contract_why));
	assert_ok(store_ping(store, &contract_why));
	kill(server.pid, SIGSTOP);
	assert_unavailable_in_time(store, job);
	kill(server.pid, SIGCONT);
	/* The first insert may have arrived after all: repeating it is safe. */
	err = ERR_UNAVAILABLE;
	for (int tries = 0; err != ERR_OK && tries < 20; tries++) {
		err = store_insert(store, &again, 1, &contract_why);
		usleep(100 * 1000);
	}
	assert_ok(err);
	assert_true(again.outcome == ERR_OK || again.outcome == ERR_EXISTS);
	job_free(must_get(store, job->request_id));
	store_close(store);
	job_free(job);
}

static void a_server_that_is_away_is_unavailable(void **state)
{
	struct store *store = NULL;
	int64_t start = clock_mono_ms();

	(void)state;
	assert_err(store_open("mongodb://127.0.0.1:1/x", OWN_TIMEOUT_MS, &store, &contract_why), ERR_UNAVAILABLE);
	assert_null(store);
	assert_in_range(clock_mono_ms() - start, 0, OWN_TIMEOUT_MS + OWN_SLACK_MS);
}

static void a_bad_uri_is_invalid(void **state)
{
	struct store *store = NULL;

	(void)state;
	assert_err(store_open("mongodb://", OWN_TIMEOUT_MS, &store, &contract_why), ERR_INVALID);
	assert_null(store);
}

static const struct CMUnitTest own_tests[] = {
	contract_test(a_server_that_hangs_is_unavailable_in_time_and_comes_back),
	cmocka_unit_test(a_server_that_is_away_is_unavailable),
	cmocka_unit_test(a_bad_uri_is_invalid),
};

static const struct contract_engine engine = {
	.fresh_uri = fresh_uri,
	.remove = drop_database,
	.expires_by_itself = true,
	.tests = own_tests,
	.n_tests = COUNT(own_tests),
};

/* A TAP driver wants the plan and success; everything else knows 77. */
static int skip_all(const char *reason)
{
	const char *output = getenv("CMOCKA_MESSAGE_OUTPUT");

	printf("1..0 # SKIP %s\n", reason);
	return output && strcmp(output, "TAP") == 0 ? 0 : SKIPPED;
}

int main(void)
{
	char reason[256];
	int failed;

	base_uri = getenv("STORE_TEST_MONGODB_URI");
	if (!base_uri || !*base_uri) {
		if (!private_mongod_start(&server, reason, sizeof(reason))) {
			return skip_all(reason);
		}
		base_uri = server.uri;
	}
	mongoc_init();
	failed = contract_run(&engine);
	mongoc_cleanup();
	private_mongod_stop(&server);
	return failed;
}
