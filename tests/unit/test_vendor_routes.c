#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "buffer.h"
#include "vendor_routes.h"

static char dir[] = "/tmp/test_vendor_routes.XXXXXX";
static char file[64];
static struct vendor_set *vendors;   /* a, b and c, with the alias see */
static struct vendor_routes *routes;

static void write_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static int make_vendors(void **state)
{
	static const char *const aliases[] = { "", "", "\"see\"" };
	struct err_text why;
	char path[64], text[256];

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%d.json", dir, i);
		snprintf(text, sizeof(text), "{\"name\":\"%c\",\"aliases\":[%s],\"mode\":\"sync\",\"request\":{\"url\":\"http://x/\"}}",
		         'a' + i, aliases[i]);
		write_file(path, text);
	}
	snprintf(file, sizeof(file), "%s/routes", dir);
	return vendor_set_load(dir, (vendor_env_fn)getenv, &vendors, &why);
}

static int remove_vendors(void **state)
{
	char path[64];

	(void)state;
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%d.json", dir, i);
		unlink(path);
	}
	unlink(file);
	rmdir(dir);
	vendor_set_free(vendors);
	return 0;
}

static int end(void **state)
{
	(void)state;
	vendor_routes_free(routes);
	routes = NULL;
	return 0;
}

static void load(const char *text)
{
	struct err_text why;

	write_file(file, text);
	if (vendor_routes_load(file, vendors, &routes, &why) != ERR_OK)
		fail_msg("%s", why.text);
}

/* name NULL: none. */
static void assert_goes_to(const char *payload, const char *name)
{
	const struct vendor *vendor = vendor_routes_find(routes, payload);

	if ((vendor == NULL) != (name == NULL) || (vendor && strcmp(vendor->name, name) != 0))
		fail_msg("%s goes to %s, not to %s", payload, vendor ? vendor->name : "nobody", name ? name : "nobody");
}

static void the_first_route_that_matches_counts(void **state)
{
	(void)state;
	load("{\"routes\": [{\"when\": {\"/country\": [\"DE\", \"AT\"]}, \"vendor\": \"a\"},"
	     " {\"when\": {\"/vip\": true}, \"vendor\": \"b\"}]}");
	assert_goes_to("{\"country\":\"DE\"}", "a");
	assert_goes_to("{\"vip\":true,\"country\":\"AT\"}", "a");
	assert_goes_to("{\"vip\":true,\"country\":\"CH\"}", "b");
	assert_goes_to("{\"vip\":false,\"country\":\"CH\"}", NULL);
	assert_goes_to("{}", NULL);
}

static void what_matches_none_goes_to_the_default(void **state)
{
	(void)state;
	load("{\"routes\": [{\"when\": {\"/a\": 1}, \"vendor\": \"a\"}], \"default\": \"see\"}");
	assert_goes_to("{\"a\":1}", "a");
	assert_goes_to("{\"b\":1}", "c");
	assert_goes_to("[]", "c");
}

static void every_place_must_hold_its_value(void **state)
{
	(void)state;
	load("{\"routes\": [{\"when\": {\"/a\": 1, \"/b/c\": [\"x\", \"y\"]}, \"vendor\": \"a\"}]}");
	assert_goes_to("{\"b\":{\"c\":\"y\"},\"a\":1}", "a");
	assert_goes_to("{\"a\":1}", NULL);
	assert_goes_to("{\"a\":1,\"b\":{\"c\":\"z\"}}", NULL);
	assert_goes_to("{\"a\":1,\"b\":\"x\"}", NULL);
	assert_goes_to("{\"a\":2,\"b\":{\"c\":\"x\"}}", NULL);
}

