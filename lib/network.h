/* Networks, as people write them: "192.0.2.0/24", "2001:db8::/32", or one address. Pure; reentrant. */
#ifndef VF_NETWORK_H
#define VF_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

struct network {
	unsigned char address[16];   /* IPv4 as ::ffff:a.b.c.d */
	int bits;                    /* that count, of 128 */
};

struct networks { struct network *items; size_t n; };   /* items: owned by whoever has them */

/* False: it is not one, or has bits behind those that count ("10.0.0.1/8" means either of two things). */
bool network_parse(const char *text, struct network *network);

/* Is the address, a text, in it? An IPv4 address is the same whichever way it is written. */
bool network_has(const struct network *network, const char *address);

/* In any of them? NULL is in none. */
bool networks_have(const struct networks *networks, const char *address);

#endif
