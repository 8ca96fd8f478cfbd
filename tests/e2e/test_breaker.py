"""The circuit breaker: a vendor that fails is left alone, its jobs wait, and all of them end well once it is well."""

import os
import signal
import time

from api import assert_complete
from waiting import wait_for

END_SECONDS = 60
JOBS = 200
MOST_AT_ONCE = 100   # calls that can be out, or on their way, before the breaker has heard of the first ten


def breaker_state(stack):
    return stack.queue.redis.hget("breaker:{breaking}", "state") or "closed"


def wait_state(stack, *states, seconds=15):
    wait_for(lambda: breaker_state(stack) in states, seconds, lambda: f"{states}, not {breaker_state(stack)}")


def test_a_vendor_that_fails_is_left_alone_and_no_job_fails(rough_stack):
    stack = rough_stack
    stack.sync_mock.configure(fail_ratio=1, fail_status=500, latency_ms=20, max_in_flight=MOST_AT_ONCE)
    ids = stack.api.submit_many("breaking", JOBS)
    wait_state(stack, "open", "half_open")
    calls_when_open = stack.sync_mock.stats()["calls"]
    opened = time.monotonic()
    wait_for(lambda: time.monotonic() - opened > 4, 5, "some time passes")
    calls = stack.sync_mock.stats()["calls"] - calls_when_open
    # In four seconds at most some eight times two probes, and what was out when it opened.
    assert calls <= 16 + MOST_AT_ONCE, calls
    assert all(stack.api.job(request_id)["status"] in ("pending", "processing") for request_id in ids[::20])
    stack.sync_mock.configure(fail_ratio=0)
    jobs = stack.api.wait_all(ids, END_SECONDS)
    assert_complete(jobs)
    assert breaker_state(stack) == "closed"
    assert "breaker open vendor=breaking" in stack.log("worker-1") + stack.log("worker-2")
    assert "breaker closed vendor=breaking" in stack.log("worker-1") + stack.log("worker-2")


def test_others_are_not_held_up(rough_stack):
    stack = rough_stack
    stack.sync_mock.configure(fail_ratio=1)
    ids = stack.api.submit_many("breaking", 30)
    wait_state(stack, "open")
    health = stack.api.get("/health").json()
    held = {entry["vendor"]: entry for entry in health["vendors"]["held"]}
    assert health["status"] == "ok" and held["breaking"]["why"].startswith("breaker_"), health
    assert_complete(stack.api.wait_all([stack.api.submit("sturdy-callback")], 15))
    stack.sync_mock.configure(fail_ratio=0)
    assert_complete(stack.api.wait_all(ids, END_SECONDS))


def test_4xx_do_not_open_it(rough_stack):
    stack = rough_stack
    stack.sync_mock.configure(fail_ratio=1, fail_status=404)
    jobs = stack.api.wait_all(stack.api.submit_many("breaking", 60), 30)
    assert all("404" in job["error"] for job in jobs.values())
    assert breaker_state(stack) == "closed"
    assert stack.sync_mock.stats()["calls"] == 60


def test_a_vendor_that_is_away_costs_few_attempts(rough_stack):
    stack = rough_stack
    stack.kill("mock")
    try:
        ids = stack.api.submit_many("breaking", 40)
        wait_state(stack, "open")
    finally:
        stack.start("mock")
    jobs = stack.api.wait_all(ids, END_SECONDS)
    assert_complete(jobs)


def test_a_prober_that_is_killed_does_not_wedge_it(rough_stack):
    """Both workers, while their probes hang: nobody is left to report them."""
    stack = rough_stack
    stack.sync_mock.configure(fail_ratio=1)
    ids = stack.api.submit_many("breaking", 30)
    wait_state(stack, "open")
    stack.sync_mock.configure(fail_ratio=0, hang_ratio=1)
    wait_state(stack, "half_open")
    killed = {slot: stack.pids(f"worker-{slot}") for slot in (1, 2)}
    for pid in set.union(*killed.values()):
        os.kill(pid, signal.SIGKILL)
    stack.sync_mock.configure(hang_ratio=0)
    for slot, pids in killed.items():
        stack.wait_well(f"worker-{slot}", but_not=pids)
    assert_complete(stack.api.wait_all(ids, END_SECONDS))
    assert breaker_state(stack) == "closed"
