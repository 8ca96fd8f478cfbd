/* The contract suite: what lib/store.h promises, as tests that every engine has to pass.
 *
 * Each test gets an empty store of its own. A program per engine (test_store_sqlite.c, test_store_mongo.c) says where
 * empty stores come from and calls contract_run(). Tests of one engine's own ways live in that program, not here.
 */
#ifndef VF_STORE_CONTRACT_H
#define VF_STORE_CONTRACT_H

#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum {
	CONTRACT_TIMEOUT_MS = 5000,
	LEASE_MS = 60 * 1000,
	DAY_MS = 24 * 3600 * 1000,
};

struct contract_engine {
	/* The URI of a store that does not exist yet; the caller owns it. */
	char *(*fresh_uri)(void);
	/* Removes that store again. */
	void (*remove)(const char *uri);
	/* The server forgets what has expired; store_expire() has nothing to do. */
	bool expires_by_itself;
	/* Its own tests, run after the shared ones. */
	const struct CMUnitTest *tests;
	size_t n_tests;
};

/* Runs everything; returns the number of failed tests. */
int contract_run(const struct contract_engine *engine);

/* What a test finds in *state. */
struct contract {
	const struct contract_engine *engine;
	char *uri;
	struct store *store;
	int64_t now;           /* a moment near the present: a server that expires by itself must not interfere */
};

int contract_setup(void **state);
int contract_teardown(void **state);

#define contract_test(function) cmocka_unit_test_setup_teardown(function, contract_setup, contract_teardown)

/* The groups of shared tests, one file each. */
struct contract_group {
	const struct CMUnitTest *tests;
	size_t n;
};
extern const struct contract_group contract_insert, contract_json, contract_claim, contract_change, contract_early,
	contract_find, contract_quota, contract_races, contract_raw;

#define CONTRACT_GROUP(tests) { tests, sizeof(tests) / sizeof((tests)[0]) }
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Assertions and shortcuts; for the main thread only ---- */

extern struct err_text contract_why;

/* Fails with the store's own words. */
#define assert_ok(call) \
	do { \
		enum err err_ = (call); \
		if (err_ != ERR_OK) \
			fail_msg("%s: %s: %s", #call, err_str(err_), contract_why.text); \
	} while (0)

#define assert_err(got, expected) \
	do { \
		enum err got_ = (got); \
		if (got_ != (expected)) \
			fail_msg("%s: %s, expected %s", #got, err_str(got_), err_str(expected)); \
	} while (0)

/* Equal texts or both NULL; the failure shows only the beginning of long ones. */
void assert_same_text(const char *what, const char *got, const char *expected);
/* Every member. */
void assert_same_job(const struct job *got, const struct job *expected);

/* A queued job with a small payload and a day's time; the caller owns it. */
struct job *contract_job(int64_t now, const char *vendor);
char *contract_text(size_t len, char c);    /* a JSON string of len bytes in all */

void must_insert(struct store *store, struct job *job);
/* Inserts one item and returns its outcome. */
enum err insert_one(struct store *store, struct store_insert *item);
struct job *must_get(struct store *store, const char *request_id);
void assert_not_found(struct store *store, const char *request_id);
/* The outcome of a claim of one; *job may be NULL if it is of no interest. */
enum err claim_one(struct store *store, const char *request_id, int64_t now, struct job **job);
enum err change_one(struct store *store, struct job_change *change);
/* A job that is in this phase now, as the store has it; the caller owns it. */
struct job *must_have_in_phase(struct store *store, int64_t now, const char *vendor, enum phase phase);

/* ---- Threads ---- */

/* Runs function(&args[i * size]) in n threads that start together; returns when all have ended. */
void run_together(size_t n, void *(*function)(void *arg), void *args, size_t size);

#endif
