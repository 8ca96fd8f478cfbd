/* Many vendors at a glance: none that has something is passed over, whatever it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../support/queue_fixture.h"
#include "clock.h"

#include <stdio.h>
#include <string.h>

enum { VENDORS = 250 };   /* more than one command holds, and a page that is not full */

static struct private_redis *server;
static char names[VENDORS][16];
static struct queue_glance glances[VENDORS];

static struct queue *start(void)
{
	private_redis_flush(server);
	for (int i = 0; i < VENDORS; i++) {
		snprintf(names[i], sizeof(names[i]), "v%d", i);
		glances[i].vendor = names[i];
	}
	return fixture_queue(server);
}

/* Of all vendors it is these that have any; -1 ends the list. */
static void expect(struct queue *queue, enum queue_glance_kind kind, const int *some)
{
	assert_int_equal(queue_glance(queue, kind, glances, VENDORS, NULL), ERR_OK);
	for (int i = 0; i < VENDORS; i++) {
		assert_int_equal(glances[i].any, i == *some);
		some += i == *some;
	}
	assert_int_equal(*some, -1);
}

static void what_waits_is_seen(void **state)
{
	struct queue *queue = start();
	char id[UUID_TEXT_SIZE];
	struct queue_op delay = { .kind = QUEUE_DELAY, .vendor = "v249", .request_id = id, .at = clock_now_ms() + 3600000 };

	(void)state;
	uuid_new(clock_now_ms(), id);
	expect(queue, QUEUE_GLANCE_WAITING, (const int[]){ -1 });
	fixture_push(queue, "v0", 1);
	fixture_push(queue, "v99", 3);
	fixture_push(queue, "v100", 1);
	assert_int_equal(queue_apply(queue, &delay, 1, NULL), ERR_OK);
	expect(queue, QUEUE_GLANCE_WAITING, (const int[]){ 0, 99, 100, 249, -1 });
	expect(queue, QUEUE_GLANCE_TAKEN, (const int[]){ -1 });
	assert_int_equal(queue_glance(queue, QUEUE_GLANCE_WAITING, glances, 0, NULL), ERR_OK);
	queue_free(queue);
}

static void what_was_taken_is_seen_until_it_is_acknowledged(void **state)
{
	struct queue *queue = start();
	struct vendor vendor = fixture_vendor("v7", NULL, 0);
	struct queue_grant grants[2];

	(void)state;
	vendor.max_in_flight = 5;
	fixture_push(queue, "v7", 2);
	assert_int_equal(fixture_take(queue, &vendor, 2, grants).n, 2);
	expect(queue, QUEUE_GLANCE_TAKEN, (const int[]){ 7, -1 });
	/* Its data is gone, its place in the pending list is not. */
	private_redis_do(server, "XDEL t:job-queue:{v7} %s %s", grants[0].entry_id, grants[1].entry_id);
	private_redis_do(server, "DEL t:in_flight:{v7}");
	expect(queue, QUEUE_GLANCE_TAKEN, (const int[]){ 7, -1 });
	fixture_finish(queue, "v7", grants, 2);
	expect(queue, QUEUE_GLANCE_TAKEN, (const int[]){ -1 });
	private_redis_do(server, "ZADD t:in_flight:{v7} 1 1-1");
	expect(queue, QUEUE_GLANCE_TAKEN, (const int[]){ 7, -1 });
	queue_free(queue);
}

static void a_key_of_another_type_is_something(void **state)
{
	struct queue *queue = start();

	(void)state;
	private_redis_do(server, "SET t:job-queue:{v3} x");
	fixture_push(queue, "v4", 1);
	expect(queue, QUEUE_GLANCE_WAITING, (const int[]){ 3, 4, -1 });
	expect(queue, QUEUE_GLANCE_TAKEN, (const int[]){ 3, -1 });
	queue_free(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_waits_is_seen),
		cmocka_unit_test(what_was_taken_is_seen_until_it_is_acknowledged),
		cmocka_unit_test(a_key_of_another_type_is_something),
	};

	private_redis_or_skip();
	server = private_redis_start(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
