/* The request that is made of a job: known answers for whole vendor files. Single quotes stand for double ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../support/request_text.h"
#include "../support/vendor_text.h"
#include "mem.h"
#include "request.h"
#include "store.h"

enum { PAYLOAD_MAX = 1 << 20 };

#define ID "0198c0de-0000-7000-8000-000000000001"
#define JSON_HEADERS "Content-Type: application/json\nIdempotency-Key: " ID "\n"

static const int64_t NOW = INT64_C(1800000000123);   /* 2027-01-15T08:00:00.123Z */
static const unsigned char callback_key[STORE_SECRET_SIZE] = { 1 };
static const struct call_context context = { "http://api.example", callback_key, "t0ken" };

static struct vendor_set *load(const char *file)
{
	struct err_text why = { "" };
	struct vendor_set *set = vendor_text_load(file, &why);

	if (!set)
		fail_msg("%s: %s", why.text, file);
	return set;
}

static char *made(const struct vendor *vendor, const char *payload)
{
	struct job job = { .request_id = ID, .vendor = vendor->name, .payload = (char *)(uintptr_t)payload, .fence = 7 };

	return request_text(vendor, &job, &context, NOW);
}

static void expect(const char *members, const char *payload, const char *expected)
{
	char *file = mem_printf("{'name':'v','mode':'sync',%s}", members), *json = mem_strdup(payload), *text;
	struct vendor_set *set = load(file);

	for (char *c = json; *c; c++)
		if (*c == '\'')
			*c = '"';
	text = made(vendor_at(set, 0), json);
	assert_string_equal(text, expected);
	free(text);
	free(json);
	free(file);
	vendor_set_free(set);
}

/* ---- The parts ---- */

static void without_a_word_the_payload_is_the_body(void **state)
{
	(void)state;
	expect("'request':{'url':'http://h/x'}", "{'a':1}", "POST http://h/x\n" JSON_HEADERS "\n{\"a\":1}");
	expect("'request':{'url':'http://h/x','method':'GET'}", "{'a':1}", "GET http://h/x\nIdempotency-Key: " ID "\n");
	expect("'request':{'url':'http://h/x','method':'DELETE'}", "{}", "DELETE http://h/x\nIdempotency-Key: " ID "\n");
}

static void what_the_file_says_replaces_the_defaults(void **state)
{
	(void)state;
	expect("'request':{'url':'http://h/','headers':{'content-type':'application/vnd.api+json','Idempotency-Key':'k-${job:request_id}'}}",
	       "1", "POST http://h/\ncontent-type: application/vnd.api+json\nIdempotency-Key: k-" ID "\n\n1");
}

static void every_part_is_made_of_the_job(void **state)
{
	(void)state;
	expect("'request':{'method':'PUT','url':'https://h.example/v1/${payload:/country}/people/${payload:/id}?v=2',"
	       "'query':{'name':'${payload:/name}','lang':'${payload:/lang|}','key':'${env:TOKEN}'},"
	       "'headers':{'X-Name':'${payload:/name}','X-Lang':'${payload:/lang|}','X-Ref':'${job:request_id}/${time:s}'},"
	       "'body':{'id':'${payload:/id}','text':'${payload:/name} of ${payload:/country}','note':'${payload:/note|}',"
	       "'order':'${payload:/order}','at':'${time:rfc3339}'}}",
	       "{'country':'G/B','id':12345678901234567890123,'name':'Ann & \\'Bob\\'','order':{'sum':10.10,'items':[]}}",
	       "PUT https://h.example/v1/G%2FB/people/12345678901234567890123?v=2&name=Ann%20%26%20%22Bob%22&key=s3cret\n"
	       "X-Name: Ann & \"Bob\"\nX-Ref: " ID "/1800000000\n" JSON_HEADERS "\n"
	       "{\"id\":12345678901234567890123,\"text\":\"Ann & \\\"Bob\\\" of G/B\",\"order\":{\"sum\":10.10,\"items\":[]},"
	       "\"at\":\"2027-01-15T08:00:00.123Z\"}");
}

