"""A storm of retries: every job's first call is answered 500; the time until all are complete, and without that.

One run: there is no target.
"""

from bench import VENDOR, body
from passage import harm, pass_through, warm_up
from scenario import Figure
from vendor_files import NO_BREAKER, sync_vendor

JOB_BYTES = 128
BASE_MS = 1000   # the first retry comes after half of it to all of it


def run(bench):
    vendor = sync_vendor(VENDOR, base_ms=BASE_MS, max_ms=5 * BASE_MS, timeout_ms=10000, breaker=NO_BREAKER)
    with bench.stack(vendors=[vendor]) as stack:
        file = bench.file(body(JOB_BYTES))
        warm_up(bench, stack)
        smooth = pass_through(bench, stack, bench.jobs // 4, file)
        stack.sync_mock.configure(fail_first=1)
        storm = pass_through(bench, stack, bench.jobs // 4, file)
    yield Figure("until all are complete", "s", [storm.seconds], "no call fails", [smooth.seconds])
    yield Figure("all complete", "jobs/s", [storm.per_second], "no call fails", [smooth.per_second])
    yield Figure("calls", "per job", [storm.used["vendor calls"] / storm.jobs])
    yield from harm([smooth, storm])
