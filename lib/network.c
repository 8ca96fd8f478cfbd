#include "network.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { ALL_BITS = 128, IPV4_AT = 12, TEXT_SIZE = 64 };

/* *first: of the bits, those that IPv4 addresses have in front. */
static bool parse_address(const char *text, unsigned char address[16], int *first)
{
	*first = 0;
	if (inet_pton(AF_INET6, text, address) == 1)
		return true;
	memset(address, 0, IPV4_AT - 2);
	memset(address + IPV4_AT - 2, 0xff, 2);
	*first = 8 * IPV4_AT;
	return inet_pton(AF_INET, text, address + IPV4_AT) == 1;
}

static bool is_bit_set(const unsigned char address[16], int bit) { return address[bit / 8] >> (7 - bit % 8) & 1; }

static bool parse_bits(const char *text, int first, int *bits)
{
	size_t digits = strspn(text, "0123456789");

	if (digits < 1 || digits > 3 || text[digits])
		return false;
	*bits = first + (int)strtol(text, NULL, 10);
	return *bits <= ALL_BITS;
}

bool network_parse(const char *text, struct network *network)
{
	size_t len = strcspn(text, "/");
	char address[TEXT_SIZE];
	int first;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	network->bits = ALL_BITS;
	if (!parse_address(address, network->address, &first) ||
	    (text[len] && !parse_bits(text + len + 1, first, &network->bits)))
		return false;
	for (int bit = network->bits; bit < ALL_BITS; bit++)
		if (is_bit_set(network->address, bit))
			return false;
	return true;
}

bool network_has(const struct network *network, const char *text)
{
	unsigned char address[16];
	int first;

	if (!parse_address(text, address, &first))
		return false;
	for (int bit = 0; bit < network->bits; bit++)
		if (is_bit_set(address, bit) != is_bit_set(network->address, bit))
			return false;
	return true;
}

bool networks_have(const struct networks *networks, const char *address)
{
	for (size_t i = 0; i < networks->n; i++)
		if (address && network_has(&networks->items[i], address))
			return true;
	return false;
}
