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

/* Keeps all writers of the server out, or lets them in again. */
static bool lock_writes(bool lock)
{
	mongoc_client_t *client = mongoc_client_new(base_uri);
	bson_t command = BSON_INITIALIZER;
	bson_error_t error;
	bool ok;

	BSON_APPEND_INT32(&command, lock ? "fsync" : "fsyncUnlock", 1);
	if (lock)
		BSON_APPEND_BOOL(&command, "lock", true);
	ok = mongoc_client_command_simple(client, "admin", &command, NULL, NULL, &error);
	bson_destroy(&command);
	mongoc_client_destroy(client);
	return ok;
}

static void a_server_that_can_be_read_only_fails_a_try_to_write(void **state)
{
	struct contract *c = *state;
	struct store *store = NULL;
	enum err ping, write;

	need_private_server();
	assert_ok(store_open(c->uri, OWN_TIMEOUT_MS, &store, &contract_why));
	assert_true(lock_writes(true));
	ping = store_ping(store, NULL);
	write = store_try_write(store, NULL);
	assert_true(lock_writes(false));
	assert_err(ping, ERR_OK);
	assert_err(write, ERR_UNAVAILABLE);
	assert_ok(store_try_write(store, &contract_why));
	store_close(store);
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

/* ---- What repair costs while many jobs wait ---- */

enum { BACKLOG = 500 };

static mongoc_client_t *admin_client(const struct contract *c, mongoc_database_t **database)
{
	mongoc_uri_t *parsed = mongoc_uri_new(c->uri);
	mongoc_client_t *client = mongoc_client_new_from_uri(parsed);

	*database = mongoc_client_get_database(client, mongoc_uri_get_database(parsed));
	mongoc_uri_destroy(parsed);
	return client;
}

static void profile(mongoc_database_t *database, int level)
{
	bson_t command = BSON_INITIALIZER;
	bson_error_t error;

	BSON_APPEND_INT32(&command, "profile", level);
	if (!mongoc_database_command_simple(database, &command, NULL, NULL, &error))
		fail_msg("profile: %s", error.message);
	bson_destroy(&command);
}

static int64_t number_in(const bson_t *doc, const char *field)
{
	bson_iter_t iter;

	return bson_iter_init_find(&iter, doc, field) ? bson_iter_as_int64(&iter) : -1;
}

/* Every find that was profiled walked an index and read next to nothing. */
static void assert_finds_were_cheap(mongoc_database_t *database, int expected)
{
	mongoc_collection_t *profiled = mongoc_database_get_collection(database, "system.profile");
	bson_t filter = BSON_INITIALIZER;
	mongoc_cursor_t *cursor;
	const bson_t *doc;
	bson_iter_t iter;
	int n = 0;

	BSON_APPEND_UTF8(&filter, "command.find", "jobs");
	cursor = mongoc_collection_find_with_opts(profiled, &filter, NULL, NULL);
	for (; mongoc_cursor_next(cursor, &doc); n++) {
		char *text = bson_as_relaxed_extended_json(doc, NULL);

		assert_true(bson_iter_init_find(&iter, doc, "planSummary"));
		if (strncmp(bson_iter_utf8(&iter, NULL), "IXSCAN", 6) != 0 || number_in(doc, "docsExamined") != 0 ||
		    number_in(doc, "keysExamined") > 1 || bson_has_field(doc, "hasSortStage"))
			fail_msg("not cheap: %.1500s", text);
		bson_free(text);
	}
	assert_int_equal(n, expected);
	mongoc_cursor_destroy(cursor);
	bson_destroy(&filter);
	mongoc_collection_destroy(profiled);
}

static void a_healthy_backlog_costs_repair_nothing(void **state)
{
	struct contract *c = *state;
	mongoc_database_t *database;
	mongoc_client_t *client = admin_client(c, &database);
	struct job_ref *refs = NULL;
	size_t n;

	for (int i = 0; i < BACKLOG; i++)
		job_free(must_have_in_phase(c->store, c->now, "alpha", i % 4 ? PHASE_QUEUED : PHASE_WAITING_POLL));
	profile(database, 2);
	assert_ok(store_find_due(c->store, c->now, 0, "", 200, &refs, &n, &contract_why));
	job_refs_free(refs, n);
	assert_int_equal(n, 0);
	assert_ok(store_find_queued(c->store, "alpha", c->now - 1, 200, &refs, &n, &contract_why));
	job_refs_free(refs, n);
	assert_int_equal(n, 0);
	assert_ok(store_next_queued(c->store, "alpha", &refs, &n, &contract_why));
	job_refs_free(refs, n);
	assert_int_equal(n, 0);
	profile(database, 0);
	assert_finds_were_cheap(database, 5);
	mongoc_database_destroy(database);
	mongoc_client_destroy(client);
}

static const struct CMUnitTest own_tests[] = {
	contract_test(a_healthy_backlog_costs_repair_nothing),
	contract_test(a_server_that_hangs_is_unavailable_in_time_and_comes_back),
	contract_test(a_server_that_can_be_read_only_fails_a_try_to_write),
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