static void places_are_json_pointers(void **state)
{
	static const struct { const char *pointer, *payload; } found[] = {
		{ "/a/b/0/c", "{\"a\":{\"x\":[{\"b\":0}],\"b\":[{\"c\":7}]}}" },
		{ "/1", "[1,7,2]" },
		{ "/1", "{\"0\":1,\"1\":7}" },
		{ "/a~1b/~0c", "{\"a/b\":{\"~c\":7}}" },
		{ "/\\n\\\"", "{\"x\":1,\"\\n\\\"\":7}" },
		{ "/", "{\"\":7}" },
		{ "", "7" },
	};
	static const struct { const char *pointer, *payload; } missed[] = {
		{ "/a", "{\"b\":{\"a\":7}}" },
		{ "/a", "{\"b\":\"a\",\"c\":[\"a\",7]}" },
		{ "/01", "[1,7]" },
		{ "/2", "[1,7]" },
		{ "/-1", "[7]" },
		{ "/x", "[7]" },
		{ "/99999999999999999999999", "[7]" },
		{ "/a/b", "{\"a\":\"b\"}" },
		{ "/a", "\"a\"" },
		{ "", "[7]" },
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		snprintf(text, sizeof(text), "{\"routes\":[{\"when\":{\"%s\":7},\"vendor\":\"a\"}]}", found[i].pointer);
		load(text);
		assert_goes_to(found[i].payload, "a");
		end(NULL);
	}
	for (size_t i = 0; i < sizeof(missed) / sizeof(missed[0]); i++) {
		snprintf(text, sizeof(text), "{\"routes\":[{\"when\":{\"%s\":7},\"vendor\":\"a\"}]}", missed[i].pointer);
		load(text);
		assert_goes_to(missed[i].payload, NULL);
		end(NULL);
	}
}

static void values_are_compared_as_json(void **state)
{
	static const struct { const char *wanted, *value; bool same; } values[] = {
		{ "\"a\"", "\"a\"", true }, { "\"a\"", "\"A\"", false }, { "\"a\"", "\"ab\"", false }, { "\"\"", "\"\"", true },
		{ "\"\\u00e9\\n\"", "\"\xc3\xa9\\n\"", true },
		{ "5", "5", true }, { "5", "5.0", true }, { "5.00", "5", true }, { "1e2", "100", true }, { "0.1", "1e-1", true },
		{ "5", "55", false }, { "5", "-5", false }, { "5", "\"5\"", false }, { "\"5\"", "5", false },
		{ "9007199254740993", "9007199254740992", false }, { "123456789012345678901", "123456789012345678901", true },
		{ "true", "true", true }, { "true", "false", false }, { "true", "\"true\"", false }, { "false", "null", false },
		{ "0", "false", false }, { "1", "{}", false }, { "1", "[1]", false },
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(text, sizeof(text), "{\"routes\":[{\"when\":{\"/x\":[\"other\",%s]},\"vendor\":\"a\"}]}", values[i].wanted);
		load(text);
		snprintf(text, sizeof(text), "{\"x\":%s,\"y\":1}", values[i].value);
		assert_goes_to(text, values[i].same ? "a" : NULL);
		end(NULL);
	}
}

static void assert_refused(const char *text, const char *reason)
{
	struct err_text why;
	char expected[512];

	write_file(file, text);
	snprintf(expected, sizeof(expected), "%s: %s", file, reason);
	assert_int_equal(vendor_routes_load(file, vendors, &routes, &why), ERR_INVALID);
	assert_string_equal(why.text, expected);
	assert_null(routes);
}

