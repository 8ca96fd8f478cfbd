/* The request by which a vendor is asked: known answers for whole vendor files. Single quotes stand for double ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/one_vendor.h"
#include "../support/request_text.h"
#include "request.h"
#include "store.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT(literal) ((char *)(uintptr_t)(literal))
#define ID "0198c0de-0000-7000-8000-000000000001"

enum { LONG = REQUEST_URL_BYTES_MAX };

static const int64_t NOW = INT64_C(1800000000123);   /* 2027-01-15T08:00:00.123Z */
static const unsigned char callback_key[STORE_SECRET_SIZE] = { 1 };
static const struct call_context context = { .api_base_url = "http://api.example", .callback_key = callback_key };

/* A job on its way: what is known of it when its request is made. */
struct state { enum phase phase; const char *payload, *vendor_job_id, *poll; };

static char *made(const struct vendor *vendor, const struct state *at)
{
	struct job job = { .request_id = ID, .vendor = TEXT("v"), .payload = TEXT(at->payload ? at->payload : "{}"), .fence = 8,
	                   .vendor_job_id = TEXT(at->vendor_job_id), .poll = TEXT(at->poll), .phase = at->phase };

	return request_text(vendor, &job, &context, NOW);
}

/* poll: what the file says of it beside done_values; members: what else it says. */
static struct vendor_set *load(const char *poll, const char *members)
{
	const char *request = strstr(members, "'request'") ? "" : "'request':{'url':'http://h/'},";
	char *file = mem_printf("{'name':'v','mode':'poll',%s'response':{'job_id':'/id'},'poll':{'done_values':['done']%s%s}%s%s}",
	                        request, poll[0] ? "," : "", poll, members[0] ? "," : "", members);
	struct err_text why = { "" };
	struct vendor_set *set = vendor_text_load(file, &why);

	if (!set)
		fail_msg("%s: %s", why.text, file);
	free(file);
	return set;
}

static void expect(const char *poll, const char *members, const struct state *at, const char *expected)
{
	struct vendor_set *set = load(poll, members);
	char *text = made(vendor_at(set, 0), at);

	assert_string_equal(text, expected);
	free(text);
	vendor_set_free(set);
}

/* ---- Where ---- */

static const struct { const char *url, *id, *payload, *expected; } urls[] = {
	{ "http://h/s/${job:vendor_job_id}", "J-1_2.3~", NULL, "GET http://h/s/J-1_2.3~\n" },
	{ "http://h/s?id=${job:vendor_job_id}&x=1", "a b&c=d#/?%+", NULL, "GET http://h/s?id=a%20b%26c%3Dd%23%2F%3F%25%2B&x=1\n" },
	{ "http://h/s/${job:vendor_job_id}/state", "../x", NULL, "GET http://h/s/..%2Fx/state\n" },
	{ "http://h/${job:request_id}/${job:vendor_job_id}", "\xc3\xa9", NULL, "GET http://h/" ID "/%C3%A9\n" },
	{ "http://h/s?id=${job:vendor_job_id}", "..", NULL, "GET http://h/s?id=..\n" },
	{ "http://h/s/...${job:vendor_job_id}", "..", NULL, "GET http://h/s/.....\n" },
	{ "http://${env:TOKEN}.other/s/${job:request_id}?k=${env:TOKEN}", NULL, NULL, "GET http://s3cret.other/s/" ID "?k=s3cret\n" },
	{ "http://h/${payload:/region|eu}/${job:vendor_job_id}?t=${time:s}&o=${payload:/order/no}", "7",
	  "{\"region\":\"a/b\",\"order\":{\"no\":12345678901234567890123}}",
	  "GET http://h/a%2Fb/7?t=1800000000&o=12345678901234567890123\n" },
	{ "http://h/${payload:/region|eu}/${job:vendor_job_id}", "7", "{}", "GET http://h/eu/7\n" },
	{ "http://h/s/${job:vendor_job_id}", "..", NULL, "! its poll's URL: has a path segment that is \".\" or \"..\"" },
	{ "http://h/${job:vendor_job_id}/s", ".", NULL, "! its poll's URL: has a path segment that is \".\" or \"..\"" },
	{ "http://h/s/.${job:vendor_job_id}?x=1", ".", NULL, "! its poll's URL: has a path segment that is \".\" or \"..\"" },
	{ "http://h/s/${job:vendor_job_id}", NULL, NULL, "! its poll's URL: the vendor's id of the job is not there" },
	{ "http://h/s/${payload:/a}", "7", "{\"b\":1}", "! its poll's URL: /a of the payload is not there" },
};

static void values_stay_in_their_places(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(urls); i++) {
		char *poll = mem_printf("'url':'%s'", urls[i].url);
		const struct state at = { .phase = PHASE_POLLING, .vendor_job_id = urls[i].id, .payload = urls[i].payload };

		expect(poll, "", &at, urls[i].expected);
		free(poll);
	}
}

