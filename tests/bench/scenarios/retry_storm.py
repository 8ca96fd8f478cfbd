"""A storm of retries: every job's first call is answered 500; the time until all are complete, and without that."""

from bench import VENDOR, body
from passage import harm, pass_through
from scenario import Figure
from vendor_files import NO_BREAKER, sync_vendor

JOB_BYTES = 128
BASE_MS = 1000   # the first retry comes after half of it to all of it


def measure(bench, stack, file, fail_first):
    """A run, and how many calls it took."""
    stack.sync_mock.fresh()
    stack.sync_mock.configure(fail_first=fail_first)
    passage = pass_through(bench, stack, bench.jobs // 4, file)
    return passage, stack.sync_mock.stats()["calls"]


def run(bench):
    vendor = sync_vendor(VENDOR, base_ms=BASE_MS, max_ms=5 * BASE_MS, timeout_ms=10000, breaker=NO_BREAKER)
    with bench.stack(vendors=[vendor]) as stack:
        file = bench.file(body(JOB_BYTES))
        measured = [(measure(bench, stack, file, 0), measure(bench, stack, file, 1)) for _ in bench.runs]
    smooth, storm = zip(*((smooth, storm) for (smooth, _), (storm, _) in measured))
    yield Figure("until all are complete", "s", [each.seconds for each in storm],
                 "no call fails", [each.seconds for each in smooth])
    yield Figure("jobs", "jobs/s", [each.per_second for each in storm],
                 "no call fails", [each.per_second for each in smooth])
    yield Figure("calls", "per job", [calls / each.jobs for (_, (each, calls)) in measured])
    yield from harm([*smooth, *storm])
