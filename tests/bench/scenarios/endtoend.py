"""End to end: jobs posted on 50 connections until the last one is complete; the vendor answers in 0, 50 or 500 ms."""

from bench import body
from passage import cost, harm, pass_through, warm_up
from scenario import Figure

# what: (of the vendor, of the job; 128 bytes are those of tests/load)
CASES = {"answers in 0 ms": (0, 128), "answers in 50 ms": (50, 128), "answers in 500 ms": (500, 128),
         "answers in 0 ms, 1 KiB jobs": (0, 1024)}
MAIN_CASE = "answers in 0 ms"
AT_LEAST = {"sqlite": 5000, "mongodb": 3000}   # jobs/s of the main case, one worker
IN_FLIGHT = 64                                 # calls of the bare libcurl loop


def measure(bench, stack, what):
    """(passage, bare calls or None) of each run, in turn. The main case has all runs, the others one each."""
    latency_ms, job_bytes = CASES[what]
    runs, jobs = (bench.runs, bench.jobs) if what == MAIN_CASE else (bench.one_run, bench.jobs // 2)
    file = bench.file(body(job_bytes))
    stack.sync_mock.fresh()
    stack.sync_mock.configure(latency_ms=latency_ms)
    return [(pass_through(bench, stack, jobs, file),
             None if latency_ms else bench.curl_rate(stack, IN_FLIGHT, file)) for _ in runs]


def figures(bench, what, measured):
    passages = [passage for passage, _ in measured]
    yield Figure(what, "jobs/s", [each.per_second for each in passages],
                 at_least=AT_LEAST[bench.store] if what == MAIN_CASE else None)
    yield Figure(f"{what}, accepted meanwhile", "jobs/s", [each.accept_per_second for each in passages])
    if measured[0][1]:
        yield Figure(f"{what}, beside bare calls", "jobs/s", [each.per_second for each in passages],
                     f"a libcurl loop, {IN_FLIGHT} in flight", [bare["per_second"] for _, bare in measured])
    if what == MAIN_CASE:
        yield from cost(passages)


def run(bench):
    every = []
    with bench.stack() as stack:
        warm_up(bench, stack)
        for what in CASES:
            measured = measure(bench, stack, what)
            every += [passage for passage, _ in measured]
            yield from figures(bench, what, measured)
    yield from harm(every)
