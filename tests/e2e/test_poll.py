"""Vendors that are asked until they are done: what came of it, and that no job is ever submitted twice."""

import json
import os
import signal
import urllib.parse

import pytest

from api import assert_complete, assert_problem
from vendor_files import API_KEY
from waiting import wait_for

END_SECONDS = 40
FOR_EVER = 1000000  # polls


def assert_submitted_once(mock, jobs):
    stats = mock.stats()
    assert stats["calls"] - stats["polls"] == jobs, stats
    assert stats["repeated_ids"] == 0, stats


@pytest.mark.parametrize("vendor", ["polled", "polled-at", "polled-location"])
def test_a_job_is_asked_for_until_it_is_done(stack, vendor):
    request_id = stack.api.submit(vendor)
    job = stack.api.wait(request_id)
    assert job["status"] == "complete" and job["attempts"] == 1 and "error" not in job, job
    assert job["result"] and "ssn" not in job["result"], job
    submission, last_poll = job["history"]
    assert submission["http_status"] == 202 and "polls" not in submission, job
    assert last_poll["http_status"] == 200 and last_poll["polls"] == 3 and last_poll["attempt"] == 1, job
    assert stack.sync_mock.stats()["polls"] == 3
    assert_submitted_once(stack.sync_mock, 1)


def test_it_is_processing_until_then(stack):
    stack.sync_mock.configure(poll_pending=FOR_EVER)
    request_id = stack.api.submit("polled")
    wait_for(lambda: stack.sync_mock.stats()["polls"] >= 8, 10, lambda: f"8 polls: {stack.sync_mock.stats()}")
    job = stack.api.job(request_id)
    assert job["status"] == "processing" and "last_error" not in job and len(job["history"]) == 1, job
    stack.sync_mock.configure(poll_pending=0)
    assert stack.api.wait(request_id)["status"] == "complete"


@pytest.mark.parametrize("vendor, knobs, words", [
    ("polled", {"poll_fail_ratio": 1}, 'vendor answered that the job is "failed": simulated failure of the job'),
    ("polled", {"poll_loss_ratio": 1}, "vendor answered 404: there is no such job"),
    ("polled-brief", {"poll_pending": FOR_EVER}, 'poll deadline passed: the vendor accepted the job, but its "/status" did '
                                                 'not say in time that it is done'),
])
def test_a_job_that_the_vendor_does_not_get_done_fails(stack, vendor, knobs, words):
    stack.sync_mock.configure(**knobs)
    job = stack.api.wait(stack.api.submit(vendor))
    assert job["status"] == "failed" and job["attempts"] == 1 and job["error"] == words, job
    assert_submitted_once(stack.sync_mock, 1)


@pytest.mark.parametrize("ref", ["J-1", "a/b", "../%2e", "x y?&=#+;@", "\u017elu\u0165\n\"\\", 12345678901234567890])
def test_it_is_asked_by_a_request_that_is_made_of_the_job(stack, ref):
    request_id = stack.api.submit("polled-by-post", {"ref": ref, "region": "e/u", "n": [1, None]})
    job = stack.api.wait(request_id, status="complete")
    assert job["result"] == {"state": "done", "id": str(ref), "n": [1, None]}, job
    submission, poll = stack.sync_mock.calls(request_id)
    segment = urllib.parse.quote(str(ref), safe="")
    assert poll["request"] == f"POST /reports/e%2Fu/{segment}?ref={segment} HTTP/1.1"
    assert json.loads(poll["body"]) == job["result"] and poll["headers"]["content-type"] == "application/json"
    for call in (submission, poll):
        assert call["headers"]["authorization"] == "Bearer " + API_KEY


@pytest.mark.parametrize("payload, words, calls", [
    ({"ref": "7", "n": 1}, "the request cannot be made: its poll's URL: /region of the payload is not there", 0),
    ({"ref": "7", "region": "..", "n": 1}, 'the request cannot be made: its poll\'s URL: has a path segment that is "." or ".."', 0),
    ({"ref": "..", "region": "eu", "n": 1}, 'vendor answered 200, but its poll\'s URL: has a path segment that is "." or ".."', 1),
])
def test_what_cannot_be_asked_for_fails_before_it_costs(stack, payload, words, calls):
    job = stack.api.wait(stack.api.submit("polled-by-post", payload))
    assert job["status"] == "failed" and job["error"] == words and job["attempts"] == calls, job
    assert stack.sync_mock.stats()["calls"] == calls


