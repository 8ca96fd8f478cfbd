"""Callbacks that come before their time: before the vendor's acknowledgement is stored, by the vendor's own id only,
while another attempt is under way, or at the very deadline."""

import concurrent.futures
import json
import time
import urllib.parse

import pytest

from api import assert_complete, assert_problem
from early_store import kept_early, leave_early, vendor_job_id
from waiting import wait_for

JOBS = 200
DATA = {"score": 7}


@pytest.fixture
def own(stack):
    """A vendor that knows only its own ids and calls back before it acknowledges; nothing is kept in the end."""
    stack.async_mock.configure(webhook_own_id_only=True, webhook_before_answer=True, webhook_delay_ms=0)
    yield stack
    wait_for(lambda: kept_early(stack) == 0, 10, lambda: f"nothing is kept: {kept_early(stack)}")


@pytest.fixture
def silent(stack):
    stack.async_mock.configure(webhook_loss_ratio=1)
    return stack


def next_own_id(stack):
    """The id that the mock will give the next job: they rise by one."""
    request_id = stack.api.submit("early")
    wait_for(lambda: vendor_job_id(stack, request_id), 10, "the vendor's id is stored")
    stack.api.post("/vendor-webhook/early", {"job_id": vendor_job_id(stack, request_id), "data": DATA})
    name, number = vendor_job_id(stack, request_id).rsplit("-", 1)
    return f"{name}-{int(number) + 1}"


def status_of(response):
    assert response.status_code == 200, f"{response.status_code} {response.text}"
    return response.json()["status"]


# ---- By the vendor's own id, before that id is stored ----

@pytest.mark.parametrize("knobs", [{}, {"webhook_duplicates": 2, "webhook_reorder": True},
                                   {"webhook_before_answer": False, "webhook_duplicates": 1}], ids=json.dumps)
def test_each_job_gets_its_own_callback(own, knobs):
    own.async_mock.configure(**knobs)
    ids = own.api.submit_many("early", JOBS)
    jobs = own.api.wait_all(ids, 60)
    assert_complete(jobs)
    assert all(job["attempts"] == 1 for job in jobs.values())
    assert [jobs[request_id]["result"]["received"]["n"] for request_id in ids] == list(range(JOBS))
    assert own.async_mock.stats()["repeated_ids"] == 0


def test_failures_fail_their_jobs(own):
    own.async_mock.configure(webhook_fail_ratio=0.3, webhook_duplicates=1)
    jobs = own.api.wait_all(own.api.submit_many("early", JOBS), 60)
    failed = [job for job in jobs.values() if job["status"] == "failed"]
    assert 0 < len(failed) < JOBS and all("simulated failure" in job["error"] for job in failed)
    assert all(job["status"] in ("complete", "failed") for job in jobs.values())


def test_a_success_beats_the_failures_that_are_kept(silent):
    own_id = next_own_id(silent)
    for body in ({"error": "no"}, {"data": DATA}, {"data": {"other": 1}}, {"error": "no again"}):
        assert status_of(silent.api.post("/vendor-webhook/early", {"job_id": own_id, **body})) == "accepted"
    assert kept_early(silent) == 1
    job = silent.api.wait(silent.api.submit("early"))
    assert job["status"] == "complete" and job["result"] == DATA
    wait_for(lambda: kept_early(silent) == 0, 10, "nothing is kept")


def test_what_is_neither_result_nor_error_or_names_our_id_is_not_kept(silent):
    assert_problem(silent.api.post("/vendor-webhook/early", {"job_id": "x", "status": "done"}), 422)
    for path, body in (("early", {"data": DATA}), ("early", {"job_id": "x" * 256, "data": DATA}),
                       ("early", {"job_id": "", "data": DATA}), ("early?id=x", {"job_id": "x", "data": DATA}),
                       ("early?token=1.x", {"job_id": "x", "data": DATA}),
                       ("callback", {"request_id": "x", "data": 1})):
        assert_problem(silent.api.post("/vendor-webhook/" + path, body), 404)
    assert kept_early(silent) == 0


def test_another_vendors_job_is_404_and_unchanged(silent):
    request_id = silent.api.submit("callback")
    before = silent.api.wait(request_id, status="processing")
    assert_problem(silent.api.post("/vendor-webhook/early", {"job_id": request_id, "data": DATA}), 404)
    assert silent.api.job(request_id)["status"] == before["status"] and kept_early(silent) == 0
    wait_for(lambda: silent.async_mock.calls(request_id), 10, "the vendor is called")
    silent.api.post("/vendor-webhook/callback", {"request_id": request_id, "data": DATA})


