#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../fcgi/job_body.h"
#include "../support/reference.h"

static struct vendor_set *vendors;   /* the shipped ones */
static struct reply reply;

static const char *any_url(const char *name)
{
	(void)name;
	return "http://127.0.0.1:1/";
}

static int load_vendors(void **state)
{
	struct err_text why;
	char dir[512];

	(void)state;
	reference_source_path("etc/vendors.d", dir, sizeof(dir));
	return vendor_set_load(dir, any_url, &vendors, &why);
}

static int free_vendors(void **state)
{
	(void)state;
	vendor_set_free(vendors);
	return 0;
}

static int begin(void **state)
{
	(void)state;
	reply_init(&reply);
	return 0;
}

static int end(void **state)
{
	(void)state;
	reply_deinit(&reply);
	return 0;
}

/* False: reply says why. *name is "" if no vendor is named; *payload is the caller's. */
static bool read_job(const char *target, const char *text, bool other_names, const char **name, char **payload)
{
	struct request request = { .fcgx = NULL };
	struct job_body body = { .text = NULL };
	const struct vendor *vendor;
	struct err_text why;
	bool read;

	assert_int_equal(request_set_target(&request, target, &why), ERR_OK);
	request.body = strdup(text);
	request.body_len = strlen(text);
	read = job_body_read(&body, &request, &JSON_LIMITS_DEFAULT, other_names, &reply) &&
	       job_body_vendor(&body, &request, vendors, &vendor, &reply);
	if (read) {
		*name = vendor ? vendor->name : "";
		*payload = job_body_take_payload(&body);
	}
	job_body_deinit(&body);
	request_deinit(&request);
	return read;
}

static void assert_reads(const char *target, const char *text, bool other_names, const char *vendor, const char *payload)
{
	const char *name;
	char *got;

	if (!read_job(target, text, other_names, &name, &got))
		fail_msg("%s %s: %s", target, text, reply.body);
	assert_string_equal(name, vendor);
	assert_string_equal(got, payload);
	free(got);
}

static void assert_refused(const char *target, const char *text, int status, const char *words)
{
	const char *name;
	char *got;

	if (read_job(target, text, true, &name, &got))
		fail_msg("%s %s: is taken", target, text);
	assert_int_equal(reply.status, status);
	if (!strstr(reply.body, words))
		fail_msg("%s %s: %s", target, text, reply.body);
}