static void a_form_is_posted_as_one(void **state)
{
	(void)state;
	expect("'request':{'url':'http://h/','body_format':'form','body':{'full name':'${payload:/name}','n':'${payload:/n}',"
	       "'grant':'a b','none':'${payload:/none|}'}}",
	       "{'name':'Ann&Bob=\\u00e9','n':1.50}",
	       "POST http://h/\nContent-Type: application/x-www-form-urlencoded\nIdempotency-Key: " ID "\n\n"
	       "full+name=Ann%26Bob%3D%C3%A9&n=1.50&grant=a+b");
}

static void a_job_may_name_the_host(void **state)
{
	(void)state;
	expect("'request':{'url':'https://${payload:/host}:${payload:/port}/x','query':{'q':'${payload:/q}'},'method':'GET'}",
	       "{'host':'Shop-1.example.','port':8443,'q':'a/b'}",
	       "GET https://Shop-1.example.:8443/x?q=a%2Fb\nIdempotency-Key: " ID "\n");
	expect("'request':{'url':'https://${payload:/host}','query':{'q':'${payload:/q}'},'method':'GET'}",
	       "{'host':'192.0.2.1','q':'/'}", "GET https://192.0.2.1?q=%2F\nIdempotency-Key: " ID "\n");
	expect("'request':{'url':'https://${payload:/country}.h.example/x','method':'GET'},'auth':{'type':'bearer','token':'t'}",
	       "{'country':'gb'}", "GET https://gb.h.example/x\nAuthorization: Bearer t\nIdempotency-Key: " ID "\n");
}

static void a_callback_url_carries_the_attempts_token(void **state)
{
	struct vendor_set *set = load("{'name':'v','mode':'async','request':{'url':'http://h/','query':{'cb':'${job:callback_url}'},"
	                              "'body':'${job:callback_url}'}}");
	char *text = made(vendor_at(set, 0), "1");

	(void)state;
	assert_non_null(strstr(text, "POST http://h/?cb=http%3A%2F%2Fapi.example%2Fvendor-webhook%2Fv%3Fid%3D" ID "%26token%3D7."));
	assert_non_null(strstr(text, "\n\"http://api.example/vendor-webhook/v?id=" ID "&token=7."));
	free(text);
	vendor_set_free(set);
}

/* ---- Jobs that do not fit ---- */

#define HOST_IS_NONE "! its URL: has a host that is no name, address or port"

