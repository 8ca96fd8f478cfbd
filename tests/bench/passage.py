"""Jobs on their way through a whole system: posted on 50 connections, until the last one is complete in the store."""

import dataclasses

import counters
import jobs_in_store
import posts
from bench import VENDOR, body
from scenario import Figure
from waiting import wait_for

CONNECTIONS = 50
WARM_UP_JOBS = 200
DONE_SECONDS = 120
LOOK_SECONDS = 0.1   # how often the store is asked whether jobs are left; the end itself is the last job's own time
PROGRAMS = ("pool", "worker", "lighttpd", "redis", "mongod", "mock")


@dataclasses.dataclass
class Passage:
    """One run."""

    per_second: float
    seconds: float
    accept_per_second: float
    used: dict          # counters.py
    client_cpu: float
    jobs: int
    bad: int            # refused or unanswered
    not_complete: int   # accepted, and not in the store with status complete and a result


def pass_through(bench, stack, count, body_file):
    """From the first POST to the time that the store has for the last change of a job."""
    before = counters.snapshot(stack)
    posted = posts.post(bench, stack, count, body_file, CONNECTIONS)
    with jobs_in_store.unfinished_look(stack) as is_one_unfinished:
        wait_for(lambda: not is_one_unfinished(), DONE_SECONDS, "all jobs end", LOOK_SECONDS)
    used = counters.less(counters.snapshot(stack), before)
    changed_ms = jobs_in_store.complete_since(stack, posted.began_us // 1000)
    took_seconds = max(changed_ms.values(), default=0) / 1000 - posted.began_us / 1e6
    accept_seconds = (max(posted.answered_us, default=0) - posted.began_us) / 1e6
    accepted = len(posted.ids)
    return Passage(accepted / took_seconds, took_seconds, accepted / accept_seconds, used, posted.cpu_seconds,
                   accepted, posted.bad(), sum(request_id not in changed_ms for request_id in posted.ids))


def warm_up(bench, stack, vendor=VENDOR):
    """So that connections, statements and pages are there."""
    pass_through(bench, stack, WARM_UP_JOBS, bench.file(body(128, vendor)))


def harm(passages):
    """What must be nothing in every one of them."""
    yield Figure("refused or unanswered", "requests", [sum(each.bad for each in passages)], at_most=0)
    yield Figure("answered 202, not complete", "jobs", [sum(each.not_complete for each in passages)], at_most=0)


def cost(passages):
    """CPU of each program, and how often Redis and the store were asked."""
    for program in PROGRAMS:
        if f"{program} CPU" in passages[0].used:
            yield Figure(f"CPU of {program}", "s per 10,000 jobs",
                         [each.used[f"{program} CPU"] / each.jobs * 10000 for each in passages])
    yield Figure("CPU of the client", "s per 10,000 jobs", [each.client_cpu / each.jobs * 10000 for each in passages])
    yield Figure("CPU of all these", "s per 10,000 jobs",
                 [(each.client_cpu + sum(used for what, used in each.used.items() if what.endswith(" CPU"))) /
                  each.jobs * 10000 for each in passages])
    for counted, what in (("redis reads", "round trips to Redis"), ("redis scripts", "scripts in Redis"),
                          ("redis commands", "commands in Redis, those inside scripts too"),
                          ("store batches", "write transactions or commands to the store"),
                          ("vendor calls", "calls")):
        yield Figure(what, "per job", [each.used[counted] / each.jobs for each in passages])