# ---- What a crash leaves behind ----

@pytest.mark.parametrize("vendor", ["early", "early-brief"])
def test_repair_applies_what_nobody_looked_at(silent, vendor):
    """For early-brief the deadline comes before the round that looks at what is kept: it must not win."""
    request_id = silent.api.submit(vendor)
    wait_for(lambda: vendor_job_id(silent, request_id), 10, "the vendor's id is stored")
    leave_early(silent, vendor, vendor_job_id(silent, request_id), json.dumps(DATA))
    job = silent.api.wait(request_id)
    assert job["status"] == "complete" and job["result"] == DATA, job
    wait_for(lambda: kept_early(silent) == 0, 10, "nothing is kept")


# ---- While a call is under way ----

def path_of_call(stack, request_id, number):
    """Path and query of the callback URL of the job's call of this number."""
    wait_for(lambda: len(stack.async_mock.calls(request_id)) > number, 10, f"call {number}")
    url = urllib.parse.urlsplit(stack.async_mock.calls(request_id)[number]["headers"]["x-callback-url"])
    return f"{url.path}?{url.query}"


def test_a_failure_without_a_token_has_to_come_again_while_the_call_is_under_way(silent):
    silent.async_mock.configure(latency_ms=1000)
    request_id = silent.api.submit("callback")
    path = path_of_call(silent, request_id, 0).split("?")[0]
    failure = {"request_id": request_id, "error": "no such person"}
    response = silent.api.post(path, failure)
    assert_problem(response, 503)
    assert int(response.headers["Retry-After"]) >= 1
    wait_for(lambda: silent.api.post(path, failure).status_code == 200, 10, "the failure counts")
    job = silent.api.job(request_id)
    assert job["status"] == "failed" and "no such person" in job["error"] and job["attempts"] == 1


def test_a_failure_of_this_attempt_ends_the_job_before_the_acknowledgement(silent):
    silent.async_mock.configure(latency_ms=1000)
    request_id = silent.api.submit("callback")
    path = path_of_call(silent, request_id, 0)
    assert status_of(silent.api.post(path, {"request_id": request_id, "error": "no such person"})) == "accepted"
    job = silent.api.job(request_id)
    assert job["status"] == "failed" and job["attempts"] == 1
    wait_for(lambda: silent.async_mock.stats()["answered"] == 1, 10, "the vendor acknowledges")
    later = silent.api.submit("callback")  # committed after the acknowledgement
    silent.async_mock.configure(latency_ms=0)
    silent.api.wait(later, status="processing")
    silent.api.post(path_of_call(silent, later, 0), {"request_id": later, "data": DATA})
    assert silent.api.job(request_id) == job


def test_an_older_attempts_failure_is_ignored_and_its_success_counts(silent):
    silent.async_mock.configure(fail_first=1)
    request_id = silent.api.submit("callback")
    wait_for(lambda: len(silent.async_mock.calls(request_id)) == 2, 10, "the second attempt")
    older = path_of_call(silent, request_id, 0)
    assert older != path_of_call(silent, request_id, 1)
    assert status_of(silent.api.post(older, {"request_id": request_id, "error": "no"})) == "ignored"
    assert silent.api.job(request_id)["status"] == "processing"
    assert status_of(silent.api.post(older, {"request_id": request_id, "data": DATA})) == "accepted"
    job = silent.api.job(request_id)
    assert job["status"] == "complete" and job["result"] == DATA and job["attempts"] == 2


# ---- At the deadline ----

def test_at_the_deadline_one_of_both_wins_and_the_answer_says_which(silent):
    ids = silent.api.submit_many("impatient", 60)
    wait_for(lambda: silent.async_mock.stats()["answered"] >= len(ids), 20, "all are acknowledged")
    due = time.monotonic() + 2

    def call_back(number):
        time.sleep(max(0, due + number * 0.025 - 0.5 - time.monotonic()))  # the load: spread over the deadline
        return ids[number], status_of(silent.api.post("/vendor-webhook/impatient",
                                                      {"request_id": ids[number], "data": DATA}))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = dict(pool.map(call_back, range(len(ids))))
    jobs = silent.api.wait_all(ids, 10)
    assert {request_id: "accepted" if job["status"] == "complete" else "ignored" for request_id, job in jobs.items()} \
        == answers
