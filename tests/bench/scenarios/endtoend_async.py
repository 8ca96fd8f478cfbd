"""End to end with callbacks: as endtoend, but the vendor answers 202 and posts its data to a webhook 50 ms later.

One run: there is no target.
"""

from bench import VENDOR, body
from passage import cost, harm, pass_through, warm_up
from scenario import Figure
from vendor_files import NO_BREAKER, async_vendor

JOB_BYTES = 128
WEBHOOK_DELAY_MS = 50


def run(bench):
    vendor = async_vendor(VENDOR, timeout_ms=10000, breaker=NO_BREAKER)
    with bench.stack(vendors=[vendor]) as stack:
        stack.async_mock.configure(webhook_delay_ms=WEBHOOK_DELAY_MS)
        warm_up(bench, stack)
        file = bench.file(body(JOB_BYTES))
        passages = [pass_through(bench, stack, bench.jobs // 4, file)]
        webhooks = stack.async_mock.stats()["webhooks"]
    yield Figure("webhook after 50 ms", "jobs/s", [each.per_second for each in passages])
    yield Figure("accepted meanwhile", "jobs/s", [each.accept_per_second for each in passages])
    yield from cost(passages)
    yield Figure("webhooks that the mock had to send again", "webhooks", [webhooks["retried"]])
    yield from harm(passages)
