#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../fcgi/access.h"

#include "mem.h"
#include "signature.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- A file of clients, an access, a request ---- */

static char path[] = "/tmp/vendorfetch-clients-XXXXXX";

static void nothing(struct api *api, const struct request *request, struct reply *reply)
{
	(void)api, (void)request, (void)reply;
}

static const struct route submit_route = { "POST", "/jobs", true, nothing, SCOPE_SUBMIT };
static const struct route read_route = { "GET", "/jobs/{id}", false, nothing, SCOPE_READ };
static const struct route open_route = { "GET", "/health", false, nothing, 0 };

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* {"clients": [...]} with the SHA-256 of each token in place of its name between percent signs. */
static void write_clients(const char *text)
{
	struct buffer out;
	char hash[SIGNATURE_TEXT_SIZE];

	buffer_init(&out, 1 << 16);
	buffer_append_str(&out, "{\"clients\": [");
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "%");

		buffer_append(&out, p, len);
		p += len;
		if (!*p)
			break;
		len = strcspn(++p, "%");
		signature_sha256_hex(p, len, hash);
		buffer_append_str(&out, hash);
		p += len + 1;
	}
	buffer_append_str(&out, "]}");
	write_file(out.data);
	buffer_deinit(&out);
}

static struct access *access_with(const char *tokens, int open)
{
	struct settings settings = { .tokens = (char *)(uintptr_t)tokens, .open = open, .redis_url = (char *)"redis://127.0.0.1:1/0",
	                             .redis_prefix = (char *)"", .redis_timeout_ms = 50 };
	struct access *access = NULL;
	struct err_text why = { "" };

	if (access_new(&settings, &access, &why) != ERR_OK)
		fail_msg("%s", why.text);
	return access;
}

struct asked {
	bool entered;
	int status;
	unsigned scopes;
	char tenant[65];
	char headers[1024];
};

static struct asked ask(struct access *access, const struct route *route, const char *address, const char *authorization)
{
	char *address_line = mem_printf("REMOTE_ADDR=%s", address), *auth_line = mem_printf("HTTP_AUTHORIZATION=%s", authorization);
	char *env[] = { address_line, *authorization ? auth_line : NULL, NULL };
	FCGX_Request fcgx = { .envp = env };
	struct request request = { .fcgx = &fcgx };
	struct asked asked = { .status = 0 };
	struct reply reply;

	reply_init(&reply);
	asked.entered = access_enter(access, route, &request, &reply);
	asked.status = reply.status;
	asked.scopes = request.client->scopes;
	snprintf(asked.tenant, sizeof(asked.tenant), "%s", request.client->tenant ? request.client->tenant : "");
	snprintf(asked.headers, sizeof(asked.headers), "%s", reply.headers.data ? reply.headers.data : "");
	access_leave(&request);
	reply_deinit(&reply);
	free(address_line);
	free(auth_line);
	return asked;
}

static void assert_entered(struct asked asked, unsigned scopes)
{
	if (!asked.entered)
		fail_msg("status %d", asked.status);
	assert_int_equal(asked.scopes, scopes);
}

static void assert_refused(struct asked asked, int status, const char *challenge)
{
	assert_false(asked.entered);
	assert_int_equal(asked.status, status);
	if (!strstr(asked.headers, challenge))
		fail_msg("%s is not in %s", challenge, asked.headers);
}

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

/* ---- Without a file ---- */

static void this_machine_may_do_everything(void **state)
{
	static const char *const addresses[] = { "127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1" };
	struct access *access = access_with("", 0);

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		assert_entered(ask(access, &submit_route, addresses[i], ""), SCOPES_ALL);
	access_free(access);
}

