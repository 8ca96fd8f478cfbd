#include "core_dump.h"

#include "log.h"

#include <sys/prctl.h>
#include <sys/resource.h>

static struct rlimit found;

/* The limit alone would not do: where core_pattern is a pipe the kernel does not ask for it. */
void core_dump_forbid(void)
{
	struct rlimit none;

	prctl(PR_SET_DUMPABLE, 0);
	getrlimit(RLIMIT_CORE, &found);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = found.rlim_max };
	setrlimit(RLIMIT_CORE, &none);
}

void core_dump_allow(void)
{
	setrlimit(RLIMIT_CORE, &found);
	prctl(PR_SET_DUMPABLE, 1);
	log_warn("core dumps are allowed, and will have secrets in them (VENDORFETCH_CORE_DUMPS)");
}
