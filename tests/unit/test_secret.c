/* That secrets are wiped: what our objects free is looked at before it goes (the linker's --wrap). What libraries free for
 * themselves is not: docs/security.md says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "buffer.h"
#include "mem.h"
#include "redis.h"
#include "request.h"
#include "secret.h"
#include "settings.h"
#include "store.h"
#include "text_file.h"
#include "token_seal.h"
#include "vendor.h"

/* As it is, behind three bytes in base64, and base64 of a key. */
#define SECRET "s3cret"
static const char *const canaries[] = { SECRET, "czNjcmV0", "a2V5" };

/* ---- The watch ---- */

void *__real_malloc(size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);

static bool watching;
static char *seen;   /* the first freed block with a secret in it, or NULL */

static void look_at(const void *p)
{
	size_t size = p && watching ? malloc_usable_size((void *)(uintptr_t)p) : 0;

	for (size_t i = 0; i < sizeof(canaries) / sizeof(canaries[0]) && size > 0; i++)
		if (memmem(p, size, canaries[i], strlen(canaries[i])) && !seen)
			seen = strndup(p, size);
}

/* Without what was there before. */
void *__wrap_malloc(size_t size)
{
	void *p = __real_malloc(size);

	return p ? memset(p, 0, malloc_usable_size(p)) : NULL;
}

void __wrap_free(void *p)
{
	look_at(p);
	__real_free(p);
}

/* It always moves. */
void *__wrap_realloc(void *p, size_t size)
{
	size_t had = p ? malloc_usable_size(p) : 0;
	void *moved = __wrap_malloc(size);

	if (p && moved)
		memcpy(moved, p, had < size ? had : size);
	__wrap_free(p);
	return moved;
}

static int watch(void **state)
{
	(void)state;
	seen = NULL;
	watching = true;
	return 0;
}

static int stop_watching(void **state)
{
	(void)state;
	watching = false;
	free(seen);
	return 0;
}

static void assert_nothing_was_seen(void)
{
	watching = false;
	if (seen)
		fail_msg("freed with a secret in it: %s", seen);
	watching = true;
}

static void what_is_freed_without_being_wiped_is_seen(void **state)
{
	struct buffer plain;

	(void)state;
	free(mem_strdup("a " SECRET));
	assert_non_null(seen);
	stop_watching(NULL);
	watch(NULL);
	buffer_init(&plain, 1 << 20);
	buffer_append_str(&plain, SECRET);
	buffer_deinit(&plain);
	assert_non_null(seen);
}

/* ---- What is wiped ---- */

static void a_secret_is_wiped_before_it_is_freed(void **state)
{
	(void)state;
	secret_free(mem_strdup(SECRET));
	secret_free(NULL);
	assert_nothing_was_seen();
}

