"""Vendors that call back: in time, too early, twice, late, with a failure, for somebody else's job, or never."""

import base64
import concurrent.futures
import hashlib
import hmac
import json
import threading
import time
import urllib.parse

import pytest

from api import assert_problem
from vendor_files import CALLBACK_SECRET
from waiting import wait_for

UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
DATA = {"score": 7, "name": "Žofie"}


@pytest.fixture
def silent(stack):
    """Vendors that take jobs and never call back: the test does that by itself."""
    stack.async_mock.configure(webhook_loss_ratio=1)
    return stack


def waiting_job(stack, vendor="callback"):
    """A job that its vendor has acknowledged: (request id, path and query of the callback URL that the vendor got)."""
    request_id = stack.api.submit(vendor)
    return request_id, callback_path(stack, request_id)


def callback_path(stack, request_id):
    stack.api.wait(request_id, status="processing")
    wait_for(lambda: stack.async_mock.calls(request_id), 20, "the vendor is called")
    url = urllib.parse.urlsplit(stack.async_mock.calls(request_id)[-1]["headers"]["x-callback-url"])
    assert f"{url.scheme}://{url.netloc}" == stack.base_url
    return f"{url.path}?{url.query}"


def data_for(request_id, data=None):
    return {"request_id": request_id, "data": DATA if data is None else data}


def without_query(path):
    return path.split("?")[0]


# ---- In time ----

def test_the_vendor_is_given_id_and_callback_url(silent):
    request_id, path = waiting_job(silent)
    headers = silent.async_mock.calls(request_id)[0]["headers"]
    assert headers["x-request-id"] == request_id and headers["idempotency-key"] == request_id
    assert path.startswith("/vendor-webhook/callback?") and f"id={request_id}" in path and "token=" in path
    silent.api.post(path, data_for(request_id))


def test_a_callback_completes_the_job(silent):
    request_id, path = waiting_job(silent)
    response = silent.api.post(path, data_for(request_id))
    assert response.status_code == 200, response.text
    job = silent.api.job(request_id)  # at once: the answer came after the write
    assert job["status"] == "complete" and job["result"] == DATA and job["attempts"] == 1


def test_the_url_without_its_query_is_enough(silent):
    request_id, path = waiting_job(silent)
    assert silent.api.post(without_query(path), data_for(request_id)).status_code == 200
    assert silent.api.job(request_id)["status"] == "complete"


def test_the_vendors_own_id_is_enough(silent):
    request_id, path = waiting_job(silent, "ownid")
    # What the mock answered: its ids rise, and only it knows them; the store has been told the last one.
    silent.async_mock.configure(webhook_loss_ratio=0, webhook_own_id_only=True)
    other = silent.api.submit("ownid")
    assert silent.api.wait(other, status="complete")["result"]["received"] == {"n": 1}
    assert silent.api.job(request_id)["status"] == "processing"
    silent.api.post(path, {"data": DATA})
    assert silent.api.job(request_id)["result"] == DATA


@pytest.mark.parametrize("data", [None, [], 0, "", False, [1, {"a": None}]], ids=repr)
def test_any_json_is_a_result(silent, data):
    request_id, path = waiting_job(silent)
    response = silent.api.post(path, json.dumps({"request_id": request_id, "data": data}))
    if data is None:  # null may mean "nothing": then it is refused, and says so
        assert response.status_code in (200, 422), response.text
        if response.status_code == 422:
            silent.api.post(path, data_for(request_id))
            return
    assert response.status_code == 200, response.text
    job = silent.api.job(request_id)
    assert job["status"] == "complete" and job["result"] == data


# ---- Too early ----

def test_a_webhook_before_the_vendors_own_answer(stack):
    stack.async_mock.configure(webhook_before_answer=True, webhook_delay_ms=0)
    ids = stack.api.submit_many("callback", 30)
    jobs = stack.api.wait_all(ids, 15)
    assert all(job["status"] == "complete" and job["attempts"] == 1 for job in jobs.values()), jobs
    assert stack.async_mock.stats()["repeated_ids"] == 0


def test_a_webhook_at_the_same_moment_as_the_answer(stack):
    stack.async_mock.configure(webhook_delay_ms=0, webhook_duplicates=2, webhook_reorder=True)
    jobs = stack.api.wait_all(stack.api.submit_many("callback", 60), 15)
    assert all(job["status"] == "complete" and job["attempts"] == 1 for job in jobs.values()), jobs
    assert stack.async_mock.stats()["repeated_ids"] == 0


