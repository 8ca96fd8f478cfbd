"""What a vendor gets is made of the job by its vendor file: URL, query, headers, body, and what shows who calls."""

import hashlib
import hmac
import json

import pytest

from vendor_files import API_KEY, SIGNING_SECRET

PERSON = {"person": {"id": 12345678901234567890, "first": "Ann", "last": "Lee"}}
HUSH = "hush-"  # how every secret of vendor_files begins


def only_call(stack, vendor, payload):
    """The one call that a job with this payload leads to; the job is complete."""
    request_id = stack.api.submit(vendor, payload)
    stack.api.wait(request_id, status="complete")
    calls = stack.sync_mock.calls(request_id)
    assert len(calls) == 1, calls
    return calls[0]


def test_the_example_of_the_documentation(stack):
    call = only_call(stack, "mapped", PERSON)
    assert call["request"] == "PUT /v2/GB/people/12345678901234567890?source=vendorfetch HTTP/1.1"
    assert call["headers"]["x-reference"] == call["headers"]["idempotency-key"] == call["id"]
    assert call["headers"]["content-type"] == "application/json"
    body = json.loads(call["body"])
    assert call["body"].startswith('{"id":12345678901234567890,"name":"Ann Lee","sent_at":"20') and "note" not in body


def test_hostile_values_stay_where_they_stand(stack):
    person = {"id": "../admin?x=1#y/%2e", "first": '","role":"admin', "last": "Žofie\n"}
    call = only_call(stack, "mapped", {"person": person, "country": "G/B", "lang": "en&source=evil", "note": [1.50, None]})
    assert call["request"] == ("PUT /v2/G%2FB/people/..%2Fadmin%3Fx%3D1%23y%2F%252e"
                               "?lang=en%26source%3Devil&source=vendorfetch HTTP/1.1")
    body = json.loads(call["body"])
    assert list(body) == ["id", "name", "note", "sent_at"]
    assert body["id"] == person["id"] and body["name"] == f'{person["first"]} {person["last"]}' and body["note"] == [1.5, None]


def test_a_form(stack):
    call = only_call(stack, "form", {"number": "+44 20&7", "country": None})
    assert call["headers"]["content-type"] == "application/x-www-form-urlencoded"
    assert call["body"] == "number=%2B44+20%267"


def test_a_signature_is_that_of_what_arrived(stack):
    call = only_call(stack, "signing", {"q": "a b", "n": 1.50})
    method, target, _ = call["request"].split(" ")
    path, query = target.split("?")
    message = "\n".join([method, path, query, call["headers"]["x-timestamp"], call["body"]])
    expected = hmac.new(SIGNING_SECRET.encode(), message.encode(), hashlib.sha256).hexdigest()
    assert call["headers"]["x-signature"] == "v1=" + expected and query == "q=a%20b"


# ---- Jobs that do not fit ----

@pytest.mark.parametrize("vendor", ["picky-window", "picky-quota"])
def test_a_job_that_does_not_fit_fails_at_once_and_costs_no_call(stack, vendor):
    for payload in ({}, {"person": None}, {"person": {"id": ".."}}, {"person": {"id": ""}}):
        job = stack.api.wait(stack.api.submit(vendor, payload))
        assert job["status"] == "failed" and job["attempts"] == 0 and "history" not in job, job
        assert job["error"].startswith("the request cannot be made: its URL: "), job
    assert job["error"] == "the request cannot be made: its URL: /person/id of the payload is empty"
    assert stack.sync_mock.stats()["calls"] == 0
    # The one call that the vendor allows is still there to be made.
    assert only_call(stack, vendor, PERSON)["request"] == "POST /people/12345678901234567890 HTTP/1.1"


# ---- Secrets ----

def test_no_secret_is_told(stack):
    assert only_call(stack, "keyed", {})["request"] == f"POST /fetch?key={API_KEY} HTTP/1.1"
    failed = stack.api.submit("keyed-unreachable")
    assert stack.api.wait(failed)["error"].startswith("cannot connect to the vendor: ")
    stack.sync_mock.configure(fail_ratio=1, fail_status=400)
    refused = stack.api.submit("keyed")
    stack.api.wait(refused, status="failed")
    for request_id in (failed, refused):
        assert HUSH not in stack.api.get("/jobs/" + request_id).text
    log = stack.log("worker-1")
    assert failed in log and refused in log and HUSH not in log