/* The file may have been changed since the acknowledgement. */
static void a_url_that_the_vendor_named_is_looked_at_again(void **state)
{
	const struct state named = { .phase = PHASE_POLLING, .vendor_job_id = "1", .poll = "{\"polls\":1,\"url\":\"http://h/kept\"}" };
	const struct state away = { .phase = PHASE_POLLING, .poll = "{\"polls\":1,\"url\":\"http://away/kept\"}" };
	const struct state none = { .phase = PHASE_POLLING };
	struct vendor_set *set = one_vendor("sync", "");
	char *text;

	(void)state;
	expect("'url':'http://h/${job:vendor_job_id}'", "", &named, "GET http://h/kept\n");
	expect("", "", &away, "! its URL to ask at leads to another scheme, host or port than request/url, and poll/any_origin is not set");
	expect("", "", &none, "! the vendor file has no poll/url, and the acknowledgement named none");
	text = made(vendor_at(set, 0), &named);
	assert_string_equal(text, "! the vendor file does not say what an answer to a poll means");
	free(text);
	vendor_set_free(set);
}

/* ---- What is sent ---- */

static void a_poll_has_the_headers_of_calls_and_its_own(void **state)
{
	const struct state at = { .phase = PHASE_POLLING, .vendor_job_id = "7", .payload = "{\"a\":\"x\"}" };

	(void)state;
	expect("'url':'http://h/s','query':{'id':'${job:vendor_job_id}','a':'${payload:/a|}','b':'${payload:/b|}'},"
	       "'headers':{'accept':'text/csv','X-Job':'${job:vendor_job_id}/${payload:/a}','X-None':'${payload:/b|}'}",
	       "'request':{'url':'http://h/','headers':{'Accept':'application/json','X-Ref':'${job:request_id}'}}", &at,
	       "GET http://h/s?id=7&a=x\nX-Ref: " ID "\naccept: text/csv\nX-Job: 7/x\n");
}

static void a_poll_may_be_a_post(void **state)
{
	const struct state at = { .phase = PHASE_POLLING, .vendor_job_id = "a\"b", .payload = "{\"n\":1.50}" };

	(void)state;
	expect("'method':'POST','url':'http://h/s','body':{'ids':['${job:vendor_job_id}'],'n':'${payload:/n}'}", "", &at,
	       "POST http://h/s\nContent-Type: application/json\n\n{\"ids\":[\"a\\\"b\"],\"n\":1.50}");
	expect("'method':'POST','url':'http://h/s','body_format':'form','body':{'id':'${job:vendor_job_id}'}", "", &at,
	       "POST http://h/s\nContent-Type: application/x-www-form-urlencoded\n\nid=a%22b");
	expect("'method':'POST','url':'http://h/s/${job:request_id}'", "", &at, "POST http://h/s/" ID "\n\n");
	expect("'method':'POST','url':'http://h/s','headers':{'Content-Type':'x/y'},'body':['${job:vendor_job_id}']", "", &at,
	       "POST http://h/s\nContent-Type: x/y\n\n[\"a\\\"b\"]");
}

/* ---- Who we are ---- */

#define BEARER "'auth':{'type':'bearer','token':'${env:TOKEN}'}"

static void a_poll_is_signed_and_has_no_body(void **state)
{
	const struct state at = { .phase = PHASE_POLLING, .vendor_job_id = "7" };

	(void)state;
	expect("'url':'http://h/${job:vendor_job_id}'",
	       "'request':{'url':'http://h/${payload:/none}','headers':{'X-A':'a'}},"
	       "'auth':{'type':'hmac','in':'query','secret':'key','name':'s','message':'${request:method}${request:path}${request:body}'}",
	       &at, "GET http://h/7?s=a882611a082f793978c7f7ec9cbef92064c47e6919ebcaec1908ed45b40c8112\nX-A: a\n");
}

static void what_the_file_names_is_shown_who_asks(void **state)
{
	const struct state at = { .phase = PHASE_POLLING, .vendor_job_id = "7" };

	(void)state;
	expect("'url':'https://reports.example/${job:vendor_job_id}'", BEARER, &at,
	       "GET https://reports.example/7\nAuthorization: Bearer s3cret\n");
	expect("'url':'https://reports.example/${job:vendor_job_id}'",
	       "'auth':{'type':'api_key','in':'query','name':'key','value':'${env:TOKEN}'}", &at,
	       "GET https://reports.example/7?key=s3cret\n");
}

/* auth of each kind, and headers that are, or may be, secrets. */
static const char *const shown[] = {
	BEARER,
	"'auth':{'type':'basic','user':'u','password':'${env:TOKEN}'}",
	"'auth':{'type':'api_key','in':'query','name':'k','value':'${env:TOKEN}'}",
	"'auth':{'type':'hmac','secret':'${env:TOKEN}','name':'X-Sig'}",
	"'auth':{'type':'hmac','in':'query','secret':'${env:TOKEN}','name':'s'}",
	"'request':{'url':'http://h/','headers':{'X-Plain':'${env:TOKEN}'}}",
	"'request':{'url':'http://h/','headers':{'X-Api-Key':'a','cookie':'b','Authorization':'${payload:/a|c}'}}",
};

