#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vendor.h"
#include "../support/reference.h"

/* Every test has a folder of its own. */
struct folder { char dir[64]; char names[VENDOR_GROUP_MAX + 1][64]; size_t n; };

static int make_folder(void **state)
{
	struct folder *folder = calloc(1, sizeof(*folder));

	snprintf(folder->dir, sizeof(folder->dir), "/tmp/test_vendor.XXXXXX");
	assert_non_null(mkdtemp(folder->dir));
	*state = folder;
	return 0;
}

static int remove_folder(void **state)
{
	struct folder *folder = *state;
	char path[160];

	for (size_t i = 0; i < folder->n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder->dir, folder->names[i]);
		unlink(path);
	}
	rmdir(folder->dir);
	free(folder);
	return 0;
}

static void put_file(struct folder *folder, const char *name, const char *text)
{
	char path[160];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder->dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	snprintf(folder->names[folder->n++], sizeof(folder->names[0]), "%s", name);
}

static const char *test_env(const char *name)
{
	if (strcmp(name, "URL") == 0)
		return "http://vendor.example/fetch";
	if (strcmp(name, "TOKEN") == 0)
		return "s3cret";
	if (strcmp(name, "TWO_LINES") == 0)
		return "a\r\nX-Evil: 1";
	return strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

static struct vendor_set *load(struct folder *folder)
{
	struct vendor_set *set = NULL;
	struct err_text why = { "" };

	if (vendor_set_load(folder->dir, test_env, &set, &why) != ERR_OK)
		fail_msg("%s", why.text);
	return set;
}

/* The error of the folder, without the folder's name. */
static const char *load_error(struct folder *folder)
{
	static struct err_text why;
	struct vendor_set *set = (struct vendor_set *)folder;

	assert_int_equal(vendor_set_load(folder->dir, test_env, &set, &why), ERR_INVALID);
	assert_null(set);
	assert_memory_equal(why.text, folder->dir, strlen(folder->dir));
	return why.text + strlen(folder->dir) + 1;
}

#define MINIMAL(name) "{\"name\":\"" name "\",\"mode\":\"sync\",\"request\":{\"url\":\"http://h/\"}}"

/* A NULL-terminated list, as its entries with blanks between them. */
static void assert_list(char **list, const char *expected)
{
	char text[256] = "";

	for (; *list; list++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", text[0] ? " " : "", *list);
	assert_string_equal(text, expected);
}

static void a_short_file_gets_the_defaults(void **state)
{
	struct vendor_set *set;
	const struct vendor *v;

	put_file(*state, "a.json", MINIMAL("a"));
	set = load(*state);
	v = vendor_find(set, "a");
	assert_non_null(v);
	assert_int_equal(v->mode, VENDOR_SYNC);
	assert_string_equal(v->call.method, "POST");
	assert_int_equal(v->timeout_ms, 10000);
	assert_int_equal(v->connect_timeout_ms, 3000);
	assert_int_equal(v->max_response_bytes, 8 << 20);
	assert_int_equal(v->n_limits, 0);
	assert_int_equal(v->call.n_headers, 2);   /* ours */
	assert_string_equal(v->call.headers[0].name, "Content-Type");
	assert_string_equal(v->call.headers[1].name, "Idempotency-Key");
	assert_int_equal(v->call.body_kind, BODY_PAYLOAD);
	assert_null(v->signing.digest);
	assert_int_equal(v->max_in_flight, 0);
	assert_int_equal(v->deadline_ms, 604800000);
	assert_int_equal(v->retry.max_attempts, 5);
	assert_int_equal(v->retry.base_ms, 1000);
	assert_int_equal(v->retry.max_ms, 300000);
	assert_int_equal(v->retry.max_hold_ms, 3600000);
	assert_int_equal(v->retry_also[0], 0);
	assert_int_equal(v->retry_never[0], 0);
	assert_false(v->retry_bad_body);
	assert_true(breaker_is_on(&v->breaker));
	assert_true(v->breaker.failure_ratio == 0.5);
	assert_int_equal(v->breaker.min_calls, 20);
	assert_int_equal(v->breaker.window_ms, 30000);
	assert_int_equal(v->breaker.open_ms, 15000);
	assert_int_equal(v->breaker.probes, 3);
	assert_int_equal(v->breaker.connect_failures, 5);
	assert_int_equal(v->callback_timeout_ms, 300000);
	assert_null(v->callback_secret);
	assert_list(v->callback_job_id, "/request_id /requestId /job_id /jobId /id");
	assert_null(v->callback_job_id_header);
	assert_list(v->callback_result, "/data /result");
	assert_string_equal(v->callback_error, "/error");
	assert_string_equal(v->callback_status, "/status");
	assert_list(v->callback_failed, "failed failure error");
	assert_string_equal(v->callback_success, "/success");
	assert_int_equal(v->response_verdicts.n, 0);
	assert_int_equal(v->callback_verdicts.n, 0);
	assert_string_equal(v->no_data_result, "null");
	assert_string_equal(v->response_result, "");
	assert_string_equal(v->response_error, "/error");
	assert_null(v->response_job_id);
	assert_false(v->trim_strings);
	assert_null(v->aliases[0]);
	assert_null(v->remove[0]);
	vendor_set_free(set);
}

static void every_member_is_read(void **state)
{
	char secret_path[128], text[2048];
	struct vendor_set *set;
	const struct vendor *v;

	snprintf(secret_path, sizeof(secret_path), "%s/secret", ((struct folder *)*state)->dir);
	put_file(*state, "secret", "whsec_AAAA\r\n");
	snprintf(text, sizeof(text),
	         "{\"name\":\"full.one\",\"aliases\":[\"f\",\"F\"],\"mode\":\"async\","
	         "\"request\":{\"method\":\"PUT\",\"url\":\"${env:URL}?k=${env:TOKEN}\",\"timeout_ms\":1,\"connect_timeout_ms\":2,"
	         "\"max_response_bytes\":1024,\"headers\":{\"Authorization\":\"Bearer ${env:TOKEN}\",\"X-Id\":\"<${job:request_id}>\"}},"
	         "\"limits\":[{\"calls\":10,\"per_seconds\":0.5},{\"calls\":1000,\"per_seconds\":86400,\"burst\":7}],"
	         "\"max_in_flight\":3,\"deadline_seconds\":60,"
	         "\"retry\":{\"max_attempts\":2,\"base_ms\":3,\"max_ms\":4,\"max_hold_seconds\":5,"
	         "\"also_statuses\":[404,304],\"never_statuses\":[501],\"bad_body\":true},"
	         "\"breaker\":{\"failure_ratio\":0.25,\"min_calls\":1,\"window_seconds\":2,\"open_seconds\":0.5,\"probes\":4,"
	         "\"connect_failures\":0},"
	         "\"callback\":{\"timeout_seconds\":1.5,\"secret\":\"${file:%s}\",\"job_id\":\"/j\",\"result\":\"/r\",\"error\":\"\"},"
	         "\"response\":{\"result\":\"/x\",\"error\":\"/e/m\",\"job_id\":\"/id\",\"trim_strings\":true,\"remove\":[\"/a\",\"/b/*/c\"]}}",
	         secret_path);
	put_file(*state, "full.json", text);
	set = load(*state);
	v = vendor_find(set, "F");
	assert_ptr_equal(v, vendor_find(set, "full.one"));
	assert_int_equal(v->mode, VENDOR_ASYNC);
	assert_string_equal(v->call.method, "PUT");
	assert_string_equal(v->url, "http://vendor.example/fetch?k=s3cret");
	assert_int_equal(v->call.n_headers, 4);   /* two of them are ours */
	assert_string_equal(template_beginning(&v->call.headers[0].line), "Authorization: Bearer s3cret");
	assert_string_equal(v->call.headers[1].name, "X-Id");
	assert_int_equal(v->n_limits, 2);
	assert_int_equal(v->limits[0].per_ms, 500);
	assert_int_equal(v->limits[0].burst, 0);
	assert_int_equal(v->limits[1].calls, 1000);
	assert_int_equal(v->limits[1].per_ms, 86400000);
	assert_int_equal(v->limits[1].burst, 7);
	assert_int_equal(v->max_in_flight, 3);
	assert_int_equal(v->deadline_ms, 60000);
	assert_int_equal(v->retry.max_hold_ms, 5000);
	assert_true(vendor_lists_status(v->retry_also, 404) && vendor_lists_status(v->retry_also, 304));
	assert_false(vendor_lists_status(v->retry_also, 501) || vendor_lists_status(v->retry_also, 0));
	assert_true(vendor_lists_status(v->retry_never, 501));
	assert_true(v->retry_bad_body);
	assert_true(v->breaker.failure_ratio == 0.25);
	assert_int_equal(v->breaker.open_ms, 500);
	assert_int_equal(v->breaker.connect_failures, 0);
	assert_true(breaker_is_on(&v->breaker));
	assert_int_equal(v->callback_timeout_ms, 1500);
	assert_string_equal(v->callback_secret, "whsec_AAAA");
	assert_string_equal(v->callback_error, "");
	assert_list(v->callback_job_id, "/j");
	assert_list(v->callback_result, "/r");
	assert_string_equal(v->response_job_id, "/id");
	assert_true(v->trim_strings);
	assert_string_equal(v->remove[1], "/b/*/c");
	assert_null(v->remove[2]);
	assert_int_equal(vendor_longest_call_ms(set), 1);
	vendor_set_free(set);
}

/* Each: one member of a file that is otherwise well, and the message. Single quotes stand for double ones. */
static const struct { const char *members, *message; } bad_files[] = {
	{ "'nmae':1", "nmae: unknown member, did you mean name?" },
	{ "'timeout_ms':1", "timeout_ms: unknown member, did you mean request/timeout_ms?" },
	{ "'whatever_this_is':1", "whatever_this_is: unknown member" },
	{ "'retry':{'max_atempts':1}", "retry/max_atempts: unknown member, did you mean retry/max_attempts?" },
	{ "'limits':[{'calls':1,'per_seconds':1},{'cals':1}]", "limits/1/cals: unknown member, did you mean limits/*/calls?" },
	{ "'retry':[]", "retry: must be an object" },
	{ "'retry':{'max_attempts':0}", "retry/max_attempts: 0 is not between 1 and 100" },
	{ "'retry':{'max_attempts':'5'}", "retry/max_attempts: must be an integer" },
	{ "'retry':{'max_attempts':1.5}", "retry/max_attempts: must be an integer" },
	{ "'retry':{'max_attempts':18446744073709551615}", "retry/max_attempts: 18446744073709551615 is not between 1 and 100" },
	{ "'retry':{'base_ms':100,'max_ms':99}", "retry/max_ms: is less than retry/base_ms" },
	{ "'retry':{'also_statuses':404}", "retry/also_statuses: must be an array of integers" },
	{ "'retry':{'also_statuses':['404']}", "retry/also_statuses: 404 is not a status between 300 and 599" },
	{ "'retry':{'also_statuses':[null]}", "retry/also_statuses: null is not a status between 300 and 599" },
	{ "'retry':{'also_statuses':[200]}", "retry/also_statuses: 200 is not a status between 300 and 599" },
	{ "'retry':{'never_statuses':[429]}", "retry/never_statuses: 429 is always tried again when the vendor lets us" },
	{ "'retry':{'also_statuses':[404],'never_statuses':[500,404]}",
	  "retry/never_statuses: 404 is in retry/also_statuses, too" },
	{ "'breaker':false", "breaker: must be an object" },
	{ "'breaker':{'failure_ratio':1.01}", "breaker/failure_ratio: 1.01 is not between 0 and 1" },
	{ "'breaker':{'failure_ratio':-0.5}", "breaker/failure_ratio: -0.5 is not between 0 and 1" },
	{ "'breaker':{'failure_ratio':'half'}", "breaker/failure_ratio: must be a number" },
	{ "'breaker':{'min_calls':0}", "breaker/min_calls: 0 is not between 1 and 1000000" },
	{ "'breaker':{'probes':0}", "breaker/probes: 0 is not between 1 and 100" },
	{ "'max_in_flight':-1", "max_in_flight: -1 is not between 0 and 100000" },
	{ "'deadline_seconds':1e99", "deadline_seconds: 1e99 is not between 1 and 31622400" },
	{ "'deadline_seconds':null", "deadline_seconds: must be a number" },
	{ "'aliases':'x'", "aliases: must be an array of strings" },
	{ "'aliases':['a b']", "aliases: may only hold letters, digits, '.', '_' and '-'" },
	{ "'aliases':['']", "aliases: must have 1 to 64 characters" },
	{ "'aliases':['.x']", "aliases: must begin with a letter or digit" },
	{ "'aliases':['a\\u0000b']", "aliases: must be a string" },
	{ "'limits':{}", "limits: must be an array" },
	{ "'limits':[5]", "limits/0: must be an object" },
	{ "'limits':[{'calls':1}]", "limits/0/per_seconds: is missing" },
	{ "'limits':[{'per_seconds':1}]", "limits/0/calls: is missing" },
	{ "'limits':[{'calls':0,'per_seconds':1}]", "limits/0/calls: 0 is not between 1 and 1000000000" },
	{ "'limits':[{'calls':1,'per_seconds':0.001}]", "limits/0/per_seconds: 0.001 is not between 0.01 and 2678400" },
	{ "'limits':[{'calls':1,'per_seconds':1,'burst':0}]", "limits/0/burst: 0 is not between 1 and 1000000000" },
	{ "'limits':[1,2,3,4,5,6,7,8,9]", "limits: has more than 8 entries" },
	{ "'callback':{'result':'data'}", "callback/result: must be a JSON Pointer: empty, or beginning with '/'" },
	{ "'callback':{'error':'/a~2'}", "callback/error: must be a JSON Pointer: '~' is written ~0" },
	{ "'callback':{'secret':''}", "callback/secret: is empty" },
	{ "'callback':{'secret':'whsec_no!'}", "callback/secret: is not base64 after whsec_" },
	{ "'callback':{'secret':'${env:NO_SUCH}'}", "callback/secret: the environment variable NO_SUCH is not set" },
	{ "'callback':{'secret':'${env:EMPTY}'}", "callback/secret: the environment variable EMPTY is empty" },
	{ "'callback':{'secret':'${file:secret}'}", "callback/secret: ${file:} takes an absolute path, not \"secret\"" },
	{ "'callback':{'secret':'${file:/no/such}'}", "callback/secret: cannot open /no/such: No such file or directory" },
	{ "'callback':{'secret':'${job:request_id}'}", "callback/secret: ${job:request_id} is not known here" },
	{ "'response':{'trim_strings':1}", "response/trim_strings: must be true or false" },
	{ "'response':{'remove':['']}", "response/remove: would remove the whole result" },
	{ "'response':{'remove':[1]}", "response/remove: must be a string" },
};

static const struct { const char *request, *message; } bad_requests[] = {
	{ "{}", "request/url: is missing" },
	{ "{'url':5}", "request/url: must be a string" },
	{ "{'url':'ftp://h/'}", "request/url: must begin with http:// or https://" },
	{ "{'url':'http://'}", "request/url: has no host" },
	{ "{'url':'http:///x'}", "request/url: has no host" },
	{ "{'url':'http://h/a b'}", "request/url: holds a character that must be percent-encoded" },
	{ "{'url':'${env:TOKEN}'}", "request/url: must begin with http:// or https://" },
	{ "{'url':'http://h/${env:URL'}", "request/url: \"${\" without \"}\"" },
	{ "{'url':'http://h/${foo}'}", "request/url: ${foo} is not known here" },
	{ "{'url':'http://h/','timeout_ms':600001}", "request/timeout_ms: 600001 is not between 1 and 600000" },
	{ "{'url':'http://h/','max_response_bytes':15728641}", "request/max_response_bytes: 15728641 is not between 1024 and 15728640" },
	{ "{'url':'http://h/','headers':{'A B':'x'}}", "request/headers/A B: is not a header name" },
	{ "{'url':'http://h/','headers':{'':'x'}}", "request/headers/: is empty" },
	{ "{'url':'http://h/','headers':{'A':1}}", "request/headers/A: must be a string" },
	{ "{'url':'http://h/','headers':{'A':'x','a':'y'}}", "request/headers/a: a is there twice" },
	{ "{'url':'http://h/','headers':{'A':'x\\ny'}}", "request/headers/A: holds a control character" },
	{ "{'url':'http://h/','headers':{'A':'${env:TWO_LINES}'}}", "request/headers/A: holds a control character" },
	{ "{'url':'http://h/','headers':{'content-length':'1'}}", "request/headers/content-length: cannot be set" },
	{ "{'url':'http://h/','headers':{'A':'${job:payload}'}}", "request/headers/A: ${job:payload} is not known here" },
	{ "{'url':'http://h/','headers':[]}", "request/headers: must be an object of names and values" },
};

static void put_quoted(struct folder *folder, const char *format, const char *text)
{
	char file[1024];

	snprintf(file, sizeof(file), format, text);
	for (char *c = file; *c; c++)
		if (*c == '\'')
			*c = '"';
	folder->n = 0;
	put_file(folder, "v.json", file);
}

static void bad_members_are_named_with_the_reason(void **state)
{
	char expected[512];

	for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
		put_quoted(*state, "{'name':'v','mode':'sync','request':{'url':'http://h/'},%s}", bad_files[i].members);
		snprintf(expected, sizeof(expected), "v.json: %s", bad_files[i].message);
		assert_string_equal(load_error(*state), expected);
	}
	for (size_t i = 0; i < sizeof(bad_requests) / sizeof(bad_requests[0]); i++) {
		put_quoted(*state, "{'name':'v','mode':'sync','request':%s}", bad_requests[i].request);
		snprintf(expected, sizeof(expected), "v.json: %s", bad_requests[i].message);
		assert_string_equal(load_error(*state), expected);
	}
}

static void name_and_mode_are_required(void **state)
{
	put_quoted(*state, "%s", "{'mode':'sync','request':{'url':'http://h/'}}");
	assert_string_equal(load_error(*state), "v.json: name: is missing");
	put_quoted(*state, "%s", "{'name':'v','request':{'url':'http://h/'}}");
	assert_string_equal(load_error(*state), "v.json: mode: is missing");
	put_quoted(*state, "%s", "{'name':'v','mode':'fast','request':{'url':'http://h/'}}");
	assert_string_equal(load_error(*state), "v.json: mode: must be \"sync\", \"async\" or \"poll\"");
	put_quoted(*state, "%s", "[]");
	assert_string_equal(load_error(*state), "v.json: must be an object");
	put_quoted(*state, "%s", "{'name':'v', // comment\n'mode':'sync'}");
	assert_string_equal(load_error(*state), "v.json: byte 13: expected a member name in double quotes");
}

static void a_polled_vendor_is_read(void **state)
{
	struct vendor_set *set;
	const struct vendor *v;

	put_quoted(*state, "%s", "{'name':'v','mode':'poll','request':{'url':'http://h/'},'poll':{'done_values':['ready']}}");
	set = load(*state);
	v = vendor_find(set, "v");
	assert_int_equal(v->mode, VENDOR_POLL);
	assert_false(v->poll.has_url);
	assert_string_equal(v->ask.method, "GET");
	assert_int_equal(v->ask.body_kind, BODY_NONE);
	assert_int_equal(v->ask.n_headers, 0);
	assert_null(v->poll.url_at);
	assert_false(v->poll.any_origin);
	assert_string_equal(v->poll.state, "/status");
	assert_string_equal(v->poll.done_values[0], "ready");
	assert_string_equal(v->poll.failed_values[0], "failed");
	assert_string_equal(v->poll.failed_values[1], "error");
	assert_string_equal(v->poll.result, "");
	assert_int_equal(v->poll.interval_ms, 5000);
	assert_true(v->poll.factor == 1.5);
	assert_int_equal(v->poll.max_interval_ms, 60000);
	assert_int_equal(v->poll.timeout_ms, 3600000);
	vendor_set_free(set);
	put_quoted(*state, "%s",
	           "{'name':'v','mode':'poll','request':{'url':'http://h/'},'response':{'job_id':'/id'},"
	           "'poll':{'url':'${env:URL}/${job:vendor_job_id}?k=${env:TOKEN}&r=${job:request_id}','state':'/s','any_origin':true,"
	           "'done_values':['a','b'],'failed_values':[],'result':'/r','interval_seconds':0.5,'factor':2,"
	           "'max_interval_seconds':7,'timeout_seconds':9}}");
	set = load(*state);
	v = vendor_find(set, "v");
	assert_true(v->poll.has_url);
	assert_string_equal(template_beginning(&v->ask.url), "http://vendor.example/fetch/");
	assert_int_equal(v->ask.url.n_references, 2);
	assert_true(v->poll.any_origin);
	assert_string_equal(v->poll.done_values[1], "b");
	assert_null(v->poll.failed_values[0]);
	assert_int_equal(v->poll.interval_ms, 500);
	assert_int_equal(v->poll.max_interval_ms, 7000);
	assert_int_equal(v->poll.timeout_ms, 9000);
	vendor_set_free(set);
}

/* Each: members of poll, beside done_values, and the message. */
static const struct { const char *members, *message; } bad_polls[] = {
	{ "'url':5", "poll/url: must be a string" },
	{ "'url':'http://h/status'", "poll/url: names no job: ${job:vendor_job_id}, ${job:request_id} or ${payload:...} has to be in it, "
	  "or in query, headers or body of poll" },
	{ "'url':'http://h${job:request_id}/'",
	  "poll/url: has a reference right behind its host: a '/' or '?' has to be between them" },
	{ "'url':'${payload:/url}'", "poll/url: must begin with http:// or https://" },
	{ "'url':'http://h/${payload:id}'", "poll/url: ${payload:id} takes a JSON Pointer: empty, or beginning with '/'" },
	{ "'query':{'id':'${job:request_id}'}", "poll/query: needs poll/url" },
	{ "'url':'http://h/','query':{'id':5}", "poll/query/id: must be a string" },
	{ "'method':'PUT'", "poll/method: must be \"GET\" or \"POST\"" },
	{ "'url':'http://h/','body':{'id':'${job:request_id}'}", "poll/body: a GET has none" },
	{ "'method':'POST','body':{'id':'${job:request_id}'}", "poll/body: needs poll/url" },
	{ "'method':'POST','url':'http://h/${job:request_id}','body_format':'form'", "poll/body: is missing, a form needs it" },
	{ "'url':'http://h/${job:request_id}','headers':{'Content-Length':'1'}", "poll/headers/Content-Length: cannot be set" },
	{ "'headers':{'X-Job':'${job:vendor_job_id}'}", "response/job_id: is missing, poll needs it for ${job:vendor_job_id}" },
	{ "'url':'ftp://h/${job:request_id}'", "poll/url: must begin with http:// or https://" },
	{ "'url':'http://h/${job:callback_url}'", "poll/url: ${job:callback_url} is not known here" },
	{ "'url':'http://h/${job:vendor_job_id}'", "response/job_id: is missing, poll needs it for ${job:vendor_job_id}" },
	{ "'url':'http://h/${job:request_id}','url_at':'/u'", "poll/url_at: poll/url says already where to ask" },
	{ "'url_at':'u'", "poll/url_at: must be a JSON Pointer: empty, or beginning with '/'" },
	{ "'failed_values':['no','Done']", "poll/failed_values: \"Done\" is in poll/done_values, too" },
	{ "'failed_values':['']", "poll/failed_values: is empty" },
	{ "'failed_values':'no'", "poll/failed_values: must be an array of strings" },
	{ "'interval_seconds':0", "poll/interval_seconds: 0 is not between 0.01 and 86400" },
	{ "'interval_seconds':61", "poll/max_interval_seconds: is less than poll/interval_seconds" },
	{ "'timeout_seconds':5", "poll/timeout_seconds: is not more than poll/interval_seconds" },
	{ "'factor':0.5", "poll/factor: 0.5 is not between 1 and 10" },
	{ "'timeout_seconds':'long'", "poll/timeout_seconds: must be a number" },
	{ "'statee':'/s'", "poll/statee: unknown member, did you mean poll/state?" },
};

static void bad_polls_are_named_with_the_reason(void **state)
{
	char expected[512];

	for (size_t i = 0; i < sizeof(bad_polls) / sizeof(bad_polls[0]); i++) {
		put_quoted(*state, "{'name':'v','mode':'poll','request':{'url':'http://h/'},'poll':{'done_values':['done'],%s}}",
		           bad_polls[i].members);
		snprintf(expected, sizeof(expected), "v.json: %s", bad_polls[i].message);
		assert_string_equal(load_error(*state), expected);
	}
	put_quoted(*state, "%s", "{'name':'v','mode':'poll','request':{'url':'http://h/'}}");
	assert_string_equal(load_error(*state), "v.json: poll/done_values: is missing");
}

static void a_name_belongs_to_one_file(void **state)
{
	struct folder *folder = *state;
	char expected[256];

	put_file(folder, "a.json", MINIMAL("a"));
	put_file(folder, "b.json", "{\"name\":\"b\",\"aliases\":[\"a\"],\"mode\":\"sync\",\"request\":{\"url\":\"http://h/\"}}");
	snprintf(expected, sizeof(expected), "a.json and %s/b.json: both claim the name \"a\"", folder->dir);
	assert_string_equal(load_error(folder), expected);
	put_file(folder, "a.json", MINIMAL("x"));
	put_file(folder, "b.json", "{\"name\":\"b\",\"aliases\":[\"b\"],\"mode\":\"sync\",\"request\":{\"url\":\"http://h/\"}}");
	assert_string_equal(load_error(folder), "b.json: the name \"b\" is there twice");
}

#define OF_GROUP(name, group, more) \
	"{\"name\":\"" name "\",\"mode\":\"sync\",\"request\":{\"url\":\"http://h/\"},\"group\":\"" group "\"," more "}"
#define PER_SECOND(calls) "{\"calls\":" calls ",\"per_seconds\":1}"

static void vendors_of_a_group_have_one_account(void **state)
{
	const struct vendor *a, *c, *z;
	struct vendor_set *set;

	put_file(*state, "a.json", OF_GROUP("a", "acme", "\"limits\":[" PER_SECOND("1") "," PER_SECOND("2") "]"));
	put_file(*state, "b.json", MINIMAL("acme"));
	put_file(*state, "c.json", OF_GROUP("c", "acme", "\"max_in_flight\":0,\"limits\":[" PER_SECOND("2") "," PER_SECOND("1") "]"));
	put_file(*state, "z.json", OF_GROUP("z", "zeta", "\"max_in_flight\":3"));
	set = load(*state);
	a = vendor_find(set, "a");
	c = vendor_find(set, "c");
	z = vendor_find(set, "z");
	assert_ptr_equal(a->group, c->group);
	assert_string_equal(vendor_account(c), "@acme");
	assert_int_equal(c->group->n_members, 2);
	assert_string_equal(c->group->members[0], "a");
	assert_string_equal(c->group->members[1], "c");
	assert_null(c->group->members[2]);
	assert_string_equal(vendor_account(z), "@zeta");
	assert_null(vendor_find(set, "acme")->group);
	assert_string_equal(vendor_account(vendor_find(set, "acme")), "acme");
	vendor_set_free(set);
}

static void files_of_a_group_state_the_same_limits(void **state)
{
	static const struct { const char *text, *member; } others[] = {
		{ OF_GROUP("b", "acme", "\"limits\":[" PER_SECOND("6") "]"), "limits" },
		{ OF_GROUP("b", "acme", "\"limits\":[" PER_SECOND("5") "," PER_SECOND("5") "]"), "limits" },
		{ OF_GROUP("b", "acme", "\"limits\":[{\"calls\":5,\"per_seconds\":1,\"burst\":5}]"), "limits" },
		{ OF_GROUP("b", "acme", "\"limits\":[]"), "limits" },
		{ OF_GROUP("b", "acme", "\"max_in_flight\":1,\"limits\":[" PER_SECOND("5") "]"), "max_in_flight" },
	};
	struct folder *folder = *state;
	char expected[512];

	put_file(folder, "a.json", OF_GROUP("a", "acme", "\"limits\":[" PER_SECOND("5") "]"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		put_file(folder, "b.json", others[i].text);
		snprintf(expected, sizeof(expected), "b.json: %s: not the same as in %s/a.json, which is in the group \"acme\", too",
		         others[i].member, folder->dir);
		assert_string_equal(load_error(folder), expected);
	}
}

static void a_group_has_a_bound(void **state)
{
	struct folder *folder = *state;
	char name[32], text[256];

	for (int i = 0; i <= VENDOR_GROUP_MAX; i++) {
		snprintf(name, sizeof(name), "v%03d.json", i);
		snprintf(text, sizeof(text), OF_GROUP("v%03d", "acme", "\"limits\":[]"), i);
		put_file(folder, name, text);
	}
	assert_string_equal(load_error(folder), "v256.json: group: more than 256 vendors are in \"acme\"");
}

static void other_files_are_left_alone_and_order_is_by_name(void **state)
{
	struct vendor_set *set;

	put_file(*state, "c.json", MINIMAL("three"));
	put_file(*state, "a.json", MINIMAL("one"));
	put_file(*state, "B.json", MINIMAL("two"));
	put_file(*state, ".hidden.json", "nonsense");
	put_file(*state, "a.json~", "nonsense");
	put_file(*state, "README", "nonsense");
	set = load(*state);
	assert_int_equal(vendor_count(set), 3);
	assert_string_equal(vendor_at(set, 0)->name, "two");
	assert_string_equal(vendor_at(set, 1)->name, "one");
	assert_string_equal(vendor_at(set, 2)->name, "three");
	assert_null(vendor_find(set, "THREE"));
	assert_null(vendor_find(set, ""));
	assert_null(vendor_find(set, "zzz"));
	vendor_set_free(set);
}

static void a_folder_without_vendors_is_an_error(void **state)
{
	struct vendor_set *set;
	struct err_text why;

	put_file(*state, "README", "nothing here");
	assert_int_equal(vendor_set_load(((struct folder *)*state)->dir, test_env, &set, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "there is no vendor file (*.json) in it"));
	assert_int_equal(vendor_set_load("/no/such/dir", test_env, &set, &why), ERR_INVALID);
	assert_string_equal(why.text, "/no/such/dir: No such file or directory");
}

static void a_secret_is_in_no_message(void **state)
{
	put_quoted(*state, "%s", "{'name':'v','mode':'sync','request':{'url':'http://h/','headers':{'A':'${env:TOKEN}\\u0001'}}}");
	assert_null(strstr(load_error(*state), "s3cret"));
}

static const char *any_url(const char *name)
{
	(void)name;
	return "http://127.0.0.1:1/";
}

/* Clients ask for the shipped vendors by any of these. */
static void the_shipped_files_are_well(void **state)
{
	static const struct { const char *sync, *async; } names[] = {
		{ "sync", "async" }, { "sync-vendor", "async-vendor" }, { "vendor-sync", "vendor-async" },
	};
	struct vendor_set *set;
	struct err_text why;
	char dir[512];

	(void)state;
	reference_source_path("etc/vendors.d", dir, sizeof(dir));
	if (vendor_set_load(dir, any_url, &set, &why) != ERR_OK)
		fail_msg("%s", why.text);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_ptr_equal(vendor_find(set, names[i].sync), vendor_find(set, "syncVendor"));
		assert_ptr_equal(vendor_find(set, names[i].async), vendor_find(set, "asyncVendor"));
	}
	assert_null(vendor_find(set, "Sync"));
	assert_string_equal(vendor_find(set, "sync")->response_result, "/data");
	assert_int_equal(vendor_find(set, "async")->limits[0].calls, 50);
	vendor_set_free(set);
}

static void the_reference_in_the_docs_is_current(void **state)
{
	(void)state;
	reference_check("docs/vendors.md", vendor_print_reference);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_FOLDER(a_short_file_gets_the_defaults),
		IN_A_FOLDER(every_member_is_read),
		IN_A_FOLDER(bad_members_are_named_with_the_reason),
		IN_A_FOLDER(name_and_mode_are_required),
		IN_A_FOLDER(a_polled_vendor_is_read),
		IN_A_FOLDER(bad_polls_are_named_with_the_reason),
		IN_A_FOLDER(a_name_belongs_to_one_file),
		IN_A_FOLDER(vendors_of_a_group_have_one_account),
		IN_A_FOLDER(files_of_a_group_state_the_same_limits),
		IN_A_FOLDER(a_group_has_a_bound),
		IN_A_FOLDER(other_files_are_left_alone_and_order_is_by_name),
		IN_A_FOLDER(a_folder_without_vendors_is_an_error),
		IN_A_FOLDER(a_secret_is_in_no_message),
		cmocka_unit_test(the_shipped_files_are_well),
		cmocka_unit_test(the_reference_in_the_docs_is_current),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
