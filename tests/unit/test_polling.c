/* Where a vendor is asked, how often, what its answer says, and what is kept in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/one_vendor.h"
#include "job.h"
#include "json_strict.h"
#include "polling.h"
#include "vendor.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT(literal) ((char *)(uintptr_t)(literal))

static const char request_id[] = "0198c0de-0000-7000-8000-000000000001";

/* The vendor names where it can be asked. */
static struct vendor vendor_at_url(const char *request_url)
{
	return (struct vendor){ .name = TEXT("v"), .mode = VENDOR_POLL, .url = TEXT(request_url), .response_job_id = TEXT("/id"),
	                        .poll = { .state = TEXT("/status") } };
}

static struct job any_job(void)
{
	struct job job = { .payload = TEXT("{}") };

	memcpy(job.request_id, request_id, sizeof(request_id));
	return job;
}

static struct json_object *json(const char *text)
{
	struct json_object *value;

	assert_int_equal(json_strict_parse(text, strlen(text), &JSON_LIMITS_DEFAULT, &value, NULL, 0, NULL), ERR_OK);
	return value;
}

/* ---- Where ---- */

/* base, what the vendor named, what it means; NULL: it leads elsewhere */
static const struct { const char *base, *named, *url; } named_urls[] = {
	{ "http://h/v1/jobs?k=1", "/status/7", "http://h/status/7" },
	{ "http://h/v1/jobs?k=/x/", "7/state", "http://h/v1/7/state" },
	{ "http://h/v1/jobs?k=1", "?id=7", "http://h/v1/jobs?id=7" },
	{ "http://h", "7", "http://h/7" },
	{ "http://h", "?id=7", "http://h/?id=7" },
	{ "http://h/x", "http://h/status", "http://h/status" },
	{ "http://h/x", "HTTP://H:80/status", "HTTP://H:80/status" },
	{ "https://h:443/x", "//h/status?a=b:c@d", "https://h/status?a=b:c@d" },
	{ "http://[::1]:8080/x", "http://[::1]:8080/s", "http://[::1]:8080/s" },
	{ "http://user:word@h/x", "/s", NULL },    /* the file's own user name is no part of what the vendor names */
	{ "http://h/x", "http://other/status", NULL },
	{ "http://h/x", "//other/status", NULL },
	{ "http://h/x", "https://h/status", NULL },
	{ "http://h/x", "http://h:8080/status", NULL },
	{ "http://h/x", "http://h.other/status", NULL },
	{ "http://h/x", "http://h@other/status", NULL },
	{ "http://h/x", "http://other#@h/", NULL },
	{ "http://[::1]/x", "http://[::2]/s", NULL },
};

static void a_named_url_stays_with_its_vendor(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(named_urls); i++) {
		struct vendor v = vendor_at_url(named_urls[i].base);
		bool foreign;
		char *url;

		assert_int_equal(polling_resolve_url(&v, named_urls[i].named, &url, &foreign, NULL),
		                 named_urls[i].url ? ERR_OK : ERR_INVALID);
		if (named_urls[i].url)
			assert_string_equal(url, named_urls[i].url);
		free(url);
	}
}

static void a_named_url_may_leave_if_the_file_says_so(void **state)
{
	struct vendor v = vendor_at_url("http://h/x");
	struct err_text why;
	bool foreign;
	char *url;

	(void)state;
	assert_int_equal(polling_resolve_url(&v, "https://other:1/s", &url, &foreign, &why), ERR_INVALID);
	assert_string_equal(why.text, "its URL to ask at leads to another scheme, host or port than request/url, and "
	                              "poll/any_origin is not set");
	v.poll.any_origin = true;
	assert_int_equal(polling_resolve_url(&v, "https://other:1/s", &url, &foreign, &why), ERR_OK);
	assert_string_equal(url, "https://other:1/s");
	assert_true(foreign);
	free(url);
	assert_int_equal(polling_resolve_url(&v, "http://h:80/s", &url, &foreign, &why), ERR_OK);
	assert_false(foreign);
	free(url);
}