static void whom_the_vendor_names_is_shown_it_at_its_own_origin_only(void **state)
{
	const struct state home = { .phase = PHASE_POLLING, .poll = "{\"polls\":0,\"url\":\"http://h/s\"}" };
	const struct state away = { .phase = PHASE_POLLING, .poll = "{\"polls\":0,\"url\":\"http://h:8080/s?sig=1\"}" };

	(void)state;
	for (size_t i = 0; i < COUNT(shown); i++) {
		struct vendor_set *set = load("'any_origin':true,'headers':{'Accept':'x/y','X-Token':'z'}", shown[i]);
		char *text = made(vendor_at(set, 0), &home);

		assert_true(strncmp(text, "GET http://h/s", strlen("GET http://h/s")) == 0);
		assert_non_null(strstr(text, "X-Token: z\n"));
		assert_string_not_equal(text, "GET http://h/s\nAccept: x/y\nX-Token: z\n");
		free(text);
		text = made(vendor_at(set, 0), &away);
		assert_string_equal(text, "GET http://h:8080/s?sig=1\nAccept: x/y\n");
		free(text);
		vendor_set_free(set);
	}
}

/* ---- Before the job is submitted ---- */

static const struct { const char *poll, *payload, *expected; } submissions[] = {
	{ "'url':'http://h/${payload:/region}/${job:vendor_job_id}'", "{}", "! its poll's URL: /region of the payload is not there" },
	{ "'url':'http://h/${payload:/region}/${job:vendor_job_id}'", "{\"region\":\"..\"}",
	  "! its poll's URL: has a path segment that is \".\" or \"..\"" },
	{ "'url':'http://h/${job:vendor_job_id}','query':{'r':'${payload:/region}'}", "[]",
	  "! its poll's URL: /region of the payload is not there" },
	{ "'url':'http://h/${job:vendor_job_id}','headers':{'X-R':'${payload:/region}'}", "{\"region\":\"a\\nb\"}",
	  "! its poll's header X-R: /region of the payload holds a control character" },
	{ "'headers':{'X-R':'${payload:/region}'}", "{}", "! its poll's header X-R: /region of the payload is not there" },
	{ "'method':'POST','url':'http://h/','body':{'id':'${job:vendor_job_id}','r':'${payload:/region}'}", "{}",
	  "! its poll's body: /region of the payload is not there" },
	{ "'url':'http://h/${payload:/region}/${job:vendor_job_id}'", "{\"region\":\"eu\"}", NULL },
	{ "'url':'http://h/${payload:/region|eu}/${job:vendor_job_id}'", "{}", NULL },
	{ "'url_at':'/links/0'", "{}", NULL },
};

static void what_could_never_be_asked_for_is_not_submitted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(submissions); i++) {
		const struct state at = { .phase = PHASE_CALLING, .payload = submissions[i].payload };
		char *expected = submissions[i].expected ? mem_strdup(submissions[i].expected) :
			mem_printf("POST http://h/\nContent-Type: application/json\nIdempotency-Key: " ID "\n\n%s", submissions[i].payload);

		expect(submissions[i].poll, "", &at, expected);
		free(expected);
	}
}

/* With the longest id that a vendor can give. */
static void nor_what_would_be_too_long_to_ask_for(void **state)
{
	char *payload = mem_printf("{\"a\":\"%0*d\"}", LONG - 800, 1), *text;
	const struct state at = { .phase = PHASE_CALLING, .payload = payload };
	struct vendor_set *set = load("'url':'http://h/${payload:/a}/${job:vendor_job_id}'", "");

	(void)state;
	text = made(vendor_at(set, 0), &at);
	assert_non_null(strstr(text, "POST http://h/"));
	free(text);
	free(payload);
	payload = mem_printf("{\"a\":\"%0*d\"}", LONG - 500, 1);
	text = made(vendor_at(set, 0), &(struct state){ .phase = PHASE_CALLING, .payload = payload });
	assert_string_equal(text, "! its poll's URL: is longer than 32768 bytes");
	free(text);
	free(payload);
	vendor_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_stay_in_their_places),
		cmocka_unit_test(a_url_that_the_vendor_named_is_looked_at_again),
		cmocka_unit_test(a_poll_has_the_headers_of_calls_and_its_own),
		cmocka_unit_test(a_poll_may_be_a_post),
		cmocka_unit_test(a_poll_is_signed_and_has_no_body),
		cmocka_unit_test(what_the_file_names_is_shown_who_asks),
		cmocka_unit_test(whom_the_vendor_names_is_shown_it_at_its_own_origin_only),
		cmocka_unit_test(what_could_never_be_asked_for_is_not_submitted),
		cmocka_unit_test(nor_what_would_be_too_long_to_ask_for),
	};

	return cmocka_run_group_tests_name("request_poll", tests, NULL, NULL);
}
