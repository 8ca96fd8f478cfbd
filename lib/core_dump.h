/* No core dumps of a program that holds secrets: they would be in it. Nor may another program of the same user (lighttpd) look
 * into its memory and environment by ptrace or /proc then, whose files there become root's. One thread. */
#ifndef VF_CORE_DUMP_H
#define VF_CORE_DUMP_H

/* To be called before secrets are read. */
void core_dump_forbid(void);
/* As it was before core_dump_forbid(), for who looks for a mistake; the log says so. */
void core_dump_allow(void);

#endif
