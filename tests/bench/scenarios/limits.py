"""Limits: calls over them, and how much of them is used while there is a backlog, with 1, 3 and 8 workers.

What is allowed is used to W / T, where W is the window of the limit of N calls, and T the mean time from each call to
the one that came N calls later: never under W, or it was a violation; and W, when no call is ever given away. The
vendor's mock says when calls came, and counts for itself those over the limit.
"""

import contextlib
import dataclasses
import statistics

import jobs_in_store
from mocks import mock, vendor_at
from scenario import Figure
from waiting import wait_for

WORKERS = (1, 3, 8)
SPARE_SECONDS = 60   # beyond what the limit makes it last
UNSETTLED = 2        # windows of a second


@dataclasses.dataclass
class Limit:
    name: str
    what: str
    calls: int
    seconds: int
    at_least: float     # of what is allowed
    windows: int        # how many the jobs last, and a bit, so that each call of these has one that is a window later
    unsettled: int      # that many of them are not looked at: a worker begins carefully (worker/guard.h)

    def jobs(self):
        return int(self.calls * (self.windows + 0.1))


def limits(bench):
    """The last is that of a minute, if there is one: seconds for the others pass while it waits."""
    windows = UNSETTLED + 2 * bench.seconds
    is_watched = bench.minutes and bench.store == "sqlite"   # what the store costs is nothing to a minute
    a_minute = [Limit("minute", "6,000 calls a minute", 6000, 60, 0.995, bench.minutes, 0)] if is_watched else []
    return [Limit("hundred", "100 calls a second", 100, 1, 0.97, windows, UNSETTLED),
            Limit("thousand", "1,000 calls a second", 1000, 1, 0.97, windows, UNSETTLED), *a_minute]


class Watched:
    """A system with so many workers, and for each limit a vendor of its own that keeps watch over it."""

    def __init__(self, bench, workers, stay):
        self.bench = bench
        self.workers = workers
        self.limits = limits(bench)
        self.mocks = {limit.name: stay.enter_context(mock(bench, limit_calls=limit.calls, limit_seconds=limit.seconds))
                      for limit in self.limits}
        vendors = [vendor_at(self.mocks[limit.name].url, limit.name,
                             limits=[{"calls": limit.calls, "per_seconds": limit.seconds}]) for limit in self.limits]
        self.stack = stay.enter_context(bench.stack(workers=workers, vendors=vendors))

    def fill(self, limit):
        self.bench.fill(self.stack, limit.name, limit.jobs())

    def wait_first_window(self, limit):
        """Or a little longer: a call that did not leave in time is made in the next window."""
        self.mocks[limit.name].wait_calls(limit.calls, limit.seconds + SPARE_SECONDS)

    def wait_end(self, limit):
        wait_for(lambda: jobs_in_store.of_vendor(self.stack, limit.name, "complete") >= limit.jobs(),
                 limit.windows * limit.seconds + SPARE_SECONDS, f"all jobs of {limit.name} are complete", 0.5)

    def used(self, limit):
        at = sorted(call["at_us"] / 1e6 for call in self.mocks[limit.name].all_calls())[limit.unsettled * limit.calls:]
        return limit.seconds / statistics.mean(later - first for first, later in zip(at, at[limit.calls:]))

    def violations(self):
        return sum(vendor.stats()["violations"] for vendor in self.mocks.values())

    def not_complete(self):
        return sum(abs(limit.jobs() - jobs_in_store.of_vendor(self.stack, limit.name, "complete"))
                   for limit in self.limits)


def let_minutes_pass(systems):
    """Those of all systems at once; beside them the seconds, one system after the other."""
    of_seconds = [limit for limit in systems[0].limits if limit.seconds == 1]
    of_minutes = [limit for limit in systems[0].limits if limit.seconds > 1]
    for system in systems:
        for limit in of_minutes:
            system.fill(limit)
    for system in systems:
        for limit in of_minutes:
            system.wait_first_window(limit)
    for system in systems:
        for limit in of_seconds:
            system.fill(limit)
        for limit in of_seconds:
            system.wait_end(limit)
    for system in systems:
        for limit in of_minutes:
            system.wait_end(limit)


def run(bench):
    with contextlib.ExitStack() as stay:
        systems = [Watched(bench, workers, stay) for workers in WORKERS]
        let_minutes_pass(systems)
        for limit in systems[0].limits:
            for system in systems:
                yield Figure(f"{limit.what}, {system.workers} worker{'s' if system.workers > 1 else ''}, used",
                             "of what is allowed", [system.used(limit)], at_least=limit.at_least)
        yield Figure("calls over a limit", "calls", [sum(system.violations() for system in systems)], at_most=0)
        yield Figure("stored, not complete", "jobs", [sum(system.not_complete() for system in systems)], at_most=0)
