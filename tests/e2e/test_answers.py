"""What an answer or a callback means by the vendor file, and what is kept of it. The sync mock echoes the payload at
/data/received, so a test says what the vendor answers."""

import json

import pytest

from api import assert_problem
from waiting import wait_for

DATA = {"score": 7, "name": "Žofie", "n": 12345678901234567890}


# ---- Answers ----

def test_a_200_that_says_error_for_good_fails_at_the_first_call(stack):
    job = stack.api.wait(stack.api.submit("judged", {"status": "error", "message": "no such person"}))
    assert job["status"] == "failed" and job["attempts"] == 1, job
    assert job["error"] == "vendor answered 200: no such person (response/verdicts/1)"
    assert [(entry["outcome"], entry["error"]) for entry in job["history"]] == [("http_200", job["error"])]
    assert stack.sync_mock.stats()["calls"] == 1


def test_a_200_that_says_error_for_now_is_tried_again(stack):
    job = stack.api.wait(stack.api.submit("judged", {"status": "busy", "message": "try later"}))
    assert job["status"] == "failed" and job["attempts"] == 3, job
    assert job["error"] == "vendor answered 200: try later (response/verdicts/0) (attempt 3 of 3)"
    assert stack.sync_mock.stats()["calls"] == 3


def test_no_data_is_a_result_of_its_own(stack):
    job = stack.api.wait(stack.api.submit("judged", {"status": "none"}))
    assert job["status"] == "complete" and job["result"] == {"found": False}, job
    assert [entry["outcome"] for entry in job["history"]] == ["no_data"] and "error" not in job


def test_what_no_rule_names_is_as_ever(stack):
    job = stack.api.wait(stack.api.submit("judged", {"status": "ok", "data": DATA}))
    assert job["status"] == "complete" and job["result"] == DATA, job
    job = stack.api.wait(stack.api.submit("judged", {"status": "ok"}))
    assert job["status"] == "failed" and "nothing at /data/received/data" in job["error"], job


def is_held(stack, vendor):
    held = stack.api.get("/health").json()["vendors"].get("held", [])
    return any(entry["vendor"] == vendor for entry in held)


def test_only_what_may_be_well_later_opens_the_breaker(stack):
    jobs = stack.api.wait_all(stack.api.submit_many("judged-breaking", 20, payload={"status": "error"}), 15)
    assert all(job["status"] == "failed" and job["attempts"] == 1 for job in jobs.values()), jobs
    assert not is_held(stack, "judged-breaking")
    ids = stack.api.submit_many("judged-breaking", 20, payload={"status": "busy"})
    wait_for(lambda: is_held(stack, "judged-breaking"), 10, "the breaker opens")
    assert all(job["status"] == "failed" for job in stack.api.wait_all(ids, 20).values())


# ---- Callbacks ----

@pytest.fixture
def silent(stack):
    stack.async_mock.configure(webhook_loss_ratio=1)
    return stack


def waiting_job(stack, vendor):
    request_id = stack.api.submit(vendor)
    stack.api.wait(request_id, status="processing")
    wait_for(lambda: stack.async_mock.stats()["answered"] == 1, 10, "the vendor acknowledges")
    return request_id


def call_back(stack, vendor, body, headers=None):
    """A failure without a token has to come again while the acknowledgement is being written."""
    def accepted():
        response = stack.api.post(f"/vendor-webhook/{vendor}", body, headers)
        return response.status_code != 503 and response

    response = wait_for(accepted, 10, "the callback is taken")
    assert response.status_code == 200 and response.json()["status"] == "accepted", response.text


SHAPES = [
    ({"request_id": "ID", "result": DATA}, DATA),
    ({"request_id": "ID", "data": DATA, "status": "complete"}, DATA),
    ({"requestId": "ID", "status": "ok", "data": DATA}, DATA),
    ({"job_id": "ID", "result": [1]}, [1]),
    ({"jobId": "ID", "success": True, "data": "x"}, "x"),
    ({"id": "ID", "success": True}, None),
    ({"request_id": "ID", "success": False, "error": "no such person"}, "an error: no such person"),
    ({"jobId": "ID", "error": {"message": "no such person"}}, "an error: no such person"),
    ({"requestId": "ID", "status": "FAILED", "data": None}, 'status "FAILED"'),
    ({"request_id": "ID", "success": False}, "without success"),
]


@pytest.mark.parametrize("body,expected", SHAPES, ids=[json.dumps(body) for body, _ in SHAPES])
def test_the_usual_shapes_need_no_word_in_the_file(silent, body, expected):
    request_id = waiting_job(silent, "callback")
    call_back(silent, "callback", {name: request_id if value == "ID" else value for name, value in body.items()})
    job = silent.api.job(request_id)
    if isinstance(expected, str) and job["status"] == "failed":
        assert job["error"] == "vendor called back with " + expected or job["error"] == "vendor called back " + expected
    else:
        assert job["status"] == "complete" and job["result"] == expected, job
    assert (job["status"] == "failed") == (body.get("success") is False or "error" in body or "FAILED" in body.values())


def test_a_header_may_say_which_job(silent):
    request_id = waiting_job(silent, "header-id")
    assert_problem(silent.api.post("/vendor-webhook/header-id", {"out": DATA}), 404)
    call_back(silent, "header-id", {"request_id": "another id", "out": DATA}, {"X-Job-Ref": request_id})
    assert silent.api.job(request_id)["result"] == DATA


@pytest.mark.parametrize("body,status,said", [
    ({"state": "KO", "out": 1, "error": "no"}, "failed", "vendor called back with a failure: no (callback/verdicts/0)"),
    ({"state": "EMPTY"}, "complete", None),
    ({"state": "OK", "success": False, "out": [1]}, "complete", [1])], ids=["fail", "no_data", "success"])
def test_rules_say_what_a_callback_means(silent, body, status, said):
    request_id = waiting_job(silent, "header-id")
    call_back(silent, "header-id", body, {"X-Job-Ref": request_id})
    job = silent.api.job(request_id)
    assert job["status"] == status and job["result" if status == "complete" else "error"] == said, job
