#include "hangup.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

/* Never called, as it is blocked: it is there to be seen in /proc, and to be no default. */
static void do_nothing(int signal) { (void)signal; }

void hangup_expect(void)
{
	struct sigaction action = { .sa_handler = do_nothing, .sa_flags = SA_RESTART };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGHUP, &action, NULL);
}

/* False: it has no handler for it, yet. */
static bool expects(FILE *status)
{
	char line[256];
	uint64_t caught;

	while (fgets(line, sizeof(line), status))
		if (sscanf(line, "SigCgt: %" SCNx64, &caught) == 1)
			return caught >> (SIGHUP - 1) & 1;
	return false;
}

enum hangup hangup_tell(pid_t pid)
{
	char path[64];
	FILE *status;
	bool expected;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = fopen(path, "re");
	if (!status)
		return HANGUP_GONE;
	expected = expects(status);
	fclose(status);
	if (!expected)
		return HANGUP_STARTING;
	if (kill(pid, SIGHUP) == 0)
		return HANGUP_TOLD;
	return errno == EPERM ? HANGUP_NOT_ALLOWED : HANGUP_GONE;
}