static void what_is_no_http_url_is_refused_wherever_it_leads(void **state)
{
	static const struct { const char *named, *message; } rows[] = {
		{ "", "its URL to ask at is empty" },
		{ "ftp://h/s", "its URL to ask at is no http or https URL" },
		{ "file:///etc/passwd", "its URL to ask at is no http or https URL" },
		{ "javascript:alert(1)", "its URL to ask at is no http or https URL" },
		{ "http://", "its URL to ask at is no http or https URL" },
		{ "/a b", "its URL to ask at holds a character that must be percent-encoded" },
		{ "/a\r\nX: y", "its URL to ask at holds a character that must be percent-encoded" },
		{ "http://h\\@other/", "its URL to ask at holds a character that must be percent-encoded" },
		{ "http://me@h/", "its URL to ask at has more than a host and a port before its path" },
		{ "http://h:65536/", "its URL to ask at has a port that is none" },
		{ "http://h:80x/", "its URL to ask at has a port that is none" },
		{ "http://h:80:80/", "its URL to ask at has a port that is none" },
		{ "http://h:0/", "its URL to ask at has a port that is none" },
		{ "//h:-1", "its URL to ask at has a port that is none" },
	};
	struct vendor v = vendor_at_url("http://h/x");
	struct err_text why;
	bool foreign;
	char *url;

	(void)state;
	v.poll.any_origin = true;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(polling_resolve_url(&v, rows[i].named, &url, &foreign, &why), ERR_INVALID);
		assert_null(url);
		assert_string_equal(why.text, rows[i].message);
	}
}

/* ---- What an acknowledgement says ---- */

static void an_acknowledgement_says_where_to_ask(void **state)
{
	static const struct { const char *url_at, *body, *location, *url, *message; } rows[] = {
		{ NULL, NULL, "/status/1", "http://h/status/1", NULL },
		{ NULL, "{\"url\":\"/other\"}", "/status/1", "http://h/status/1", NULL },
		{ NULL, "{}", NULL, NULL, "it has no Location header" },
		{ "/links/0", "{\"links\":[\"s/1\"]}", "/status/1", "http://h/s/1", NULL },
		{ "/links/0", "{\"links\":[]}", "/status/1", NULL, "there is no URL at /links/0 in its body" },
		{ "/links/0", NULL, NULL, NULL, "there is no URL at /links/0 in its body" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct vendor v = vendor_at_url("http://h/x");
		struct json_object *body = rows[i].body ? json(rows[i].body) : NULL;
		struct job job = any_job();
		struct polling_memory memory;
		struct err_text why = { "" };

		v.poll.url_at = TEXT(rows[i].url_at);
		assert_int_equal(polling_begin(&v, &job, NULL, body, rows[i].location, &memory, &why),
		                 rows[i].url ? ERR_OK : ERR_INVALID);
		if (rows[i].url)
			assert_string_equal(memory.url, rows[i].url);
		else
			assert_string_equal(why.text, rows[i].message);
		polling_memory_deinit(&memory);
		json_object_put(body);
	}
}

/* What the file says of polls, the id that the acknowledgement gives, and what is wrong with it; NULL: nothing. */
static const struct { const char *poll, *id, *message; } given_ids[] = {
	{ "'url':'http://h/s/${job:vendor_job_id}'", "7", NULL },
	{ "'url':'http://h/s/${job:vendor_job_id}'", "a/b ?\n", NULL },
	{ "'url':'http://h/s?id=${job:vendor_job_id}'", "..", NULL },
	{ "'url':'http://h/s/${job:request_id}'", NULL, NULL },
	{ "'url':'http://h/s/${job:vendor_job_id}'", NULL, "there is no id of the job at /id in its body" },
	{ "'url':'http://h/s/${job:vendor_job_id}/x'", "..", "its poll's URL: has a path segment that is \".\" or \"..\"" },
	{ "'url':'http://h/s','headers':{'X-Job':'${job:vendor_job_id}'}", "a\nb",
	  "its poll's header X-Job: the vendor's id of the job holds a control character" },
	{ "'url':'http://h/s','method':'POST','body':{'id':'${job:vendor_job_id}'}", NULL, "there is no id of the job at /id in its body" },
};

static void with_poll_url_only_an_id_that_fits_is_needed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(given_ids); i++) {
		char *members = mem_printf("'response':{'job_id':'/id'},'poll':{'done_values':['done'],%s}", given_ids[i].poll);
		struct vendor_set *set = one_vendor("poll", members);
		struct job job = any_job();
		struct polling_memory memory;
		struct err_text why = { "" };

		assert_int_equal(polling_begin(vendor_at(set, 0), &job, given_ids[i].id, NULL, "/elsewhere", &memory, &why),
		                 given_ids[i].message ? ERR_INVALID : ERR_OK);
		assert_null(memory.url);
		assert_string_equal(why.text, given_ids[i].message ? given_ids[i].message : "");
		polling_memory_deinit(&memory);
		vendor_set_free(set);
		free(members);
	}
}

/* ---- What is kept ---- */

