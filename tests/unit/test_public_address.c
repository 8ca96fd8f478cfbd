/* Every kind of address that is not anybody's vendor on the internet, by its first and last, and its neighbours that are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "public_address.h"

#include <string.h>

static const struct { const char *address, *is; } rows[] = {
	{ "1.1.1.1", NULL },
	{ "0.0.0.0", "unspecified" },
	{ "0.255.255.255", "unspecified" },
	{ "1.0.0.0", NULL },
	{ "9.255.255.255", NULL },
	{ "10.0.0.0", "a private network" },
	{ "10.255.255.255", "a private network" },
	{ "11.0.0.0", NULL },
	{ "100.63.255.255", NULL },
	{ "100.64.0.0", "a network of a provider" },
	{ "100.100.100.200", "a network of a provider" },
	{ "100.127.255.255", "a network of a provider" },
	{ "100.128.0.0", NULL },
	{ "126.255.255.255", NULL },
	{ "127.0.0.1", "loopback" },
	{ "127.255.255.255", "loopback" },
	{ "128.0.0.0", NULL },
	{ "168.63.129.16", "metadata of a cloud" },
	{ "168.63.129.17", NULL },
	{ "169.253.255.255", NULL },
	{ "169.254.0.0", "link-local" },
	{ "169.254.169.254", "metadata of a cloud" },
	{ "169.254.255.255", "link-local" },
	{ "169.255.0.0", NULL },
	{ "172.15.255.255", NULL },
	{ "172.16.0.0", "a private network" },
	{ "172.31.255.255", "a private network" },
	{ "172.32.0.0", NULL },
	{ "192.0.0.192", "reserved" },
	{ "192.0.1.0", NULL },
	{ "192.0.2.1", "for documentation" },
	{ "192.88.99.1", "reserved" },
	{ "192.167.255.255", NULL },
	{ "192.168.0.0", "a private network" },
	{ "192.168.255.255", "a private network" },
	{ "192.169.0.0", NULL },
	{ "198.17.255.255", NULL },
	{ "198.18.0.0", "for benchmarks" },
	{ "198.19.255.255", "for benchmarks" },
	{ "198.20.0.0", NULL },
	{ "198.51.100.1", "for documentation" },
	{ "203.0.113.1", "for documentation" },
	{ "223.255.255.255", NULL },
	{ "224.0.0.0", "multicast" },
	{ "239.255.255.255", "multicast" },
	{ "240.0.0.0", "reserved" },
	{ "255.255.255.255", "broadcast" },

	{ "2606:4700::1111", NULL },
	{ "2400::", NULL },
	{ "3ffe::1", NULL },
	{ "::", "unspecified" },
	{ "::1", "loopback" },
	{ "::2", "reserved" },
	{ "::7f00:1", "reserved" },
	{ "fe80::1", "link-local" },
	{ "febf::1", "link-local" },
	{ "fec0::1", "a private network" },
	{ "fc00::1", "a private network" },
	{ "fdff:ffff::1", "a private network" },
	{ "fd00:ec2::254", "metadata of a cloud" },
	{ "ff02::1", "multicast" },
	{ "100::1", "reserved" },
	{ "4000::1", "reserved" },
	{ "1fff:ffff::1", "reserved" },
	{ "2001::1", "reserved" },
	{ "2001:1ff:ffff::1", "reserved" },
	{ "2001:200::1", NULL },
	{ "2001:db8::1", "for documentation" },
	{ "3fff:fff::1", "for documentation" },

	/* IPv4, carried by IPv6. */
	{ "::ffff:127.0.0.1", "loopback" },
	{ "::ffff:a9fe:a9fe", "metadata of a cloud" },
	{ "::ffff:10.1.2.3", "a private network" },
	{ "::ffff:1.1.1.1", NULL },
	{ "64:ff9b::127.0.0.1", "loopback" },
	{ "64:ff9b::169.254.169.254", "metadata of a cloud" },
	{ "64:ff9b::101:101", NULL },
	{ "64:ff9b:1::1", "reserved" },
	{ "::ffff:0:127.0.0.1", "reserved" },
	{ "2002:7f00:1::", "loopback" },
	{ "2002:c0a8:101::1", "a private network" },
	{ "2002:101:101::1", NULL },

	{ "", "no address" },
	{ "localhost", "no address" },
	{ "2130706433", "no address" },
	{ "fe80::1%eth0", "no address" },
};

static void each_address_is_what_the_registries_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *is = public_address_why_not(rows[i].address);

		if (!is != !rows[i].is || (is && strcmp(is, rows[i].is) != 0))
			fail_msg("%s is %s and not %s", rows[i].address, is ? is : "public", rows[i].is ? rows[i].is : "public");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_address_is_what_the_registries_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
