"""Idling: what a pool of two processes and one worker cost while nothing happens, with 500 vendor files."""

import time

from bench import bench_vendor
from processes import cpu_seconds
from scenario import Figure

VENDORS = 500
AT_MOST_PERCENT = 0.5      # of a core, pool and worker together
NOT_OURS = {"cmdstat_info", "cmdstat_ping"}   # asked by this file and by the stack


def command_calls(stack):
    stats = stack.queue.redis.info("commandstats")
    return {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in stats.items() if name not in NOT_OURS}


def one_span(stack, processes, seconds):
    """{what: percent of a core} and {command: calls a second} over so many seconds. processes: {what: pids}"""
    began, calls = time.monotonic(), command_calls(stack)
    cpu = {what: sum(map(cpu_seconds, pids)) for what, pids in processes.items()}
    time.sleep(seconds)   # the span that is measured
    took = time.monotonic() - began
    percent = {what: 100 * (sum(map(cpu_seconds, pids)) - cpu[what]) / took for what, pids in processes.items()}
    return percent, {name: (count - calls.get(name, 0)) / took for name, count in command_calls(stack).items()}


def run(bench):
    with bench.stack(vendors=[bench_vendor(f"bench-{number}") for number in range(VENDORS)]) as stack:
        time.sleep(bench.seconds)   # what comes with the start is not idling
        processes = {"pool and worker": stack.handlers() | stack.pids("worker-1"), "redis": stack.pids("redis")}
        spans = [one_span(stack, processes, 2 * bench.seconds) for _ in bench.runs]
    for what in processes:
        at_most = AT_MOST_PERCENT if what != "redis" else None
        yield Figure(what, "% of a core", [percent[what] for percent, _ in spans], at_most=at_most)
    yield Figure("commands in Redis, those inside scripts too", "per second",
                 [sum(calls.values()) for _, calls in spans])
    for name in sorted(name for name, rate in spans[-1][1].items() if rate > 0):
        yield Figure(f"of these {name}", "per second", [calls.get(name, 0) for _, calls in spans])
