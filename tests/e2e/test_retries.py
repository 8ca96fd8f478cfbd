"""Vendors that fail: what is tried again, how often, and what the client reads in the end."""

import time

import pytest

from waiting import wait_for


def test_fails_twice_then_answers(stack):
    stack.sync_mock.configure(fail_first=2)
    job = stack.api.wait(stack.api.submit("quick"), status="complete")
    assert job["attempts"] == 3 and job["result"]["received"] == {"n": 1}
    calls = stack.sync_mock.calls(job["request_id"])
    assert [call["status"] for call in calls] == [500, 500, 200]
    assert len({call["headers"]["idempotency-key"] for call in calls}) == 1
    assert [entry["attempt"] for entry in job["history"]] == [1, 2, 3]
    assert [entry.get("http_status") for entry in job["history"]] == [500, 500, 200]


def test_waits_longer_each_time(stack):
    stack.sync_mock.configure(fail_first=2)
    job = stack.api.wait(stack.api.submit("quick"), status="complete")
    at = [call["at_us"] / 1000 for call in stack.sync_mock.calls(job["request_id"])]
    # base 50 ms, half fixed and half jitter, doubled each time; the upper ends leave room for a busy machine
    assert 25 <= at[1] - at[0] < 2000 and 50 <= at[2] - at[1] < 2000, at


def test_exhausted_retries_fail_with_reason_and_history(stack):
    stack.sync_mock.configure(fail_ratio=1, fail_status=503)
    job = stack.api.wait(stack.api.submit("quick"), status="failed")
    assert job["attempts"] == 3 and "503" in job["error"] and "result" not in job
    assert [entry["http_status"] for entry in job["history"]] == [503, 503, 503]
    assert stack.sync_mock.stats()["calls"] == 3


def test_an_error_that_will_not_go_away_is_not_tried_again(stack):
    stack.sync_mock.configure(fail_ratio=1, fail_status=422)
    job = stack.api.wait(stack.api.submit("quick"), status="failed")
    assert job["attempts"] == 1 and "422" in job["error"], job
    assert stack.sync_mock.stats()["calls"] == 1


@pytest.mark.parametrize("knob", ["reset_ratio", "close_before_answer"])
def test_a_connection_that_breaks_is_tried_again(stack, knob):
    stack.sync_mock.configure(**{knob: 1})
    request_id = stack.api.submit("sturdy")
    stack.sync_mock.wait_calls(2)
    stack.sync_mock.configure(**{knob: 0})
    job = stack.api.wait(request_id, status="complete")
    assert job["attempts"] == len(stack.sync_mock.calls(request_id)) >= 3


def test_a_vendor_that_hangs_times_out(stack):
    stack.sync_mock.configure(hang_ratio=1)
    request_id = stack.api.submit("sturdy")
    stack.sync_mock.wait_calls(1)
    stack.sync_mock.configure(hang_ratio=0)
    job = stack.api.wait(request_id, status="complete")
    assert job["attempts"] == 2
    assert "time" in str(job["history"][0]).lower() and 900 <= job["history"][0]["latency_ms"] < 3000, job


def test_garbage_is_a_failure_with_a_clear_error(stack):
    stack.sync_mock.configure(garbage_ratio=1)
    job = stack.api.wait(stack.api.submit("quick"), status="failed")
    assert job["attempts"] == 1 and "200" in job["error"] and "body cannot be read" in job["error"], job


def test_a_vendor_that_is_away(stack):
    stack.kill("mock")
    try:
        request_id = stack.api.submit("sturdy")
        job = wait_for(lambda: (lambda seen: seen if seen.get("last_error") else None)(stack.api.job(request_id)), 10,
                       "the last error of a job that is tried again")
        assert job["status"] in ("pending", "processing") and job["attempts"] >= 1
    finally:
        stack.start("mock")
    job = stack.api.wait(request_id, status="complete")
    assert "last_error" not in job and "error" not in job


def test_too_many_holds_the_vendor_and_costs_no_attempt(stack):
    stack.sync_mock.configure(too_many_ratio=1, retry_after="1")
    first = stack.api.submit("quick")
    stack.sync_mock.wait_calls(1)
    stack.sync_mock.configure(too_many_ratio=0)
    answered = time.time()
    others = stack.api.submit_many("quick", 5)
    jobs = stack.api.wait_all([first, *others], 15)
    assert all(job["status"] == "complete" and job["attempts"] == 1 for job in jobs.values()), jobs
    calls = sorted(stack.sync_mock.all_calls(), key=lambda call: call["at_us"])
    refused = calls[0]["at_us"] / 1e6
    assert calls[0]["status"] == 429
    assert all(call["status"] == 200 for call in calls[1:])
    assert min(call["at_us"] for call in calls[1:]) / 1e6 >= refused + 0.99, "called while it wanted to be left alone"
    assert time.time() < answered + 10


def test_a_job_that_nobody_can_finish_ends_at_its_deadline(stack):
    stack.sync_mock.configure(fail_ratio=1)
    job = stack.api.wait(stack.api.submit("brief"), status="failed", seconds=10)
    assert job["attempts"] >= 2 and job["error"], job


def test_an_async_vendor_that_refuses_is_tried_again(stack):
    stack.async_mock.configure(fail_first=2)
    job = stack.api.wait(stack.api.submit("callback"), status="complete")
    assert job["attempts"] == 3


def test_many_failures_at_once_all_end(stack):
    stack.sync_mock.configure(fail_ratio=0.3, reset_ratio=0.05, garbage_ratio=0.02)
    ids = stack.api.submit_many("sturdy", 200)
    jobs = stack.api.wait_all(ids, 30)
    failed = [job for job in jobs.values() if job["status"] != "complete"]
    assert all("body cannot be read" in job["error"] for job in failed), failed[:1]  # garbage is final, nothing else
