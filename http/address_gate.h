/* Keeps calls whose host somebody else than the vendor's file has named away from this machine and its networks. What counts
 * is the address that is connected to, whatever name or notation led there. One thread uses it, as it does the call's handle. */
#ifndef VF_ADDRESS_GATE_H
#define VF_ADDRESS_GATE_H

#include "vendor.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdbool.h>

struct address_gate {
	const struct vendor *vendor;        /* NULL: everything passes */
	bool let_through;                   /* one address at least */
	char refused[INET6_ADDRSTRLEN];     /* the last one that was not, or "" */
};

/* From now on the handle's connections pass through it; it has to outlive them. */
void address_gate_set(struct address_gate *gate, const struct vendor *vendor, CURL *easy);

/* May it be connected to, or a connection to it be used? Another vendor may have made one that is kept. */
bool address_gate_lets(struct address_gate *gate, const char *address);

/* Was there no address but refused ones? Then the text, of CURL_ERROR_SIZE, says so; else false. */
bool address_gate_refused(const struct address_gate *gate, char text[CURL_ERROR_SIZE]);

#endif
