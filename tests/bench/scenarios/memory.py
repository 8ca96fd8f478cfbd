"""Memory: resident, of each process, idle after the start and right after jobs were accepted and completed."""

import jobs_in_store
import wrk
from bench import body
from processes import resident_mib
from scenario import Figure

AT_MOST_IDLE_MIB = {"pool process": 20, "worker": 30}


def largest_mib(stack):
    """{what: MiB}, of several processes the largest."""
    pids = {"pool process": stack.handlers(), "worker": stack.pids("worker-1"), "lighttpd": stack.pids("lighttpd"),
            "redis": stack.pids("redis")}
    if stack.store == "mongodb":
        pids["mongod"] = stack.pids("mongod")
    return {what: max(resident_mib(pid) for pid in of_it) for what, of_it in pids.items()}


def run(bench):
    idle, after, not_complete = [], [], []
    for _ in bench.runs:
        with bench.stack() as stack:
            idle.append(largest_mib(stack))
            load = wrk.post(stack.base_url, bench.file(body(1024)), bench.seconds)
            bench.drain(stack)
            after.append(largest_mib(stack))
            not_complete.append(max(0, load.good() - jobs_in_store.complete(stack)))
    for what in idle[0]:
        yield Figure(f"{what}, idle", "MiB", [sizes[what] for sizes in idle], at_most=AT_MOST_IDLE_MIB.get(what))
        yield Figure(f"{what}, after the load", "MiB", [sizes[what] for sizes in after])
    yield Figure("answered 202, not complete", "jobs", [max(not_complete)], at_most=0)
