#include "job_state.h"

#include <string.h>

enum { UNCHANGED = -1 };

#define QUEUED PHASE_BIT(PHASE_QUEUED)
#define CALLING PHASE_BIT(PHASE_CALLING)
#define WAITING_CALLBACK PHASE_BIT(PHASE_WAITING_CALLBACK)
#define WAITING_POLL PHASE_BIT(PHASE_WAITING_POLL)
#define POLLING PHASE_BIT(PHASE_POLLING)

static const struct job_transition transitions[EVENT_COUNT] = {
	/* event                   name              from                        to                      status             any_fence clears_error to_other */
	[EVENT_CLAIM]          = { "claim",          QUEUED,                     PHASE_CALLING,          STATUS_PROCESSING, true,  false,       false },
	[EVENT_CLAIM_POLL]     = { "claim_poll",     WAITING_POLL,               PHASE_POLLING,          STATUS_PROCESSING, true,  false,       false },
	[EVENT_SUCCEED]        = { "succeed",        PHASES_UNFINISHED,          PHASE_DONE,             STATUS_COMPLETE,   true,  true,        false },
	[EVENT_FAIL]           = { "fail",           CALLING | POLLING,          PHASE_DONE,             STATUS_FAILED,     false, false,       false },
	[EVENT_RETRY]          = { "retry",          CALLING,                    PHASE_QUEUED,           UNCHANGED,         false, false,       false },
	[EVENT_RETURN]         = { "return",         CALLING,                    PHASE_QUEUED,           UNCHANGED,         false, false,       false },
	[EVENT_AWAIT_CALLBACK] = { "await_callback", CALLING,                    PHASE_WAITING_CALLBACK, UNCHANGED,         false, false,       false },
	[EVENT_AWAIT_POLL]     = { "await_poll",     CALLING,                    PHASE_WAITING_POLL,     UNCHANGED,         false, true,        false },
	[EVENT_POLL_AGAIN]     = { "poll_again",     POLLING,                    PHASE_WAITING_POLL,     UNCHANGED,         false, true,        false },
	[EVENT_POLL_LOST]      = { "poll_lost",      POLLING,                    PHASE_WAITING_POLL,     UNCHANGED,         false, false,       false },
	[EVENT_LEASE_LOST]     = { "lease_lost",     CALLING,                    PHASE_QUEUED,           UNCHANGED,         false, false,       false },
	[EVENT_CALLBACK_FAIL]  = { "callback_fail",  CALLING | WAITING_CALLBACK, PHASE_DONE,             STATUS_FAILED,     false, false,       false },
	[EVENT_CALLBACK_RETRY] = { "callback_retry", CALLING | WAITING_CALLBACK, PHASE_QUEUED,           UNCHANGED,         false, false,       false },
	[EVENT_FALL_BACK]      = { "fall_back",      PHASES_UNFINISHED,          PHASE_QUEUED,           UNCHANGED,         false, false,       true },
	[EVENT_REQUEUE]        = { "requeue",        QUEUED,                     PHASE_QUEUED,           UNCHANGED,         false, false,       false },
	[EVENT_REQUEUE_POLL]   = { "requeue_poll",   WAITING_POLL,               PHASE_WAITING_POLL,     UNCHANGED,         false, false,       false },
	[EVENT_EXPIRE]         = { "expire",         PHASES_UNFINISHED,          PHASE_DONE,             STATUS_FAILED,     false, false,       false },
	[EVENT_CANCEL]         = { "cancel",         PHASES_UNFINISHED,          PHASE_DONE,             STATUS_CANCELLED,  true,  false,       false },
};

static const char *const phase_names[PHASE_COUNT] = {
	[PHASE_QUEUED] = "queued",
	[PHASE_CALLING] = "calling",
	[PHASE_WAITING_CALLBACK] = "waiting_callback",
	[PHASE_WAITING_POLL] = "waiting_poll",
	[PHASE_POLLING] = "polling",
	[PHASE_DONE] = "done",
};

static const char *const status_names[STATUS_COUNT] = {
	[STATUS_PENDING] = "pending",
	[STATUS_PROCESSING] = "processing",
	[STATUS_COMPLETE] = "complete",
	[STATUS_FAILED] = "failed",
	[STATUS_CANCELLED] = "cancelled",
};

static int find(const char *const *names, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

const struct job_transition *job_transition(enum job_event event) { return &transitions[event]; }
const char *phase_name(enum phase phase) { return phase_names[phase]; }
const char *status_name(enum status status) { return status_names[status]; }
int phase_parse(const char *name) { return find(phase_names, PHASE_COUNT, name); }
int status_parse(const char *name) { return find(status_names, STATUS_COUNT, name); }