static void others_may_do_nothing(void **state)
{
	static const char *const addresses[] = { "10.0.0.1", "192.168.1.7", "2001:db8::1", "::ffff:10.1.1.1", "", "1270.0.0.1" };
	struct access *access = access_with("", 0);

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		assert_refused(ask(access, &submit_route, addresses[i], ""), 401, "WWW-Authenticate: Bearer");
		assert_refused(ask(access, &read_route, addresses[i], "Bearer x"), 401, "WWW-Authenticate: Bearer");
		assert_entered(ask(access, &open_route, addresses[i], ""), 0);
	}
	access_free(access);
}

static void unless_the_api_is_said_to_be_open(void **state)
{
	struct access *access = access_with("", 1);

	(void)state;
	assert_entered(ask(access, &submit_route, "10.0.0.1", ""), SCOPES_ALL);
	access_free(access);
}

/* ---- With one ---- */

static void a_token_is_needed_from_everywhere(void **state)
{
	struct access *access;

	(void)state;
	write_clients("{\"name\": \"a\", \"token_sha256\": \"%good%\", \"scopes\": [\"submit\"]}");
	access = access_with(path, 1);
	assert_refused(ask(access, &submit_route, "127.0.0.1", ""), 401, "Bearer realm=\"vendorfetch\"\r\n");
	assert_refused(ask(access, &submit_route, "127.0.0.1", "Basic Z29vZA=="), 401, "Bearer realm=\"vendorfetch\"\r\n");
	assert_refused(ask(access, &submit_route, "127.0.0.1", "Bearer bad"), 401, "error=\"invalid_token\"");
	assert_refused(ask(access, &submit_route, "127.0.0.1", "Bearer goo"), 401, "error=\"invalid_token\"");
	assert_refused(ask(access, &submit_route, "127.0.0.1", "Bearer good "), 401, "error=\"invalid_token\"");
	assert_refused(ask(access, &submit_route, "127.0.0.1", "Bearer"), 401, "Bearer realm=\"vendorfetch\"\r\n");
	assert_entered(ask(access, &submit_route, "10.0.0.1", "Bearer good"), SCOPE_SUBMIT);
	assert_entered(ask(access, &submit_route, "10.0.0.1", "bearer  good"), SCOPE_SUBMIT);
	access_free(access);
}

static void scopes_say_what_for(void **state)
{
	struct access *access;

	(void)state;
	write_clients("{\"name\": \"a\", \"token_sha256\": \"%s%\", \"scopes\": [\"submit\"]},"
	              "{\"name\": \"b\", \"token_sha256\": \"%r%\", \"scopes\": [\"read\"], \"tenant\": \"t1\"},"
	              "{\"name\": \"c\", \"token_sha256\": [\"%old%\", \"%new%\"], \"scopes\": [\"admin\"]}");
	access = access_with(path, 0);
	assert_refused(ask(access, &read_route, "127.0.0.1", "Bearer s"), 403, "error=\"insufficient_scope\"");
	assert_refused(ask(access, &submit_route, "127.0.0.1", "Bearer r"), 403, "error=\"insufficient_scope\"");
	assert_string_equal(ask(access, &read_route, "127.0.0.1", "Bearer r").tenant, "t1");
	assert_entered(ask(access, &submit_route, "127.0.0.1", "Bearer old"), SCOPES_ALL);
	assert_entered(ask(access, &read_route, "127.0.0.1", "Bearer new"), SCOPES_ALL);
	assert_entered(ask(access, &open_route, "127.0.0.1", ""), 0);
	assert_entered(ask(access, &open_route, "127.0.0.1", "Bearer nobodys"), 0);
	assert_entered(ask(access, &open_route, "127.0.0.1", "Bearer r"), SCOPE_READ);
	access_free(access);
}