static void mistakes_are_named_with_file_and_member(void **state)
{
	static const struct { const char *text, *reason; } bad[] = {
		{ "{\"routes\": [}", "byte 12: expected a value at /routes/0" },
		{ "[]", "must be an object" },
		{ "{\"rules\": []}", "rules: unknown member, there are routes and default" },
		{ "{\"default\": \"a\"}", "routes: must be an array of 1 to 1000 routes" },
		{ "{\"routes\": []}", "routes: must be an array of 1 to 1000 routes" },
		{ "{\"routes\": {}}", "routes: must be an array of 1 to 1000 routes" },
		{ "{\"routes\": [1]}", "routes/0: must be an object" },
		{ "{\"routes\": [{\"wehn\": {}, \"vendor\": \"a\"}]}", "routes/0/wehn: unknown member, there are when and vendor" },
		{ "{\"routes\": [{\"vendor\": \"a\"}]}", "routes/0/when: must be an object of places in the payload and their values" },
		{ "{\"routes\": [{\"when\": {}, \"vendor\": \"a\"}]}", "routes/0/when: must be an object of places in the payload and their values" },
		{ "{\"routes\": [{\"when\": {\"a\": 1}, \"vendor\": \"a\"}]}", "routes/0/when: \"a\" must be a JSON Pointer: empty, or beginning with '/'" },
		{ "{\"routes\": [{\"when\": {\"/a\": null}, \"vendor\": \"a\"}]}",
		  "routes/0/when: \"/a\" can be compared with strings, numbers, true and false only" },
		{ "{\"routes\": [{\"when\": {\"/a\": [1, {}]}, \"vendor\": \"a\"}]}",
		  "routes/0/when: \"/a\" can be compared with strings, numbers, true and false only" },
		{ "{\"routes\": [{\"when\": {\"/a\": []}, \"vendor\": \"a\"}]}", "routes/0/when: \"/a\" must have 1 to 1000 values" },
		{ "{\"routes\": [{\"when\": {\"/a\": 1}, \"vendor\": \"a\"}, {\"when\": {\"/a\": 2}}]}", "routes/1/vendor: must be the name of a vendor" },
		{ "{\"routes\": [{\"when\": {\"/a\": 1}, \"vendor\": \"d\"}]}", "routes/0/vendor: no file defines the vendor \"d\"" },
		{ "{\"routes\": [{\"when\": {\"/a\": 1}, \"vendor\": \"a\"}], \"default\": \"A\"}", "default: no file defines the vendor \"A\"" },
		{ "{\"routes\": [{\"when\": {\"/a\": 1}, \"vendor\": \"a\"}], \"default\": null}", "default: must be the name of a vendor" },
	};
	struct err_text why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(bad[i].text, bad[i].reason);
	assert_int_equal(vendor_routes_load("/no/such/file", vendors, &routes, &why), ERR_INVALID);
	assert_string_equal(why.text, "cannot open /no/such/file: No such file or directory");
}

/* n routes, each with its own place. */
static void make_text(struct buffer *text, int n)
{
	buffer_init(text, 1 << 20);
	for (int i = 0; i < n; i++)
		buffer_printf(text, "%s{\"when\":{\"/p%d\":1,\"/all\":1},\"vendor\":\"b\"}", i ? "," : "{\"routes\":[", i);
	buffer_append_str(text, "]}");
}

static void the_places_of_all_routes_are_bounded(void **state)
{
	struct buffer text;

	(void)state;
	make_text(&text, 15);
	load(text.data);
	assert_goes_to("{\"p14\":1,\"all\":1}", "b");
	buffer_deinit(&text);
	end(NULL);
	make_text(&text, 16);
	assert_refused(text.data, "routes/15/when: \"/p15\" is one more than the 16 places that all routes together may ask for");
	buffer_deinit(&text);
}

static void pointers_are_bounded(void **state)
{
	char text[512];

	(void)state;
	snprintf(text, sizeof(text), "{\"routes\":[{\"when\":{\"/%0255d\":1},\"vendor\":\"a\"}]}", 0);
	load(text);
	end(NULL);
	snprintf(text, sizeof(text), "{\"routes\":[{\"when\":{\"/%0256d\":1},\"vendor\":\"a\"}]}", 0);
	assert_refused(text, "routes/0/when: \"/0000000000000000000000000000000000000000000000000000000000000000000000000000000...\" "
	                     "has more than 256 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_first_route_that_matches_counts, end),
		cmocka_unit_test_teardown(what_matches_none_goes_to_the_default, end),
		cmocka_unit_test_teardown(every_place_must_hold_its_value, end),
		cmocka_unit_test_teardown(places_are_json_pointers, end),
		cmocka_unit_test_teardown(values_are_compared_as_json, end),
		cmocka_unit_test_teardown(mistakes_are_named_with_file_and_member, end),
		cmocka_unit_test_teardown(the_places_of_all_routes_are_bounded, end),
		cmocka_unit_test_teardown(pointers_are_bounded, end),
	};
	return cmocka_run_group_tests(tests, make_vendors, remove_vendors);
}