static void a_buffer_for_secrets_leaves_no_copy_when_it_grows(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init_secret(&b, 1 << 20);
	for (int i = 0; i < 1000; i++)
		buffer_append_str(&b, SECRET);
	secret_free(buffer_take(&b, NULL));
	buffer_append_str(&b, SECRET);
	buffer_reset(&b);
	buffer_deinit(&b);
	assert_nothing_was_seen();
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void settings_leave_nothing(void **state)
{
	char config[] = "/tmp/test_secret.XXXXXX", secret[64];
	char *argv[] = { (char[]){ "prog" }, (char[]){ "--config" }, config, NULL };
	struct settings settings;
	struct err_text why;

	(void)state;
	close(mkstemp(config));
	snprintf(secret, sizeof(secret), "%s.secret", config);
	write_file(config, "STORE_URI=mongodb://me:" SECRET "@a/db\nVENDOR_TOKEN=\"" SECRET "\"\n# " SECRET "\n");
	write_file(secret, "redis://:" SECRET "@a\n" SECRET "\n");
	setenv("REDIS_URL_FILE", secret, 1);
	setenv("VENDOR_TOKEN", "of the environment", 1);
	settings_load(3, argv, "prog", "A program.", &settings);
	assert_string_equal(settings.redis_url, "redis://:" SECRET "@a");
	assert_string_equal(settings.store_uri, "mongodb://me:" SECRET "@a/db");
	assert_int_equal(settings_reload_env(&why), ERR_OK);
	settings_free(&settings);
	unlink(config);
	unlink(secret);
	unsetenv("REDIS_URL_FILE");
	assert_nothing_was_seen();
}

static void a_redis_url_leaves_nothing(void **state)
{
	struct err_text why;
	struct redis *redis;

	(void)state;
	assert_int_equal(redis_new("redis://me:" SECRET "@a", 1000, &redis, &why), ERR_OK);
	redis_free(redis);
	assert_nothing_was_seen();
}

static void an_access_token_leaves_nothing(void **state)
{
	static const unsigned char key[TOKEN_KEY_SIZE] = { 1 }, other[TOKEN_KEY_SIZE] = { 2 };
	char id[TOKEN_ID_SIZE], *sealed, *opened;

	(void)state;
	token_new_id(id);
	sealed = token_seal(key, id, SECRET);
	opened = token_open(key, id, sealed);
	assert_string_equal(opened, SECRET);
	secret_free(opened);
	assert_null(token_open(other, id, sealed));
	free(sealed);
	assert_nothing_was_seen();
}

static const char *env(const char *name) { return strcmp(name, "KEY64") == 0 ? "a2V5" : SECRET; }

/* Single quotes stand for double ones. */
static struct vendor_set *load_vendor(const char *members)
{
	char path[] = "/tmp/test_secret.XXXXXX", *text;
	struct vendor_set *set = NULL;
	struct err_text why = { "" };

	close(mkstemp(path));
	text = mem_printf("{'name':'v','mode':'%s','request':{'url':'http://h/'},%s}", strstr(members, "callback") ? "async" : "sync",
	                  members);
	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	write_file(path, text);
	if (vendor_set_load_file(path, env, &set, &why) != ERR_OK)
		fail_msg("%s: %s", members, why.text);
	unlink(path);
	free(text);
	return set;
}

#define OAUTH2 "'auth':{'type':'oauth2','token_url':'http://h/token','client_id':'xx','client_secret':'${env:TOKEN}'"

/* Of each kind, with the requests that are made by them. */
static void vendors_and_their_requests_leave_nothing(void **state)
{
	static const char *const members[] = {
		"'auth':{'type':'bearer','token':'${env:TOKEN}'}",
		"'auth':{'type':'basic','user':'xx','password':'${env:TOKEN}'}",
		"'auth':{'type':'api_key','name':'X-Key','value':'${env:TOKEN}'}",
		"'auth':{'type':'api_key','in':'query','name':'key','value':'${env:TOKEN}'}",
		"'auth':{'type':'hmac','name':'X-Sig','secret':'${env:KEY64}'}",
		OAUTH2 "}",
		OAUTH2 ",'client_auth':'body'}",
		"'callback':{'auth':{'type':'bearer','secrets':['${env:TOKEN}']}}",
		"'callback':{'auth':{'type':'basic','user':'xx','secrets':['${env:TOKEN}']}}",
		"'callback':{'auth':{'type':'hmac','name':'X-Sig','secrets':['${env:TOKEN}']}}",
		"'callback':{'auth':{'type':'standard_webhooks','secrets':['${env:TOKEN}']}}",
	};
	static const unsigned char callback_key[STORE_SECRET_SIZE] = { 1 };
	static const struct call_context context = { "http://api.example", callback_key, SECRET };
	struct job job = { .request_id = "r", .vendor = (char[]){ "v" }, .payload = (char[]){ "{}" } };

	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		struct vendor_set *set = load_vendor(members[i]);
		struct request request = { 0 };
		struct err_text why = { "" };

		assert_int_equal(request_make(vendor_at(set, 0), &job, &context, 0, &request, &why), ERR_OK);
		request_clear(&request);
		vendor_set_free(set);
		assert_nothing_was_seen();
	}
}

/* ---- URLs ---- */

static void urls_are_shown_without_their_passwords(void **state)
{
	static const struct { const char *url, *shown; } urls[] = {
		{ "redis://:hunter2@redis.example:6379/0", "redis://:***@redis.example:6379/0" },
		{ "mongodb://me:hunter2@a,b:27018/db?replicaSet=rs0", "mongodb://me:***@a,b:27018/db?replicaSet=rs0" },
		{ "mongodb://me:hun/t?er@2@a/db", "mongodb://me:***@a/db" },   /* not percent-encoded */
		{ "mongodb://a/db?tls=true&tlsCertificateKeyFilePassword=hunter2", "mongodb://a/db?***" },
		{ "mongodb://me:hunter2@a/db?authMechanismProperties=AWS_SESSION_TOKEN:hunter2", "mongodb://me:***@a/db?***" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		char *shown = secret_hide_in_url(urls[i].url);

		assert_true(secret_in_url(urls[i].url));
		assert_string_equal(shown, urls[i].shown);
		free(shown);
	}
}

static void urls_without_passwords_stay_as_they_are(void **state)
{
	static const char *const urls[] = {
		"", "sqlite:/var/lib/vendorfetch/a:b@c.db", "redis://127.0.0.1:6379/0", "mongodb://me@a:27017/db", "unix:///run/redis.sock",
		"mongodb://a:1,b:2,c:3/db?replicaSet=rs0&w=majority", "http://[::1]:3000/base",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		char *shown = secret_hide_in_url(urls[i]);

		assert_false(secret_in_url(urls[i]));
		assert_string_equal(shown, urls[i]);
		free(shown);
	}
}

#define WATCHED(test) cmocka_unit_test_setup_teardown(test, watch, stop_watching)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WATCHED(what_is_freed_without_being_wiped_is_seen),
		WATCHED(a_secret_is_wiped_before_it_is_freed),
		WATCHED(a_buffer_for_secrets_leaves_no_copy_when_it_grows),
		WATCHED(settings_leave_nothing),
		WATCHED(a_redis_url_leaves_nothing),
		WATCHED(an_access_token_leaves_nothing),
		WATCHED(vendors_and_their_requests_leave_nothing),
		cmocka_unit_test(urls_are_shown_without_their_passwords),
		cmocka_unit_test(urls_without_passwords_stay_as_they_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
