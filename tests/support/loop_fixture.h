/* What the tests of the loop share: a loop and two lanes against a small HTTP server (tiny_http.h), and calls to submit. */
#ifndef VF_TEST_LOOP_FIXTURE_H
#define VF_TEST_LOOP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/loop.h"
#include "tiny_http.h"

#include "store.h"

enum {
	CALLS_MAX = 2000,        /* of the loop */
	BODY_MAX = 1000,         /* of an answer */
	ANSWER_WAIT_MS = 20000,  /* then it does not come */
	GUARD_MS = 5000,
	LEASE_MS = 60000,
	DRAIN_MS = 10000,
};

#define NOBODY_URL "http://127.0.0.1:1/"

struct fixture {
	struct tiny_http *http;
	struct loop *loop;
	bool running;
	struct mailbox done, late_poke;
	struct call_context context;
	unsigned char key[STORE_SECRET_SIZE];
	struct vendor vendor, other_vendor;
	struct vendor_header header;
	const char *payload;
	struct lane lane, other_lane;
	struct vendor_group vendor_group;   /* of those that share_an_account() */
	struct lane_group group;
	_Atomic int in_flight;
	struct call *ended;   /* of all that were waited for */
};

extern const struct template_rules of_the_job;

int loop_fixture_group_setup(void **state);
int loop_fixture_group_teardown(void **state);
int loop_fixture_setup(void **state);
int loop_fixture_teardown(void **state);

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, loop_fixture_setup, loop_fixture_teardown)

/* The loop's thread; teardown stops what runs. */
void start(struct fixture *f);
void stop(struct fixture *f, int64_t drain_ms);

struct job *new_job(const char *payload);
/* A call of the lane for a job with the fixture's payload, its request made; owned by the caller until it is submitted. */
struct call *new_call(struct fixture *f, struct lane *lane, const struct queue_take *take);
/* The same, granted ms ago. */
struct call *call_of(struct fixture *f, struct lane *lane, int64_t ms);
struct call *call_granted_ago(struct fixture *f, int64_t ms);
struct call *calls_granted_now(struct fixture *f, int n);

/* Where the vendor is; the path is one of tiny_http's. */
void set_whole_url(struct vendor *vendor, const char *url);
void set_url(struct fixture *f, const char *path);

/* Waits for n more calls; the first of them. The fixture owns them all. */
struct call *wait_for(struct fixture *f, int n);
/* Submits a call for this path, and waits for it. */
struct call *do_call(struct fixture *f, const char *path);
/* Waits until the server has had so many requests. */
void wait_for_requests(struct fixture *f, int n);

#endif