def test_an_acknowledgement_that_does_not_say_where_to_ask(stack):
    stack.sync_mock.configure(garbage_ratio=1)
    job = stack.api.wait(stack.api.submit("polled"))
    assert job["status"] == "failed" and job["attempts"] == 1, job
    assert job["error"] == "vendor answered 200, but there is no id of the job at /job_id in its body"


@pytest.mark.parametrize("knobs, words", [({"poll_too_many_ratio": 1}, "vendor answered 429: too many polls"),
                                          ({"poll_error_ratio": 1}, "vendor answered 500: simulated failure")])
def test_polls_that_fail_are_made_again(stack, knobs, words):
    stack.sync_mock.configure(retry_after="1", **knobs)
    request_id = stack.api.submit("polled")
    job = wait_for(lambda: (lambda job: job if "last_error" in job else None)(stack.api.job(request_id)), 10,
                   "the failure of a poll can be seen")
    assert job["status"] == "processing" and job["last_error"] == words, job
    stack.sync_mock.configure(**{knob: 0 for knob in knobs})
    job = stack.api.wait(request_id)
    assert job["status"] == "complete" and job["attempts"] == 1, job
    assert_submitted_once(stack.sync_mock, 1)


def test_limits_count_polls(stack):
    stack.sync_mock.configure(limit_calls=10, limit_seconds=1, limit_enforce=True)
    ids = stack.api.submit_many("polled-limited", 15)
    assert_complete(stack.api.wait_all(ids, END_SECONDS))
    stats = stack.sync_mock.stats()
    assert stats["violations"] == 0 and stats["by_status"] == {"200": 45, "202": 15}, stats
    assert_submitted_once(stack.sync_mock, 15)


def test_it_does_not_call_back(stack):
    assert_problem(stack.api.post("/vendor-webhook/polled", {"request_id": "x", "data": {}}), 404, "does not call back")


def test_workers_die_while_they_ask(rough_stack):
    stack = rough_stack
    stack.sync_mock.configure(poll_pending=FOR_EVER)
    ids = stack.api.submit_many("polled", 20)
    wait_for(lambda: stack.sync_mock.stats()["polls"] >= 20, 15, "all have been asked for")
    stack.sync_mock.configure(poll_pending=0, latency_ms=1000)
    wait_for(lambda: stack.sync_mock.stats()["in_flight"] >= 10, 10, "polls are under way")
    killed = {pid for slot in (1, 2) for pid in stack.pids(f"worker-{slot}")}
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    for slot in (1, 2):
        stack.wait_well(f"worker-{slot}", but_not=killed)
    jobs = stack.api.wait_all(ids, END_SECONDS)
    assert_complete(jobs)
    assert {job["attempts"] for job in jobs.values()} == {1}
    assert_submitted_once(stack.sync_mock, 20)


def test_redis_forgets_jobs_that_wait_to_be_asked_for(rough_stack):
    stack = rough_stack
    stack.sync_mock.configure(poll_pending=FOR_EVER)
    ids = stack.api.submit_many("polled", 20)
    wait_for(lambda: stack.sync_mock.stats()["polls"] >= 20, 15, "all have been asked for")
    stack.queue.redis.flushall()
    stack.sync_mock.configure(poll_pending=0)
    assert_complete(stack.api.wait_all(ids, END_SECONDS))
    assert_submitted_once(stack.sync_mock, 20)


def test_a_poll_that_a_changed_file_makes_impossible_fails_its_job_and_costs_no_call(rough_stack):
    stack = rough_stack
    stack.sync_mock.configure(poll_pending=0)
    request_id = stack.api.submit("polled-changed")
    wait_for(lambda: "history" in stack.api.job(request_id), 10, "the job is submitted")
    for slot in (1, 2):
        stack.kill(f"worker-{slot}", "KILL")
    path = stack.vendors / "polled-changed.json"
    vendor = json.loads(path.read_text())
    vendor["poll"]["query"] = {"r": "${payload:/region}"}
    path.write_text(json.dumps(vendor))
    for slot in (1, 2):
        stack.start(f"worker-{slot}")
    job = stack.api.wait(request_id, END_SECONDS)
    assert job["status"] == "failed", job
    assert job["error"] == "the request cannot be made: its poll's URL: /region of the payload is not there", job
    assert job["history"][-1]["outcome"] == "not_made" and "polls" not in job["history"][-1], job
    # Two of the three calls that the vendor allows are left: one to submit another, one to ask for it.
    job = stack.api.wait(stack.api.submit("polled-changed", {"region": "eu"}), END_SECONDS)
    assert job["status"] == "complete", job
