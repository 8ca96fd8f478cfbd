/* What vendor files may say of the request and of authentication: the first mistake is named with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../support/vendor_text.h"

enum { TEXT_SIZE = 4096 };

/* ---- The request ---- */

static const struct { const char *request, *message; } bad_requests[] = {
	{ "'url':'http://h${payload:/path}'",
	  "request/url: has a reference right behind its host: a '/' or '?' has to be between them" },
	{ "'url':'http://h:80${payload:/path}'",
	  "request/url: has a reference right behind its host: a '/' or '?' has to be between them" },
	{ "'url':'http://:${payload:/port}/'", "request/url: has no host" },
	{ "'url':'http://me@h.${payload:/host}/'",
	  "request/url: has a user name, which a host that a job names would be told" },
	{ "'url':'http://${payload:/user}@h/'",
	  "request/url: has a user name, which a host that a job names would be told" },
	{ "'url':'http://${payload:/user}:${payload:/password}@h/'",
	  "request/url: has a user name, which a host that a job names would be told" },
	{ "'url':'http://${payload:/host}/'},'auth':{'type':'bearer','token':'t'",
	  "request/url: auth would be shown to whomever a job names: its host has to end with a domain of the file" },
	{ "'url':'http://a.h:${payload:/port}/'},'auth':{'type':'bearer','token':'t'",
	  "request/url: auth would be shown to whomever a job names: its host has to end with a domain of the file" },
	{ "'url':'http://h/','allow_networks':['10.0.0.1/8']",
	  "request/allow_networks: must be an address or a network such as 192.0.2.0/24 or 2001:db8::/32" },
	{ "'url':'${payload:/url}'", "request/url: must begin with http:// or https://" },
	{ "'url':'http${payload:/s}://h/'", "request/url: must begin with http:// or https://" },
	{ "'url':'http://h/#${payload:/a}'", "request/url: has a fragment, which is never sent" },
	{ "'url':'http://h/a/../b'", "request/url: has a path segment that is \".\" or \"..\"" },
	{ "'url':'http://h/${request:signature}'", "request/url: ${request:signature} is not known here" },
	{ "'url':'http://h/${payload:a}'", "request/url: ${payload:a} takes a JSON Pointer: empty, or beginning with '/'" },
	{ "'url':'http://h/','body':{'id':'${job:vendor_job_id}'}", "request/body: ${job:vendor_job_id} is not known before the vendor "
	  "has accepted the job: it can stand in url, query, headers and body of poll" },
	{ "'url':'http://h/','query':[]", "request/query: must be an object of names and values" },
	{ "'url':'http://h/','query':{'a':1}", "request/query/a: must be a string" },
	{ "'url':'http://h/','query':{'${payload:/a}':'x'}", "request/query/${payload:~1a}: a name cannot hold a reference" },
	{ "'url':'http://h/','query':{'a':'${payload:/a~}'}",
	  "request/query/a: ${payload:/a~} takes a JSON Pointer, in which '~' is written ~0" },
	{ "'url':'http://h/','headers':{'A':'${request:body}'}", "request/headers/A: ${request:body} is not known here" },
	{ "'url':'http://h/','headers':{'A':'${env:TWO_LINES}'}", "request/headers/A: holds a control character" },
	{ "'url':'http://h/','headers':{'host':'${payload:/h}'}", "request/headers/host: ${payload:/h} is not known here" },
	{ "'url':'http://h/','method':'GET','body':{}", "request/body: a GET has none" },
	{ "'url':'http://h/','method':'HEAD'", "request/method: must be \"POST\", \"PUT\", \"PATCH\", \"GET\" or \"DELETE\"" },
	{ "'url':'http://h/','body':{'a':['${env:NO_SUCH}']}", "request/body: the environment variable NO_SUCH is not set" },
	{ "'url':'http://h/','body':'${payload:/a'", "request/body: \"${\" without \"}\"" },
	{ "'url':'http://h/','body_format':'xml'", "request/body_format: must be \"json\" or \"form\"" },
	{ "'url':'http://h/','body_format':'form'", "request/body: is missing, a form needs it" },
	{ "'url':'http://h/','body_format':'form','body':'x'", "request/body: must be an object of names and values" },
	{ "'url':'http://h/','body_format':'form','body':{'a':{}}", "request/body/a: must be a string" },
};

