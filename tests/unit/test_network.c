#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "network.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void addresses_are_in_networks_or_not(void **state)
{
	static const struct { const char *network, *address; bool in; } rows[] = {
		{ "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.8", false },
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "10.0.0.0/9", "10.127.255.255", true },
		{ "10.0.0.0/9", "10.128.0.0", false },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "203.0.113.9", true },
		{ "::/0", "2001:db8::1", true },
		{ "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/32", "2001:db9::", false },
		{ "::1", "0:0:0:0:0:0:0:1", true },
		{ "192.0.2.0/24", "::ffff:192.0.2.9", true },
		{ "::ffff:192.0.2.0/120", "192.0.2.9", true },
		{ "192.0.2.7", "not an address", false },
		{ "192.0.2.7", "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct network network;

		assert_true(network_parse(rows[i].network, &network));
		if (network_has(&network, rows[i].address) != rows[i].in)
			fail_msg("%s %s", rows[i].network, rows[i].address);
	}
}

static void what_is_no_network_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/08 ", "10.0.0.1/8", "10.0.0/8", "10",
		"2001:db8::/129", "2001:db8::1/32", "2001:db8::/9999", "localhost", "256.0.0.1", "1.2.3.4.5", " 10.0.0.1",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
	};
	struct network network;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (network_parse(bad[i], &network))
			fail_msg("%s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_in_networks_or_not),
		cmocka_unit_test(what_is_no_network_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