def test_an_answer_that_never_comes_but_the_webhook_does(stack):
    stack.async_mock.configure(close_before_answer=1, webhook_delay_ms=300)
    job = stack.api.wait(stack.api.submit("sturdy-callback"), status="complete")
    assert job["result"]["received"] == {"n": 1}


# ---- Twice, late ----

def test_a_duplicate_is_ignored(silent):
    request_id, path = waiting_job(silent)
    assert silent.api.post(path, data_for(request_id)).status_code == 200
    before = silent.api.get("/jobs/" + request_id).content
    for body in (data_for(request_id), data_for(request_id, {"other": 1}),
                 {"request_id": request_id, "error": {"message": "no"}}):
        response = silent.api.post(path, body)
        assert response.status_code == 200 and response.json()["status"] == "ignored", response.text
    assert silent.api.get("/jobs/" + request_id).content == before


def test_the_id_in_the_url_counts_when_the_vendor_sends_ids_of_its_own(silent):
    request_id, path = waiting_job(silent)
    response = silent.api.post(path, data_for("0192d3a0-0000-4000-8000-000000000001"))
    assert response.status_code == 200 and response.json()["status"] == "accepted", response.text
    assert silent.api.job(request_id)["status"] == "complete"


def test_ids_are_read_in_either_case(silent):
    request_id, _ = waiting_job(silent)
    response = silent.api.post("/vendor-webhook/callback", data_for(request_id.upper()))
    assert response.status_code == 200 and response.json()["status"] == "accepted", response.text
    assert silent.api.job(request_id.upper())["request_id"] == request_id


def test_a_late_webhook_does_not_change_a_failed_job(silent):
    request_id, path = waiting_job(silent, "impatient")
    job = silent.api.wait(request_id, status="failed")
    response = silent.api.post(path, data_for(request_id))
    assert response.status_code == 200 and response.json()["status"] == "ignored", response.text
    assert silent.api.job(request_id) == job


def test_duplicates_from_the_vendor_itself(stack):
    stack.async_mock.configure(webhook_duplicates=3, webhook_spread_ms=200)
    jobs = stack.api.wait_all(stack.api.submit_many("callback", 20), 15)
    assert all(job["status"] == "complete" for job in jobs.values())


def test_of_many_at_the_same_moment_one_counts_for_each_job(silent):
    jobs = [waiting_job(silent) for _ in range(4)]
    sent = [(request_id, path, {"n": n}) for n in range(10) for request_id, path in jobs]
    gate = threading.Barrier(len(sent))

    def call_back(request_id, path, data):
        gate.wait()
        response = silent.api.post(path, data_for(request_id, data))
        assert response.status_code == 200, response.text
        return response.json()["status"]

    with concurrent.futures.ThreadPoolExecutor(len(sent)) as pool:
        answers = list(pool.map(lambda each: call_back(*each), sent))
    accepted = {request_id: data for (request_id, _, data), answer in zip(sent, answers) if answer == "accepted"}
    assert sorted(answers) == ["accepted"] * len(jobs) + ["ignored"] * (len(sent) - len(jobs))
    assert {request_id: silent.api.job(request_id)["result"] for request_id, _ in jobs} == accepted


# ---- Failures ----

@pytest.mark.parametrize("body", [{"error": {"message": "no such person"}}, {"error": "no such person"},
                                  {"status": "failed", "error": {"message": "no such person"}}], ids=json.dumps)
def test_a_failure_fails_the_job_with_its_words(silent, body):
    request_id, path = waiting_job(silent)
    assert silent.api.post(path, {"request_id": request_id, **body}).status_code == 200
    job = silent.api.job(request_id)
    assert job["status"] == "failed" and "no such person" in job["error"] and "result" not in job


def test_a_failure_from_the_vendor_itself(stack):
    stack.async_mock.configure(webhook_fail_ratio=1)
    job = stack.api.wait(stack.api.submit("callback"), status="failed")
    assert "simulated failure" in job["error"]


def test_the_deadline_of_a_callback(silent):
    started = time.monotonic()
    request_id, _ = waiting_job(silent, "impatient")
    job = silent.api.wait(request_id, status="failed", seconds=10)
    assert 1.9 < time.monotonic() - started < 6
    assert "call back" in job["error"] or "callback" in job["error"], job
    assert silent.async_mock.stats()["calls"] == 1