static const struct { const char *request, *payload, *error; } unfit[] = {
	{ "'url':'http://h/${payload:/id}'", "{}", "! its URL: /id of the payload is not there" },
	{ "'url':'http://h/${payload:/id}'", "[]", "! its URL: /id of the payload is not there" },
	{ "'url':'http://h/${payload:/id}'", "{'id':''}", "! its URL: /id of the payload is empty" },
	{ "'url':'http://h/${payload:/id}/x'", "{'id':'..'}", "! its URL: has a path segment that is \".\" or \"..\"" },
	{ "'url':'http://h/.${payload:/id}'", "{'id':'.'}", "! its URL: has a path segment that is \".\" or \"..\"" },
	{ "'url':'http://${payload:/host}/'", "{'host':'h/x'}", HOST_IS_NONE },
	{ "'url':'http://${payload:/host}/'", "{'host':'h?x'}", HOST_IS_NONE },
	{ "'url':'http://${payload:/host}/'", "{'host':'h#x'}", HOST_IS_NONE },
	{ "'url':'http://${payload:/host}/'", "{'host':'me@h'}", HOST_IS_NONE },
	{ "'url':'http://${payload:/host}/'", "{'host':'h\\\\x'}", HOST_IS_NONE },
	{ "'url':'http://${payload:/host}/'", "{'host':'h%2fx'}", HOST_IS_NONE },
	{ "'url':'http://${payload:/host}/'", "{'host':'h x'}", HOST_IS_NONE },
	{ "'url':'http://${payload:/host}/'", "{'host':'[::1]'}", HOST_IS_NONE },
	{ "'url':'http://${payload:/host}/'", "{'host':'fe80::1%lo'}", HOST_IS_NONE },
	{ "'url':'http://${payload:/host}/'", "{'host':'h\\u0000x'}", HOST_IS_NONE },
	{ "'url':'http://${payload:/host}/'", "{'host':'h\\r\\nX-A: b'}", HOST_IS_NONE },
	{ "'url':'http://${payload:/host}/'", "{'host':'\u00e9.example'}", HOST_IS_NONE },
	{ "'url':'http://h:${payload:/port}/'", "{'port':'80/x'}", HOST_IS_NONE },
	{ "'url':'http://h:${payload:/port}/'", "{'port':65536}", HOST_IS_NONE },
	{ "'url':'http://h:${payload:/port}/'", "{'port':'18446744073709551696'}", HOST_IS_NONE },
	{ "'url':'http://h:${payload:/port}/'", "{'port':0}", HOST_IS_NONE },
	{ "'url':'http://h:${payload:/port}/'", "{'port':-80}", HOST_IS_NONE },
	{ "'url':'http://h:${payload:/port}/'", "{'port':80.0}", HOST_IS_NONE },
	{ "'url':'http://h:${payload:/port}/'", "{'port':'http'}", HOST_IS_NONE },
	{ "'url':'http://${payload:/host}:80/'", "{'host':'h:80'}", HOST_IS_NONE },
	{ "'url':'http://${payload:/host}.h.example/'", "{'host':''}", "! its URL: /host of the payload is empty" },
	{ "'url':'http://h/','query':{'q':'${payload:/q}'}", "{}", "! its URL: /q of the payload is not there" },
	{ "'url':'http://h/','headers':{'X-A':'${payload:/a}'}", "{}", "! its header X-A: /a of the payload is not there" },
	{ "'url':'http://h/','headers':{'X-A':'${payload:/a}'}", "{'a':'x\\r\\nX-B: secret'}",
	  "! its header X-A: /a of the payload holds a control character" },
	{ "'url':'http://h/','headers':{'X-A':'${payload:/a}'}", "{'a':'\\u0000'}",
	  "! its header X-A: /a of the payload holds a control character" },
	{ "'url':'http://h/','body':['${payload:/a}']", "{}", "! its body: /a of the payload is not there" },
};

static void a_job_that_does_not_fit_is_told_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++) {
		char *members = mem_printf("'request':{%s}", unfit[i].request);

		expect(members, unfit[i].payload, unfit[i].error);
		free(members);
	}
}

/* A payload of 1 MiB, named again and again. */
static void every_part_is_bounded(void **state)
{
	static const struct { const char *request, *error; } parts[] = {
		{ "'url':'http://h/${payload:/a}'", "! its URL: is longer than 32768 bytes" },
		{ "'url':'http://h/','headers':{'X-A':'${payload:/a}'}", "! its header X-A: is longer than 65536 bytes" },
		{ "'url':'http://h/','body':'${payload:/a}${payload:/a}${payload:/a}${payload:/a}${payload:/a}${payload:/a}${payload:/a}"
		  "${payload:/a}${payload:/a}${payload:/a}${payload:/a}${payload:/a}${payload:/a}${payload:/a}${payload:/a}${payload:/a}"
		  "${payload:/a}'", "! its body: is longer than 16777216 bytes" },
	};
	char *payload = mem_alloc(PAYLOAD_MAX + 1);

	(void)state;
	memset(payload, 'x', PAYLOAD_MAX);
	memcpy(payload, "{\"a\":\"", 6);
	memcpy(payload + PAYLOAD_MAX - 2, "\"}", 3);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char *members = mem_printf("'request':{%s}", parts[i].request);

		expect(members, payload, parts[i].error);
		free(members);
	}
	free(payload);
}