static void tokens_end(void **state)
{
	struct access *access;

	(void)state;
	write_clients("{\"name\": \"a\", \"token_sha256\": \"%past%\", \"scopes\": [\"read\"], \"expires\": \"2020-01-31T12:00:00Z\"},"
	              "{\"name\": \"b\", \"token_sha256\": \"%later%\", \"scopes\": [\"read\"], \"expires\": \"2999-01-31\"}");
	access = access_with(path, 0);
	assert_refused(ask(access, &read_route, "127.0.0.1", "Bearer past"), 401, "error=\"invalid_token\"");
	assert_entered(ask(access, &open_route, "127.0.0.1", "Bearer past"), 0);
	assert_entered(ask(access, &read_route, "127.0.0.1", "Bearer later"), SCOPE_READ);
	access_free(access);
}

static void a_new_file_counts_once_it_is_read(void **state)
{
	struct access *access;
	struct err_text why = { "" };

	(void)state;
	write_clients("{\"name\": \"a\", \"token_sha256\": \"%one%\", \"scopes\": [\"read\"]}");
	access = access_with(path, 0);
	write_clients("{\"name\": \"a\", \"token_sha256\": \"%two%\", \"scopes\": [\"read\"]}");
	assert_entered(ask(access, &read_route, "127.0.0.1", "Bearer one"), SCOPE_READ);
	assert_int_equal(access_reload(access, &why), ERR_OK);
	assert_refused(ask(access, &read_route, "127.0.0.1", "Bearer one"), 401, "invalid_token");
	assert_entered(ask(access, &read_route, "127.0.0.1", "Bearer two"), SCOPE_READ);
	write_file("{");
	assert_int_equal(access_reload(access, &why), ERR_INVALID);
	assert_entered(ask(access, &read_route, "127.0.0.1", "Bearer two"), SCOPE_READ);
	access_free(access);
}

/* Redis is away here: the limit is not worth an outage. */
static void without_redis_nobody_is_limited(void **state)
{
	struct access *access;

	(void)state;
	write_clients("{\"name\": \"a\", \"token_sha256\": \"%one%\", \"scopes\": [\"read\"],"
	              " \"limit\": {\"requests\": 1, \"per_seconds\": 60}}");
	access = access_with(path, 0);
	for (int i = 0; i < 10; i++)
		assert_entered(ask(access, &read_route, "127.0.0.1", "Bearer one"), SCOPE_READ);
	access_free(access);
}

static void vendors_are_those_of_the_list(void **state)
{
	struct clients *clients = NULL;
	struct err_text why = { "" };

	(void)state;
	write_clients("{\"name\": \"a\", \"token_sha256\": \"%one%\", \"scopes\": [\"read\"], \"vendors\": [\"acme\", \"b.c\"]},"
	              "{\"name\": \"b\", \"token_sha256\": \"%two%\", \"scopes\": [\"read\"]}");
	assert_int_equal(clients_load(path, &clients, &why), ERR_OK);
	assert_true(client_may_use(clients_find(clients, "one"), "acme"));
	assert_true(client_may_use(clients_find(clients, "one"), "b.c"));
	assert_false(client_may_use(clients_find(clients, "one"), "acm"));
	assert_true(client_may_use(clients_find(clients, "two"), "anything"));
	clients_release(clients);
}

#define HASH "\"0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef\""
#define ONE(more) "{\"clients\": [{\"name\": \"a\", \"token_sha256\": " HASH ", \"scopes\": [\"read\"]" more "}]}"

