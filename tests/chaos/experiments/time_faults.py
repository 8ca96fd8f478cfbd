"""A worker that does not notice how time passes, and wall clocks that are wrong."""

import datetime
import subprocess

from experiment import experiment, limited_vendors
from vendor_files import CALLBACK_SECRET
from waiting import wait_for

OVER_SECONDS = 40       # lease, doubts of repair, and a busy machine
STOPS = 3
STOP_TRIES = 10
WRITTEN = 40            # jobs in three seconds: others can write, it was not only that a last answer came
HOUR_SECONDS = 3600
NEAR_SECONDS = 120      # of the hour: a log line may be some time old
# For another environment the whole pool has to end, with its socket; connections that waited there are answered 500.
NEW_POOL = (202, 500, 503)
LATE = "commit: came too late"
LEASE_OVER = "repair: lease over"


def stop_between_writes(stack, load, worker):
    """SQLite: who is stopped while it writes keeps all others from writing, until it goes on. That is another fault."""
    for _ in range(STOP_TRIES):
        stack.kill(worker, "STOP")
        before = len(load.accepted)
        load.go_on(3)
        if len(load.accepted) - before >= WRITTEN:
            return
        stack.kill(worker, "CONT")
        load.go_on(0.5)
    raise AssertionError(f"{worker} was stopped {STOP_TRIES} times, always while it was writing")


@experiment(26, "a worker stopped past its leases, then continued", trickle=80, deadline_seconds=300,
            setup=lambda stack: stack.sync_mock.configure(latency_ms=400))
def stopped_past_its_leases(stack, load, crash):
    workers = ["worker-1", "worker-2"]
    for number in range(STOPS):
        stopped, other = workers[number % 2], workers[1 - number % 2]
        over, late = stack.log(other).count(LEASE_OVER), stack.log(stopped).count(LATE)
        stop_between_writes(stack, load, stopped)
        try:
            wait_for(lambda o=other, n=over: stack.log(o).count(LEASE_OVER) > n, OVER_SECONDS,
                     f"{other} takes over what {stopped} had")
        finally:
            stack.kill(stopped, "CONT")
        wait_for(lambda s=stopped, n=late: stack.log(s).count(LATE) > n, OVER_SECONDS,
                 f"{stopped} comes too late with something")


# ---- Wall clocks ----

def faketime_library():
    """The path of libfaketime for programs with threads, or None."""
    found = subprocess.run(["dpkg", "-L", "libfaketime"], capture_output=True, text=True, check=False)
    return next((line for line in found.stdout.split() if "libfaketimeMT.so" in line), None)


def no_faketime():
    return None if faketime_library() else "libfaketime is not installed: scripts/packages test"


def shifted(seconds):
    """Environment of a program whose wall clock is wrong. Not its monotonic ones: nobody can set those."""
    return {"LD_PRELOAD": faketime_library(), "FAKETIME": f"{seconds:+}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0"}  # or else it changes how long such waits take


def logged_ahead_seconds(stack, service):
    """How far ahead the clock is by which a service stamps its log."""
    last = stack.log(service).splitlines()[-1].split()[0]
    at = datetime.datetime.fromisoformat(last.replace("Z", "+00:00"))
    return (at - datetime.datetime.now(datetime.timezone.utc)).total_seconds()


def signed_vendors():
    vendors = limited_vendors()
    vendors[1]["callback"] |= {"auth": {"type": "standard_webhooks", "secrets": CALLBACK_SECRET}}
    return vendors


@experiment(27, "wall clock of one process an hour ahead, then behind", needs=no_faketime, vendors=signed_vendors,
            answers=NEW_POOL, ci=("sqlite",),
            setup=lambda stack: stack.async_mock.configure(webhook_secret=CALLBACK_SECRET), deadline_seconds=300)
def wrong_wall_clock(stack, load, crash):
    for service in ("worker-1", "api"):
        for seconds in (HOUR_SECONDS, -HOUR_SECONDS):
            stack.restart(service, shifted(seconds))
            wait_for(lambda s=service, n=seconds: abs(logged_ahead_seconds(stack, s) - n) < NEAR_SECONDS, 10,
                     f"the log of {service} is {seconds} s ahead")
            load.wait_more(300)
        stack.restart(service)
