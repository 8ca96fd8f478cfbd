"""Dispatch: an idle system, one POST at a time; from its answer to the vendor's receiving the call."""

import posts
from bench import body
from passage import warm_up
from scenario import Figure

PAUSE_MS = 30          # the job is complete long before the next one comes
JOBS_PER_SECOND = 25   # as many as fit, roughly
JOB_BYTES = 128
AT_MOST_MS = {"p50": {"sqlite": 3, "mongodb": 6}, "p99": {"sqlite": 10, "mongodb": 20}}


def percentile(values, percent):
    return sorted(values)[(len(values) - 1) * percent // 100]


def delays_ms(bench, stack, file):
    """Of each job, and how many were lost. The kernel stamps a call as it receives it, maybe before the answer."""
    stack.sync_mock.fresh()
    posted = posts.post(bench, stack, JOBS_PER_SECOND * bench.seconds, file, connections=1, pause_ms=PAUSE_MS)
    bench.drain(stack)
    received_us = {call["id"]: call["at_us"] for call in reversed(stack.sync_mock.all_calls())}
    lost = posted.bad() + sum(request_id not in received_us for request_id in posted.ids)
    return [(received_us[request_id] - answered_us) / 1000 for request_id, answered_us
            in zip(posted.ids, posted.answered_us) if request_id in received_us], lost


def run(bench):
    with bench.stack() as stack:
        warm_up(bench, stack)
        file = bench.file(body(JOB_BYTES))
        measured = [delays_ms(bench, stack, file) for _ in bench.runs]
    for name, percent in (("p50", 50), ("p99", 99)):
        yield Figure(f"answered, then received by the vendor, {name}", "ms",
                     [percentile(delays, percent) for delays, _ in measured], at_most=AT_MOST_MS[name][bench.store])
    yield Figure("answered, then received by the vendor, largest", "ms", [max(delays) for delays, _ in measured])
    yield Figure("not accepted, or never called", "jobs", [sum(lost for _, lost in measured)], at_most=0)
