/* Which addresses are those of the internet, where anybody's vendor may live, and which are of this machine, its networks
 * or nobody. Pure; reentrant. */
#ifndef VF_PUBLIC_ADDRESS_H
#define VF_PUBLIC_ADDRESS_H

/* NULL: a public unicast address. Else what it is instead, such as "loopback" or "a private network". An IPv4 address counts
 * as that in every form in which it is carried: ::ffff:a.b.c.d, NAT64 and 6to4. What is no address is none. */
const char *public_address_why_not(const char *address);

#endif
