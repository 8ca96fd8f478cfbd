#include "loop_fixture.h"

#include "clock.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *done_values[] = { NULL };

int loop_fixture_group_setup(void **state)
{
	(void)state;
	return curl_global_init(CURL_GLOBAL_DEFAULT) ? -1 : 0;
}

int loop_fixture_group_teardown(void **state)
{
	(void)state;
	curl_global_cleanup();
	return 0;
}

int loop_fixture_setup(void **state)
{
	struct fixture *f = mem_calloc(1, sizeof(*f));

	*state = f;
	f->http = tiny_http_start();
	f->context = (struct call_context){ .api_base_url = "http://127.0.0.1:1", .callback_key = f->key };
	f->vendor = (struct vendor){ .name = "v", .call.method = "POST", .ask = { .method = "GET", .body_kind = BODY_NONE },
		.poll.done_values = done_values, .timeout_ms = 10000, .connect_timeout_ms = 5000, .max_response_bytes = BODY_MAX, .retry = { .base_ms = 1, .max_hold_ms = 60000 },
		.n_limits = 1, .limits = { { .calls = 10, .per_ms = 1000 } } };
	f->payload = "{\"n\":1}";
	f->lane.vendor = &f->vendor;
	f->lane.in_flight = &f->in_flight;
	guard_init(&f->lane.guard, 0);
	left_init(&f->lane.left);
	f->other_vendor = f->vendor;
	f->other_lane = (struct lane){ .vendor = &f->other_vendor, .in_flight = &f->in_flight };
	left_init(&f->other_lane.left);
	if (mailbox_init(&f->done) < 0 || mailbox_init(&f->late_poke) < 0 ||
	    loop_new(CALLS_MAX, &f->done, &f->late_poke, &f->loop, NULL) != ERR_OK)
		return -1;
	return 0;
}

void start(struct fixture *f)
{
	assert_int_equal(loop_start(f->loop, NULL), ERR_OK);
	f->running = true;
}

void stop(struct fixture *f, int64_t drain_ms)
{
	loop_stop(f->loop, clock_mono_ms() + drain_ms);
	f->running = false;
}

static void free_calls(struct call *call)
{
	struct call *next;

	for (; call; call = next) {
		next = call->next;
		call_free(call);
	}
}

int loop_fixture_teardown(void **state)
{
	struct fixture *f = *state;

	if (f->running)
		stop(f, 0);
	free_calls(mailbox_take(&f->done));
	free_calls(f->ended);
	loop_free(f->loop);
	mailbox_deinit(&f->done);
	mailbox_deinit(&f->late_poke);
	tiny_http_free(f->http);
	template_deinit(&f->vendor.call.url);
	template_deinit(&f->other_vendor.call.url);
	free(f->vendor.url);
	free(f->other_vendor.url);
	template_deinit(&f->vendor.call.body);
	template_deinit(&f->header.line);
	free(f);
	return 0;
}

struct job *new_job(const char *payload)
{
	return job_new(clock_now_ms(), "v", mem_strdup(payload), INT64_MAX);
}

struct call *new_call(struct fixture *f, struct lane *lane, const struct queue_take *take)
{
	static const struct queue_grant grant = { .entry_id = "1-1" };
	struct call *call = call_new(lane, NULL, new_job(f->payload), take, &grant);

	assert_true(call_make_request(call, &f->context));
	return call;
}

struct call *call_of(struct fixture *f, struct lane *lane, int64_t ms)
{
	struct queue_take take = { .asked_mono_ms = clock_mono_ms() - ms, .guard_ms = GUARD_MS, .lease_ms = LEASE_MS };

	return new_call(f, lane, &take);
}

struct call *call_granted_ago(struct fixture *f, int64_t ms) { return call_of(f, &f->lane, ms); }

struct call *calls_granted_now(struct fixture *f, int n)
{
	struct call *list = NULL;

	while (n-- > 0) {
		struct call *call = call_granted_ago(f, 0);

		call->next = list;
		list = call;
	}
	return list;
}

const struct template_rules of_the_job = { .allowed = REFERS_TO_JOB };

void set_whole_url(struct vendor *vendor, const char *url)
{
	const char *rest;

	template_deinit(&vendor->call.url);
	free(vendor->url);
	assert_int_equal(template_add(&vendor->call.url, url, ESCAPE_URL, &of_the_job, NULL), ERR_OK);
	vendor->url = mem_strdup(template_beginning(&vendor->call.url));
	vendor->call.host_is_referred = template_host_refers(&vendor->call.url, &rest);
}

void set_url(struct fixture *f, const char *path) { set_whole_url(&f->vendor, tiny_http_url(f->http, path)); }

struct call *wait_for(struct fixture *f, int n)
{
	int64_t give_up = clock_mono_ms() + ANSWER_WAIT_MS;
	struct call *first = NULL, **last = &first;

	while (n > 0 && clock_mono_ms() < give_up) {
		mailbox_wait(&f->done, 100);
		for (*last = mailbox_take(&f->done); *last; last = &(*last)->next)
			n--;
	}
	*last = f->ended;
	f->ended = first;
	assert_int_equal(n, 0);
	return first;
}

struct call *do_call(struct fixture *f, const char *path)
{
	set_url(f, path);
	if (!f->running)
		start(f);
	loop_submit(f->loop, call_granted_ago(f, 0));
	return wait_for(f, 1);
}

void wait_for_requests(struct fixture *f, int n)
{
	for (int64_t give_up = clock_mono_ms() + ANSWER_WAIT_MS; tiny_http_requests(f->http) < n;) {
		assert_true(clock_mono_ms() < give_up);
		usleep(1000);
	}
}
