/* The special-purpose registries of IANA (RFC 6890 and what followed), as a table. */
#include "public_address.h"

#include "network.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>

struct kind { const char *network, *is; };

static const struct kind ipv4_kinds[] = {
	{ "0.0.0.0/8", "unspecified" },
	{ "10.0.0.0/8", "a private network" },
	{ "100.64.0.0/10", "a network of a provider" },         /* behind carrier-grade NAT; some clouds have metadata here */
	{ "127.0.0.0/8", "loopback" },
	{ "168.63.129.16", "metadata of a cloud" },             /* Azure's, a public address by its looks */
	{ "169.254.169.254", "metadata of a cloud" },
	{ "169.254.0.0/16", "link-local" },
	{ "172.16.0.0/12", "a private network" },
	{ "192.0.0.0/24", "reserved" },
	{ "192.0.2.0/24", "for documentation" },
	{ "192.88.99.0/24", "reserved" },
	{ "192.168.0.0/16", "a private network" },
	{ "198.18.0.0/15", "for benchmarks" },
	{ "198.51.100.0/24", "for documentation" },
	{ "203.0.113.0/24", "for documentation" },
	{ "224.0.0.0/4", "multicast" },
	{ "255.255.255.255", "broadcast" },
	{ "240.0.0.0/4", "reserved" },
};

/* What is global unicast is 2000::/3 less these. */
static const struct kind ipv6_kinds[] = {
	{ "::", "unspecified" },
	{ "::1", "loopback" },
	{ "fd00:ec2::254", "metadata of a cloud" },
	{ "fc00::/7", "a private network" },
	{ "fe80::/10", "link-local" },
	{ "fec0::/10", "a private network" },
	{ "ff00::/8", "multicast" },
	{ "2001::/23", "reserved" },                            /* Teredo, and others that nobody's vendor has */
	{ "2001:db8::/32", "for documentation" },
	{ "3fff::/20", "for documentation" },
};

static const char global_unicast[] = "2000::/3";

/* IPv6 addresses that carry an IPv4 address, from this byte on. */
static const struct { const char *network; size_t at; } carriers[] = {
	{ "::ffff:0:0/96", 12 }, { "64:ff9b::/96", 12 }, { "2002::/16", 2 },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool is_in(const char *address, const char *text)
{
	struct network network;

	return network_parse(text, &network) && network_has(&network, address);
}

static const char *find(const char *address, const struct kind *kinds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_in(address, kinds[i].network))
			return kinds[i].is;
	return NULL;
}

/* The IPv4 address that an IPv6 address is or carries. */
static bool carried_ipv4(const char *address, const unsigned char bytes[16], char out[INET_ADDRSTRLEN])
{
	for (size_t i = 0; i < COUNT(carriers); i++)
		if (is_in(address, carriers[i].network))
			return inet_ntop(AF_INET, bytes + carriers[i].at, out, INET_ADDRSTRLEN) != NULL;
	return false;
}

const char *public_address_why_not(const char *address)
{
	unsigned char bytes[16];
	char ipv4[INET_ADDRSTRLEN];
	const char *is;

	if (inet_pton(AF_INET, address, bytes) == 1)
		return find(address, ipv4_kinds, COUNT(ipv4_kinds));
	if (inet_pton(AF_INET6, address, bytes) != 1)
		return "no address";
	if (carried_ipv4(address, bytes, ipv4))
		return find(ipv4, ipv4_kinds, COUNT(ipv4_kinds));
	is = find(address, ipv6_kinds, COUNT(ipv6_kinds));
	return is || is_in(address, global_unicast) ? is : "reserved";
}
