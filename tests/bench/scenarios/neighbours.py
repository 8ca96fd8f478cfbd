"""Neighbours: a healthy vendor at half its own maximum, alone, then beside dead, silent, slow and limited ones with
backlogs."""

import contextlib
import dataclasses
import statistics

import jobs_in_store
from mocks import accepted_ms, dispatch_ms, mock, vendor_at
from scenario import Figure
from waiting import wait_for

HEALTHY = "healthy"
BACKLOG = 2000             # of each neighbour: none of them is through with it while the healthy one is measured
REFUSED_URL = "http://127.0.0.1:1"
MAXIMUM_JOBS = 10000
AT_LEAST, AT_MOST_P99 = 0.95, 1.5
END_SECONDS = 60
IN_FLIGHT = 50             # of the slow one: 50 calls a second


@dataclasses.dataclass
class Span:
    per_second: float      # complete jobs
    complete_p99_ms: float # from a job's being made to its being complete
    dispatch_p99_ms: float


def p99(numbers):
    return statistics.quantiles(numbers, n=100)[98]


def neighbours(stay, bench):
    """[vendor file]: connections refused, no answer, slow answers, a limit."""
    silent = stay.enter_context(mock(bench, hang_ratio=1))
    slow = stay.enter_context(mock(bench, latency_ms=1000))
    limited = stay.enter_context(mock(bench, limit_calls=100, limit_seconds=1))
    with_breaker = {"breaker": {}}
    vendors = [vendor_at(REFUSED_URL, "refused", **with_breaker), vendor_at(silent.url, "silent", **with_breaker),
               vendor_at(slow.url, "slow", max_in_flight=IN_FLIGHT),
               vendor_at(limited.url, "limited", limits=[{"calls": 100, "per_seconds": 1}])]
    for vendor in vendors:
        vendor["request"]["timeout_ms"] = 2000
    return vendors


class System:
    """A system with a healthy vendor and neighbours that have nothing to do yet."""

    def __init__(self, bench, stay):
        self.bench = bench
        self.healthy = stay.enter_context(mock(bench))
        self.neighbours = neighbours(stay, bench)
        self.stack = stay.enter_context(bench.stack(vendors=[vendor_at(self.healthy.url, HEALTHY), *self.neighbours]))
        self.healthy_jobs = 0

    def pass_through(self, count, per_second):
        """So many jobs of the healthy vendor, until the last is complete."""
        before = len(self.healthy.all_calls())
        self.bench.fill(self.stack, HEALTHY, count, per_second=per_second)
        self.healthy_jobs += count
        wait_for(lambda: jobs_in_store.of_vendor(self.stack, HEALTHY, "complete") == self.healthy_jobs, END_SECONDS,
                 "the healthy vendor's jobs are complete", 0.3)
        calls = self.healthy.all_calls()[before:]
        made = {call["id"]: accepted_ms(call["id"]) for call in calls}
        began = min(made.values())
        ended = {key: at for key, at in jobs_in_store.complete_since(self.stack, began).items() if key in made}
        seconds = (max(ended.values()) - began) / 1000
        return Span(count / seconds, p99([ended[key] - at for key, at in made.items()]), p99(dispatch_ms(calls)))

    def wake_neighbours(self):
        for vendor in self.neighbours:
            self.bench.fill(self.stack, vendor["name"], BACKLOG)

    def lost(self):
        """Of the healthy one what is not complete, of the others what is not there at all."""
        return self.healthy_jobs - jobs_in_store.of_vendor(self.stack, HEALTHY, "complete") + sum(
            BACKLOG - jobs_in_store.of_vendor(self.stack, vendor["name"]) for vendor in self.neighbours)

    def backlogs(self):
        """{neighbour: jobs that are not complete yet}"""
        names = [vendor["name"] for vendor in self.neighbours]
        return {name: BACKLOG - jobs_in_store.of_vendor(self.stack, name, "complete") for name in names}


def one_run(bench, half):
    """half: jobs a second, 0: find it first. (half, alone, beside, lost)"""
    with contextlib.ExitStack() as stay:
        system = System(bench, stay)
        maximum = system.pass_through(MAXIMUM_JOBS, 0)
        half = half or int(maximum.per_second / 2)
        alone = system.pass_through(half * bench.seconds, half)
        system.wake_neighbours()
        beside = system.pass_through(half * bench.seconds, half)
        backlogs = system.backlogs()
        assert all(backlogs.values()), f"a neighbour's backlog was over too soon: {backlogs}, {beside}"
        return half, alone, beside, system.lost()


def run(bench):
    half, measured, lost = 0, [], 0
    for _ in bench.runs:
        half, alone, beside, lost_now = one_run(bench, half)
        measured.append((alone, beside))
        lost += lost_now
    yield Figure("healthy vendor, half of its maximum", "jobs/s", [half])
    yield Figure("healthy vendor beside dead, silent, slow and limited ones", "jobs/s",
                 [beside.per_second for _, beside in measured], "alone", [alone.per_second for alone, _ in measured],
                 at_least=AT_LEAST)
    for what, read in (("until complete, p99", lambda span: span.complete_p99_ms),
                       ("until called, p99", lambda span: span.dispatch_p99_ms)):
        yield Figure(f"the same, {what}", "ms", [read(beside) for _, beside in measured],
                     "alone", [read(alone) for alone, _ in measured], at_most=AT_MOST_P99)
    yield Figure("healthy: not complete; others: not in the store", "jobs", [lost], at_most=0)
