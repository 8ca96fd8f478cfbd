"""Jobs go on to the next vendor when theirs is of no use, and callbacks that ask for a job to be submitted again."""

import concurrent.futures
import os
import signal
import urllib.parse

import pytest

from api import assert_complete
from waiting import wait_for

MOVED = 150


def outcomes(job):
    return [(each["vendor"], each.get("outcome")) for each in job["tried"]]


def callback_path(mock, request_id, calls=1):
    wait_for(lambda: len(mock.calls(request_id)) >= calls, 20, f"call {calls} of {request_id}")
    url = urllib.parse.urlsplit(mock.calls(request_id)[calls - 1]["headers"]["x-callback-url"])
    return f"{url.path}?{url.query}"


# ---- Failed ----

def test_what_a_vendor_refuses_goes_on_until_one_does_it(stack):
    """By the list of the vendor that was asked for; the next ones have other modes."""
    stack.sync_mock.configure(fail_ratio=1, fail_status=422)
    request_id = stack.api.submit("refusing", {"n": 7})
    job = stack.api.wait(request_id, status="complete")
    assert job["vendor"] == "last" and job["result"]["received"] == {"n": 7}
    assert outcomes(job) == [("refusing", "failed"), ("away", "failed"), ("last", "complete")]
    refusing, away, last = job["tried"]
    assert refusing["attempts"] == 1 and "422" in refusing["error"] and refusing["at"] <= away["at"] <= last["at"]
    assert away["attempts"] == 1 and "cannot connect" in away["error"]
    assert last["attempts"] == job["attempts"] == 1 and "error" not in job and "error" not in last
    assert [entry["outcome"] for entry in job["history"]] == ["http_422", "connect_failed", "http_202"]
    assert [entry.get("vendor") for entry in job["history"]] == [None, "away", "last"]
    assert len(stack.sync_mock.calls(request_id)) == len(stack.async_mock.calls(request_id)) == 1
    assert f"next=away request_id={request_id}" in stack.log("worker-1")


def test_attempts_are_counted_for_each_vendor(stack):
    stack.sync_mock.configure(fail_ratio=1)
    job = stack.api.wait(stack.api.submit("refusing"), status="complete")
    assert [each["attempts"] for each in job["tried"]] == [3, 1, 1]
    assert "(attempt 3 of 3)" in job["tried"][0]["error"]


def test_when_the_last_one_fails_the_job_has(stack):
    stack.sync_mock.configure(fail_ratio=1, fail_status=400)
    stack.async_mock.configure(webhook_fail_ratio=1)
    job = stack.api.wait(stack.api.submit("refusing"), status="failed")
    assert outcomes(job) == [("refusing", "failed"), ("away", "failed"), ("last", "failed")]
    assert "simulated failure" in job["error"] and job["tried"][2]["error"] == job["error"]


def test_no_data_is_a_result(stack):
    stack.sync_mock.configure(fail_ratio=1, fail_status=404)
    job = stack.api.wait(stack.api.submit("knowing-nothing"), status="complete")
    assert job["vendor"] == "knowing-nothing" and job["result"] is None and "tried" not in job


@pytest.mark.parametrize("vendor,goes_on", [("hanging", False), ("hanging-anyway", True)])
def test_what_a_vendor_may_be_doing_goes_on_only_if_the_file_says_so(stack, vendor, goes_on):
    stack.sync_mock.configure(hang_ratio=1)
    request_id = stack.api.submit(vendor)
    job = stack.api.wait(request_id)
    if goes_on:
        assert job["status"] == "complete" and outcomes(job) == [(vendor, "unknown"), ("last", "complete")]
    else:
        assert job["status"] == "failed" and "tried" not in job and "in time" in job["error"]
        assert not stack.async_mock.calls(request_id)


def test_a_callback_that_does_not_come_is_unknown(stack):
    stack.async_mock.configure(webhook_loss_ratio=1)
    job = stack.api.wait(stack.api.submit("never-back"), status="complete")
    assert outcomes(job) == [("never-back", "unknown"), ("quick", "complete")]
    assert "call back" in job["tried"][0]["error"]


def test_what_a_polled_vendor_fails_goes_on_with_the_deadline_it_had(stack):
    stack.sync_mock.configure(poll_fail_ratio=1)
    job = stack.api.wait(stack.api.submit("asked"), status="complete")
    assert outcomes(job) == [("asked", "failed"), ("last", "complete")]


# ---- Open, exhausted ----

def test_nothing_waits_for_an_open_breaker(stack):
    """The first job opens it, for minutes; the others are not even tried there."""
    first = stack.api.wait(stack.api.submit("opening"), status="complete")
    assert first["vendor"] == "last" and first["tried"][0]["outcome"] == "open" and first["tried"][0]["attempts"] >= 1
    jobs = stack.api.wait_all(stack.api.submit_many("opening", 20), 15)
    assert_complete(jobs)
    for job in jobs.values():
        assert outcomes(job) == [("opening", "open"), ("last", "complete")] and job["tried"][0]["attempts"] == 0
        assert len(stack.async_mock.calls(job["request_id"])) == 1