static void expect_refused(const char *file, const char *message)
{
	struct err_text why = { "" };
	struct vendor_set *set = vendor_text_load(file, &why);

	if (set)
		fail_msg("was accepted: %s", file);
	assert_string_equal(why.text, message);
	assert_null(strstr(why.text, "s3cret"));
}

static void mistakes_in_the_request_are_named(void **state)
{
	char file[TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(bad_requests) / sizeof(bad_requests[0]); i++) {
		snprintf(file, sizeof(file), "{'name':'v','mode':'sync','request':{%s}}", bad_requests[i].request);
		expect_refused(file, bad_requests[i].message);
	}
}

static void a_query_has_a_bound(void **state)
{
	char file[TEXT_SIZE];
	size_t len = (size_t)snprintf(file, sizeof(file), "{'name':'v','mode':'sync','request':{'url':'http://h/','query':{'a':''");

	(void)state;
	for (int i = 1; i <= 64; i++)
		len += (size_t)snprintf(file + len, sizeof(file) - len, ",'a%d':''", i);
	snprintf(file + len, sizeof(file) - len, "}}}");
	expect_refused(file, "request/query: has more than 64 members");
}

/* ---- Authentication ---- */

static const struct { const char *auth, *message; } bad_auths[] = {
	{ "'bearer'", "auth: must be an object" },
	{ "{}", "auth/type: is missing" },
	{ "{'type':'digest'}", "auth/type: must be \"bearer\", \"basic\", \"api_key\", \"hmac\" or \"oauth2\"" },
	{ "{'type':'bearer'}", "auth/token: is missing, type bearer needs it" },
	{ "{'type':'bearer','token':''}", "auth/token: is empty" },
	{ "{'type':'bearer','token':5}", "auth/token: must be a string" },
	{ "{'type':'bearer','token':'${env:NO_SUCH}'}", "auth/token: the environment variable NO_SUCH is not set" },
	{ "{'type':'bearer','token':'${payload:/token}'}", "auth/token: ${payload:/token} is not known here" },
	{ "{'type':'hmac','name':'X-Sig','secret':'s','message':'${job:vendor_job_id}'}", "auth/message: ${job:vendor_job_id} is not "
	  "known before the vendor has accepted the job: it can stand in url, query, headers and body of poll" },
	{ "{'type':'bearer','token':'${env:TWO_LINES}'}", "auth/token: holds a control character" },
	{ "{'type':'bearer','token':'x','user':'y'}", "auth/user: type bearer has no use for it" },
	{ "{'type':'bearer','tokn':'x'}", "auth/tokn: unknown member, did you mean auth/token?" },
	{ "{'type':'basic','password':'x'}", "auth/user: is missing, type basic needs it" },
	{ "{'type':'basic','user':'a:b','password':'x'}", "auth/user: holds a ':', which ends the name" },
	{ "{'type':'basic','user':'a','password':'${env:EMPTY}'}", "auth/password: the environment variable EMPTY is empty" },
	{ "{'type':'api_key','name':'X-Key'}", "auth/value: is missing, type api_key needs it" },
	{ "{'type':'api_key','name':'X Key','value':'k'}", "auth/name: is not a header name" },
	{ "{'type':'api_key','name':'x-set','value':'k'}", "auth/name: x-set is there twice" },
	{ "{'type':'api_key','name':'k','in':'body','value':'k'}", "auth/in: must be \"header\" or \"query\"" },
	{ "{'type':'api_key','name':'k','in':'query','value':'${request:signature}'}",
	  "auth/value: ${request:signature} is not known here" },
	{ "{'type':'hmac','name':'X-Sig'}", "auth/secret: is missing, type hmac needs it" },
	{ "{'type':'hmac','name':'X-Sig','secret':'s','algorithm':'md5'}", "auth/algorithm: must be \"sha256\" or \"sha512\"" },
	{ "{'type':'hmac','name':'X-Sig','secret':'s','encoding':'base32'}", "auth/encoding: must be \"hex\" or \"base64\"" },
	{ "{'type':'hmac','name':'X-Sig','secret':'s','secret_encoding':'utf8'}",
	  "auth/secret_encoding: must be \"text\", \"base64\" or \"hex\"" },
	{ "{'type':'hmac','name':'X-Sig','secret':'s','secret_encoding':'hex'}", "auth/secret: is not hex" },
	{ "{'type':'hmac','name':'X-Sig','secret':'!','secret_encoding':'base64'}", "auth/secret: is not base64" },
	{ "{'type':'hmac','name':'X-Sig','secret':'s','message':'${request:signature}'}",
	  "auth/message: ${request:signature} is not known here" },
	{ "{'type':'hmac','name':'X-Sig','secret':'s','value':'v1='}", "auth/value: does not hold ${request:signature}" },
	{ "{'type':'oauth2','client_id':'me','client_secret':'x'}",
	  "auth/token_url: is missing, type oauth2 needs it" },
	{ "{'type':'oauth2','token_url':'http://t/','client_secret':'x'}",
	  "auth/client_id: is missing, type oauth2 needs it" },
	{ "{'type':'oauth2','token_url':'http://t/','client_id':'me'}",
	  "auth/client_secret: is missing, type oauth2 needs it" },
	{ "{'type':'oauth2','token_url':'t/','client_id':'me','client_secret':'x'}",
	  "auth/token_url: must begin with http:// or https://" },
	{ "{'type':'oauth2','token_url':'http://t/#x','client_id':'me','client_secret':'x'}",
	  "auth/token_url: has a fragment, which is never sent" },
	{ "{'type':'oauth2','token_url':'http://t/${payload:/x}','client_id':'me','client_secret':'x'}",
	  "auth/token_url: ${payload:/x} is not known here" },
	{ "{'type':'oauth2','token_url':'http://t/','client_id':'','client_secret':'x'}",
	  "auth/client_id: is empty" },
	{ "{'type':'oauth2','token_url':'http://t/','client_id':'me','client_secret':'${env:NO_SUCH}'}",
	  "auth/client_secret: the environment variable NO_SUCH is not set" },
	{ "{'type':'oauth2','token_url':'http://t/','client_id':'me','client_secret':'${env:TOKEN}','client_auth':'post'}",
	  "auth/client_auth: must be \"basic\" or \"body\"" },
	{ "{'type':'oauth2','token_url':'http://t/','client_id':'me','client_secret':'${env:TOKEN}','client_auth':'body','scope':'${job:request_id}'}",
	  "auth/scope: ${job:request_id} is not known here" },
	{ "{'type':'oauth2','token_url':'http://t/','client_id':'me','client_secret':'${env:TOKEN}','parameters':[]}",
	  "auth/parameters: must be an object of names and values" },
	{ "{'type':'oauth2','token_url':'http://t/','client_id':'me','client_secret':'${env:TOKEN}','parameters':{'resource':5}}",
	  "auth/parameters/resource: must be a string" },
	{ "{'type':'oauth2','token_url':'http://t/','client_id':'me','client_secret':'${env:TOKEN}','parameters':{'grant_type':'password'}}",
	  "auth/parameters/grant_type: has a place of its own, or is always the same" },
	{ "{'type':'oauth2','token_url':'http://t/','client_id':'me','client_secret':'${env:TOKEN}','expires_seconds':0}",
	  "auth/expires_seconds: 0 is not between 1 and 31622400" },
	{ "{'type':'oauth2','token_url':'http://t/','client_id':'me','client_secret':'${env:TOKEN}','name':'X-Set'}",
	  "auth/name: X-Set is there twice" },
	{ "{'type':'oauth2','token_url':'http://t/','client_id':'me','client_secret':'${env:TOKEN}','value':'Bearer'}",
	  "auth/value: does not hold ${auth:access_token}" },
	{ "{'type':'oauth2','token_url':'http://t/','client_id':'me','client_secret':'${env:TOKEN}','value':'${auth:access_token}${request:signature}'}",
	  "auth/value: ${request:signature} is not known here" },
	{ "{'type':'oauth2','token_url':'http://t/','client_id':'me','client_secret':'${env:TOKEN}','token':'x'}",
	  "auth/token: type oauth2 has no use for it" },
	{ "{'type':'bearer','token':'${auth:access_token}'}",
	  "auth/token: ${auth:access_token} is not known here" },
};

static void mistakes_in_authentication_are_named(void **state)
{
	char file[TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(bad_auths) / sizeof(bad_auths[0]); i++) {
		snprintf(file, sizeof(file), "{'name':'v','mode':'sync','request':{'url':'http://h/','headers':{'X-Set':'1'}},'auth':%s}",
		         bad_auths[i].auth);
		expect_refused(file, bad_auths[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_in_the_request_are_named),
		cmocka_unit_test(a_query_has_a_bound),
		cmocka_unit_test(mistakes_in_authentication_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