static void the_documented_names_mean_what_they_always_did(void **state)
{
	static const struct { const char *text, *vendor, *payload; } bodies[] = {
		{ "{\"payload\": {\"a\": 1}, \"vendor\": \"sync\"}", "syncVendor", "{\"a\":1}" },
		{ "{\"vendor\": \"async\", \"payload\": null, \"data\": 1, \"x\": 2}", "asyncVendor", "null" },
		{ "{\"vendor\": \"syncVendor\", \"type\": \"user_data\", \"userId\": 123}", "syncVendor",
		  "{\"type\":\"user_data\",\"userId\":123}" },
		{ "{\"a\": 1, \"vendor\": \"sync\"}", "syncVendor", "{\"a\":1}" },
		{ "{\"a\": 1, \"vendor\": \"sync\", \"b\": 2}", "syncVendor", "{\"a\":1,\"b\":2}" },
		{ "{\"vendor\": \"sync\"}", "syncVendor", "{}" },
		{ "{\"\\u0076endor\": \"s\\u0079nc\"}", "syncVendor", "{}" },
		{ "{\"a\": {\"vendor\": \"sync\"}}", "", "{\"a\":{\"vendor\":\"sync\"}}" },
		{ "{}", "", "{}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		assert_reads("/jobs", bodies[i].text, true, bodies[i].vendor, bodies[i].payload);
		assert_reads("/jobs", bodies[i].text, false, bodies[i].vendor, bodies[i].payload);
	}
}

static void the_vendor_has_other_names(void **state)
{
	(void)state;
	assert_reads("/jobs", "{\"vendorType\": \"vendor-sync\", \"payload\": 1}", true, "syncVendor", "1");
	assert_reads("/jobs", "{\"vendor_type\": \"async-vendor\", \"a\": 1}", true, "asyncVendor", "{\"a\":1}");
	assert_reads("/jobs", "{\"a\": 1, \"vendor_type\": \"async-vendor\"}", true, "asyncVendor", "{\"a\":1}");
	assert_reads("/jobs", "{\"VendorType\": \"sync\"}", true, "", "{\"VendorType\":\"sync\"}");
}

static void data_is_the_payload_where_it_is_alone(void **state)
{
	(void)state;
	assert_reads("/jobs", "{\"vendor\": \"sync\", \"data\": {\"a\": 1}}", true, "syncVendor", "{\"a\":1}");
	assert_reads("/jobs", "{\"vendorPayload\": [1], \"vendorType\": \"sync\"}", true, "syncVendor", "[1]");
	assert_reads("/jobs", "{\"data\": null}", true, "", "null");
	assert_reads("/jobs?vendor=sync", "{\"data\": 7}", true, "syncVendor", "7");
}

static void data_beside_others_is_one_of_them(void **state)
{
	(void)state;
	assert_reads("/jobs", "{\"vendor\": \"sync\", \"data\": {\"a\": 1}, \"type\": \"x\"}", true, "syncVendor",
	             "{\"data\":{\"a\":1},\"type\":\"x\"}");
	assert_reads("/jobs", "{\"data\": 1, \"vendor\": \"sync\", \"vendorPayload\": 2}", true, "syncVendor",
	             "{\"data\":1,\"vendorPayload\":2}");
	assert_reads("/jobs", "{\"data\": 1, \"payload\": 2, \"vendor\": \"sync\"}", true, "syncVendor", "2");
}

static void several_names_may_say_the_same_vendor(void **state)
{
	(void)state;
	assert_reads("/jobs", "{\"vendorType\": \"sync\", \"vendor\": \"syncVendor\"}", true, "syncVendor", "{}");
	assert_reads("/jobs?vendor=vendor-sync", "{\"vendor_type\": \"sync\", \"a\": 1, \"vendor\": \"syncVendor\", \"b\": 2}", true,
	             "syncVendor", "{\"a\":1,\"b\":2}");
	assert_reads("/jobs", "{\"vendorType\": \"sync\", \"data\": 1, \"vendor\": \"sync\"}", true, "syncVendor", "1");
}

static void two_vendors_are_refused_at_the_second(void **state)
{
	(void)state;
	assert_refused("/jobs", "{\"vendorType\": \"async\", \"vendor\": \"sync\", \"payload\": 1}", 422,
	               "two vendors are named: \\\"syncVendor\\\" and \\\"asyncVendor\\\"\",\"pointer\":\"/vendorType\"");
	assert_refused("/jobs", "{\"vendor_type\": \"async\", \"vendorType\": \"sync\"}", 422, "\"pointer\":\"/vendor_type\"");
	assert_refused("/jobs?vendor=async", "{\"vendor\": \"sync\"}", 422, "\"pointer\":\"/vendor\"");
}

static void a_name_of_no_vendor_is_refused_where_it_stands(void **state)
{
	(void)state;
	assert_refused("/jobs", "{\"vendor\": \"nobody\"}", 422, "unknown vendor \\\"nobody\\\"\",\"pointer\":\"/vendor\"");
	assert_refused("/jobs", "{\"vendor\": \"Sync\"}", 422, "\"pointer\":\"/vendor\"");
	assert_refused("/jobs", "{\"vendor\": \"sync\", \"vendorType\": \"nobody\"}", 422, "\"pointer\":\"/vendorType\"");
	assert_refused("/jobs", "{\"vendor_type\": 7}", 422, "vendor_type must be a string\",\"pointer\":\"/vendor_type\"");
	assert_refused("/jobs", "{\"vendor\": \"sync\\u0000\"}", 422, "\"pointer\":\"/vendor\"");
	assert_refused("/jobs?vendor=nobody", "{\"vendor\": \"sync\"}", 422, "the query names an unknown vendor");
	assert_refused("/jobs?vendor=", "{}", 422, "the query names an unknown vendor");
	assert_refused("/jobs?vendor=%ff", "{}", 422, "the query names an unknown vendor");
	assert_refused("/jobs?vendor=%", "{}", 422, "the query names an unknown vendor");
	assert_refused("/jobs?vendor=sync&vendor=sync", "{}", 422, "the query names an unknown vendor: it is there twice");
}

static void the_query_may_name_the_vendor(void **state)
{
	(void)state;
	assert_reads("/jobs?vendor=async", "{\"a\": 1}", false, "asyncVendor", "{\"a\":1}");
	assert_reads("/jobs?a=b&vendor=vendor%2Dsync", "{\"payload\": 1, \"vendor\": \"sync\"}", false, "syncVendor", "1");
}

static void the_other_names_can_be_switched_off(void **state)
{
	(void)state;
	assert_reads("/jobs", "{\"vendor\": \"sync\", \"data\": 1}", false, "syncVendor", "{\"data\":1}");
	assert_reads("/jobs", "{\"vendor\": \"sync\", \"vendorType\": \"async\"}", false, "syncVendor", "{\"vendorType\":\"async\"}");
	assert_reads("/jobs", "{\"vendor_type\": \"async\"}", false, "", "{\"vendor_type\":\"async\"}");
}

static void what_is_no_object_is_no_job(void **state)
{
	(void)state;
	assert_refused("/jobs", "[1]", 422, "must be a JSON object");
	assert_refused("/jobs", "{\"data\": }", 400, "\"pointer\":\"/data\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_documented_names_mean_what_they_always_did, begin, end),
		cmocka_unit_test_setup_teardown(the_vendor_has_other_names, begin, end),
		cmocka_unit_test_setup_teardown(data_is_the_payload_where_it_is_alone, begin, end),
		cmocka_unit_test_setup_teardown(data_beside_others_is_one_of_them, begin, end),
		cmocka_unit_test_setup_teardown(several_names_may_say_the_same_vendor, begin, end),
		cmocka_unit_test_setup_teardown(two_vendors_are_refused_at_the_second, begin, end),
		cmocka_unit_test_setup_teardown(a_name_of_no_vendor_is_refused_where_it_stands, begin, end),
		cmocka_unit_test_setup_teardown(the_query_may_name_the_vendor, begin, end),
		cmocka_unit_test_setup_teardown(the_other_names_can_be_switched_off, begin, end),
		cmocka_unit_test_setup_teardown(what_is_no_object_is_no_job, begin, end),
	};
	return cmocka_run_group_tests(tests, load_vendors, free_vendors);
}
