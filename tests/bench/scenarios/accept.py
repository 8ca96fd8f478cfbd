"""Accepting: POST /jobs on 200 connections, answered when the job is durable. No worker runs beside it."""

import jobs_in_store
import wrk
from bench import body
from scenario import Figure

SIZES = {"64 B": 64, "1 KiB": 1024, "64 KiB": 65536}
AT_LEAST = {"1 KiB": {"sqlite": 0.50, "mongodb": 0.34}}   # of hello's
P99_AT_MOST = {"1 KiB": 4}                                # times the larger of hello's and a batch insert's


def measure(bench, stack, hello, size):
    """(ours, hello's, bare insert) of each run, in turn; one run of the sizes that have no target."""
    file = bench.file(body(SIZES[size]))
    return [(wrk.post(stack.base_url, file, bench.seconds), wrk.post(hello.base_url, file, bench.seconds),
             bench.insert_rate(stack)) for _ in (bench.runs if size in AT_LEAST else bench.one_run)]


def figures(bench, size, measured):
    yield Figure(f"POST {size}", "requests/s", [ours.per_second for ours, _, _ in measured],
                 "hello", [hello.per_second for _, hello, _ in measured],
                 at_least=AT_LEAST.get(size, {}).get(bench.store))
    yield Figure(f"POST {size}, p99", "ms", [ours.p99_ms for ours, _, _ in measured],
                 "larger p99 of hello and batch insert",
                 [max(hello.p99_ms, insert["p99_ms"]) for _, hello, insert in measured],
                 at_most=P99_AT_MOST.get(size))
    yield Figure(f"POST {size}, beside a bare insert", "jobs/s", [ours.per_second for ours, _, _ in measured],
                 "1 KiB jobs in batches of 64", [insert["per_second"] for _, _, insert in measured])


def run(bench):
    accepted = bad = 0
    with bench.stack(workers=0) as stack, bench.hello() as hello:
        for size in SIZES:
            measured = measure(bench, stack, hello, size)
            accepted += sum(ours.good() for ours, _, _ in measured)
            bad += sum(ours.bad() for ours, _, _ in measured)
            yield from figures(bench, size, measured)
        yield Figure("XADD alone, pipelined", "entries/s", [bench.xadd_rate(stack)["per_second"]])
        yield Figure("refused or unanswered", "requests", [bad], at_most=0)
        lost = max(0, accepted - jobs_in_store.count(stack))
        yield Figure("answered 202, not in the store", "jobs", [lost], at_most=0)
