"""End to end: jobs posted on 50 connections until the last one is complete; the vendor answers in 0, 50 or 500 ms."""

from bench import body
from passage import cost, harm, pass_through
from scenario import Figure

# what: (of the vendor, of the job; 128 bytes are those of tests/load)
CASES = {"answers in 0 ms": (0, 128), "answers in 50 ms": (50, 128), "answers in 500 ms": (500, 128),
         "answers in 0 ms, 1 KiB jobs": (0, 1024)}
MAIN_CASE = "answers in 0 ms"
AT_LEAST = {"sqlite": 5000, "mongodb": 3000}   # jobs/s of the main case, one worker
WARM_UP_JOBS = 100


def measure(bench, what):
    """The main case is the median of all runs, the others are one run each."""
    latency_ms, job_bytes = CASES[what]
    with bench.stack() as stack:
        file = bench.file(body(job_bytes))
        pass_through(bench, stack, WARM_UP_JOBS, file)
        stack.sync_mock.configure(latency_ms=latency_ms)
        return [pass_through(bench, stack, bench.jobs, file)
                for _ in (bench.runs if what == MAIN_CASE else bench.one_run)]


def run(bench):
    every = []
    for what in CASES:
        passages = measure(bench, what)
        every += passages
        yield Figure(what, "jobs/s", [each.per_second for each in passages],
                     at_least=AT_LEAST[bench.store] if what == MAIN_CASE else None)
        yield Figure(f"{what}, accepted meanwhile", "jobs/s", [each.accept_per_second for each in passages])
        if what == MAIN_CASE:
            yield from cost(passages)
    yield from harm(every)
