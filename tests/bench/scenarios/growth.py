"""Growth: accepting with more processes and threads, jobs end to end with more workers. One short run each."""

import jobs_in_store
import wrk
from bench import body
from passage import harm, pass_through, warm_up
from scenario import Figure

POOLS = ((1, 64), (2, 64), (4, 64), (2, 16))   # processes, threads of each
WORKERS = (1, 2, 3)
ACCEPT_BYTES = 1024
JOB_BYTES = 128


def accept(bench, processes, threads):
    """POST on 200 connections, no worker."""
    settings = {"VENDORFETCH_API_THREADS": str(threads)}
    with bench.stack(workers=0, settings=settings, api_processes=processes) as stack:
        load = wrk.post(stack.base_url, bench.file(body(ACCEPT_BYTES)), bench.seconds)
        lost = load.bad() + max(0, load.good() - jobs_in_store.count(stack))
    yield Figure(f"POST 1 KiB, {processes} x {threads} threads", "requests/s", [load.per_second])
    yield Figure(f"POST 1 KiB, {processes} x {threads} threads, p99", "ms", [load.p99_ms])
    yield Figure(f"POST 1 KiB, {processes} x {threads} threads, refused or lost", "jobs", [lost], at_most=0)


def run(bench):
    for processes, threads in POOLS:
        yield from accept(bench, processes, threads)
    passages = []
    with bench.stack() as stack:
        for workers in WORKERS:
            stack.set_workers(workers)
            warm_up(bench, stack)
            passages.append(pass_through(bench, stack, bench.jobs // 4, bench.file(body(JOB_BYTES))))
            yield Figure(f"end to end, workers: {workers}", "jobs/s", [passages[-1].per_second])
            yield Figure(f"end to end, workers: {workers}, CPU of all workers", "s per 10,000 jobs",
                         [passages[-1].used["worker CPU"] / passages[-1].jobs * 10000])
    yield from harm(passages)