/* ---- Authentication ---- */

#define OAUTH2 "'type':'oauth2','token_url':'http://t/','client_id':'me','client_secret':'x'"

/* Vendor files' auth, and the header or URL that comes of it (the rest is JSON_HEADERS and the body {"n":1}). */
static const struct { const char *auth, *url, *header; } auths[] = {
	{ "{'type':'bearer','token':'${env:TOKEN}'}", "http://h/x", "Authorization: Bearer s3cret\n" },
	/* RFC 7617, 2 and 2.1 */
	{ "{'type':'basic','user':'Aladdin','password':'open sesame'}", "http://h/x",
	  "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\n" },
	{ "{'type':'basic','user':'test','password':'123\xc2\xa3'}", "http://h/x", "Authorization: Basic dGVzdDoxMjPCow==\n" },
	{ "{'type':'basic','user':'${env:TOKEN}'}", "http://h/x", "Authorization: Basic czNjcmV0Og==\n" },
	{ "{'type':'api_key','name':'X-Api-Key','value':'${env:TOKEN}'}", "http://h/x", "X-Api-Key: s3cret\n" },
	{ "{'type':'api_key','name':'Authorization','value':'Token ${env:TOKEN}'}", "http://h/x", "Authorization: Token s3cret\n" },
	{ "{'type':'api_key','in':'query','name':'api key','value':'a&${env:TOKEN}'}", "http://h/x?api%20key=a%26s3cret", "" },
	/* RFC 4231, 4.3 */
	{ "{'type':'hmac','name':'X-Sig','secret':'Jefe','message':'what do ya want for nothing?'}", "http://h/x",
	  "X-Sig: 5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843\n" },
	{ "{'type':'hmac','name':'X-Sig','secret':'4a656665','secret_encoding':'hex','message':'what do ya want for nothing?'}",
	  "http://h/x", "X-Sig: 5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843\n" },
	{ "{'type':'hmac','name':'X-Sig','algorithm':'sha512','secret':'Jefe','message':'what do ya want for nothing?'}", "http://h/x",
	  "X-Sig: 164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b"
	  "636e070a38bce737\n" },
	{ "{" OAUTH2 "}", "http://h/x", "Authorization: Bearer t0ken\n" },
	{ "{" OAUTH2 ",'name':'X-Access-Token','value':'Token ${auth:access_token};v=1'}", "http://h/x", "X-Access-Token: Token t0ken;v=1\n" },
	{ "{" OAUTH2 ",'in':'query'}", "http://h/x?access_token=t0ken", "" },
	{ "{" OAUTH2 ",'in':'query','name':'t'}", "http://h/x?t=t0ken", "" },
};

static void expect_auth(const char *request, const char *auth, const char *payload, const char *expected)
{
	char *members = mem_printf("'request':{%s},'auth':%s", request, auth);

	expect(members, payload, expected);
	free(members);
}

static void static_credentials_and_published_signatures(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(auths) / sizeof(auths[0]); i++) {
		char *expected = mem_printf("POST %s\n%s" JSON_HEADERS "\n{\"n\":1}", auths[i].url, auths[i].header);

		expect_auth("'url':'http://h/x'", auths[i].auth, "{'n':1}", expected);
		free(expected);
	}
}

#define HMAC "'type':'hmac','secret':'${env:TOKEN}'"