def test_nothing_waits_for_a_quota_that_is_used_up(stack):
    jobs = stack.api.wait_all(stack.api.submit_many("used-up", 10), 15)
    assert_complete(jobs)
    assert sum(job["vendor"] == "used-up" for job in jobs.values()) <= 1   # 0: this stack has used it before
    assert stack.sync_mock.stats()["calls"] <= 1
    moved = [job for job in jobs.values() if job["vendor"] == "last"]
    assert all(outcomes(job) == [("used-up", "exhausted"), ("last", "complete")] for job in moved)


def test_nothing_waits_for_a_vendor_that_wants_to_be_left_alone(stack):
    stack.sync_mock.configure(too_many_ratio=1, retry_after="300")
    jobs = stack.api.wait_all(stack.api.submit_many("held", 5), 15)
    assert_complete(jobs)
    assert all(outcomes(job) == [("held", "exhausted"), ("last", "complete")] for job in jobs.values())


# ---- Callbacks ----

def test_what_a_vendor_that_was_left_brings_is_ignored(stack):
    stack.async_mock.configure(webhook_loss_ratio=1)
    stack.sync_mock.configure(latency_ms=1500)
    request_id = stack.api.submit("calling-back")
    path = callback_path(stack.async_mock, request_id)
    stack.api.wait(request_id, status="processing")
    failure = stack.api.post(path, {"request_id": request_id, "error": "no such person"})
    assert failure.status_code == 200 and failure.json()["status"] == "accepted"
    assert stack.api.job(request_id)["vendor"] == "quick"   # at once: the answer came after the write
    late = stack.api.post(path, {"request_id": request_id, "data": {"late": True}})
    assert late.status_code == 200 and late.json()["status"] == "ignored", late.text
    job = stack.api.wait(request_id, status="complete")
    assert outcomes(job) == [("calling-back", "failed"), ("quick", "complete")]
    assert "no such person" in job["tried"][0]["error"] and "late" not in job["result"]
    late = stack.api.post(path, {"request_id": request_id, "data": {"late": True}})
    assert late.status_code == 200 and late.json()["status"] == "ignored"
    assert stack.api.job(request_id) == job


def test_a_callback_may_ask_for_the_job_to_be_submitted_again(stack):
    stack.async_mock.configure(webhook_loss_ratio=1)
    request_id = stack.api.submit("again")
    for attempt in (1, 2):
        path = callback_path(stack.async_mock, request_id, attempt)
        wait_for(lambda attempt=attempt: stack.api.job(request_id)["attempts"] == attempt, 10, f"attempt {attempt} is acknowledged")
        answer = stack.api.post(path, {"request_id": request_id, "status": "later", "error": "busy"})
        assert answer.status_code == 200 and answer.json()["status"] == "accepted", answer.text
        twice = stack.api.post(path, {"request_id": request_id, "status": "later", "error": "busy"})
        assert twice.status_code == 200 and twice.json()["status"] == "ignored", twice.text
    path = callback_path(stack.async_mock, request_id, 3)
    wait_for(lambda: stack.api.job(request_id)["attempts"] == 3, 10, "attempt 3 is acknowledged")
    assert stack.api.post(path, {"request_id": request_id, "data": {"x": 1}}).json()["status"] == "accepted"
    job = stack.api.job(request_id)
    assert job["status"] == "complete" and job["result"] == {"x": 1} and job["attempts"] == 3
    assert [entry["outcome"] for entry in job["history"]] == [
        "http_202", "callback_retry", "http_202", "callback_retry", "http_202"]


# ---- Crashes ----

def test_workers_that_die_while_they_move_jobs_lose_and_double_none(rough_stack):
    """Both are killed again and again while jobs leave a vendor that cannot be called."""
    stack = rough_stack
    stack.async_mock.configure(webhook_delay_ms=20)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        posted = pool.submit(stack.api.submit_many, "opening", MOVED, 4)
        for slot in (1, 2, 1, 2):
            wait_for(lambda: stack.async_mock.stats()["calls"] > 5, 20, "jobs come to the next vendor")
            killed = stack.pids(f"worker-{slot}")
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            stack.wait_well(f"worker-{slot}", but_not=killed)
        ids = posted.result()
    jobs = stack.api.wait_all(ids, 60)
    assert_complete(jobs)
    for job in jobs.values():
        assert [each["vendor"] for each in job["tried"]] == ["opening", "last"], job
        lost = sum(entry["outcome"] == "worker_lost" for entry in job.get("history", []))
        assert len(stack.async_mock.calls(job["request_id"])) <= 1 + lost