static void bad_files_say_where(void **state)
{
	static const char *const bad[][2] = {
		{ "", "expected a value" },
		{ "[]", "must be an object with one member, clients" },
		{ "{}", "must be an object with one member, clients" },
		{ "{\"clients\": {}}", "must be an object with one member, clients" },
		{ "{\"clients\": [], \"x\": 1}", "must be an object with one member, clients" },
		{ "{\"clients\": [1]}", "clients/0: must be an object" },
		{ "{\"clients\": [{}]}", "clients/0/name: is missing" },
		{ "{\"clients\": [{\"name\": \"a\"}]}", "clients/0/token_sha256: is missing" },
		{ "{\"clients\": [{\"name\": \"a b\"}]}", "clients/0/name: must be a name" },
		{ "{\"clients\": [{\"name\": \"a\\u0000b\"}]}", "clients/0/name: must be a name" },
		{ "{\"clients\": [{\"name\": \"a\", \"token_sha256\": \"secret\"}]}", "clients/0/token_sha256: must be 64 hex digits" },
		{ "{\"clients\": [{\"name\": \"a\", \"token_sha256\": []}]}", "clients/0/token_sha256: must have 1 to 4" },
		{ "{\"clients\": [{\"name\": \"a\", \"token_sha256\": " HASH "}]}", "clients/0/scopes: is missing" },
		{ ONE(", \"token\": \"x\""), "clients/0/token: unknown member" },
		{ ONE(", \"vendors\": []"), "clients/0/vendors: must be an array of 1 to" },
		{ ONE(", \"vendors\": [\"a b\"]"), "clients/0/vendors: must be a name" },
		{ ONE(", \"tenant\": \"\""), "clients/0/tenant: must be a name" },
		{ ONE(", \"expires\": \"tomorrow\""), "clients/0/expires: must be a time" },
		{ ONE(", \"expires\": \"2027-01-31T00:00:00+01:00\""), "clients/0/expires: must be a time" },
		{ ONE(", \"expires\": \"2027-02-29T00:00:00Z\""), "clients/0/expires: must be a time" },
		{ ONE(", \"expires\": \"2027-04-31\""), "clients/0/expires: must be a time" },
		{ ONE(", \"expires\": \"2027-01-31T23:59:60Z\""), "clients/0/expires: must be a time" },
		{ ONE(", \"limit\": {\"requests\": 1}"), "clients/0/limit: must be an object" },
		{ ONE(", \"limit\": {\"requests\": 0, \"per_seconds\": 1}"), "clients/0/limit/requests: must be an integer" },
		{ ONE(", \"limit\": {\"requests\": 1, \"per_seconds\": 1.5}"), "clients/0/limit/per_seconds: must be an integer" },
		{ "{\"clients\": [{\"name\": \"a\", \"token_sha256\": " HASH ", \"scopes\": [\"write\"]}]}", "\"write\" is none of" },
		{ "{\"clients\": [{\"name\": \"a\", \"token_sha256\": " HASH ", \"scopes\": [null]}]}", "\"null\" is none of" },
		{ "{\"clients\": [{\"name\": \"a\", \"token_sha256\": " HASH ", \"scopes\": [\"read\"]},"
		  "{\"name\": \"b\", \"token_sha256\": " HASH ", \"scopes\": [\"read\"]}]}", "clients/1/token_sha256: is that of \"a\"" },
		{ "{\"clients\": [{\"name\": \"a\", \"token_sha256\": " HASH ", \"scopes\": [\"read\"]},"
		  "{\"name\": \"a\", \"token_sha256\": " HASH ", \"scopes\": [\"read\"]}]}", "clients/1/name: \"a\" is there twice" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct clients *clients = NULL;
		struct err_text why = { "" };

		write_file(bad[i][0]);
		if (clients_load(path, &clients, &why) != ERR_INVALID || !strstr(why.text, bad[i][1]) ||
		    strncmp(why.text, path, strlen(path)) != 0)
			fail_msg("%s: %s", bad[i][0], why.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(this_machine_may_do_everything),
		cmocka_unit_test(others_may_do_nothing),
		cmocka_unit_test(unless_the_api_is_said_to_be_open),
		cmocka_unit_test(a_token_is_needed_from_everywhere),
		cmocka_unit_test(scopes_say_what_for),
		cmocka_unit_test(tokens_end),
		cmocka_unit_test(a_new_file_counts_once_it_is_read),
		cmocka_unit_test(without_redis_nobody_is_limited),
		cmocka_unit_test(vendors_are_those_of_the_list),
		cmocka_unit_test(bad_files_say_where),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
