"""Vendors that share an account, as its other side sees them: one window counts the calls of both; and vendors that say
what is left of their limits are not asked for more.

The mock vendor counts by itself. Calls are told apart by the vendors of their jobs.
"""

import pytest

from api import assert_complete

CALLS_A_SECOND = 40
OF_A, OF_B = 160, 80
FAIR_PART = 0.35  # of the calls while both have jobs that wait; half would be ideal

TOLD_CALLS, TOLD_JOBS = 6, 14

pytestmark = pytest.mark.only("sqlite")   # it is Redis that counts them


def calls_by_vendor(stack, ids_by_vendor):
    vendor_of = {request_id: vendor for vendor, ids in ids_by_vendor.items() for request_id in ids}
    return [vendor_of[call["id"]] for call in stack.sync_mock.all_calls()]


def test_two_vendors_of_an_account_share_its_limit_fairly(stack):
    stack.set_workers(2)
    try:
        stack.sync_mock.configure(limit_calls=CALLS_A_SECOND, limit_seconds=1, limit_enforce=True)
        ids = {"busy-a": stack.api.submit_many("busy-a", OF_A)}
        stack.sync_mock.wait_calls(CALLS_A_SECOND // 2)
        ids["busy-b"] = stack.api.submit_many("busy-b", OF_B)
        assert_complete(stack.api.wait_all(ids["busy-a"] + ids["busy-b"], 40))
        stats = stack.sync_mock.stats()
        assert stats["violations"] == 0 and stats["by_status"] == {"200": OF_A + OF_B}, stats
        order = calls_by_vendor(stack, ids)
        first, last = order.index("busy-b"), len(order) - 1 - order[::-1].index("busy-b")
        both = order[first:last + 1]
        assert both.count("busy-b") >= FAIR_PART * len(both), f"{both.count('busy-b')} of {len(both)}"
        took = (stats["last_call_at_us"] - stats["first_call_at_us"]) / 1e6
        assert took <= 1.3 * (OF_A + OF_B) / CALLS_A_SECOND + 1, f"{took:.1f} s"
    finally:
        stack.set_workers(1)


def test_their_calls_in_flight_are_counted_together(stack):
    stack.sync_mock.configure(latency_ms=100, max_in_flight=4)
    ids = {name: stack.api.submit_many(name, 24) for name in ("narrow-a", "narrow-b")}
    assert_complete(stack.api.wait_all(ids["narrow-a"] + ids["narrow-b"], 20))
    stats = stack.sync_mock.stats()
    assert stats["in_flight_violations"] == 0 and stats["max_in_flight_seen"] == 4, stats
    first = calls_by_vendor(stack, ids)[:24]
    assert min(first.count("narrow-a"), first.count("narrow-b")) >= 6, first


@pytest.mark.parametrize("form,vendors", [("draft", ["told-draft"]), ("structured", ["told-structured"]),
                                          ("epoch", ["told-a", "told-b"])], ids=lambda value: value if isinstance(value, str) else "")
def test_a_vendor_that_says_what_is_left_refuses_nothing(stack, form, vendors):
    stack.sync_mock.configure(limit_calls=TOLD_CALLS, limit_seconds=1, limit_enforce=True, limit_headers=form)
    ids = [request_id for vendor in vendors for request_id in stack.api.submit_many(vendor, TOLD_JOBS // len(vendors))]
    assert_complete(stack.api.wait_all(ids, 30))
    stats = stack.sync_mock.stats()
    assert stats["violations"] == 0 and stats["by_status"] == {"200": TOLD_JOBS}, stats


def test_a_429_of_one_holds_the_other(stack):
    stack.sync_mock.configure(fail_first=1, fail_status=429, retry_after="2")
    refused = stack.api.submit("busy-a")
    stack.sync_mock.wait_calls(1)
    stack.sync_mock.configure(fail_first=0)
    other = stack.api.submit("busy-b")
    stack.api.wait_all([refused, other], 15)
    calls = stack.sync_mock.all_calls()
    assert [call["status"] for call in calls] == [429, 200, 200]
    assert all(call["at_us"] - calls[0]["at_us"] >= 1.9e6 for call in calls[1:]), calls
