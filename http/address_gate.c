#include "address_gate.h"

#include "public_address.h"

#include <stdio.h>
#include <sys/socket.h>

bool address_gate_lets(struct address_gate *gate, const char *address)
{
	const struct vendor *vendor = gate->vendor;

	if (vendor && !vendor->allow_private && public_address_why_not(address) &&
	    !networks_have(&vendor->allow_networks, address)) {
		snprintf(gate->refused, sizeof(gate->refused), "%s", address);
		return false;
	}
	gate->let_through = true;
	return true;
}

static bool is_let(struct address_gate *gate, const struct sockaddr *to)
{
	char text[INET6_ADDRSTRLEN];
	const void *bytes = to->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)to)->sin_addr
	                                             : (const void *)&((const struct sockaddr_in6 *)to)->sin6_addr;

	if (to->sa_family != AF_INET && to->sa_family != AF_INET6)
		return false;
	return inet_ntop(to->sa_family, bytes, text, sizeof(text)) && address_gate_lets(gate, text);
}

/* The name is resolved by now, and what is looked at here is what will be connected to. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	(void)purpose;
	return is_let(arg, &to->addr) ? socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol) : CURL_SOCKET_BAD;
}

void address_gate_set(struct address_gate *gate, const struct vendor *vendor, CURL *easy)
{
	*gate = (struct address_gate){ .vendor = vendor };
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, gate);
}

bool address_gate_refused(const struct address_gate *gate, char text[CURL_ERROR_SIZE])
{
	if (gate->let_through || !gate->refused[0])
		return false;
	snprintf(text, CURL_ERROR_SIZE, "its host has the address %s (%s), which only request/allow_networks or "
	         "request/allow_private_addresses can allow", gate->refused, public_address_why_not(gate->refused));
	return true;
}
