"""Memory: resident, of each process, idle after the start, right after jobs were accepted and completed, and after bodies of
nearly a mebibyte (jobs that are refused once they are read, so that the store is not filled)."""

import json
import time

import jobs_in_store
import wrk
from bench import body
from processes import resident_mib
from scenario import Figure

AT_MOST_IDLE_MIB = {"pool process": 20, "worker": 30}
AT_MOST_LARGE_MIB = 20
SETTLE_SECONDS = 3
LARGE = json.dumps({"vendor": "nobody", "payload": {"pad": "x" * 1_000_000}})


def largest_mib(stack):
    """{what: MiB}, of several processes the largest."""
    pids = {"pool process": stack.handlers(), "worker": stack.pids("worker-1"), "lighttpd": stack.pids("lighttpd"),
            "redis": stack.pids("redis")}
    if stack.store == "mongodb":
        pids["mongod"] = stack.pids("mongod")
    return {what: max(resident_mib(pid) for pid in of_it) for what, of_it in pids.items()}


def settled_mib(stack):
    """Of a pool process, the least within some seconds: requests that wrk left behind are still read meanwhile."""
    sizes = []
    for _ in range(SETTLE_SECONDS * 10):
        sizes.append(largest_mib(stack)["pool process"])
        time.sleep(0.1)
    return min(sizes)


def run(bench):
    idle, after, large, not_complete = [], [], [], []
    for _ in bench.runs:
        with bench.stack() as stack:
            idle.append(largest_mib(stack))
            load = wrk.post(stack.base_url, bench.file(body(1024)), bench.seconds)
            bench.drain(stack)
            after.append(largest_mib(stack))
            not_complete.append(max(0, load.good() - jobs_in_store.complete(stack)))
            wrk.post(stack.base_url, bench.file(LARGE), bench.seconds)
            large.append(settled_mib(stack))
    for what in idle[0]:
        yield Figure(f"{what}, idle", "MiB", [sizes[what] for sizes in idle], at_most=AT_MOST_IDLE_MIB.get(what))
        yield Figure(f"{what}, after the load", "MiB", [sizes[what] for sizes in after])
    yield Figure("pool process, after large bodies", "MiB", large, at_most=AT_MOST_LARGE_MIB)
    yield Figure("answered 202, not complete", "jobs", [max(not_complete)], at_most=0)