static void what_is_kept_is_read_back(void **state)
{
	struct polling_memory memory = { .url = TEXT("http://h/s?\"\\"), .polls = 12, .unusable = 3 }, read;
	char *text = polling_memory_text(&memory);

	(void)state;
	assert_string_equal(text, "{\"polls\":12,\"unusable\":3,\"url\":\"http://h/s?\\\"\\\\\"}");
	polling_memory_read(text, &read);
	assert_string_equal(read.url, memory.url);
	assert_int_equal(read.polls, 12);
	assert_int_equal(read.unusable, 3);
	polling_memory_deinit(&read);
	free(text);
}

static void what_was_not_written_so_is_nothing(void **state)
{
	static const char *const texts[] = { NULL, "", "[]", "null", "{\"polls\":\"1\",\"unusable\":-4,\"url\":[]}", "{\"polls\":" };
	struct polling_memory read;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		polling_memory_read(texts[i], &read);
		assert_null(read.url);
		assert_int_equal(read.polls, 0);
		assert_int_equal(read.unusable, 0);
	}
}

/* ---- When ---- */

static void waits_grow_up_to_the_longest(void **state)
{
	static const int expected[] = { 1000, 2000, 4000, 5000, 5000 };
	struct polling_rules rules = { .interval_ms = 1000, .factor = 2, .max_interval_ms = 5000 };

	(void)state;
	for (int i = 0; i < (int)COUNT(expected); i++)
		assert_int_equal(polling_wait_ms(&rules, i, 0), expected[i]);
	assert_int_equal(polling_wait_ms(&rules, INT32_MAX, 0), 5000);
	rules.factor = 1;
	assert_int_equal(polling_wait_ms(&rules, INT32_MAX, 0), 1000);
}

static void waits_are_up_to_a_tenth_longer(void **state)
{
	const struct polling_rules rules = { .interval_ms = 1000, .factor = 1.5, .max_interval_ms = 5000 };

	(void)state;
	assert_int_equal(polling_wait_ms(&rules, 0, 0x80000000u), 1050);
	assert_int_equal(polling_wait_ms(&rules, 0, UINT32_MAX), 1099);
	assert_int_equal(polling_wait_ms(&rules, 9, UINT32_MAX), 5499);
}

/* ---- What an answer says ---- */

static void the_state_is_one_of_these_or_the_vendor_is_at_work(void **state)
{
	static char *done[] = { (char *)(uintptr_t)"done", (char *)(uintptr_t)"true", (char *)(uintptr_t)"2", NULL };
	static char *failed[] = { (char *)(uintptr_t)"failed", (char *)(uintptr_t)"null", NULL };
	static const struct { const char *body; enum polling_says says; } rows[] = {
		{ "{\"status\":\"done\"}", POLL_DONE }, { "{\"status\":\"DONE\"}", POLL_DONE }, { "{\"status\":true}", POLL_DONE },
		{ "{\"status\":2}", POLL_DONE }, { "{\"status\":\"failed\"}", POLL_FAILED }, { "{\"status\":null}", POLL_FAILED },
		{ "{\"status\":\"\"}", POLL_WORKING }, { "{\"status\":\"done?\"}", POLL_WORKING }, { "{\"status\":false}", POLL_WORKING },
		{ "{\"status\":{\"done\":true}}", POLL_UNUSABLE }, { "{\"status\":[]}", POLL_UNUSABLE },
		{ "{\"status\":\"done\\u0000\"}", POLL_UNUSABLE }, { "{\"state\":\"done\"}", POLL_UNUSABLE }, { "[]", POLL_UNUSABLE },
	};
	const struct polling_rules rules = { .state = TEXT("/status"), .done_values = done, .failed_values = failed };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct json_object *body = json(rows[i].body);

		assert_int_equal(polling_read(&rules, body), rows[i].says);
		json_object_put(body);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_named_url_stays_with_its_vendor),
		cmocka_unit_test(a_named_url_may_leave_if_the_file_says_so),
		cmocka_unit_test(what_is_no_http_url_is_refused_wherever_it_leads),
		cmocka_unit_test(an_acknowledgement_says_where_to_ask),
		cmocka_unit_test(with_poll_url_only_an_id_that_fits_is_needed),
		cmocka_unit_test(what_is_kept_is_read_back),
		cmocka_unit_test(what_was_not_written_so_is_nothing),
		cmocka_unit_test(waits_grow_up_to_the_longest),
		cmocka_unit_test(waits_are_up_to_a_tenth_longer),
		cmocka_unit_test(the_state_is_one_of_these_or_the_vendor_is_at_work),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
