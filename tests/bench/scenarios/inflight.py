"""In flight: 10,000 calls at once from one worker to a vendor that answers after 2 s; memory; another vendor."""

import contextlib
import resource
import statistics
import threading

import jobs_in_store
from mocks import accepted_ms, dispatch_ms, mock, vendor_at
from processes import resident_mib
from scenario import Figure
from waiting import wait_for

CALLS = 10000              # or as many as a run has jobs, if that is less
LATENCY_MS = 2000
HOLD_LATENCY_MS = 8000     # so that all of them are in flight however slowly they get there
ANSWER_BYTES = 1024
OTHER_PER_SECOND = 100
# One vendor may have eight ninths of the calls, so that others get some: more than the default of 10,000 is needed.
SETTINGS = {"VENDORFETCH_CALLS_MAX": "12000"}
FILES_NEEDED = 12500
AT_MOST_MIB, AT_MOST_P99_MS = 300, 20
END_SECONDS = 90
LOOK_SECONDS = 0.1


class Peak:
    """The most memory that a process had while the block ran."""

    def __init__(self, pid):
        self.pid = pid
        self.mib = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _run(self):
        while not self._over.wait(LOOK_SECONDS):
            self.mib = max(self.mib, resident_mib(self.pid))


def p99(calls):
    """Of what passed until they came in, ms. None of too few."""
    return statistics.quantiles(dispatch_ms(calls), n=100)[98] if len(calls) >= OTHER_PER_SECOND else None


def one_run(bench, latency_ms, jobs):
    """{what: number}"""
    with contextlib.ExitStack() as stay:
        deep = stay.enter_context(mock(bench, latency_ms=latency_ms, response_bytes=ANSWER_BYTES))
        other = stay.enter_context(mock(bench))
        vendors = [vendor_at(deep.url, "deep"), vendor_at(other.url, "other")]
        for vendor in vendors:
            vendor["request"]["timeout_ms"] = 30000
        stack = stay.enter_context(bench.stack(vendors=vendors, settings=SETTINGS))
        seconds = latency_ms // 1000 + 3
        with Peak(*stack.pids("worker-1")) as peak:
            bench.fill(stack, "deep", jobs)
            bench.fill(stack, "other", OTHER_PER_SECOND * seconds, per_second=OTHER_PER_SECOND)
            wait_for(lambda: not jobs_in_store.unfinished(stack), END_SECONDS, "all jobs end", 0.5)
        calls, stats = other.all_calls(), deep.stats()
        quiet = [call for call in calls if stats["last_call_at_us"] < accepted_ms(call["id"]) * 1000
                 and call["at_us"] < stats["first_call_at_us"] + latency_ms * 1000]
        return {"at once": stats["max_in_flight_seen"], "MiB": peak.mib, "p50": statistics.median(dispatch_ms(calls)),
                "p99": p99(calls), "quiet p99": p99(quiet),
                "not complete": jobs + OTHER_PER_SECOND * seconds - jobs_in_store.complete(stack)}


def run(bench):
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert files == resource.RLIM_INFINITY or files >= FILES_NEEDED, \
        f"a process may have only {files} files open, {FILES_NEEDED} are needed (ulimit -Hn)"
    lost, calls = 0, min(CALLS, bench.jobs)
    cases = [("answers after 2 s", LATENCY_MS, 2 * calls), ("answers after 8 s", HOLD_LATENCY_MS, calls)]
    for what, latency_ms, jobs in cases if calls == CALLS else cases[:1]:
        runs = [one_run(bench, latency_ms, jobs) for _ in bench.one_run]
        lost += sum(each["not complete"] for each in runs)
        yield Figure(f"{what}, in flight at once", "calls", [each["at once"] for each in runs], at_least=calls)
        yield Figure(f"{what}, worker's memory at most", "MiB", [each["MiB"] for each in runs], at_most=AT_MOST_MIB)
        yield Figure(f"{what}, another vendor's jobs until called, p50", "ms", [each["p50"] for each in runs])
        yield Figure(f"{what}, another vendor's jobs until called, p99", "ms", [each["p99"] for each in runs],
                     at_most=AT_MOST_P99_MS)
        if runs[0]["quiet p99"] is not None:
            yield Figure(f"{what}, the same of those that came when all had left and none was answered", "ms",
                         [each["quiet p99"] for each in runs], at_most=AT_MOST_P99_MS)
    yield Figure("stored, not complete", "jobs", [lost], at_most=0)