/* Each is the style of many vendors; the figures are Python's. */
static void signatures_cover_what_the_message_names(void **state)
{
	(void)state;
	/* A canonical text of all parts. */
	expect_auth("'url':'http://u:p@h.example:8080/v1/${payload:/id}','query':{'q':'${payload:/q}'},'body':{'n':1}",
	            "{" HMAC ",'name':'Authorization','value':'HMAC key-1:${request:signature}','message':"
	            "'${request:method}\\n${request:host}\\n${request:path}\\n${request:query}\\n${time:s}\\n${request:body}'}",
	            "{'id':'a/b','q':'1 2'}",
	            "POST http://u:p@h.example:8080/v1/a%2Fb?q=1%202\n"
	            "Authorization: HMAC key-1:8ab396443c0bf842a178a09ba5a8f483560d3ff2dabbb6215655a98af2cb4e40\n" JSON_HEADERS
	            "\n{\"n\":1}");
	/* Time and body, both in one header. */
	expect_auth("'url':'http://h/','headers':{'X-Time':'${time:ms}'}",
	            "{" HMAC ",'name':'X-Signature','value':'t=${time:ms},v1=${request:signature}',"
	            "'message':'${time:ms}.${request:body}'}", "{'n':1}",
	            "POST http://h/\nX-Time: 1800000000123\n"
	            "X-Signature: t=1800000000123,v1=33adfc83fa31f5a4691515a1e866976d51413f30ac04ea8a40933ac71370a223\n" JSON_HEADERS
	            "\n{\"n\":1}");
	/* A digest of the body, a secret that is base64. */
	expect_auth("'url':'http://h','headers':{'X-Digest':'${request:body_sha256}'}",
	            "{'type':'hmac','secret':'${env:KEY64}','secret_encoding':'base64','algorithm':'sha512','encoding':'base64',"
	            "'name':'X-Signature','message':'${time:rfc3339}${request:body_sha256}'}", "{'n':1}",
	            "POST http://h\nX-Digest: 2bfd14f43d17fc7cea24e0917a8879b4b2f880b8baeec1b9d90fbaad655e71bd\n"
	            "X-Signature: p8b1QBMajbQ6YTbyP2ELRd9O736rmzSsqFOLwzBEC8UFR0PEUdEteKSqoRmRtPDEnpuuflc6Gk31LHbxN7r6LA==\n" JSON_HEADERS
	            "\n{\"n\":1}");
	/* In the query, over the query. */
	expect_auth("'url':'http://h/o','method':'DELETE','query':{'symbol':'${payload:/s}','timestamp':'${time:ms}'}",
	            "{" HMAC ",'in':'query','name':'signature','message':'${request:query}'}", "{'s':'A&B'}",
	            "DELETE http://h/o?symbol=A%26B&timestamp=1800000000123&signature=e24b2fae076f7cfffc7cbaf7c25aab80981134e747aab415d4793b1fd997e2c3\n"
	            "Idempotency-Key: " ID "\n");
	/* A URL without a path has one when it is sent. */
	expect_auth("'url':'http://h','method':'GET'",
	            "{'type':'hmac','secret':'key','name':'X-S','message':'${request:method}${request:path}'}", "{}",
	            "GET http://h\nX-S: 1628fdb36faa478a93b2858dd6ea7e8d5288c6a20877d72810b161c2cf6979f1\nIdempotency-Key: " ID "\n");
}

static void a_signature_needs_what_its_message_names(void **state)
{
	(void)state;
	expect_auth("'url':'http://h/'", "{" HMAC ",'name':'X-S','message':'${payload:/none}'}", "{}",
	            "! its signature: /none of the payload is not there");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_word_the_payload_is_the_body),
		cmocka_unit_test(what_the_file_says_replaces_the_defaults),
		cmocka_unit_test(every_part_is_made_of_the_job),
		cmocka_unit_test(a_form_is_posted_as_one),
		cmocka_unit_test(a_job_may_name_the_host),
		cmocka_unit_test(a_callback_url_carries_the_attempts_token),
		cmocka_unit_test(a_job_that_does_not_fit_is_told_where),
		cmocka_unit_test(every_part_is_bounded),
		cmocka_unit_test(static_credentials_and_published_signatures),
		cmocka_unit_test(signatures_cover_what_the_message_names),
		cmocka_unit_test(a_signature_needs_what_its_message_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