def test_neither_result_nor_error_is_422(silent):
    request_id, path = waiting_job(silent)
    for body in ({"request_id": request_id}, {"request_id": request_id, "status": "complete"}):
        assert_problem(silent.api.post(path, body), 422)
    assert silent.api.job(request_id)["status"] == "processing"
    silent.api.post(path, data_for(request_id))


# ---- Who calls ----

def test_an_unknown_job_is_404(silent):
    assert_problem(silent.api.post("/vendor-webhook/callback", data_for(UNKNOWN_ID)), 404)
    assert_problem(silent.api.post("/vendor-webhook/callback", {"data": DATA}), 404)


def test_an_unknown_vendor_is_404(silent):
    assert_problem(silent.api.post("/vendor-webhook/nobody", data_for(UNKNOWN_ID)), 404)


def test_another_vendors_job_is_404(silent):
    request_id, path = waiting_job(silent)
    for vendor in ("impatient", "ownid", "quick"):
        assert_problem(silent.api.post(f"/vendor-webhook/{vendor}", data_for(request_id)), 404)
    assert silent.api.job(request_id)["status"] == "processing"
    silent.api.post(path, data_for(request_id))


def test_a_bad_token_is_401(silent):
    request_id, path = waiting_job(silent)
    other_id, other_path = waiting_job(silent)
    token = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)["token"][0]
    other = urllib.parse.parse_qs(urllib.parse.urlsplit(other_path).query)["token"][0]
    for bad in (other, token[:-1] + ("0" if token[-1] != "0" else "1"), "x", "2" + token[1:], "a" * 400):
        response = silent.api.post(without_query(path) + f"?token={bad}", data_for(request_id))
        assert_problem(response, 401)
    assert silent.api.job(request_id)["status"] == "processing"
    silent.api.post(path, data_for(request_id))
    silent.api.post(other_path, data_for(other_id))


def test_a_body_that_is_not_json_is_400(silent):
    request_id, path = waiting_job(silent)
    assert_problem(silent.api.post(path, '{"request_id": '), 400)
    silent.api.post(path, data_for(request_id))


# ---- Signed callbacks ----

def signed(body, secret=CALLBACK_SECRET, at=None, message_id="msg_1", altered=False):
    """Headers of Standard Webhooks 1.0 for a body."""
    at = str(int(time.time() if at is None else at))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{message_id}.{at}.{body}{'x' if altered else ''}".encode()
    signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": at, "webhook-signature": f"v1,{signature}"}


def test_signed_webhooks_of_the_vendor_are_accepted(stack):
    stack.async_mock.configure(webhook_secret=CALLBACK_SECRET)
    try:
        job = stack.api.wait(stack.api.submit("signed"), status="complete")
        assert job["result"]["received"] == {"n": 1}
    finally:
        stack.async_mock.configure(webhook_secret="")


def test_only_a_good_signature_is_accepted(silent):
    request_id, path = waiting_job(silent, "signed")
    body = json.dumps(data_for(request_id))
    good = signed(body)
    refused = [
        {},
        {**good, "webhook-id": None}, {**good, "webhook-timestamp": None}, {**good, "webhook-signature": None},
        {**good, "webhook-id": "msg_2"}, {**good, "webhook-timestamp": "x"}, {**good, "webhook-signature": "v1,"},
        {**good, "webhook-id": ""},
        signed(body, altered=True), signed(body, at=time.time() - 3600), signed(body, at=time.time() + 3600),
        signed(body, secret="whsec_" + base64.b64encode(b"0" * 24).decode()),
    ]
    for headers in refused:
        assert_problem(silent.api.post(path, body, headers), 401)
    assert silent.api.job(request_id)["status"] == "processing"
    several = {**good, "webhook-signature": "v1,AAAA v2,x " + good["webhook-signature"]}
    assert silent.api.post(path, body, several).status_code == 200
    assert silent.api.job(request_id)["status"] == "complete"


def test_unsigned_webhooks_leave_the_handlers_alive(silent):
    """A callback that lacks its signature must not cost a handler process."""
    before = silent.pids("api")
    for _ in range(5):
        silent.api.post("/vendor-webhook/signed", data_for(UNKNOWN_ID))
    assert silent.pids("api") == before
